"""The list of checks: what each one's state is, and how its latest readings went."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from deployments.models import Environment, Project
from monitoring import store
from monitoring.models import HealthCheck, MonitoringPeriod, Outage, Series
from monitoring.probes import Kind
from monitoring.selectors.beats import BEATS, Beat, beats_of, label_of, marks_in
from monitoring.selectors.lines import NOTHING, Samples, series_of_checks
from monitoring.selectors.marks import deployments_between
from monitoring.selectors.quiet import Subject, quiet_spans
from postdeploy.lib import words
from postdeploy.lib.locations import HOME
from postdeploy.lib.sheets import Sheet, sheet_of

AVAILABILITY_OVER = timedelta(days=30)
#: A check's states as people see them, in the order of the filter.
STATES = ("up", "down", "unknown", "paused")


@dataclass(frozen=True)
class CheckRow:
    """One check as a line of the list; `latest_at` is its latest reading, None before the first."""

    check: HealthCheck
    state: str
    beats: list[Beat]
    marks: list[int]
    label: str
    latest_at: datetime | None
    latest_ms: float | None
    certificate_days: float | None
    availability: str
    pace_seconds: int

    @property
    def kind_word(self) -> str:
        """Return what people call its kind."""
        return Kind(self.check.kind).words

    @property
    def is_about_days(self) -> bool:
        """Tell whether the days that a certificate has left are what matters, not how fast it was shown."""
        return self.check.kind == Kind.TLS

    @property
    def latest_word(self) -> str:
        """Return the latest reading in one word, for kinds that have no response time."""
        return "up" if self.beats and self.beats[-1]["state"] == "up" else "failed"


@dataclass(frozen=True)
class CheckGroup:
    """The checks of one environment that share a group; most have none."""

    environment: Environment
    name: str
    rows: list[CheckRow]

    @property
    def key(self) -> str:
        """Return what tells it from the other groups of the page."""
        return f"{self.environment.pk}-{self.rows[0].check.pk}"


@dataclass(frozen=True)
class ChecksPage:
    """The list of checks: a sheet of those that the filter leaves, and how many there are of each state."""

    groups: list[CheckGroup]
    sheet: Sheet[HealthCheck]
    counts: dict[str, int]
    total: int
    sentence: str
    kinds: list[tuple[str, str]]
    group_names: list[str]
    locations: list[str]


#: Checks on one sheet of the list.
PAGE = 100


def state_of(check: HealthCheck) -> str:
    """Return the state people see: paused before anything the poller knows."""
    return "paused" if check.is_paused else check.state.lower()


def checks_page(user: Any, project: Project, *, now: datetime, page: str = "", **wanted: str) -> ChecksPage:
    """Return a sheet of the checks of `project` that `user` may see, narrowed by the page's filter.

    The filter's words are environment, state, kind, group, location and text; an empty one narrows nothing. The
    number of queries does not depend on the number of checks.
    """
    everything = HealthCheck.objects.visible_to(user).of(project).select_related("environment")
    rows = list(everything.order_by("environment__created_at", "environment_id", "name"))
    named = [check for check in rows if matches(check, **wanted)]
    counts = Counter(state_of(check) for check in named)
    shown = [check for check in named if wanted.get("state", "") in ("", state_of(check))]
    sheet = sheet_of(_in_order(shown), page, PAGE)
    return ChecksPage(
        groups=_groups(check_rows(sheet.rows, now=now)),
        sheet=sheet,
        counts={name: counts[name] for name in STATES},
        total=len(named),
        sentence=_sentence(counts, len(named)),
        kinds=[(kind.value, kind.words) for kind in Kind if kind in {check.kind for check in rows}],
        group_names=sorted({check.group for check in rows} - {""}),
        locations=sorted({check.location for check in rows} - {""}),
    )


def matches(
    check: HealthCheck,
    *,
    environment: str = "",
    kind: str = "",
    group: str = "",
    location: str = "",
    text: str = "",
    **_: str,
) -> bool:
    """Tell whether a check is of this environment, kind, group and location and names each word of `text`."""
    told = f"{check.name} {check.component} {check.target} {check.group}".casefold()
    return (
        environment in ("", check.environment.name)
        and kind in ("", check.kind)
        and group in ("", check.group)
        and location in ("", check.location or HOME)
        and all(word in told for word in text.casefold().split())
    )


def _in_order(checks: Iterable[HealthCheck]) -> list[HealthCheck]:
    """By environment in the order of `checks`, in each first those without a group, then the groups by name."""
    order: dict[int, int] = {}
    return sorted(
        checks,
        key=lambda check: (
            order.setdefault(check.environment_id, len(order)),
            check.group.casefold(),
            check.group,
        ),
    )


def _groups(rows: Iterable[CheckRow]) -> list[CheckGroup]:
    """The rows by environment and group, in their order."""
    groups: dict[tuple[int, str], CheckGroup] = {}
    for row in rows:
        environment, name = row.check.environment, row.check.group
        groups.setdefault((environment.pk, name), CheckGroup(environment, name, [])).rows.append(row)
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
    series = series_of_checks(check.pk for check in checks)
    tails = store.tail([pk for (_, aspect), pk in series.items() if aspect in _SHOWN], BEATS)
    days = store.latest([pk for (_, aspect), pk in series.items() if aspect == "certificate_days"])
    environments = {check.environment_id for check in checks}
    paces = MonitoringPeriod.objects.paces(environments, at=now)
    availabilities = _availabilities(checks, now)
    deployments = deployments_between(environments, now - AVAILABILITY_OVER, now)
    rows = []
    for check in checks:
        up, response = (tails.get(series.get((check.pk, aspect), 0), NOTHING) for aspect in _SHOWN)
        left = days.get(series.get((check.pk, "certificate_days"), 0))
        pace = min(check.interval_seconds, paces.get(check.environment_id, check.interval_seconds))
        beats = beats_of(up, response, interval=check.interval_seconds, now=now, with_titles=with_titles)
        rows.append(
            CheckRow(
                check=check,
                state=state_of(check),
                beats=beats,
                marks=marks_in(beats, (row for row in deployments if row.environment_id == check.environment_id)),
                label=label_of(check.name, beats),
                latest_at=datetime.fromtimestamp(up.times[-1], UTC) if len(up.times) else None,
                latest_ms=_readable(float(response.values[-1])) if _is_current(up, response) else None,
                certificate_days=left.value if left else None,
                availability=availabilities[check.pk] if len(up.times) else words.quantity(None),
                pace_seconds=pace,
            )
        )
    return rows


_SHOWN = (Series.UP, Series.RESPONSE_TIME)


def _readable(ms: float) -> float:
    """Whole milliseconds from ten on."""
    return round(ms) if ms >= 10 else round(ms, 1)


def _is_current(up: Samples, response: Samples) -> bool:
    return bool(len(response.times) and len(up.times) and response.times[-1] == up.times[-1])


def _availabilities(checks: Sequence[HealthCheck], now: datetime) -> dict[int, str]:
    """The share of the last days that each check was not down; planned maintenance is left out."""
    start = now - AVAILABILITY_OVER
    subjects = [Subject(str(check.pk), check.environment, check.pk) for check in checks]
    quiet = quiet_spans(subjects, start, now)
    down: dict[int, list[tuple[float, float]]] = {check.pk: [] for check in checks}
    outages = Outage.objects.between(start, now).filter(health_check__in=checks).order_by()
    for check, began_at, ended_at in outages.values_list("health_check_id", "began_at", "ended_at"):
        down[check].append((began_at.timestamp(), (ended_at or now).timestamp()))
    return {check.pk: _availability(check, down[check.pk], quiet[str(check.pk)], now) for check in checks}


def _availability(
    check: HealthCheck, down: Sequence[tuple[float, float]], quiet: Sequence[tuple[float, float]], now: datetime
) -> str:
    begins, ends = max(check.created_at, now - AVAILABILITY_OVER).timestamp(), now.timestamp()
    counted = _without([(begins, ends)], quiet)
    whole = sum(last - first for first, last in counted)
    up = sum(last - first for first, last in _without(counted, down))
    return words.share(round(up), round(whole)) if whole > 0 else words.quantity(None)


def _without(
    stretches: Iterable[tuple[float, float]], holes: Iterable[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Stretches of time without what lies in the holes."""
    left = list(stretches)
    for begin, end in holes:
        cut = [part for first, last in left for part in ((first, min(last, begin)), (max(first, end), last))]
        left = [(first, last) for first, last in cut if first < last]
    return left


def checks_for_api(project: Project, *, environment: str = "", location: str = "") -> QuerySet[HealthCheck]:
    """Return the checks of `project`, of one environment and one location if they are named."""
    named = Q(environment__name=environment) if environment else Q()
    if location:
        named &= Q(location="" if location == HOME else location)
    return HealthCheck.objects.of(project).filter(named).select_related("environment")
