"""Where samples are kept. Written and read only by `monitoring/store`, which says how the bytes are made.

A batch is one row of the log. The log is folded into runs (64 series and an hour or a day), those into chunks of one
series and hour, and these at the end of a day into chunks of one series and day, with roll-ups beside them.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from deployments.models import Project, VisibleQuerySet
from monitoring.models.periods import Verdict


class SampleBatch(models.Model):
    """A row of the log: samples of any series, as they came in one call."""

    source_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    count = models.IntegerField()
    first_us = models.BigIntegerField(help_text="Microseconds since 1970, as all times here.")
    last_us = models.BigIntegerField()
    body = models.BinaryField()

    def __str__(self) -> str:
        return f"batch {self.pk}"


class SampleReceipt(models.Model):
    """That a batch of a source was stored: the same key again changes nothing."""

    pk = models.CompositePrimaryKey("source_id", "key")
    source_id = models.BigIntegerField()
    key = models.CharField(max_length=255)
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    def __str__(self) -> str:
        return self.key


class SampleRun(models.Model):
    """Samples of up to 64 neighbouring series from one hour, or from a day that is over, sorted."""

    shelf = models.IntegerField(help_text="The series' numbers divided by 64.")
    day = models.IntegerField(help_text="Days since 1970, as all days here.")
    created_at = models.DateTimeField(db_default=Now())
    count = models.IntegerField()
    first_us = models.BigIntegerField()
    last_us = models.BigIntegerField()
    body = models.BinaryField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["shelf", "day"], name="run_place")]

    def __str__(self) -> str:
        return f"run {self.pk}"


class HourChunk(models.Model):
    """One series' samples of an hour of a day that is not over, or was not when they came."""

    pk = models.CompositePrimaryKey("series_id", "hour")
    series_id = models.BigIntegerField()
    hour = models.IntegerField(help_text="Hours since 1970.")
    count = models.IntegerField()
    body = models.BinaryField()

    class Meta:
        # hours of days that are over
        indexes: ClassVar = [models.Index(fields=["hour"], name="hour_chunk_hour")]

    def __str__(self) -> str:
        return f"{self.series_id} at hour {self.hour}"


class DayChunk(models.Model):
    """One series' samples of a day, in several rows where they are many. Partitioned by day."""

    pk = models.CompositePrimaryKey("series_id", "day", "first_us")
    series_id = models.BigIntegerField()
    day = models.IntegerField()
    first_us = models.BigIntegerField()
    last_us = models.BigIntegerField()
    count = models.IntegerField()
    body = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.series_id} on day {self.day}"


class Rollup(models.Model):
    """One series' roll-ups of a day, with sketches. Partitioned by day."""

    pk = models.CompositePrimaryKey("series_id", "day")
    series_id = models.BigIntegerField()
    day = models.IntegerField()
    body = models.BinaryField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.series_id} on day {self.day}"


class MinuteRollup(Rollup):
    """Roll-ups of one minute each: what remains when the samples themselves go."""


class HourRollup(Rollup):
    """Roll-ups of one hour each, made when a day is over."""


class HeldChunk(models.Model):
    """Samples that outlived their day because a verdict used them."""

    pk = models.CompositePrimaryKey("series_id", "day")
    series_id = models.BigIntegerField()
    day = models.IntegerField()
    body = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.series_id} on day {self.day}"


class Hold(models.Model):
    """The samples that a verdict used; they are kept as long as it is."""

    verdict = models.ForeignKey(Verdict, models.CASCADE, related_name="holds")
    series_ids = ArrayField(models.BigIntegerField())
    start_us = models.BigIntegerField()
    end_us = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["end_us", "start_us"], name="hold_span")]

    def __str__(self) -> str:
        return f"held for verdict {self.verdict_id}"


class Retention(models.Model):
    """How long a project keeps what it measures; a project without a row has the defaults."""

    project = models.OneToOneField(Project, models.CASCADE, related_name="retention")
    raw_days = models.PositiveIntegerField(
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="Samples as they came.",
    )
    minute_days = models.PositiveIntegerField(
        default=90,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="Roll-ups of one minute.",
    )
    hour_days = models.PositiveIntegerField(
        default=730,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="Roll-ups of one hour.",
    )

    objects = VisibleQuerySet["Retention"].as_manager()

    def __str__(self) -> str:
        return f"{self.raw_days}, {self.minute_days} and {self.hour_days} days"
