"""What went wrong: the issue log, each sighting, and the story of its resolution."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from deployments.models import Deployment, Environment, Project, User, VisibleQuerySet
from monitoring.models import Alert, Finding, Outage


class Severity(models.TextChoices):
    """How bad an issue is, worst first."""

    CRITICAL = "CRITICAL", "Critical"
    MAJOR = "MAJOR", "Major"
    MINOR = "MINOR", "Minor"


class IssueStatus(models.TextChoices):
    """The steps of the resolution process, as far as each has got."""

    IDENTIFIED = "IDENTIFIED", "Identified"
    ASSESSED = "ASSESSED", "Assessed"
    ASSIGNED = "ASSIGNED", "Assigned"
    RESOLVED = "RESOLVED", "Resolved"
    VERIFIED = "VERIFIED", "Verified"


#: Somebody still has to act.
UNRESOLVED = (IssueStatus.IDENTIFIED, IssueStatus.ASSESSED, IssueStatus.ASSIGNED)


class IssueQuerySet(VisibleQuerySet["Issue"]):
    """Which issues."""

    def open(self) -> Self:
        """Issues that are not verified yet; a new sighting joins one of these."""
        return self.exclude(status=IssueStatus.VERIFIED)

    def unresolved(self) -> Self:
        """Issues that somebody still has to resolve."""
        return self.filter(status__in=UNRESOLVED)

    def resolved(self) -> Self:
        """Issues that are resolved, verified or not."""
        return self.exclude(status__in=UNRESOLVED)

    def worst_first(self) -> Self:
        """Critical before major before minor, the newest first within each."""
        order = [models.When(severity=severity, then=position) for position, severity in enumerate(Severity)]
        return self.order_by(models.Case(*order, output_field=models.IntegerField()), "-number")


class Issue(models.Model):
    """One problem in the issue log."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="issues")
    number = models.PositiveIntegerField(editable=False)
    environment = models.ForeignKey(Environment, models.SET_NULL, null=True, blank=True, related_name="issues")
    deployment = models.ForeignKey(
        Deployment,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="issues",
        help_text="The deployment it is thought to come from.",
    )
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    impact = models.TextField(blank=True)
    severity = models.CharField(max_length=8, choices=Severity)
    status = models.CharField(max_length=10, choices=IssueStatus, default=IssueStatus.IDENTIFIED)
    owner = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="owned_issues")
    resolution = models.TextField(blank=True)
    plan = models.TextField(blank=True)
    fingerprint = models.CharField(max_length=250, help_text="The same problem has the same fingerprint.")
    opened_at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    # Proof by measurement starts here; one breach starts it again.
    proof_since = models.DateTimeField(null=True, blank=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    revision = models.PositiveIntegerField(default=1, editable=False, help_text="Grows with each change; guards edits.")

    objects = IssueQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "number"], name="issue_number_once"),
            models.UniqueConstraint(
                fields=["project", "fingerprint"], condition=~Q(status="VERIFIED"), name="issue_open_once"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["RESOLVED", "VERIFIED"]) | Q(resolved_at__isnull=False),
                name="issue_resolved_has_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["project", "-number"], name="issue_list"),
            models.Index(fields=["status"], condition=Q(status="RESOLVED"), name="issue_waiting_for_proof"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    @property
    def reference(self) -> str:
        """The short name people use, such as SHOP-142."""
        return f"{self.project.issue_prefix}-{self.number}"

    @property
    def is_open(self) -> bool:
        """True until the issue is verified."""
        return self.status != IssueStatus.VERIFIED

    @property
    def is_unresolved(self) -> bool:
        """True while somebody still has to act."""
        return self.status in UNRESOLVED


class OccurrenceSource(models.TextChoices):
    """Where a sighting came from."""

    FINDING = "FINDING", "Finding of a verdict"
    OUTAGE = "OUTAGE", "Outage of a check"
    ALERT = "ALERT", "Alert of a rule"
    PERSON = "PERSON", "A person"
    API = "API", "The API"


class Occurrence(models.Model):
    """One sighting of an issue; the receipt for the finding, outage or alert it came from."""

    issue = models.ForeignKey(Issue, models.CASCADE, related_name="occurrences")
    source = models.CharField(max_length=7, choices=OccurrenceSource)
    finding = models.OneToOneField(Finding, models.SET_NULL, null=True, blank=True, related_name="occurrence")
    outage = models.OneToOneField(Outage, models.SET_NULL, null=True, blank=True, related_name="occurrence")
    alert = models.OneToOneField(Alert, models.SET_NULL, null=True, blank=True, related_name="occurrence")
    occurred_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When an outage or alert was seen to be over.")
    detail = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar = ["occurred_at", "pk"]
        indexes: ClassVar = [
            # outages whose end is not told yet
            models.Index(
                fields=["outage"], condition=Q(ended_at__isnull=True, source="OUTAGE"), name="occurrence_not_ended"
            ),
            models.Index(
                fields=["alert"], condition=Q(ended_at__isnull=True, source="ALERT"), name="occurrence_still_fires"
            ),
        ]

    def __str__(self) -> str:
        return self.detail


class IssueEventKind(models.TextChoices):
    """What happened to an issue."""

    OPENED = "OPENED", "Opened"
    SEEN_AGAIN = "SEEN_AGAIN", "Seen again"
    MOVED = "MOVED", "Moved"
    CHANGED = "CHANGED", "Changed"
    COMMENTED = "COMMENTED", "Commented"
    ROUTED = "ROUTED", "Routed"
    ESCALATED = "ESCALATED", "Escalated"
    REOPENED = "REOPENED", "Reopened"


class IssueEvent(models.Model):
    """One line of an issue's story."""

    issue = models.ForeignKey(Issue, models.CASCADE, related_name="events")
    kind = models.CharField(max_length=10, choices=IssueEventKind)
    occurred_at = models.DateTimeField()
    actor = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    actor_name = models.CharField(max_length=200, blank=True, help_text="Who, when it was not a signed-in person.")
    text = models.TextField(blank=True)
    changes = models.JSONField(default=dict, blank=True, help_text="Field: [before, after].")

    class Meta:
        ordering: ClassVar = ["occurred_at", "pk"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.text}"
