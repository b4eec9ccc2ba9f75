"""Where samples come from: sources, what was refused of them, and how much a project may send."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from deployments.models import ApiToken, Environment, Project, VisibleQuerySet
from postdeploy.lib.secrets import seal, unseal

#: A label with many values makes many series; a project that needs more says so here.
DEFAULT_MAX_SERIES = 2000


class SourceKind(models.TextChoices):
    """How samples come in: the first four are pushed to us, the last two we fetch."""

    JSON = "JSON", "JSON"
    PUSHGATEWAY = "PUSHGATEWAY", "Prometheus push"
    REMOTE_WRITE = "REMOTE_WRITE", "Prometheus remote write"
    OTLP = "OTLP", "OpenTelemetry"
    SCRAPE = "SCRAPE", "Prometheus scrape"
    PROMQL = "PROMQL", "PromQL query"


PULLED = (SourceKind.SCRAPE, SourceKind.PROMQL)


class SourceQuerySet(VisibleQuerySet["Source"]):
    """Which sources."""

    def pulled(self) -> Self:
        """Sources that we fetch from."""
        return self.filter(kind__in=PULLED)

    def due(self, *, at: datetime) -> Self:
        """Pulled sources whose next fetch should have begun by `at` and that nobody holds, longest waiting first."""
        free = Q(lease_until__isnull=True) | Q(lease_until__lte=at)
        return self.pulled().filter(free, paused_at__isnull=True, next_pull_at__lte=at).order_by("next_pull_at")


class Source(models.Model):
    """One sender of samples, or one address that they are fetched from."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="sources")
    environment = models.ForeignKey(
        Environment,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="sources",
        help_text="Where samples belong that do not say so themselves.",
    )
    kind = models.CharField(max_length=12, choices=SourceKind)
    name = models.CharField(max_length=120)
    token = models.ForeignKey(ApiToken, models.SET_NULL, null=True, blank=True, related_name="sources", editable=False)
    config = models.JSONField(default=dict, blank=True, help_text="What is fetched: address, selection, queries.")
    sealed = models.TextField(blank=True, editable=False, help_text="Encrypted: credentials and header values.")
    interval_seconds = models.PositiveIntegerField(
        default=30, validators=[MinValueValidator(5), MaxValueValidator(86_400)], help_text="Between two fetches."
    )
    paused_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    # Counted when the store folds its log, and by refusals: a busy sender writes no row of its own here.
    accepted = models.BigIntegerField(default=0, editable=False, help_text="Samples folded by the store so far.")
    latest_at = models.DateTimeField(null=True, editable=False, help_text="When samples last came, folded or fetched.")
    # Written by fetches.
    latest_detail = models.CharField(max_length=300, blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    next_pull_at = models.DateTimeField(null=True, editable=False)
    pulled_until = models.DateTimeField(
        null=True, editable=False, help_text="An existing Prometheus has been asked for everything until here."
    )
    lease_until = models.DateTimeField(null=True, editable=False)
    lease_key = models.UUIDField(null=True, editable=False)

    objects = SourceQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["kind", "name", "pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["token", "kind"], name="source_of_token_once")]
        indexes: ClassVar = [
            # the claim of fetches
            models.Index(
                fields=["next_pull_at"], condition=Q(kind__in=PULLED, paused_at__isnull=True), name="source_due"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_pulled(self) -> bool:
        """True when we fetch, False when samples are sent to us."""
        return self.kind in PULLED

    @property
    def is_paused(self) -> bool:
        """True while nothing is fetched, on somebody's wish."""
        return self.paused_at is not None

    @property
    def secrets(self) -> Mapping[str, Any]:
        """Credentials and headers; SecretUnreadable when they were stored under another SECRET_KEY."""
        return json.loads(unseal(self.sealed)) if self.sealed else {}

    @secrets.setter
    def secrets(self, secrets: Mapping[str, Any]) -> None:
        self.sealed = seal(json.dumps(dict(secrets))) if secrets else ""


class RefusalReason(models.TextChoices):
    """Why samples were not stored."""

    TOO_MANY_SERIES = "TOO_MANY_SERIES", "Too many series"
    TOO_MANY_ENVIRONMENTS = "TOO_MANY_ENVIRONMENTS", "Too many environments"
    NO_ENVIRONMENT = "NO_ENVIRONMENT", "No environment"
    NOT_FINITE = "NOT_FINITE", "Not a finite number"
    TOO_OLD = "TOO_OLD", "Too old"
    IN_FUTURE = "IN_FUTURE", "In the future"
    BAD_NAME = "BAD_NAME", "Bad name or labels"
    BAD_VALUE = "BAD_VALUE", "Bad value"
    BAD_BODY = "BAD_BODY", "Unreadable"
    TOO_LARGE = "TOO_LARGE", "Too large"
    UNSUPPORTED = "UNSUPPORTED", "Not supported"


class RefusalQuerySet(VisibleQuerySet["Refusal"]):
    """Which refusals."""

    project_path = "source__project"


class Refusal(models.Model):
    """What one source sent and was not stored, counted by reason, with the latest example."""

    source = models.ForeignKey(Source, models.CASCADE, related_name="refusals")
    reason = models.CharField(max_length=24, choices=RefusalReason)
    sentence = models.CharField(max_length=500)
    example = models.CharField(max_length=300, blank=True)
    count = models.BigIntegerField(default=0)
    first_at = models.DateTimeField()
    latest_at = models.DateTimeField()

    objects = RefusalQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-latest_at", "pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["source", "reason"], name="refusal_once")]

    def __str__(self) -> str:
        return f"{self.get_reason_display()}: {self.count}"


class MetricLimits(models.Model):
    """How many series a project may have, and the age of what processes remember of them."""

    project = models.OneToOneField(Project, models.CASCADE, primary_key=True, related_name="metric_limits")
    max_series = models.PositiveIntegerField(
        default=DEFAULT_MAX_SERIES,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
        help_text="More than this many lines of numbers are refused: a label with an id in it is the usual cause.",
    )
    generation = models.BigIntegerField(
        default=1, editable=False, help_text="Raised by the database when series or environments go or are renamed."
    )

    objects = VisibleQuerySet["MetricLimits"].as_manager()

    class Meta:
        verbose_name_plural = "metric limits"

    def __str__(self) -> str:
        return f"{self.project}: {self.max_series} series"
