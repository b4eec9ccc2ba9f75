"""Heartbeats: a job tells us that it ran; what is judged is whether it did so in time. Nothing is asked of anybody."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from monitoring.conditions import Answer, Condition
from monitoring.probes.definitions import Definition
from monitoring.probes.facts import Facts
from monitoring.probes.faults import Faults
from monitoring.probes.readings import FailureKind, Seen
from postdeploy.lib.http import Timings
from postdeploy.lib.words import duration

LONGEST = 366 * 86_400
LONGEST_GRACE = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a job runs: every so often, or by a cron expression in a time zone."""

    period: timedelta | None = None
    cron: str = ""
    zone: str = "UTC"

    def next_after(self, at: datetime) -> datetime:
        """When it is due after `at`, in UTC."""
        if self.period is not None:
            return at + self.period
        return next(CronSim(self.cron, at.astimezone(ZoneInfo(self.zone)))).astimezone(UTC)

    @property
    def words(self) -> str:
        """How often, in words."""
        if self.period is not None:
            return f"every {duration(self.period)}"
        return f"{self.cron} in {self.zone}"


@dataclass(frozen=True, slots=True)
class HeartbeatCheck:
    """A schedule, how late a ping may be, and how long a run may take."""

    schedule: Schedule
    grace: timedelta
    conditions: tuple[Condition, ...] = ()
    timeout_ms: int = 10_000
    hidden: tuple[str, ...] = ()
    needs_facts: bool = True

    def look(self, _networks: Iterable[object], *, facts: Facts | None = None, now: datetime) -> Seen:
        """Judge the latest pings."""
        pings = facts or Facts()
        if pings.failed_at and pings.failed_at > (pings.succeeded_at or _NEVER) and not self._is_again(pings):
            said = f": {pings.note}" if pings.note else ""
            return Seen(
                failure=FailureKind.JOB_FAILED, detail=f"the job said at {_clock(pings.failed_at)} that it failed{said}"
            )
        if pings.started_at and pings.started_at > (pings.ended_at or _NEVER) and now - pings.started_at > self.grace:
            return Seen(
                failure=FailureKind.OVERRUN,
                detail=f"the job began at {_clock(pings.started_at)} and has not ended within {duration(self.grace)}",
            )
        if pings.succeeded_at is None:
            return Seen(failure=FailureKind.WAITING, detail="waiting for the first ping")
        return self._in_time(pings, pings.succeeded_at, now)

    def _is_again(self, pings: Facts) -> bool:
        """Whether it runs again since it failed."""
        return bool(pings.started_at and pings.failed_at and pings.started_at > pings.failed_at)

    def _in_time(self, pings: Facts, succeeded_at: datetime, now: datetime) -> Seen:
        due_at = self.schedule.next_after(succeeded_at)
        if now > due_at + self.grace:
            return Seen(
                failure=FailureKind.MISSED,
                detail=f"no ping since {_clock(succeeded_at)}, one was due at {_clock(due_at)} ({self.schedule.words})",
            )
        ran_ms = 1000 * pings.ran_for.total_seconds() if pings.ran_for is not None else 0.0
        ran = f" after {duration(pings.ran_for)}" if pings.ran_for else ""
        return Seen(
            answer=Answer(ran_ms),
            words=f"pinged at {_clock(succeeded_at)}{ran}, the next is due by {_clock(due_at + self.grace)}",
            phases=Timings(total_ms=ran_ms),
        )


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def compile_heartbeat(row: Definition, faults: Faults) -> HeartbeatCheck | None:
    """The check of a definition, or ``None`` with its faults noted."""
    faults.only(row.options, {"period_seconds": int, "cron": str, "time_zone": str, "grace_seconds": int})
    options = row.options
    cron, period = str(options.get("cron", "")).strip(), _whole(options.get("period_seconds"))
    if bool(cron) == bool(period):
        faults.note(
            "options.period_seconds", "Say when the job runs: every so often, or by a cron expression; not both."
        )
    if period and not 1 <= period <= LONGEST:
        faults.note("options.period_seconds", "The period must be between 1 second and 366 days.")
    grace = _whole(options.get("grace_seconds", 60))
    if grace is None or not 0 <= grace <= LONGEST_GRACE:
        faults.note("options.grace_seconds", "The grace must be between 0 seconds and 30 days.")
    zone = str(options.get("time_zone", "") or "UTC")
    if zone not in available_timezones():
        faults.note("options.time_zone", f"{zone[:60]} is no time zone; write one such as Europe/Berlin.")
    elif cron and (why := _cron_fault(cron, zone)):
        faults.note("options.cron", why)
    conditions = faults.conditions(row)
    if faults.found:
        return None
    schedule = Schedule(cron=cron, zone=zone) if cron else Schedule(timedelta(seconds=period or 0))
    return HeartbeatCheck(schedule, timedelta(seconds=grace or 0), conditions, row.timeout_ms)


def _cron_fault(cron: str, zone: str) -> str | None:
    example = "write five parts, such as 30 2 * * 1-5 (minute, hour, day, month, weekday)."
    if not re.fullmatch(r"[0-9A-Za-z*,/#\- ]{1,100}", cron) or len(cron.split()) != 5:
        return f"The cron expression cannot be read; {example}"
    try:
        next(CronSim(cron, datetime(2024, 1, 1, tzinfo=ZoneInfo(zone))))
    except CronSimError as error:
        return f"The cron expression cannot be read ({error}); {example}"
    except StopIteration:
        return "The cron expression names a moment that never comes."
    return None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
