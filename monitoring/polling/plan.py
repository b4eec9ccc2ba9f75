"""What a process reads, and when: its checks compiled once for each version of their rows, in a heap by due time."""

import heapq
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models import F, QuerySet

from monitoring.maintenance import Window, covers
from monitoring.models import HealthCheck, MaintenanceWindow, MonitoringPeriod, Series
from monitoring.polling import grid
from monitoring.polling.probing import Compiled, compiled
from monitoring.polling.view import is_address
from monitoring.probes import Kind
from monitoring.transitions import Standing

logger = logging.getLogger(__name__)

#: How long a check rests that cannot be evaluated, and how many evaluations may fail before.
PARKED, PATIENCE = timedelta(minutes=10), 3
#: A change that was committed so late after it was made is found when the plan is compared as a whole.
OVERLAP_SECONDS = 15
NEVER = 1 << 62


class Planned:
    """One check of ours, with what the next readings need; its `standing` is ahead of its row until it is kept."""

    __slots__ = (
        "came_at",
        "changed_at",
        "compiled",
        "detail",
        "due_us",
        "environment_id",
        "extra_done_us",
        "extra_us",
        "faults",
        "first_reading_at", "host",
        "interval_us",
        "is_named",
        "is_resting",
        "moved_us",
        "own_seconds",
        "parked_until",
        "phase",
        "pk",
        "project_id",
        "row",
        "running_us",
        "series",
        "shard",
        "standing",
        "threshold",
    )  # fmt: skip

    def __init__(self, check: HealthCheck) -> None:
        self.pk: int = check.pk
        self.shard: int = check.shard
        self.phase = grid.phase_of(check.pk)
        self.series: dict[str, int] = {}
        self.running_us: int | None = None
        self.due_us = NEVER
        self.faults = 0
        self.extra_done_us: int | None = None
        self.is_resting = False
        self.standing = Standing(
            check.state,
            check.state_since,
            check.failures_in_a_row,
            check.failing_since,
            tuple(check.went_down_at),
            check.flapping_since,
            check.steady_since,
        )
        self.first_reading_at = check.first_reading_at
        self.came_at: datetime | None = check.moved_at
        # that was the latest change: what was read of it elsewhere counts here
        self.moved_us = _us(check.moved_at) if check.moved_at and check.moved_at == check.changed_at else None
        self.detail = check.latest_detail
        self.define(check)

    def define(self, check: HealthCheck) -> None:
        """Take over what people set; what the poller knows of the check stays."""
        self.row: HealthCheck | None = check  # until it is compiled: thousands of rows are much memory
        self.own_seconds, self.threshold = check.interval_seconds, check.failure_threshold
        self.changed_at: datetime = check.changed_at
        self.environment_id: int = check.environment_id
        self.host = host_of(check)
        self.is_named = not is_address(self.host)
        self.project_id: int = check.project_id  # type: ignore[attr-defined]  # annotated
        self.interval_us = grid.interval_in_force(check.interval_seconds, None)
        self.extra_us = _us(check.extra_at) if check.extra_at else NEVER
        # what was parked is tried again once somebody has changed it
        is_as_parked = check.parked_until is not None and check.changed_at <= check.parked_until - PARKED
        self.parked_until = check.parked_until if is_as_parked else None
        self.compiled: Compiled | None = None

    def schedule(self, after_us: int) -> int:
        """Set and return when it is read next, at the earliest after `after_us`; NEVER while it rests."""
        if self.is_resting:
            self.due_us = NEVER
        else:
            parked_us = _us(self.parked_until) if self.parked_until else 0
            self.due_us = grid.next_slot(self.phase, self.interval_us, max(after_us, parked_us))
            self.due_us = min(self.due_us, max(self.extra_us, parked_us))
        return self.due_us


class Plan:
    """The checks of our location in the shards that we hold.

    `departures` are how many checks had left each of them when what is planned was last compared with what there is.
    """

    def __init__(self, location: str = "") -> None:
        self.location = location
        self.checks: dict[int, Planned] = {}
        self.shards: set[int] = set()
        self.departures: dict[int, int] = {}
        self._heap: list[tuple[int, int]] = []
        self._paces: dict[int, int] = {}
        self._windows: list[tuple[int, int | None, int | None]] = []

    def __len__(self) -> int:
        return len(self.checks)

    # --- when ---

    def due(self, now_us: int) -> Iterator[tuple[Planned, int]]:
        """Yield the checks that are due with the slot they are due for, soonest first, and plan their next readings.

        Slots that nobody took in time are skipped. The caller may stop at any point.
        """
        heap = self._heap
        while heap and heap[0][0] <= now_us:
            due_us, pk = heap[0]
            planned = self.checks.get(pk)
            if planned is None or planned.due_us != due_us:
                heapq.heappop(heap)  # it was planned anew or is no longer ours
                continue
            slot_us = due_us
            if due_us >= planned.extra_us:
                planned.extra_done_us, planned.extra_us = planned.extra_us, NEVER
                slot_us = due_us if now_us - due_us < grid.SECOND else now_us
            elif now_us - due_us >= planned.interval_us:
                slot_us = grid.latest_slot(planned.phase, planned.interval_us, now_us)
            heapq.heapreplace(heap, (planned.schedule(slot_us), pk))
            yield planned, slot_us

    def next_due_us(self) -> int:
        """Return when the next check is due; NEVER if none is."""
        return self._heap[0][0] if self._heap else NEVER

    def put(self, planned: Planned, after_us: int) -> None:
        """Plan the next reading of a check."""
        if planned.schedule(after_us) != NEVER:
            heapq.heappush(self._heap, (planned.due_us, planned.pk))

    def go_on(self, after_us: Mapping[Planned, int]) -> None:
        """Plan the next reading of several checks, each after a slot of its own."""
        for planned, slot_us in after_us.items():
            self.put(planned, slot_us)

    def _put_again(self, planned: Planned, now_us: int) -> None:
        """Plan a check anew; a slot that has come and was not taken yet stays due."""
        self.put(planned, now_us if planned.due_us > now_us else planned.due_us - 1)

    # --- what ---

    def load(self, shards: Collection[int], since_us: Mapping[int, int]) -> list[Planned]:
        """Add the checks of shards that we took; each goes on at its latest slot after `since_us` of its shard."""
        added = [Planned(check) for check in self._rows().filter(shard__in=shards)]
        for planned in added:
            self.checks[planned.pk] = planned
            self._set_pace(planned)
            self._set_rest(planned)
            self.put(planned, since_us[planned.shard])
        self.shards |= set(shards)
        _load_series(added)
        return added

    def drop(self, shards: Collection[int]) -> None:
        """Forget the checks of shards that are no longer ours."""
        gone = set(shards)
        self.shards -= gone
        self.departures = {number: count for number, count in self.departures.items() if number not in gone}
        self.checks = {pk: planned for pk, planned in self.checks.items() if planned.shard not in gone}

    def refresh(self, now_us: int, departures: Mapping[int, int], *, is_whole: bool) -> list[Planned]:
        """Take over what was changed by people or by time: definitions, pauses, periods, maintenance.

        `is_whole` compares all checks and not only those that say they were changed; so does one that has left since,
        by the `departures` that were read before. Returns the checks that are new here.
        """
        now = datetime.fromtimestamp(now_us / grid.SECOND, UTC)
        has_lost = any(self.departures.get(number) != count for number, count in departures.items())
        added = self._refresh_checks(now_us, is_whole=is_whole or has_lost)
        self.departures.update(departures)
        self._refresh_paces(now, now_us)
        self._refresh_rest(now, now_us)
        return added

    def _refresh_checks(self, now_us: int, *, is_whole: bool) -> list[Planned]:
        ours = HealthCheck.objects.filter(location=self.location, shard__in=self.shards)
        active, changed = _survey(self.location, self.shards)
        if is_whole or active != len(self.checks):
            there = dict(ours.active().order_by().values_list("pk", "changed_at"))
            for pk in self.checks.keys() - there.keys():
                del self.checks[pk]
            changed = list(there.items())
        new = [pk for pk, changed_at in changed if not self._knows(pk, changed_at)]
        return self._renew(self._rows().filter(pk__in=new, shard__in=self.shards), now_us) if new else []

    def _knows(self, pk: int, changed_at: datetime) -> bool:
        planned = self.checks.get(pk)
        return planned is not None and planned.changed_at == changed_at

    def _renew(self, rows: Iterable[HealthCheck], now_us: int) -> list[Planned]:
        added = []
        for check in rows:
            planned = self.checks.get(check.pk)
            if planned is None or planned.came_at != check.moved_at:  # it may have been away and come back meanwhile
                planned = self.checks[check.pk] = Planned(check)
                added.append(planned)
            else:
                planned.define(check)
            self._set_pace(planned)
            self._set_rest(planned)
            self._put_again(planned, now_us)
        _load_series(added)
        return added

    def _refresh_paces(self, now: datetime, now_us: int) -> None:
        environments = {planned.environment_id for planned in self.checks.values()}
        paces = MonitoringPeriod.objects.paces(environments, at=now)
        if paces == self._paces:
            return
        self._paces = paces
        for planned in self.checks.values():
            before = planned.interval_us
            self._set_pace(planned)
            if planned.interval_us != before:
                self._put_again(planned, now_us)

    def _set_pace(self, planned: Planned) -> None:
        asked = self._paces.get(planned.environment_id)
        planned.interval_us = grid.interval_in_force(planned.own_seconds, asked)

    def _refresh_rest(self, now: datetime, now_us: int) -> None:
        windows = _windows_at(now)
        if windows == self._windows:
            return
        self._windows = windows
        for planned in self.checks.values():
            before = planned.is_resting
            self._set_rest(planned)
            if planned.is_resting != before:
                self._put_again(planned, now_us)

    def _set_rest(self, planned: Planned) -> None:
        planned.is_resting = any(
            project == planned.project_id
            and environment in (None, planned.environment_id)
            and check in (None, planned.pk)
            for project, environment, check in self._windows
        )

    def compile(self, planned: Planned) -> Compiled:
        """Return what to ask; raises what keeps the row from being evaluated."""
        if planned.compiled is None:
            row = planned.row or _active().get(pk=planned.pk)
            planned.compiled, planned.row = compiled(row), None
        return planned.compiled

    def count_by_shard(self) -> Counter[int]:
        """How many checks each shard has."""
        return Counter(planned.shard for planned in self.checks.values())

    def _rows(self) -> "QuerySet[HealthCheck]":
        return _active().filter(location=self.location)


def _active() -> "QuerySet[HealthCheck]":
    return HealthCheck.objects.active().annotate(project_id=F("environment__project_id")).order_by()


def _survey(location: str, shards: Collection[int]) -> tuple[int, list[tuple[int, datetime]]]:
    """Return how many checks are to be read, and those that were changed lately."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), array_agg(id) FILTER (WHERE is_new), array_agg(changed_at) FILTER (WHERE is_new) FROM ("
            " SELECT id, changed_at, changed_at > clock_timestamp() - make_interval(secs => %s) AS is_new"
            " FROM monitoring_healthcheck WHERE location = %s AND shard = ANY(%s) AND paused_at IS NULL) AS ours",
            [OVERLAP_SECONDS, location, sorted(shards)],
        )
        count, ids, times = cursor.fetchone()
    return int(count), list(zip(ids or (), times or (), strict=True))


def _windows_at(now: datetime) -> list[tuple[int, int | None, int | None]]:
    """Return project, environment and check of the maintenance windows that cover `now`."""
    rows = MaintenanceWindow.objects.current(at=now).filter(starts_at__lte=now).order_by("pk")
    return [
        (row.project_id, row.environment_id, row.health_check_id)
        for row in rows
        if covers(Window(row.starts_at, row.ends_at, row.every_week, row.ended_at), now)
    ]


def _load_series(checks: Collection[Planned]) -> None:
    by_pk = {planned.pk: planned for planned in checks}
    rows = Series.objects.filter(health_check__in=by_pk).values_list("health_check_id", "aspect", "pk")
    for check, aspect, pk in rows if by_pk else ():
        if check is not None:
            by_pk[check].series[aspect] = pk


def host_of(check: HealthCheck) -> str:
    """Return whom a check connects to; empty for those that ask nobody."""
    if check.kind in (Kind.HEARTBEAT, Kind.RECONCILIATION, Kind.FLOW):
        return ""
    target = check.target.partition("://")[2] or check.target
    host, _, port = target.partition("/")[0].rpartition(":")
    return (host if host and port.isdigit() else target.partition("/")[0]).strip("[]")


def _us(at: datetime) -> int:
    return round(at.timestamp() * grid.SECOND)
