"""Our own view: before a check is said to be down we look around, and what is nobody's fault but ours is said once."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from monitoring.models import Prober, ProberOutage
from monitoring.polling.plan import Planned
from monitoring.polling.shards import Identity
from monitoring.polling.view import Sight, View
from monitoring.probes import FailureKind, Reading
from postdeploy.lib.http import Outcome, Request

logger = logging.getLogger(__name__)

#: How a failure of the network reads; any other one was answered by somebody.
SIGHTS = {
    FailureKind.DNS: Sight.NO_NAME,
    FailureKind.UNREACHABLE: Sight.AWAY,
    FailureKind.TIMEOUT: Sight.AWAY,
}
#: A look around is at so many other hosts, and a check waits at most so long for it before it is down.
PEEKS, HOLD_SECONDS = 6, 6.0
#: The canaries are asked so often while we are blind and while we are not, and before anything goes down.
CANARY_SECONDS, CANARY_CALM_SECONDS = 5.0, 30.0
CANARY_TIMEOUT = 4.0

Submit = Callable[[Request, Callable[[Outcome], None]], None]


@dataclass
class Held:
    """A reading that would make its check go down, and until when it waits for a look around."""

    until: float
    planned: Planned
    reading: Reading
    slot_us: int


class Lookout:
    """What this process can see. `submit` sends a request and calls back with its outcome."""

    def __init__(self, submit: Submit) -> None:
        self.view = View()
        self.held: list[Held] = []
        self.seen: set[str] = set()  # hosts that answered, not yet in the view
        self.doubted = 0
        self._submit = submit
        self._peeking = 0
        self._why = ""
        self._row: ProberOutage | None = None
        self._canaries_at = float("-inf")

    def doubt(self, planned: Planned, reading: Reading) -> str:
        """Take in a failed reading; return why it says nothing of its target, or nothing."""
        now = self._take_in()
        sight = SIGHTS.get(reading.kind, Sight.SEEN) if reading.kind else Sight.SEEN
        self.view.note(planned.host, sight, now)
        why = self.view.why_blind(sight, now)
        if why:
            self._why = why
            self.doubted += 1
        return why

    def _take_in(self) -> float:
        """Note the hosts that answered, and return the time."""
        now = time.monotonic()
        for host in self.seen:
            self.view.note(host, Sight.SEEN, now)
        self.seen.clear()
        return now

    def hold(self, planned: Planned, reading: Reading, slot_us: int, others: Iterable[Planned]) -> bool:
        """Whether a reading that would make its check go down has to wait; we look around meanwhile."""
        now = time.monotonic()
        if reading.kind not in SIGHTS or not (settings.CANARIES or self.view.can_tell(now)):
            return False
        self.held.append(Held(now + HOLD_SECONDS, planned, reading, slot_us))
        if not self._peeking:
            self._look_around(planned.host, others)
        return True

    def released(self) -> list[Held]:
        """Take out what waited long enough: the look around is over, or its time."""
        if not self.held:
            return []
        now = time.monotonic()
        free = [held for held in self.held if not self._peeking or held.until <= now]
        self.held = [held for held in self.held if held not in free]
        return free

    def _look_around(self, host: str, others: Iterable[Planned]) -> None:
        if settings.CANARIES:
            self._ask_canaries()
            return
        asked = {host}
        for other in others:
            if len(asked) > PEEKS:
                return
            if other.host in asked or not other.compiled or not other.compiled.fresh_request:
                continue
            if other.host in self.view.hosts:
                asked.add(other.host)
                self._peek(other.compiled.fresh_request, other.host)

    def _peek(self, request: Request, host: str) -> None:
        def answered(outcome: Outcome) -> None:
            self._peeking -= 1
            kind = FailureKind(outcome.failure) if outcome.failure else None
            self.view.note(host, SIGHTS.get(kind, Sight.SEEN) if kind else Sight.SEEN, time.monotonic())

        self._peeking += 1
        self._submit(request, answered)

    def _ask_canaries(self) -> None:
        self._canaries_at = time.monotonic()
        for url in settings.CANARIES:
            self._ask_canary(url)

    def _ask_canary(self, url: str) -> None:
        def answered(outcome: Outcome) -> None:
            self._peeking -= 1
            self.view.note_canary(url, outcome.response is not None)

        self._peeking += 1
        self._submit(Request(url=url, timeout_s=CANARY_TIMEOUT, fresh=True), answered)

    # --- the row ---

    def record(self, me: Identity, now: datetime) -> None:
        """Open or close the row that says that we see nothing."""
        self._take_in()
        is_blind = self._is_blind()
        every = CANARY_SECONDS if is_blind else CANARY_CALM_SECONDS
        if settings.CANARIES and time.monotonic() - self._canaries_at >= every:
            self._ask_canaries()
        if is_blind and self._row is None:
            self._row, _ = ProberOutage.objects.get_or_create(
                prober_name=me.name,
                ended_at=None,
                defaults={"began_at": now, "reason": self._why, "location": me.location},
            )
            logger.error("we see nothing: %s; checks are unknown until we do", self._why)
        if self._row is None:
            return
        ProberOutage.objects.filter(pk=self._row.pk).update(checks=self.doubted, ended_at=None if is_blind else now)
        if not is_blind:
            logger.warning("we see again: %s is over", self._why)
            self._row, self.doubted, self._why = None, 0, ""

    def _is_blind(self) -> bool:
        now = time.monotonic()
        return bool(self._why) and any(self.view.why_blind(sight, now) for sight in (Sight.AWAY, Sight.NO_NAME))


def close_orphans() -> None:
    """End the outages of probers that are gone: nobody else would."""
    there = Prober.objects.filter(name=OuterRef("prober_name"))
    ProberOutage.objects.open().filter(~Exists(there)).update(ended_at=Now())
