"""Health checks, what is known of them, why readings failed, and their outages."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Mod, Now
from django.utils import timezone

from deployments.models import Environment, Row, VisibleQuerySet
from monitoring.conditions import examine
from monitoring.conditions.kinds import Time
from monitoring.probes import CHOICES, Kind, asked
from postdeploy.lib import locations
from postdeploy.lib.secrets import seal, unseal

#: Checks are spread over so many shards; a process that polls holds some of them.
SHARDS = 32


def validate_location(name: str) -> None:
    """Refuse what is no name of a location."""
    if fault := locations.fault_of(name):
        raise ValidationError(fault)


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


class HealthCheck(models.Model):
    """What is asked of one target and what a good answer is, and what is known of it."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="checks")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=14, choices=CHOICES, default=Kind.HTTP)
    component = models.CharField(max_length=200, blank=True)
    group = models.CharField(max_length=100, blank=True, help_text="Checks of one group stand together in the list.")
    location = models.CharField(
        max_length=locations.LONGEST, blank=True, default="", db_default="", validators=[validate_location],
        help_text="Whose workers read it; empty is home.",
    )  # fmt: skip
    target = models.CharField(max_length=2000, blank=True, help_text="A URL, host:port or name, as its kind wants it.")
    options = models.JSONField(default=dict, blank=True, help_text="What only its kind has.")
    conditions = models.TextField(max_length=8000, blank=True, help_text="What a good answer is, one condition a line.")
    sealed = models.TextField(blank=True, editable=False, help_text="Encrypted: headers, passwords, tokens, keys.")
    ping_key = models.UUIDField(null=True, editable=False, unique=True, help_text="Where a heartbeat's job pings us.")
    version = models.PositiveIntegerField(
        default=1, editable=False, help_text="Raised by each change of what is asked."
    )
    is_fresh = models.BooleanField(default=False, help_text="A connection of its own for every reading.")
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

    # Written by the poller, when something changes: no reading of a healthy check writes a row. A trigger sets
    # `changed_at` at every change of any other column, so that the poller hears of it within a second; a change of
    # location is also stamped here and counted by the shard that it leaves.
    shard = models.GeneratedField(
        expression=Mod(F("id"), SHARDS), output_field=models.PositiveSmallIntegerField(), db_persist=True
    )
    changed_at = models.DateTimeField(db_default=Now(), editable=False)
    moved_at = models.DateTimeField(null=True, editable=False, help_text="When it came to its location from another.")
    extra_at = models.DateTimeField(
        null=True, editable=False, default=timezone.now, help_text="A reading out of turn, once it has come."
    )
    parked_until = models.DateTimeField(null=True, editable=False, help_text="It cannot be evaluated: see the detail.")
    flapping_since = models.DateTimeField(null=True, editable=False)
    steady_since = models.DateTimeField(null=True, editable=False, help_text="While it flaps: good since then.")
    went_down_at = ArrayField(
        models.DateTimeField(), default=list, editable=False, help_text="When it went down, the latest few times."
    )
    state = models.CharField(max_length=7, choices=CheckState, default=CheckState.UNKNOWN, editable=False)
    state_since = models.DateTimeField(null=True, editable=False)
    failures_in_a_row = models.PositiveIntegerField(default=0, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    first_reading_at = models.DateTimeField(null=True, editable=False, help_text="The latest one is in the store.")
    latest_detail = models.CharField(max_length=300, blank=True, editable=False)

    objects = HealthCheckQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["environment", "name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["environment", "name"], name="check_name_once")]
        indexes: ClassVar = [
            # the poller's plan, and what changed in it
            models.Index(fields=["location", "shard", "changed_at"], name="check_location_shard"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        """The target, as most kinds call it."""
        return self.target

    @url.setter
    def url(self, url: str) -> None:
        self.target = url

    @property
    def secrets(self) -> Mapping[str, Any]:
        """What is kept encrypted, opened; SecretUnreadable when it was stored under another SECRET_KEY."""
        return json.loads(unseal(self.sealed)) if self.sealed else {}

    @secrets.setter
    def secrets(self, secrets: Mapping[str, Any]) -> None:
        kept = {name: value for name, value in secrets.items() if value}
        self.sealed = seal(json.dumps(kept)) if kept else ""

    @property
    def headers(self) -> Mapping[str, str]:
        """Request headers; SecretUnreadable when they were stored under another SECRET_KEY."""
        headers: Mapping[str, str] = self.secrets.get("headers", {})
        return headers

    @headers.setter
    def headers(self, headers: Mapping[str, str]) -> None:
        self.secrets = {**self.secrets, "headers": dict(headers)}

    @property
    def method(self) -> str:
        """The method of an HTTP check; empty for other kinds."""
        return str(self.options.get("method", "GET")) if self.kind == Kind.HTTP else ""

    @property
    def asks(self) -> str:
        """What it asks beside its target, in a few words; empty for nothing more."""
        return asked(self.kind, self.options)

    @property
    def expectations(self) -> list[str]:
        """What a good answer is, in words, one condition each."""
        return [line.condition.words for line in examine(self.conditions, self.kind) if line.condition]

    @property
    def max_response_ms(self) -> float | None:
        """The strictest limit of the response time, when a condition sets one."""
        stated = (line.condition for line in examine(self.conditions, self.kind))
        limits = [one.limit_ms for one in stated if isinstance(one, Time) and one.sign[0] == "<"]
        return min(limits, default=None)

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


class PingSignal(models.TextChoices):
    """What a job says."""

    START = "START", "Started"
    SUCCESS = "SUCCESS", "Ran well"
    FAIL = "FAIL", "Failed"


class Ping(models.Model):
    """A job told us about one run of its own; a heartbeat is judged by them. The latest few of a check are kept."""

    health_check = models.ForeignKey(HealthCheck, models.CASCADE, related_name="pings")
    at = models.DateTimeField()
    signal = models.CharField(max_length=7, choices=PingSignal)
    note = models.CharField(max_length=2000, blank=True, help_text="What it sent along.")

    objects = CheckPartQuerySet["Ping"].as_manager()

    class Meta:
        ordering: ClassVar = ["-at"]
        indexes: ClassVar = [
            # the latest of each signal
            models.Index(fields=["health_check", "signal", "-at"], name="ping_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_signal_display()} at {self.at:%Y-%m-%d %H:%M:%S}"
