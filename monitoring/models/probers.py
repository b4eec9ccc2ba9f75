"""Who reads the checks: the shards they are spread over, the processes that hold them, and when these saw nothing."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from monitoring.models.checks import SHARDS, HealthCheck
from postdeploy.lib import locations


class PollShard(models.Model):
    """A share of a location's checks, held by one process at a time. Its lease is decided by the database's clock."""

    location = models.CharField(max_length=locations.LONGEST, blank=True, default="", db_default="")
    number = models.PositiveSmallIntegerField()
    owner = models.CharField(max_length=120, blank=True, help_text="The key of the process that holds it.")
    lease_until = models.DateTimeField(null=True)
    polled_until = models.DateTimeField(null=True, help_text="Every reading that was due before has been kept.")
    departures = models.PositiveBigIntegerField(
        default=0, db_default=0, help_text="How many checks have left it for another location."
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(number__lt=SHARDS), name="shard_number_in_range"),
            models.UniqueConstraint(fields=["location", "number"], name="shard_once"),
        ]

    def __str__(self) -> str:
        return f"shard {self.number} at {self.location or locations.HOME}"


class Prober(models.Model):
    """A process that reads checks, and how it does. It says so every second; one that does not is gone."""

    name = models.CharField(max_length=120, help_text="host:pid")
    location = models.CharField(max_length=locations.LONGEST, blank=True, default="", db_default="")
    key = models.CharField(max_length=120, unique=True, help_text="Its name and a random part: a pid comes again.")
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())
    shards = models.PositiveSmallIntegerField(default=0)
    checks = models.PositiveIntegerField(default=0)
    readings = models.PositiveBigIntegerField(default=0)
    probes_per_second = models.FloatField(default=0)
    lateness_p50_ms = models.FloatField(null=True)
    lateness_p99_ms = models.FloatField(null=True)
    skipped = models.PositiveBigIntegerField(default=0, help_text="Readings left out: the one before still ran.")

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class ProberOutageQuerySet(models.QuerySet["ProberOutage"]):
    """Which outages of ours."""

    def open(self) -> Self:
        """Those that still last."""
        return self.filter(ended_at__isnull=True)


class ProberOutage(models.Model):
    """A stretch in which a prober could reach hardly anything: the fault is ours, so nothing is said of the targets."""

    prober_name = models.CharField(max_length=120)
    location = models.CharField(max_length=locations.LONGEST, blank=True, default="", db_default="")
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300)
    checks = models.PositiveIntegerField(default=0, help_text="Checks that could not be judged.")

    objects = ProberOutageQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-began_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["prober_name"], condition=Q(ended_at__isnull=True), name="prober_outage_open_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.prober_name}: {self.reason}"


class SecondOpinion(models.Model):
    """A failed reading that another process is asked to repeat at once; whoever holds the check collects the answer."""

    health_check = models.OneToOneField(HealthCheck, models.CASCADE, primary_key=True, related_name="second_opinion")
    asked_at = models.DateTimeField(db_default=Now())
    asked_by = models.CharField(max_length=120)
    taken_by = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    reading = models.JSONField(null=True)

    def __str__(self) -> str:
        return f"second opinion on {self.health_check}"
