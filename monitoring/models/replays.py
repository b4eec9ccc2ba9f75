"""Judging past deployments once more, with other settings or another judge: what was asked, and what came of it."""

from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from deployments.models import Deployment, Environment, Project, VisibleQuerySet
from monitoring.models.periods import Result


class ReplayStatus(models.TextChoices):
    """How far a replay is."""

    WAITING = "WAITING", "Waiting"
    RUNNING = "RUNNING", "Running"
    DONE = "DONE", "Done"
    STOPPED = "STOPPED", "Stopped"
    FAILED = "FAILED", "Failed"


UNFINISHED = (ReplayStatus.WAITING, ReplayStatus.RUNNING)


class ReplayQuerySet(VisibleQuerySet["Replay"]):
    """Which replays."""

    def unfinished(self) -> Self:
        """Replays that wait or run."""
        return self.filter(status__in=UNFINISHED)

    def due(self, *, at: datetime) -> Self:
        """Unfinished replays that nobody works on at `at`."""
        return self.unfinished().filter(next_step_at__lte=at).order_by("next_step_at", "pk")


class Replay(models.Model):
    """A question: what would past verdicts have been with these changes?"""

    project = models.ForeignKey(Project, models.CASCADE, related_name="replays")
    environment = models.ForeignKey(Environment, models.CASCADE, null=True, related_name="replays")
    changes = models.JSONField(default=dict, help_text="What is judged with, where it differs from then.")
    rule_version = models.CharField(max_length=20, help_text="Of the judge that judges now.")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    requested_at = models.DateTimeField()
    status = models.CharField(max_length=7, choices=ReplayStatus, default=ReplayStatus.WAITING)
    next_step_at = models.DateTimeField(null=True, help_text="Whoever takes it on moves this ahead, as a lease.")
    stumbles = models.PositiveSmallIntegerField(default=0, help_text="Times it was taken on since the latest result.")
    total = models.PositiveIntegerField(default=0, help_text="Deployments to judge again.")
    ended_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)
    applied_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    applied_at = models.DateTimeField(null=True, help_text="When its changes were switched on.")

    objects = ReplayQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-requested_at", "-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project"], condition=Q(status__in=["WAITING", "RUNNING"]), name="replay_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["WAITING", "RUNNING"], next_step_at__isnull=False, ended_at__isnull=True)
                | Q(status__in=["DONE", "STOPPED", "FAILED"], next_step_at__isnull=True, ended_at__isnull=False),
                name="replay_is_due_or_ended",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_step_at"], condition=Q(next_step_at__isnull=False), name="replay_due"),
        ]

    def __str__(self) -> str:
        return f"replay {self.pk} of {self.project}"

    @property
    def is_unfinished(self) -> bool:
        """True while results are still to come."""
        return self.status in UNFINISHED


class ReplayedVerdictQuerySet(models.QuerySet["ReplayedVerdict"]):
    """Which results of a replay."""

    def which(self, word: str) -> Self:
        """All of them, those whose word would be another ("changed"), or those without one ("problems")."""
        if word == "changed":
            return self.filter(problem="").exclude(result_then=models.F("result_now"))
        return self.exclude(problem="") if word == "problems" else self


class ReplayedVerdict(models.Model):
    """What a replay found of one deployment: the word then, the word now, and which findings differ."""

    replay = models.ForeignKey(Replay, models.CASCADE, related_name="verdicts")
    deployment = models.ForeignKey(Deployment, models.CASCADE, related_name="+")
    rule_version = models.CharField(max_length=20, blank=True, help_text="Of the judge that judged then.")
    result_then = models.CharField(max_length=12, choices=Result, blank=True, help_text="Empty: none was reached.")
    result_now = models.CharField(max_length=12, choices=Result, blank=True)
    sentence = models.TextField(blank=True, help_text="What would be said now.")
    differences = models.JSONField(default=list, help_text="Findings that differ: key, name, stage, then, now, why.")
    note = models.CharField(max_length=500, blank=True, help_text="What was not as asked, such as less history.")
    problem = models.CharField(max_length=500, blank=True, help_text="Why it could not be judged again.")

    objects = ReplayedVerdictQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["replay", "deployment"], name="replayed_verdict_once"),
            models.CheckConstraint(
                condition=Q(problem="") | Q(result_now="", differences=[]), name="replayed_verdict_or_problem"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.deployment}: {self.result_then or 'none'} → {self.problem or self.result_now or 'none'}"

    @property
    def is_changed(self) -> bool:
        """True when the word would be another."""
        return not self.problem and self.result_then != self.result_now
