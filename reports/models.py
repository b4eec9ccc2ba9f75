"""What it all meant: the Deployment Summary and the lessons learned."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from deployments.models import Deployment, DeploymentPartQuerySet, User


class DeploymentSummary(models.Model):
    """One version of a deployment's record, rebuilt from rows; a new version only when the content has changed."""

    deployment = models.ForeignKey(Deployment, models.CASCADE, related_name="summaries")
    version = models.PositiveIntegerField()
    content = models.JSONField(help_text="The record's fields in the process's order; see reports/exports.")
    content_hash = models.CharField(max_length=64)
    is_complete = models.BooleanField(default=False, help_text="The watch has ended.")
    built_at = models.DateTimeField()
    # Not part of the content: when it was last compared with the rows it is made of.
    checked_at = models.DateTimeField(editable=False)

    objects = DeploymentPartQuerySet["DeploymentSummary"].as_manager()

    class Meta:
        verbose_name_plural = "deployment summaries"
        ordering: ClassVar = ["-version"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["deployment", "version"], name="summary_version_once")]

    def __str__(self) -> str:
        return f"Summary of {self.deployment}, version {self.version}"


class SummaryCursor(models.Model):
    """How far the sweep of the summaries has read: what happened before is written down. One row."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    read_until = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=Q(id=1), name="summary_cursor_only_one")]

    def __str__(self) -> str:
        return f"read until {self.read_until:%Y-%m-%d %H:%M:%S}"


class LessonCategory(models.TextChoices):
    """The process review's categories."""

    WHAT_WORKED = "WHAT_WORKED", "What worked"
    BEST_PRACTICES = "BEST_PRACTICES", "Best practices"
    TEAM_PERFORMANCE = "TEAM_PERFORMANCE", "Team performance"
    TOOL_EFFECTIVENESS = "TOOL_EFFECTIVENESS", "Tool effectiveness"
    CHALLENGES = "CHALLENGES", "Challenges"
    BOTTLENECKS = "BOTTLENECKS", "Bottlenecks"
    TOOL_GAPS = "TOOL_GAPS", "Tool gaps"
    PROCESS_ISSUES = "PROCESS_ISSUES", "Process issues"


SUCCESS_FACTORS = (
    LessonCategory.WHAT_WORKED,
    LessonCategory.BEST_PRACTICES,
    LessonCategory.TEAM_PERFORMANCE,
    LessonCategory.TOOL_EFFECTIVENESS,
)
IMPROVEMENT_AREAS = (
    LessonCategory.CHALLENGES,
    LessonCategory.BOTTLENECKS,
    LessonCategory.TOOL_GAPS,
    LessonCategory.PROCESS_ISSUES,
)


class Lesson(models.Model):
    """Something learned from a deployment."""

    LONGEST = 2000

    deployment = models.ForeignKey(Deployment, models.CASCADE, related_name="lessons")
    category = models.CharField(max_length=18, choices=LessonCategory)
    text = models.TextField(max_length=LONGEST)
    author = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = DeploymentPartQuerySet["Lesson"].as_manager()

    class Meta:
        ordering: ClassVar = ["created_at", "pk"]
        indexes: ClassVar = [
            # the sweep of the summaries
            models.Index(fields=["created_at"], name="lesson_written"),
        ]

    def __str__(self) -> str:
        return self.text
