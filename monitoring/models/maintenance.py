"""Planned work: while it lasts, checks are neither read nor judged, and the time does not count."""

from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from deployments.models import Environment, Project, VisibleQuerySet
from monitoring.models.checks import HealthCheck


class MaintenanceQuerySet(VisibleQuerySet["MaintenanceWindow"]):
    """Which windows."""

    def current(self, *, at: datetime) -> Self:
        """Windows that may cover `at` or come later; of a weekly one `monitoring.maintenance` says when."""
        return self.filter(Q(every_week=True) | Q(ends_at__gt=at), Q(ended_at__isnull=True) | Q(ended_at__gt=at))

    def between(self, start: datetime, end: datetime) -> Self:
        """Windows of which a part may lie between `start` and `end`."""
        is_over = Q(every_week=False, ends_at__lte=start) | Q(ended_at__lte=start)
        return self.filter(starts_at__lt=end).exclude(is_over)


class MaintenanceWindow(models.Model):
    """A planned window of a project: of one check, one environment, or all of it; once or every week."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="maintenance")
    environment = models.ForeignKey(Environment, models.CASCADE, null=True, blank=True, related_name="maintenance")
    health_check = models.ForeignKey(HealthCheck, models.CASCADE, null=True, blank=True, related_name="maintenance")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    every_week = models.BooleanField(default=False, help_text="Again at the same time of each week (in UTC).")
    reason = models.CharField(max_length=200)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False, help_text="Ended or called off before its time.")

    objects = MaintenanceQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-starts_at"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="maintenance_ends_after_start"),
            models.CheckConstraint(
                condition=Q(environment__isnull=True) | Q(health_check__isnull=True), name="maintenance_has_one_subject"
            ),
        ]

    def __str__(self) -> str:
        return self.reason
