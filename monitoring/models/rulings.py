"""What people say of a verdict afterwards: was it us?"""

from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from deployments.models import Deployment, VisibleQuerySet


class RulingKind(models.TextChoices):
    """What it truly was. A person may know what no metric tells."""

    US = "US", "This was us"
    NOT_US = "NOT_US", "Not us"
    EXPECTED = "EXPECTED", "Expected"


class RulingQuerySet(VisibleQuerySet["Ruling"]):
    """Which rulings."""

    project_path = "deployment__project"

    def current(self) -> Self:
        """Rulings that stand; the others are history."""
        return self.filter(replaced_at__isnull=True)

    def of_deployments(self) -> Self:
        """Rulings of deployments as a whole, not of one finding."""
        return self.filter(key="")

    def since(self, at: datetime) -> Self:
        """Rulings of deployments that went live at `at` or later."""
        return self.filter(deployment__finished_at__gte=at)


class Ruling(models.Model):
    """One person's (or pipeline's) word on a deployment, or on one finding of it, with the reason."""

    deployment = models.ForeignKey(Deployment, models.CASCADE, related_name="rulings")
    key = models.CharField(
        max_length=200, blank=True, help_text="Of a finding, such as metric:cpu; empty: the deployment as a whole."
    )
    kind = models.CharField(max_length=8, choices=RulingKind)
    reason = models.CharField(max_length=500)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    token_name = models.CharField(max_length=120, blank=True, help_text="Of the token, when it came over the API.")
    at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True, help_text="When it was withdrawn, or another took its place.")

    objects = RulingQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-at", "-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["deployment", "key"], condition=Q(replaced_at__isnull=True), name="ruling_current_once"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="ruling_has_reason"),
            models.CheckConstraint(
                condition=Q(replaced_at__isnull=True) | Q(replaced_at__gte=models.F("at")), name="ruling_replaced_later"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.reason}"

    @property
    def who(self) -> str:
        """Who said it, as pages write it."""
        if self.by is not None:
            return self.by.display_name
        return f"{self.token_name} (API)" if self.token_name else "somebody who has left"
