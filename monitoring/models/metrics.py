"""Metrics, series and samples: what is measured, where, and the values."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from deployments.models import Environment, Project, VisibleQuerySet
from monitoring.models.checks import HealthCheck


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
    least_change_absolute = models.FloatField(
        null=True, blank=True, help_text="Smaller changes do not matter, in units; where both are given, both count."
    )
    hard_limit = models.FloatField(null=True, blank=True, help_text="Beyond it the deployment has failed.")
    capacity_limit = models.FloatField(
        null=True, blank=True, help_text="Where it is full, such as the size of a disk: trends say when it is reached."
    )
    description = models.CharField(max_length=300, blank=True, help_text="What it counts.")
    how = models.CharField(max_length=300, blank=True, help_text="How it is measured.")
    is_counter = models.BooleanField(
        default=False, help_text="Only ever grows, but for restarts: what is read of it is its rate per second."
    )
    numerator = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="+", help_text="Of a ratio: what is divided."
    )
    denominator = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="+", help_text="Of a ratio: what it is divided by."
    )
    scale = models.FloatField(default=1.0, help_text="A ratio times this is in the metric's unit; 100 makes percent.")
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

    @property
    def line_unit(self) -> str:
        """The unit of its lines: of a counter per second. One of per cent is busy time, and grows by shares."""
        return f"{self.unit}/s" if self.is_counter and self.unit != "%" else self.unit

    @property
    def is_ratio(self) -> bool:
        """True when its numbers are computed from two other metrics, series by series with the same labels."""
        return self.numerator_id is not None and self.denominator_id is not None


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
