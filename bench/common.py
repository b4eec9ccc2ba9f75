"""What all benches share: throw-away servers, CPU time of a tree of processes, tables, JSON, docs/performance.md.

with servers() as started:      # PostgreSQL and Valkey of our own, Django set up on them
    with Meter(started.pids) as meter:
        work()
    print(meter.cpu_seconds, meter.seconds)
finish("store", headings, rows, {"bytes_per_sample": 2.4})
"""

import contextlib
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import django

from postdeploy import embedded

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "performance.md"
#: Benches run as production does.
_PRODUCTION = {
    "SECRET_KEY": "only-for-benches-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFG",
    "SITE_URL": "https://postdeploy.example.org",
}
_TICKS = os.sysconf("SC_CLK_TCK")
_HEAD = """# Performance

What this release does on one small machine, measured by `python -m bench.NAME`; each bench writes its own section.
Seconds of CPU are those of all processes taking part, PostgreSQL's included.
"""


# --- servers ----------------------------------------------------------------------------------------------------------


@dataclass
class Servers:
    """Throw-away servers; `pids` are those of PostgreSQL and Valkey themselves, their children are found below them."""

    directory: Path
    database_url: str
    redis_url: str
    pids: list[int]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process that is to use them."""
        urls = {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url, "VAR": str(self.directory)}
        own = {"DJANGO_SETTINGS_MODULE": "postdeploy.settings", "STATEMENT_TIMEOUT_MS": "600000"}
        return {**_PRODUCTION, **os.environ, **urls, **own}


@contextlib.contextmanager
def servers(*, is_durable: bool = True, migrate: bool = True) -> Iterator[Servers]:
    """Start PostgreSQL and Valkey in a directory of their own, and set Django up on them; remove all at the end."""
    directory = Path(tempfile.mkdtemp(prefix="postdeploy-bench-"))
    started = embedded.start(directory, is_durable=is_durable)
    try:
        pids = [server.process.pid for server in started.servers if server.process]
        found = Servers(directory, started.database_url, started.redis_url, pids)
        (directory / "static").mkdir()
        os.environ.update(found.environment)
        django.setup()
        if migrate:
            from django.core.management import call_command

            call_command("migrate", verbosity=0)
        yield found
    finally:
        started.stop()
        shutil.rmtree(directory, ignore_errors=True)


# --- CPU --------------------------------------------------------------------------------------------------------------


@dataclass
class Meter:
    """CPU seconds of this process and of the trees below `pids`, from entering to leaving, ended ones included."""

    pids: Sequence[int] = ()
    with_self: bool = True
    cpu_seconds: float = 0.0
    seconds: float = 0.0
    _seen: dict[int, float] = field(default_factory=dict)
    _began: float = 0.0

    def __enter__(self) -> "Meter":
        self._seen = self._now()
        self._began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.monotonic() - self._began
        self.cpu_seconds += sum(used - self._seen.get(pid, 0.0) for pid, used in self._now().items())

    def _now(self) -> dict[int, float]:
        pids = [*self.pids, *([os.getpid()] if self.with_self else [])]
        return {pid: used for root in pids for pid, used in _tree(root).items()}


def cpu_seconds(pid: int) -> float:
    """CPU seconds of one process and of those of its children that it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(ticks) for ticks in fields[11:15]) / _TICKS


def running_seconds(pid: int) -> float:
    """CPU seconds of one process to the nanosecond, without its children."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def rss_mb(pids: Iterable[int]) -> float:
    """Resident memory of processes and of all below them, in MB; what they share counts each time."""
    total = 0
    for root in pids:
        for pid in _tree(root):
            with contextlib.suppress(OSError):
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total / 1e6


def _tree(root: int) -> dict[int, float]:
    found: dict[int, float] = {}
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        with contextlib.suppress(OSError, ProcessLookupError):
            found[pid] = cpu_seconds(pid)
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
    return found


# --- timing -----------------------------------------------------------------------------------------------------------


def milliseconds(work: Callable[[], Any], times: int) -> list[float]:
    """How long each of `times` runs of `work` took, ascending, after three that do not count."""
    for _ in range(3):
        work()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1e3)
    return sorted(taken)


def percentile(ascending: Sequence[float], share: float) -> float:
    """The value of rank ceil(share * n)."""
    return ascending[min(int(share * len(ascending)), len(ascending) - 1)]


# --- telling ----------------------------------------------------------------------------------------------------------


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown with aligned columns."""
    cells = [list(headings), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(headings))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def machine() -> str:
    """One line that says what was measured on."""
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    today = datetime.datetime.now(datetime.UTC).date()
    return (
        f"Measured {today} at {commit.stdout.strip() or 'an unknown commit'}: {os.cpu_count()} processors"
        f" ({model[1].strip() if model else os.uname().machine}), Python {sys.version.split()[0]},"
        f" load average {os.getloadavg()[0]:.1f} at the end."
    )


def write_section(name: str, markdown: str) -> None:
    """Put `markdown` into docs/performance.md as the section of the bench `name`, in place of what it wrote before."""
    begin, end = f"<!-- bench.{name} -->", f"<!-- end of bench.{name} -->"
    text = DOCUMENT.read_text() if DOCUMENT.exists() else _HEAD
    section = f"{begin}\n{markdown.strip()}\n{end}"
    if begin in text:
        before, rest = text.split(begin, 1)
        text = before + section + rest.split(end, 1)[1]
    else:
        text = f"{text.rstrip()}\n\n{section}\n"
    DOCUMENT.write_text(text)


def finish(name: str, title: str, markdown: str, numbers: Mapping[str, Any]) -> None:
    """Print what was found, keep it in docs/performance.md, and end with one line of JSON."""
    whole = f"## {title}\n\n{markdown.strip()}\n\n{machine()} `python -m bench.{name}`"
    print(markdown, machine(), sep="\n\n")
    write_section(name, whole)
    print(json.dumps(numbers))
