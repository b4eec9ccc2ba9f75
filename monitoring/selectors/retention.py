"""What a project keeps, for how long, and about what that takes on disk."""

from dataclasses import dataclass
from datetime import datetime

from deployments.models import Project
from monitoring import store
from monitoring.models import Retention, Series


@dataclass(frozen=True)
class KeptTier:
    """One tier as the page shows it: for how long it is kept, and about how many bytes a day of it takes."""

    name: str
    days: int
    day_bytes: int

    @property
    def all_bytes(self) -> int:
        """About what all days of it take, if each is like the latest."""
        return self.day_bytes * self.days


@dataclass(frozen=True)
class RetentionPage:
    """The three tiers, and how many samples the latest whole day had."""

    kept: Retention
    tiers: list[KeptTier]
    samples: int

    @property
    def all_bytes(self) -> int:
        """About what all of it takes."""
        return sum(tier.all_bytes for tier in self.tiers)


def retention_of(project: Project) -> Retention:
    """Return what `project` keeps; the defaults, not saved, where nobody said."""
    return Retention.objects.filter(project=project).first() or Retention(project=project)


def retention_page(project: Project, *, now: datetime) -> RetentionPage:
    """Return what the page of retention shows, by the latest whole days there are."""
    kept = retention_of(project)
    series = Series.objects.filter(environment__project=project).values_list("pk", flat=True)
    sizes = store.day_sizes(list(series), raw_days=kept.raw_days, now=now)
    tiers = [
        KeptTier("Samples", kept.raw_days, sizes.raw),
        # while the samples are there, they stand for the minutes, too
        KeptTier("Roll-ups of a minute", max(kept.minute_days - kept.raw_days, 0), sizes.minutes),
        KeptTier("Roll-ups of an hour", kept.hour_days, sizes.hours),
    ]
    return RetentionPage(kept, tiers, sizes.samples)
