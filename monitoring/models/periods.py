"""Monitoring policies and periods, the looks at them, and what each look found."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from deployments.models import Deployment, Environment, Tier, VisibleQuerySet
from monitoring.models.checks import HealthCheck
from monitoring.models.metrics import Series


class Stage(models.TextChoices):
    """Which part of the watch."""

    INITIAL = "INITIAL", "Initial"
    EXTENDED = "EXTENDED", "Extended"


_MINUTE, _HOUR = 60, 3600
POLICY_OF_TIER: dict[str, dict[str, int]] = {
    Tier.PRODUCTION: {"initial_seconds": 60 * _MINUTE, "extended_seconds": 72 * _HOUR},
    Tier.STAGING: {"initial_seconds": 30 * _MINUTE, "extended_seconds": 24 * _HOUR},
    Tier.TESTING: {"initial_seconds": 15 * _MINUTE, "extended_seconds": 4 * _HOUR, "initial_interval_seconds": 30},
    Tier.DEVELOPMENT: {"initial_seconds": 15 * _MINUTE, "extended_seconds": 1 * _HOUR, "initial_interval_seconds": 30},
    Tier.OTHER: {"initial_seconds": 60 * _MINUTE, "extended_seconds": 24 * _HOUR},
}


class MonitoringPolicy(models.Model):
    """How an environment is watched after a deployment; copied into each period when it opens."""

    environment = models.OneToOneField(Environment, models.CASCADE, related_name="policy")
    initial_seconds = models.PositiveIntegerField(
        default=3600, validators=[MinValueValidator(10), MaxValueValidator(604_800)]
    )
    extended_seconds = models.PositiveIntegerField(
        default=259_200, validators=[MinValueValidator(10), MaxValueValidator(7_776_000)]
    )
    initial_interval_seconds = models.PositiveIntegerField(
        default=15, validators=[MinValueValidator(1), MaxValueValidator(3600)]
    )
    extended_interval_seconds = models.PositiveIntegerField(
        default=60, validators=[MinValueValidator(1), MaxValueValidator(86_400)]
    )
    settle_seconds = models.PositiveIntegerField(default=120, validators=[MaxValueValidator(86_400)])
    baseline_seconds = models.PositiveIntegerField(
        default=1_209_600, validators=[MinValueValidator(60), MaxValueValidator(7_776_000)]
    )

    chance_limit = models.FloatField(
        default=0.008,
        validators=[MinValueValidator(0.0005), MaxValueValidator(0.05)],
        help_text="A change is taken for real when ordinary moments look as changed at most this often.",
    )
    reference = models.ForeignKey(
        Deployment, models.SET_NULL, null=True, blank=True, related_name="+",
        help_text="Compare with how it was under this deployment, instead of the hours before.",
    )  # fmt: skip
    is_dry_run = models.BooleanField(
        default=False, help_text="Verdicts are recorded as they are; no pipeline is stopped and no issue is opened."
    )

    class Meta:
        verbose_name_plural = "monitoring policies"

    def __str__(self) -> str:
        return f"policy of {self.environment}"

    @classmethod
    def of_tier(cls, environment: Environment) -> Self:
        """Return the policy that `environment` starts with, by its tier; not saved."""
        return cls(environment=environment, **POLICY_OF_TIER[environment.tier])

    def snapshot(self) -> dict[str, Any]:
        """Return what is copied into a period, as JSON holds it."""
        seconds = {
            field.name: getattr(self, field.name)
            for field in self._meta.concrete_fields
            if field.name.endswith("_seconds")
        }
        return seconds | {
            "chance_limit": self.chance_limit,
            "reference": str(self.reference_id) if self.reference_id else None,
            "is_dry_run": self.is_dry_run,
        }


class PeriodStatus(models.TextChoices):
    """Whether a monitoring period still runs."""

    OPEN = "OPEN", "Open"
    CLOSED = "CLOSED", "Closed"
    SUPERSEDED = "SUPERSEDED", "Superseded"


class Result(models.TextChoices):
    """What a verdict says of a deployment; only HEALTHY is good, and missing data is never that."""

    HEALTHY = "HEALTHY", "Healthy"
    DEGRADED = "DEGRADED", "Degraded"
    FAILED = "FAILED", "Failed"
    INCONCLUSIVE = "INCONCLUSIVE", "Inconclusive"
    BLIND = "BLIND", "Blind"


class MonitoringPeriodQuerySet(VisibleQuerySet["MonitoringPeriod"]):
    """Which periods."""

    project_path = "deployment__project"

    def open(self) -> Self:
        """Periods that still run."""
        return self.filter(status=PeriodStatus.OPEN)

    def over(self) -> Self:
        """Periods that have ended, at their time or before it."""
        return self.exclude(status=PeriodStatus.OPEN)

    def under_way(self, *, at: datetime) -> Self:
        """Open periods that `at` lies in; their checks are polled at the period's interval."""
        return self.open().filter(opens_at__lte=at, closes_at__gt=at)

    def paces(self, environment_ids: Iterable[int], *, at: datetime) -> dict[int, int]:
        """Seconds between two readings that the periods under way ask for, by environment."""
        rows = self.under_way(at=at).filter(environment__in=list(environment_ids)).order_by()
        return dict(rows.values_list("environment").annotate(seconds=models.Min("interval_seconds")))

    def due_for_look(self, *, at: datetime) -> Self:
        """Periods whose next look has come: open ones, and superseded ones that wait for their last look."""
        return self.filter(next_look_at__lte=at).order_by("next_look_at")

    def in_turn(self, *, at: datetime) -> Self:
        """Without those that another one of their environment comes before, which is due as well and began earlier.

        What was found of a deployment counts for the ones after it: as history, and when blame is shared.
        """
        before = MonitoringPeriod.objects.filter(
            environment=OuterRef("environment"), opens_at__lt=OuterRef("opens_at"), next_look_at__lte=at
        )
        return self.filter(~Exists(before))


class MonitoringPeriod(models.Model):
    """A stretch after a deployment in which it is watched; the receipt for the deployment."""

    deployment = models.ForeignKey(Deployment, models.CASCADE, related_name="periods")
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="periods")
    stage = models.CharField(max_length=8, choices=Stage)
    opens_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=PeriodStatus, default=PeriodStatus.OPEN)
    superseded_by = models.ForeignKey(Deployment, models.SET_NULL, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)
    policy = models.JSONField(help_text="The environment's policy when the period opened.")
    interval_seconds = models.PositiveIntegerField(help_text="Between two readings of a check, from the policy.")
    result = models.CharField(max_length=12, choices=Result, null=True, help_text="The final verdict, once reached.")  # noqa: DJ001
    decided_at = models.DateTimeField(null=True)
    next_look_at = models.DateTimeField(null=True, help_text="Empty when no look is to come.")
    looks_taken = models.PositiveSmallIntegerField(default=0, help_text="Planned looks; those in between do not count.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = MonitoringPeriodQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["opens_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["deployment", "stage"], name="period_once"),
            models.CheckConstraint(condition=Q(closes_at__gt=models.F("opens_at")), name="period_ends_after_start"),
            models.CheckConstraint(
                condition=Q(result__isnull=True, decided_at__isnull=True)
                | Q(result__isnull=False, decided_at__isnull=False),
                name="period_result_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="CLOSED") | Q(result__isnull=False), name="period_closed_has_result"
            ),
            models.CheckConstraint(
                condition=~Q(status="OPEN") | Q(next_look_at__isnull=False), name="period_open_is_looked_at"
            ),
            models.CheckConstraint(
                condition=Q(status="OPEN") | Q(ended_at__isnull=False), name="period_ended_has_time"
            ),
        ]
        indexes: ClassVar = [
            # the judge's sweep
            models.Index(fields=["next_look_at"], condition=Q(next_look_at__isnull=False), name="period_due"),
            # what is watched in an environment now: intervals, overview
            models.Index(fields=["environment"], condition=Q(status="OPEN"), name="period_open"),
            # deployments by verdict
            models.Index(fields=["result", "deployment"], name="period_result"),
        ]

    def __str__(self) -> str:
        return f"{self.get_stage_display()} period of {self.deployment}"

    @property
    def length(self) -> timedelta:
        """Planned duration."""
        return self.closes_at - self.opens_at

    @staticmethod
    def for_real(path: str = "") -> Q:
        """Return the condition that a period is no dry run; `path` leads to it, such as "verdict__period__"."""
        # a negation alone would lose the periods that say nothing of it
        return Q(**{f"{path}policy__is_dry_run__isnull": True}) | Q(**{f"{path}policy__is_dry_run": False})

    @property
    def is_dry_run(self) -> bool:
        """True when its verdict is recorded and nothing else comes of it."""
        return bool(self.policy.get("is_dry_run"))


class VerdictQuerySet(VisibleQuerySet["Verdict"]):
    """Which verdicts."""

    project_path = "period__deployment__project"

    def final(self) -> Self:
        """Verdicts that stand; the others say what was known so far."""
        return self.filter(is_final=True)


class Verdict(models.Model):
    """One look at a period: what was found, why, and on which inputs."""

    period = models.ForeignKey(MonitoringPeriod, models.CASCADE, related_name="verdicts")
    looked_at = models.DateTimeField()
    result = models.CharField(max_length=12, choices=Result, null=True, help_text="Empty while nothing can be said.")  # noqa: DJ001
    is_final = models.BooleanField(default=False)
    sentence = models.TextField()
    reasons = models.JSONField(default=list)
    rule_version = models.CharField(max_length=20)
    inputs = models.JSONField(default=dict, help_text="What was judged, enough to judge it again.")
    blame = models.JSONField(
        default=list, help_text="Other deployments that may have caused what was found: share and why, this one first."
    )

    objects = VerdictQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["looked_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["period", "looked_at"], name="verdict_once"),
            models.UniqueConstraint(fields=["period"], condition=Q(is_final=True), name="verdict_final_once"),
            models.CheckConstraint(
                condition=Q(is_final=False) | Q(result__isnull=False), name="verdict_final_has_result"
            ),
        ]

    def __str__(self) -> str:
        return self.sentence


class FindingResult(models.TextChoices):
    """What happened to one metric or check."""

    UNCHANGED = "UNCHANGED", "Unchanged"
    REGRESSED = "REGRESSED", "Regressed"
    IMPROVED = "IMPROVED", "Improved"
    INCONCLUSIVE = "INCONCLUSIVE", "Inconclusive"
    NO_DATA = "NO_DATA", "No data"


class FindingQuerySet(VisibleQuerySet["Finding"]):
    """Which findings."""

    project_path = "verdict__period__deployment__project"


class Finding(models.Model):
    """What one verdict says of one metric or check."""

    verdict = models.ForeignKey(Verdict, models.CASCADE, related_name="findings")
    series = models.ForeignKey(Series, models.SET_NULL, null=True, related_name="+")
    health_check = models.ForeignKey(HealthCheck, models.SET_NULL, null=True, related_name="+")
    key = models.CharField(max_length=200, help_text="The same thing in every verdict, such as check:12 or metric:cpu.")
    name = models.CharField(max_length=200)
    result = models.CharField(max_length=12, choices=FindingResult)
    is_critical = models.BooleanField(default=False)
    sentence = models.TextField()
    position = models.PositiveSmallIntegerField(default=0, help_text="0 matters most.")
    facts = models.JSONField(default=dict, help_text="The judge's finding as it was returned.")

    objects = FindingQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["position", "pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["verdict", "key"], name="finding_once")]

    def __str__(self) -> str:
        return self.sentence
