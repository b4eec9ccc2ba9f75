"""Alert rules, the objectives some of them guard, and each time one of them fired."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from deployments.models import Environment, Project, User, VisibleQuerySet
from monitoring.models.checks import HealthCheck
from monitoring.models.metrics import Metric, Series


class ObjectiveKind(models.TextChoices):
    """How an objective counts good and bad."""

    CHECK = "CHECK", "A check that is up"
    GOOD = "GOOD", "Good ones of all"
    BAD = "BAD", "Errors of all"


class Objective(models.Model):
    """What was promised: a share that must be good over a window. What may be bad is its error budget."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="objectives")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=5, choices=ObjectiveKind, default=ObjectiveKind.CHECK)
    health_check = models.ForeignKey(HealthCheck, models.CASCADE, null=True, blank=True, related_name="objectives")
    part = models.ForeignKey(
        Metric, models.CASCADE, null=True, blank=True, related_name="+",
        help_text="Counts the good ones, or the errors.",
    )  # fmt: skip
    whole = models.ForeignKey(
        Metric, models.CASCADE, null=True, blank=True, related_name="+", help_text="Counts all of them."
    )
    target_percent = models.FloatField(default=99.9, validators=[MinValueValidator(50.0), MaxValueValidator(99.999)])
    window_days = models.PositiveSmallIntegerField(default=30, validators=[MinValueValidator(1), MaxValueValidator(90)])
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Objects(VisibleQuerySet["Objective"]):
        """Which objectives."""

        project_path = "environment__project"

    objects = Objects.as_manager()

    class Meta:
        ordering: ClassVar = ["environment", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["environment", "name"], name="objective_name_once"),
            models.CheckConstraint(
                condition=Q(kind="CHECK", health_check__isnull=False)
                | (~Q(kind="CHECK") & Q(part__isnull=False, whole__isnull=False)),
                name="objective_counts_something",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def target(self) -> float:
        """The share that must be good, 0.999 for 99.9 %."""
        return round(self.target_percent / 100, 7)

    @property
    def window(self) -> timedelta:
        """Over how long it is promised."""
        return timedelta(days=self.window_days)


class RuleKind(models.TextChoices):
    """What a rule looks at."""

    THRESHOLD = "THRESHOLD", "A value crosses a limit"
    ABSENCE = "ABSENCE", "No samples arrive"
    RATE_OF_CHANGE = "RATE_OF_CHANGE", "A value changes fast"
    BURN_RATE = "BURN_RATE", "An error budget burns fast"


class Direction(models.TextChoices):
    """Which side of the threshold is wrong."""

    ABOVE = "ABOVE", "above"
    BELOW = "BELOW", "below"


class Aggregate(models.TextChoices):
    """How the samples of a window become one value."""

    MEAN = "MEAN", "mean"
    MAX = "MAX", "highest"
    MIN = "MIN", "lowest"
    LAST = "LAST", "latest"
    P95 = "P95", "95th percentile"
    SUM = "SUM", "sum"
    COUNT = "COUNT", "number of samples"


class Versus(models.TextChoices):
    """What a rate of change compares with."""

    BEFORE = "BEFORE", "the window before"
    DAY = "DAY", "the same time yesterday"
    WEEK = "WEEK", "the same time last week"


class Speed(models.TextChoices):
    """Which burn rates of an objective a rule guards."""

    FAST = "FAST", "fast: 14.4 times in 1 h, or 6 times in 6 h"
    SLOW = "SLOW", "slow: once in 3 d"


class AlertSeverity(models.TextChoices):
    """How bad a firing is; the words of the issue log."""

    CRITICAL = "CRITICAL", "Critical"
    MAJOR = "MAJOR", "Major"
    MINOR = "MINOR", "Minor"


class AlertRuleQuerySet(VisibleQuerySet["AlertRule"]):
    """Which rules."""

    def active(self) -> Self:
        """Rules that are judged."""
        return self.filter(paused_at__isnull=True)

    def due(self, *, at: datetime) -> Self:
        """Active rules that should have been judged by `at`, longest waiting first."""
        return self.active().filter(next_judge_at__lte=at).order_by("next_judge_at", "pk")


class AlertRule(models.Model):
    """When somebody wants to be told: what is watched, which bound it must not cross, and for how long.

    It looks at one metric or one aspect of checks (each series by itself), or at the budget of an objective.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="rules")
    environment = models.ForeignKey(
        Environment, models.CASCADE, null=True, blank=True, related_name="rules", help_text="Empty: each of them."
    )
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=14, choices=RuleKind, default=RuleKind.THRESHOLD)
    metric = models.ForeignKey(Metric, models.CASCADE, null=True, blank=True, related_name="rules")
    aspect = models.CharField(max_length=20, blank=True, help_text="Of checks, such as response_time.")
    health_check = models.ForeignKey(
        HealthCheck, models.CASCADE, null=True, blank=True, related_name="rules", help_text="Empty: each check."
    )
    objective = models.ForeignKey(Objective, models.CASCADE, null=True, blank=True, related_name="rules")
    labels = models.JSONField(default=dict, blank=True, help_text="A series must carry all of these.")
    aggregate = models.CharField(max_length=5, choices=Aggregate, default=Aggregate.MEAN)
    direction = models.CharField(max_length=5, choices=Direction, default=Direction.ABOVE)
    window_seconds = models.PositiveIntegerField(
        default=300, validators=[MinValueValidator(10), MaxValueValidator(86_400)]
    )
    threshold = models.FloatField(default=0.0)
    clear_threshold = models.FloatField(null=True, blank=True)
    hold_seconds = models.PositiveIntegerField(default=0, validators=[MaxValueValidator(86_400)])
    versus = models.CharField(max_length=6, choices=Versus, default=Versus.BEFORE)
    is_relative = models.BooleanField(default=True)
    speed = models.CharField(max_length=4, choices=Speed, default=Speed.FAST)
    severity = models.CharField(max_length=8, choices=AlertSeverity, default=AlertSeverity.MAJOR)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    muted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    # Written by the sweep.
    judged_until = models.DateTimeField(null=True, editable=False)
    next_judge_at = models.DateTimeField(default=timezone.now, editable=False)
    series_count = models.PositiveIntegerField(default=0, editable=False)
    silent_count = models.PositiveIntegerField(default=0, editable=False, help_text="Series that could not be judged.")
    error = models.CharField(max_length=300, blank=True, editable=False)

    objects = AlertRuleQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "name"], name="rule_name_once"),
            models.CheckConstraint(
                condition=Q(kind="BURN_RATE", objective__isnull=False)
                | (~Q(kind="BURN_RATE") & Q(metric__isnull=False, aspect=""))
                | (~Q(kind="BURN_RATE") & ~Q(aspect="") & Q(metric__isnull=True)),
                name="rule_has_one_subject",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_judge_at"], condition=Q(paused_at__isnull=True), name="rule_due")
        ]

    def __str__(self) -> str:
        return self.name


class AlertState(models.TextChoices):
    """Where an alert stands."""

    PENDING = "PENDING", "Pending"
    FIRING = "FIRING", "Firing"
    RESOLVED = "RESOLVED", "Resolved"


class AlertEnd(models.TextChoices):
    """Why an alert ended; only a measurement proves anything."""

    MEASURED = "MEASURED", "It was measured well again"
    PAUSED = "PAUSED", "The rule was paused"
    CHANGED = "CHANGED", "The rule was changed"


class Usefulness(models.TextChoices):
    """What people say of a firing afterwards."""

    YES = "YES", "Yes"
    NO = "NO", "No"
    LATE = "LATE", "Too late"


class AlertQuerySet(VisibleQuerySet["Alert"]):
    """Which alerts."""

    project_path = "rule__project"

    def open(self) -> Self:
        """Alerts that are pending or firing."""
        return self.exclude(state=AlertState.RESOLVED)

    def fired(self) -> Self:
        """Alerts that fired, whether they still do or not."""
        return self.filter(fired_at__isnull=False)


class Alert(models.Model):
    """One time a rule found something wrong with one series. What never fires leaves no row."""

    rule = models.ForeignKey(AlertRule, models.CASCADE, related_name="alerts")
    series = models.ForeignKey(Series, models.CASCADE, null=True, related_name="+")
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    key = models.CharField(max_length=40, help_text="What it is about, such as series:12 or objective:3.")
    subject = models.CharField(max_length=300, help_text="In words.")
    state = models.CharField(max_length=8, choices=AlertState, default=AlertState.PENDING)
    severity = models.CharField(max_length=8, choices=AlertSeverity)
    is_muted = models.BooleanField(default=False)
    began_at = models.DateTimeField(help_text="The first value beyond the threshold.")
    fired_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(help_text="The latest moment that could be judged.")
    value = models.FloatField(help_text="When it fired, or began while it is pending.")
    worst = models.FloatField()
    latest = models.FloatField()
    detail = models.CharField(max_length=500, blank=True)
    ended_by = models.CharField(max_length=8, choices=AlertEnd, blank=True)
    answer = models.CharField(max_length=4, choices=Usefulness, blank=True)
    answer_word = models.CharField(max_length=300, blank=True)
    answered_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    answered_at = models.DateTimeField(null=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-began_at", "-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rule", "key"], condition=~Q(state="RESOLVED"), name="alert_open_once"),
            models.CheckConstraint(
                condition=Q(state="PENDING", fired_at__isnull=True) | (~Q(state="PENDING") & Q(fired_at__isnull=False)),
                name="alert_fired_has_time",
            ),
            models.CheckConstraint(
                condition=Q(state="RESOLVED", resolved_at__isnull=False)
                | (~Q(state="RESOLVED") & Q(resolved_at__isnull=True)),
                name="alert_resolved_has_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["rule", "-began_at"], name="alert_of_rule"),
            # what has no issue yet
            models.Index(fields=["fired_at"], condition=Q(fired_at__isnull=False, is_muted=False), name="alert_told"),
        ]

    def __str__(self) -> str:
        return self.detail or self.subject

    @property
    def lasted(self) -> timedelta | None:
        """From its first breach to its end; None while it lasts."""
        return self.resolved_at - self.began_at if self.resolved_at else None
