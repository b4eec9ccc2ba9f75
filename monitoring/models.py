"""Is it healthy since? Checks, metrics, monitoring periods, verdicts and their findings, outages."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from deployments.models import Deployment, Environment, Project, Row, VisibleQuerySet
from postdeploy.lib.secrets import seal, unseal


class CheckState(models.TextChoices):
    """What is known of a check's target; UNKNOWN until enough readings agree."""

    UNKNOWN = "UNKNOWN", "Unknown"
    UP = "UP", "Up"
    DOWN = "DOWN", "Down"


class HealthCheckQuerySet(VisibleQuerySet["HealthCheck"]):
    """Which checks."""

    project_path = "environment__project"

    def active(self) -> Self:
        """Checks that are polled."""
        return self.filter(paused_at__isnull=True)

    def due(self, *, at: datetime) -> Self:
        """Active checks whose next reading should have been taken by `at`, longest waiting first."""
        return self.active().filter(next_poll_at__lte=at).order_by("next_poll_at")


class HealthCheck(models.Model):
    """A health endpoint that is polled, and what is known of it."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="checks")
    name = models.CharField(max_length=100)
    component = models.CharField(max_length=200, blank=True)
    url = models.URLField(max_length=2000)
    method = models.CharField(max_length=7, choices=[(m, m) for m in ("GET", "HEAD", "POST")], default="GET")
    sealed_headers = models.TextField(blank=True, editable=False, help_text="Encrypted: header values may be secrets.")
    expected_status = models.CharField(max_length=60, default="200-299", help_text="Such as 200, or 200-299,301.")
    body_contains = models.CharField(max_length=500, blank=True)
    json_path = models.CharField(max_length=200, blank=True, help_text="Such as status or data.database.ok.")
    json_value = models.CharField(max_length=200, blank=True)
    timeout_ms = models.PositiveIntegerField(
        default=5000, validators=[MinValueValidator(100), MaxValueValidator(60_000)]
    )
    interval_seconds = models.PositiveIntegerField(
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(86_400)],
        help_text="Between deployments; while one is watched, its environment's policy decides.",
    )
    failure_threshold = models.PositiveSmallIntegerField(
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(20)],
        help_text="Failed readings in a row before it counts as down.",
    )
    is_critical = models.BooleanField(default=True, help_text="Down fails the deployment; otherwise it degrades it.")
    paused_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    # Written by the poller.
    state = models.CharField(max_length=7, choices=CheckState, default=CheckState.UNKNOWN, editable=False)
    state_since = models.DateTimeField(null=True, editable=False)
    failures_in_a_row = models.PositiveIntegerField(default=0, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    latest_reading_at = models.DateTimeField(null=True, editable=False)
    latest_detail = models.CharField(max_length=300, blank=True, editable=False)
    next_poll_at = models.DateTimeField(default=timezone.now, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    lease_key = models.UUIDField(null=True, editable=False)

    objects = HealthCheckQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["environment", "name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["environment", "name"], name="check_name_once")]
        indexes: ClassVar = [
            # the poller's claim
            models.Index(fields=["next_poll_at"], condition=Q(paused_at__isnull=True), name="check_due"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def headers(self) -> Mapping[str, str]:
        """Request headers; SecretUnreadable when they were stored under another SECRET_KEY."""
        return json.loads(unseal(self.sealed_headers)) if self.sealed_headers else {}

    @headers.setter
    def headers(self, headers: Mapping[str, str]) -> None:
        self.sealed_headers = seal(json.dumps(dict(headers))) if headers else ""

    @property
    def is_paused(self) -> bool:
        """True while nobody polls it, on somebody's wish."""
        return self.paused_at is not None


class CheckPartQuerySet(VisibleQuerySet[Row]):
    """Rows that hang on a check."""

    project_path = "health_check__environment__project"


class OutageQuerySet(CheckPartQuerySet["Outage"]):
    """Which outages."""

    def open(self) -> Self:
        """Outages that still last."""
        return self.filter(ended_at__isnull=True)

    def between(self, start: datetime, end: datetime) -> Self:
        """Outages of which at least a part lies between `start` and `end`."""
        return self.filter(Q(ended_at__isnull=True) | Q(ended_at__gt=start), began_at__lt=end)


class Failure(models.Model):
    """Why one reading of a check failed; the values themselves are samples."""

    health_check = models.ForeignKey(HealthCheck, models.CASCADE, related_name="failures")
    scheduled_at = models.DateTimeField()
    kind = models.CharField(max_length=20)
    detail = models.CharField(max_length=300)
    status_code = models.PositiveSmallIntegerField(null=True)
    total_ms = models.FloatField(null=True)
    excerpt = models.TextField(blank=True)

    objects = CheckPartQuerySet["Failure"].as_manager()

    class Meta:
        ordering: ClassVar = ["-scheduled_at"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["health_check", "scheduled_at"], name="failure_once")]

    def __str__(self) -> str:
        return self.detail


class Outage(models.Model):
    """A stretch in which a check was down."""

    health_check = models.ForeignKey(HealthCheck, models.CASCADE, related_name="outages")
    began_at = models.DateTimeField(help_text="The first failed reading.")
    confirmed_at = models.DateTimeField(help_text="When the failures had reached the check's threshold.")
    ended_at = models.DateTimeField(null=True)
    cause = models.CharField(max_length=300)

    objects = OutageQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-began_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["health_check"], condition=Q(ended_at__isnull=True), name="outage_open_once"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["confirmed_at"], name="outage_confirmed")]

    def __str__(self) -> str:
        return f"{self.health_check}: {self.cause}"


class MetricCategory(models.TextChoices):
    """The process's groups of metrics."""

    TECHNICAL = "TECHNICAL", "Technical"
    APPLICATION = "APPLICATION", "Application"
    PROCESS = "PROCESS", "Process"
    USER = "USER", "User"


class BadDirection(models.TextChoices):
    """Which way a metric must move to be worse."""

    UP = "UP", "Worse when higher"
    DOWN = "DOWN", "Worse when lower"
    BOTH = "BOTH", "Worse when it changes"


class MetricKind(models.TextChoices):
    """What sort of number a metric is; the judge's choice of arithmetic."""

    LATENCY = "LATENCY", "Latency"
    ERROR_RATE = "ERROR_RATE", "Error rate"
    ERROR_COUNT = "ERROR_COUNT", "Error count"
    CPU = "CPU", "Processor"
    THROUGHPUT = "THROUGHPUT", "Throughput"
    BUSINESS_COUNT = "BUSINESS_COUNT", "Business count"
    RATIO = "RATIO", "Ratio"
    OTHER = "OTHER", "Other"


class Metric(models.Model):
    """A measured thing of a project: what it is, which way is worse, and the least change that matters."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="metrics")
    key = models.CharField(max_length=120)
    name = models.CharField(max_length=120)
    unit = models.CharField(max_length=20, blank=True)
    kind = models.CharField(max_length=14, choices=MetricKind, default=MetricKind.OTHER)
    category = models.CharField(max_length=11, choices=MetricCategory, default=MetricCategory.APPLICATION)
    bad_direction = models.CharField(max_length=4, choices=BadDirection, default=BadDirection.UP)
    least_change = models.FloatField(default=0.1, help_text="Smaller relative changes do not matter; 0.1 is 10 %.")
    hard_limit = models.FloatField(null=True, blank=True, help_text="Beyond it the deployment has failed.")
    is_critical = models.BooleanField(default=False)
    is_muted = models.BooleanField(default=False)
    must_have_data = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = VisibleQuerySet["Metric"].as_manager()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "key"], name="metric_key_once")]

    def __str__(self) -> str:
        return self.name


class SeriesQuerySet(VisibleQuerySet["Series"]):
    """Which series."""

    project_path = "environment__project"


class Series(models.Model):
    """One line of numbers: a metric of an environment with its labels, or what a check measures."""

    UP = "up"
    RESPONSE_TIME = "response_time"

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="series")
    metric = models.ForeignKey(Metric, models.CASCADE, null=True, blank=True, related_name="series")
    health_check = models.ForeignKey(HealthCheck, models.CASCADE, null=True, blank=True, related_name="series")
    aspect = models.CharField(max_length=20, blank=True, help_text="Of a check: up (1 or 0) or response_time (ms).")
    labels = models.JSONField(default=dict, blank=True)
    labels_digest = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SeriesQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "series"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["metric", "environment", "labels_digest"], name="series_of_metric_once"),
            models.UniqueConstraint(fields=["health_check", "aspect"], name="series_of_check_once"),
            models.CheckConstraint(
                condition=Q(metric__isnull=False, health_check__isnull=True)
                | Q(metric__isnull=True, health_check__isnull=False),
                name="series_has_one_subject",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.metric or self.health_check} {self.aspect}".strip()


class Sample(models.Model):
    """One value at one time. Written and read only by `monitoring/store.py`."""

    pk = models.CompositePrimaryKey("series_id", "at")
    series = models.ForeignKey(Series, models.CASCADE, related_name="+", db_index=False)
    at = models.DateTimeField()
    value = models.FloatField()

    def __str__(self) -> str:
        return f"{self.value:g} at {self.at:%Y-%m-%d %H:%M:%S}"


class Stage(models.TextChoices):
    """Which part of the watch."""

    INITIAL = "INITIAL", "Initial"
    EXTENDED = "EXTENDED", "Extended"


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

    class Meta:
        verbose_name_plural = "monitoring policies"

    def __str__(self) -> str:
        return f"policy of {self.environment}"

    def snapshot(self) -> dict[str, int]:
        """Return the numbers as they are copied into a period."""
        return {
            field.name: getattr(self, field.name)
            for field in self._meta.concrete_fields
            if field.name.endswith("_seconds")
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

    def under_way(self, *, at: datetime) -> Self:
        """Open periods that `at` lies in; their checks are polled at the period's interval."""
        return self.open().filter(opens_at__lte=at, closes_at__gt=at)

    def due_for_look(self, *, at: datetime) -> Self:
        """Periods whose next look has come: open ones, and superseded ones that wait for their last look."""
        return self.filter(next_look_at__lte=at).order_by("next_look_at")


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
