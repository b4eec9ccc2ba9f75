"""What the demo's processes share: one small file in the data directory, there exactly while the demo is."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class DemoState:
    """Where the shop listens, what its pipeline signs in with, and where its job pings."""

    project: str
    port: int
    token: str
    ping_path: str = ""

    @property
    def shop_url(self) -> str:
        """The shop's address on loopback."""
        return f"http://127.0.0.1:{self.port}"


def state_path(var: Path) -> Path:
    """Return the file's place in the data directory `var`."""
    return var / "demo.json"


def read_state(var: Path) -> DemoState | None:
    """Return the demo's state, or None when there is no demo."""
    try:
        return DemoState(**json.loads(state_path(var).read_text()))
    except FileNotFoundError:
        return None


def write_state(var: Path, state: DemoState) -> None:
    """Keep `state`, readable by its owner only: it holds a token."""
    var.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = state_path(var)
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(state), file)
    new.replace(path)


def remove_state(var: Path) -> None:
    """Forget the demo; its processes end by themselves when the file is gone."""
    state_path(var).unlink(missing_ok=True)
