"""Checks for people: what each one's state is, how its latest readings went, the story of one."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

import numpy as np
from django.db.models import Q, QuerySet
from django.utils import timezone

from deployments.models import Deployment, Environment, Project
from monitoring import store
from monitoring.models import Failure, HealthCheck, MonitoringPeriod, Outage, Series
from monitoring.selectors.charts import (
    Chart,
    Stretch,
    deployment_marks,
    deployments_between,
    line_chart,
    stretches,
)
from monitoring.selectors.lines import NOTHING, Samples, series_of_checks
from postdeploy.lib import words

BEATS = 90
AVAILABILITY_OVER = timedelta(days=30)
#: A check's states as people see them, in the order of the filter.
STATES = ("up", "down", "unknown", "paused")
#: Ranges of the check page's chart, by the word in its address.
RANGES = {"3h": timedelta(hours=3), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}


class Beat(TypedDict):
    """One bar of a heartbeat; `height` is 0 to 1, `at` seconds since 1970."""

    state: str
    height: float
    title: str
    at: float


@dataclass(frozen=True)
class CheckRow:
    """One check as a line of the list."""

    check: HealthCheck
    state: str
    beats: list[Beat]
    marks: list[int]
    label: str
    latest_ms: float | None
    availability: str
    pace_seconds: int


@dataclass(frozen=True)
class CheckGroup:
    """The checks of one environment."""

    environment: Environment
    rows: list[CheckRow]


@dataclass(frozen=True)
class ChecksPage:
    """The list of checks: those that the filter leaves, and how many there are of each state."""

    groups: list[CheckGroup]
    counts: dict[str, int]
    total: int
    shown: int
    sentence: str


def state_of(check: HealthCheck) -> str:
    """Return the state people see: paused before anything the poller knows."""
    return "paused" if check.is_paused else check.state.lower()


def checks_page(
    user: Any, project: Project, *, now: datetime, environment: str = "", state: str = "", text: str = ""
) -> ChecksPage:
    """Return the checks of `project` that `user` may see, by environment, narrowed by the page's filter.

    The number of queries does not depend on the number of checks.
    """
    everything = HealthCheck.objects.visible_to(user).of(project).select_related("environment")
    rows = list(everything.order_by("environment__created_at", "environment_id", "name"))
    named = [check for check in rows if _matches(check, environment, text)]
    counts = Counter(state_of(check) for check in named)
    shown = [check for check in named if state in ("", state_of(check))]
    lines = check_rows(shown, now=now)
    return ChecksPage(
        groups=_groups(lines),
        counts={name: counts[name] for name in STATES},
        total=len(named),
        shown=len(shown),
        sentence=_sentence(counts, len(named)),
    )


def _matches(check: HealthCheck, environment: str, text: str) -> bool:
    wanted = text.casefold().split()
    told = f"{check.name} {check.component} {check.url}".casefold()
    return environment in ("", check.environment.name) and all(word in told for word in wanted)


def _groups(rows: Iterable[CheckRow]) -> list[CheckGroup]:
    groups: dict[int, CheckGroup] = {}
    for row in rows:
        environment = row.check.environment
        groups.setdefault(environment.pk, CheckGroup(environment, [])).rows.append(row)
    return list(groups.values())


def _sentence(counts: Mapping[str, int], total: int) -> str:
    if not total:
        return "No checks"
    up = f"{counts['up']} of {words.plural(total, 'check')} {'is' if counts['up'] == 1 else 'are'} up"
    others = (("down", "down"), ("unknown", "not known yet"), ("paused", "paused"))
    rest = [f"{counts[name]} {'is' if counts[name] == 1 else 'are'} {said}" for name, said in others if counts[name]]
    return ", ".join([up, *rest])


# --- rows -------------------------------------------------------------------------------------------------------------


def check_rows(checks: Sequence[HealthCheck], *, now: datetime, with_titles: bool = False) -> list[CheckRow]:
    """Return `checks` with their latest readings, in a fixed number of queries; `with_titles` names each reading."""
    if not checks:
        return []
    readings = _latest_readings(checks)
    environments = {check.environment_id for check in checks}
    paces = MonitoringPeriod.objects.paces(environments, at=now)
    down = _downtime(checks, now)
    deployments = deployments_between(environments, now - AVAILABILITY_OVER, now)
    rows = []
    for check in checks:
        up, response = readings[check.pk]
        beats = _beats(check, up, response, now, with_titles=with_titles)
        rows.append(
            CheckRow(
                check=check,
                state=state_of(check),
                beats=beats,
                marks=_beat_marks(beats, (row for row in deployments if row.environment_id == check.environment_id)),
                label=_label(check, beats),
                latest_ms=_readable(float(response.values[-1])) if _is_current(up, response) else None,
                availability=_availability(check, down[check.pk], now),
                pace_seconds=min(check.interval_seconds, paces.get(check.environment_id, check.interval_seconds)),
            )
        )
    return rows


def _readable(ms: float) -> float:
    """Whole milliseconds from ten on."""
    return round(ms) if ms >= 10 else round(ms, 1)


def _is_current(up: Samples, response: Samples) -> bool:
    return bool(len(response.times) and len(up.times) and response.times[-1] == up.times[-1])


def _latest_readings(checks: Sequence[HealthCheck]) -> dict[int, tuple[Samples, Samples]]:
    series = series_of_checks(check.pk for check in checks)
    found = store.tail(list(series.values()), BEATS)

    def of(check: HealthCheck, aspect: str) -> Samples:
        return found.get(series.get((check.pk, aspect), 0), NOTHING)

    return {check.pk: (of(check, Series.UP), of(check, Series.RESPONSE_TIME)) for check in checks}


def _downtime(checks: Sequence[HealthCheck], now: datetime) -> Counter[int]:
    """Seconds that each check was down over the last days."""
    start = now - AVAILABILITY_OVER
    down: Counter[int] = Counter()
    outages = Outage.objects.between(start, now).filter(health_check__in=checks).order_by()
    for check, began_at, ended_at in outages.values_list("health_check_id", "began_at", "ended_at"):
        down[check] += round((min(ended_at or now, now) - max(began_at, start)).total_seconds())
    return down


def _availability(check: HealthCheck, down: int, now: datetime) -> str:
    if check.latest_reading_at is None:
        return words.quantity(None)
    whole = (now - max(check.created_at, now - AVAILABILITY_OVER)).total_seconds()
    return words.share(max(whole - down, 0), whole)


# --- heartbeat --------------------------------------------------------------------------------------------------------


def _beats(check: HealthCheck, up: Samples, response: Samples, now: datetime, *, with_titles: bool) -> list[Beat]:
    """The latest readings as bars; slots in which nobody read are bars of their own."""
    answered = dict(zip(response.times.tolist(), response.values.tolist(), strict=True))
    scale = 3 * float(np.median(response.values)) if len(response.values) else 1.0
    beats: list[Beat] = []
    for at, value in zip(up.times.tolist(), up.values.tolist(), strict=True):
        if beats:
            beats.extend(_missing(beats[-1]["at"], at, check.interval_seconds))
        beats.append(_beat(at, bool(value), answered.get(at), scale))
    if beats:
        beats.extend(_missing(beats[-1]["at"], now.timestamp(), check.interval_seconds))
    shown = beats[-BEATS:]
    return [{**beat, "title": _title(beat, answered.get(beat["at"]), now)} for beat in shown] if with_titles else shown


def _beat(at: float, is_up: bool, response_ms: float | None, scale: float) -> Beat:
    state = "up" if is_up else "down" if response_ms is None else "slow"
    return {"state": state, "height": min((response_ms or 0.0) / (scale or 1.0), 1.0), "title": "", "at": at}


def _missing(before: float, after: float, interval: int) -> list[Beat]:
    """A bar for each slot between two readings in which none was taken; one late reading is not missing."""
    count = int((after - before + 1e-3) // interval) - 1
    if count < 2:
        return []
    first = max(count - BEATS, 0)
    return [
        {"state": "none", "height": 0.0, "title": "", "at": before + (n + 1) * interval} for n in range(first, count)
    ]


def _title(beat: Beat, response_ms: float | None, now: datetime) -> str:
    at = words.moment(timezone.localtime(datetime.fromtimestamp(beat["at"], UTC)), timezone.localtime(now))
    if beat["state"] == "none":
        return f"{at}: no reading"
    return f"{at}: {'failed' if response_ms is None else words.quantity(round(response_ms), 'ms')}"


def _beat_marks(beats: Sequence[Beat], deployments: Iterable[Deployment]) -> list[int]:
    """The bar before which each deployment went live."""
    times = [beat["at"] for beat in beats]
    marks = []
    for deployment in deployments:
        at = deployment.finished_at.timestamp() if deployment.finished_at else 0.0
        if times and times[0] < at <= times[-1]:
            marks.append(next(index for index, time in enumerate(times) if time >= at))
    return marks


def _label(check: HealthCheck, beats: Sequence[Beat]) -> str:
    counts = Counter(beat["state"] for beat in beats)
    if not beats:
        return f"{check.name}: no readings yet"
    return (
        f"{check.name}, last {words.plural(len(beats), 'reading')}:"
        f" {counts['down']} down, {counts['slow']} slow, {counts['none']} missing"
    )


# --- one check --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OutageStory:
    """An outage, how long it lasted, and the deployment that had gone live before it."""

    outage: Outage
    lasted: timedelta
    deployment: Deployment | None
    after: timedelta | None


@dataclass(frozen=True)
class CheckStory:
    """All that the page of one check shows."""

    row: CheckRow
    chart: Chart | None
    chart_label: str
    stretches: list[Stretch]
    outages: list[OutageStory]
    outage_count: int
    failures: list[Failure]


def check_story(check: HealthCheck, *, now: datetime, over: timedelta = RANGES["3h"]) -> CheckStory:
    """Return the story of one check; `over` is how far back its chart goes."""
    (row,) = check_rows([check], now=now, with_titles=True)
    series = series_of_checks([check.pk]).get((check.pk, Series.RESPONSE_TIME))
    samples = store.read([series], now - over, now + timedelta(minutes=1))[series] if series else NOTHING
    marks = deployment_marks(deployments_between([check.environment_id], now - over, now))
    limit = (float(check.max_response_ms), f"limit {check.max_response_ms} ms") if check.max_response_ms else None
    recent = check.outages.between(now - AVAILABILITY_OVER, now)
    return CheckStory(
        row=row,
        chart=line_chart(samples, unit="ms", marks=marks, limit=limit) if len(samples.times) else None,
        chart_label=_chart_label(check, samples, over),
        stretches=stretches(samples, marks),
        outages=_outage_stories(check, recent, now),
        outage_count=recent.count(),
        failures=list(check.failures.order_by("-scheduled_at")[:10]),
    )


def _chart_label(check: HealthCheck, samples: Samples, over: timedelta) -> str:
    if not len(samples.times):
        return f"{check.name}: no answers in the last {words.period(over)}"
    low, high = words.number(round(samples.values.min())), words.quantity(round(samples.values.max()), "ms")
    return f"Response time of {check.name} over the last {words.period(over)}: {low} to {high}"


def _outage_stories(check: HealthCheck, outages: QuerySet[Outage], now: datetime) -> list[OutageStory]:
    rows = list(outages.order_by("-began_at")[:20])
    if not rows:
        return []
    near = deployments_between([check.environment_id], rows[-1].began_at - timedelta(days=7), now)
    return [_outage_story(row, near, now) for row in rows]


def _outage_story(outage: Outage, deployments: Sequence[Deployment], now: datetime) -> OutageStory:
    before = [row for row in deployments if row.finished_at and row.finished_at <= outage.began_at]
    deployment = before[-1] if before else None
    after = outage.began_at - deployment.finished_at if deployment and deployment.finished_at else None
    return OutageStory(outage, (outage.ended_at or now) - outage.began_at, deployment, after)


def checks_for_api(project: Project, *, environment: str = "") -> QuerySet[HealthCheck]:
    """Return the checks of `project`, of one environment if it is named."""
    named = Q(environment__name=environment) if environment else Q()
    return HealthCheck.objects.of(project).filter(named).select_related("environment")
