"""PURE: can we see at all? When nearly all that answered a moment ago cannot be reached, the fault is on our side.

Hosts are what is counted, not checks: a hundred checks of one dead host are one dead host. Times are seconds of any
one clock.
"""

from dataclasses import dataclass, field
from enum import StrEnum

#: What was not looked at for so long says nothing of now.
WINDOW_SECONDS = 90.0
#: So many hosts must be away, and so large a share of all, before we doubt ourselves and not them.
LEAST_HOSTS, SHARE = 3, 0.8


class Sight(StrEnum):
    """What one look at a host says of our own view."""

    SEEN = "SEEN"
    NO_NAME = "NO_NAME"
    AWAY = "AWAY"


@dataclass
class View:
    """The latest look at each host, and at each canary: an address that is known to answer."""

    hosts: dict[str, tuple[float, Sight]] = field(default_factory=dict)
    canaries: dict[str, bool] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)

    def note(self, host: str, sight: Sight, at: float) -> None:
        """Take in one look. Hosts that never answered since we started say nothing: they may just be down."""
        if sight is Sight.SEEN:
            self._known.add(host)
        if host in self._known:
            self.hosts[host] = (at, sight)

    def note_canary(self, url: str, is_seen: bool) -> None:
        """Take in one look at a canary."""
        self.canaries[url] = is_seen

    def why_blind(self, sight: Sight, at: float) -> str:
        """Return why a look that ended like this says nothing of its target, or nothing: then it does.

        Where there are canaries they decide. Else the share of hosts does, for names among hosts that have one.
        """
        if sight is Sight.SEEN:
            return ""
        if self.canaries:
            return "" if any(self.canaries.values()) else "no canary can be reached"
        recent = {host: how for host, (when, how) in self.hosts.items() if at - when <= WINDOW_SECONDS}
        if sight is Sight.NO_NAME:
            recent = {host: how for host, how in recent.items() if not is_address(host)}
            away = sum(how is Sight.NO_NAME for how in recent.values())
            what = "the names of {} of {} hosts cannot be resolved"
        else:
            away = sum(how is not Sight.SEEN for how in recent.values())
            what = "{} of {} hosts cannot be reached"
        return what.format(away, len(recent)) if away >= LEAST_HOSTS and away >= SHARE * len(recent) else ""

    def can_tell(self, at: float) -> bool:
        """Whether there is enough to look at to doubt ourselves at all."""
        recent = sum(at - when <= WINDOW_SECONDS for when, _ in self.hosts.values())
        return bool(self.canaries) or recent >= LEAST_HOSTS


def is_address(host: str) -> bool:
    """Whether a host is written as an address: no name has to be resolved for it."""
    return ":" in host or host.replace(".", "").isdigit()
