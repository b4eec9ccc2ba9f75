"""What a check is, as it was saved: the shape that everything here reads, and the ways to refuse it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol


class Kind(StrEnum):
    """What a check asks."""

    HTTP = "HTTP"
    TCP = "TCP"
    TLS = "TLS"
    DNS = "DNS"
    HEARTBEAT = "HEARTBEAT"
    FLOW = "FLOW"
    RECONCILIATION = "RECONCILIATION"

    @property
    def words(self) -> str:
        """What people call it."""
        return _WORDS[self]


_WORDS = {
    Kind.HTTP: "HTTP",
    Kind.TCP: "TCP",
    Kind.TLS: "TLS certificate",
    Kind.DNS: "DNS",
    Kind.HEARTBEAT: "Heartbeat",
    Kind.FLOW: "Flow",
    Kind.RECONCILIATION: "Reconciliation",
}

CHOICES = [(kind.value, kind.words) for kind in Kind]


class Definition(Protocol):
    """A check as it was saved; `secrets` are open here: headers, auth, certificate and values by name."""

    kind: str
    target: str
    conditions: str
    timeout_ms: int
    is_fresh: bool

    @property
    def options(self) -> Mapping[str, Any]:
        """What only checks of its kind have."""

    @property
    def secrets(self) -> Mapping[str, Any]:
        """What is kept encrypted; SecretUnreadable when it was stored under another SECRET_KEY."""


class DefinitionRefused(ValueError):
    """A check cannot be asked. `faults` has a sentence for each field (an option as ``options.NAME``)."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(" ".join(faults.values()))
        self.faults = dict(faults)
