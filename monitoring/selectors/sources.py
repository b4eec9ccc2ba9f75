"""Sources as their page shows them: what arrives, what was refused and why, and how much room is left."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deployments.models import Project
from monitoring import store
from monitoring.models import DEFAULT_MAX_SERIES, MetricLimits, Refusal, Series, Source
from postdeploy.lib.words import plural

#: A sender that was not heard of for so long is silent; most send every minute at least.
SILENT_AFTER = timedelta(minutes=15)
#: A refusal that was the last so long ago is history.
REFUSING_FOR = timedelta(hours=1)


@dataclass(frozen=True)
class SourceRow:
    """One source: samples taken in all, when the last came, and its refusals, the latest first."""

    source: Source
    accepted: int
    latest_at: datetime | None
    refusals: Sequence[Refusal]
    is_silent: bool
    is_refusing: bool

    def is_named(self, text: str) -> bool:
        """Tell whether its name, kind, token or environment has all words of `text`."""
        source = self.source
        parts = (source.name, source.get_kind_display(), source.token, source.environment)
        told = " ".join(str(part) for part in parts if part).casefold()
        return all(word in told for word in text.casefold().split())

    @property
    def refused(self) -> int:
        """How many samples and requests were refused in all."""
        return sum(refusal.count for refusal in self.refusals)

    @property
    def state(self) -> str:
        """The state as pages show it."""
        if self.source.is_paused:
            return "paused"
        if self.is_refusing or self.source.failing_since:
            return "degraded"
        return "unknown" if self.is_silent else "up"

    @property
    def word(self) -> str:
        """The state in words."""
        if self.source.is_paused:
            return "Paused"
        if self.source.failing_since:
            return "Cannot be fetched"
        if self.is_refusing:
            return "Some is refused"
        if self.latest_at is None:
            return "Nothing yet"
        return "Silent" if self.is_silent else "Arriving"


@dataclass(frozen=True)
class Room:
    """How many series a project has, and may have."""

    used: int
    most: int

    @property
    def percent(self) -> int:
        """How full it is."""
        return min(round(100 * self.used / self.most), 100)


def source_rows(project: Project, *, now: datetime) -> list[SourceRow]:
    """Return the sources of `project`."""
    return rows_of(
        Source.objects.of(project).select_related("token", "environment").prefetch_related("refusals"), now=now
    )


def rows_of(wanted: Iterable[Source], *, now: datetime) -> list[SourceRow]:
    """Return these sources, which know their refusals, with what waits in the store's log counted in."""
    sources = list(wanted)
    waiting = store.waiting([source.pk for source in sources])
    rows = []
    for source in sources:
        count, latest = waiting.get(source.pk, (0, None))
        rows.append(_row(source, count, latest, now))
    return rows


def _row(source: Source, waiting: int, waiting_at: datetime | None, now: datetime) -> SourceRow:
    latest = waiting_at or source.latest_at
    refusals = list(source.refusals.all())
    return SourceRow(
        source=source,
        accepted=source.accepted + waiting,
        latest_at=latest,
        refusals=refusals,
        is_silent=latest is None or latest < now - SILENT_AFTER,
        is_refusing=any(refusal.latest_at > now - REFUSING_FOR for refusal in refusals),
    )


def room_of(project: Project) -> Room:
    """Return how many series `project` has, and may have."""
    limits = MetricLimits.objects.filter(project=project).first()
    used = Series.objects.filter(metric__project=project).count()
    return Room(used, limits.max_series if limits else DEFAULT_MAX_SERIES)


def sources_sentence(rows: Sequence[SourceRow]) -> str:
    """Return how it stands in one sentence."""
    if not rows:
        return "Nothing sends numbers yet."
    arriving = sum(not row.is_silent for row in rows)
    refusing = sum(row.is_refusing for row in rows)
    told = f"Numbers arrive from {arriving} of {plural(len(rows), 'source')}"
    return f"{told}; some of {refusing} were refused in the last hour." if refusing else f"{told}."
