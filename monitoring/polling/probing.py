"""Between the engine and the probes: what a row asks, ready to be sent many times, and what an outcome means for it."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from monitoring.models import HealthCheck
from monitoring.probes import NOBODY_LOOKED, Check, HttpCheck, Reading, compile_check, reading_of, run
from monitoring.selectors import facts_of
from postdeploy.lib.http import Outcome, Request

__all__ = ["NOBODY_LOOKED", "Compiled", "compiled", "networks"]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A check as it is asked: made once for each version of its row, secrets unsealed.

    With requests it goes over the loop, without them `run` reads it, and blocks.
    """

    pk: int
    check: Check
    request: Request | None = None
    fresh_request: Request | None = None

    def reading(self, outcome: Outcome) -> Reading:
        """Return what the outcome of the request means; a good one comes without words."""
        assert isinstance(self.check, HttpCheck)
        return reading_of(self.check, outcome, with_words=False)

    def run(self, now: datetime) -> Reading:
        """Read the check, within its time limit."""
        facts = facts_of({self.pk: self.check}, now=now).get(self.pk)
        return run(self.check, networks(), now=now, facts=facts)


def compiled(row: HealthCheck) -> Compiled:
    """Return what to ask; an exception when the row cannot be evaluated (a secret of another key, an odd URL)."""
    check = compile_check(row)
    if isinstance(check, HttpCheck):
        return Compiled(row.pk, check, check.request, check.fresh_request)
    return Compiled(row.pk, check)


def networks() -> tuple[str, ...]:
    """The private networks that may be reached."""
    return tuple(str(network) for network in settings.PROBE_NETWORKS)
