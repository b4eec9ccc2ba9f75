"""Who is told, and who next: tiers with a clock, assignments, notification channels, and guides."""

from datetime import datetime
from typing import ClassVar, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from deployments.models import Deployment, Project, User, VisibleQuerySet
from issues.models import Issue, Severity


class Track(models.TextChoices):
    """The two halves of the support structure."""

    TECHNICAL = "TECHNICAL", "Technical"
    BUSINESS = "BUSINESS", "Business"


class SupportTier(models.Model):
    """One level of support and how long it has before the next one is called."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="tiers")
    track = models.CharField(max_length=9, choices=Track, default=Track.TECHNICAL)
    level = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(3)])
    name = models.CharField(max_length=60)
    duties = models.TextField(blank=True)
    clock_seconds = models.PositiveIntegerField(
        default=900,
        validators=[MinValueValidator(5), MaxValueValidator(2_592_000)],
        help_text="Time this tier has to resolve an issue before it goes to the next one.",
    )

    objects = VisibleQuerySet["SupportTier"].as_manager()

    class Meta:
        ordering: ClassVar = ["track", "level"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "track", "level"], name="tier_once")]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """Short form for the small box: L1 to L3, or the name of a business tier."""
        return f"L{self.level}" if self.track == Track.TECHNICAL else self.name

    @property
    def duty_list(self) -> list[str]:
        """The duties, one for each line."""
        return [line for line in self.duties.splitlines() if line.strip()]


class TierMember(models.Model):
    """A person of a tier."""

    tier = models.ForeignKey(SupportTier, models.CASCADE, related_name="members")
    user = models.ForeignKey(User, models.CASCADE, related_name="tiers")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["tier", "user"], name="tier_member_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.tier}"


class RoutingRule(models.Model):
    """Which tier an issue of a severity goes to first."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="routing_rules")
    severity = models.CharField(max_length=8, choices=Severity)
    tier = models.ForeignKey(SupportTier, models.CASCADE, related_name="+")

    objects = VisibleQuerySet["RoutingRule"].as_manager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "severity"], name="routing_rule_once")]

    def __str__(self) -> str:
        return f"{self.get_severity_display()} to {self.tier}"


class AssignmentReason(models.TextChoices):
    """Why a tier has an issue (ITIL's words)."""

    ROUTED = "ROUTED", "Routed"
    FUNCTIONAL_ESCALATION = "FUNCTIONAL_ESCALATION", "Escalated: the clock ran out"
    HIERARCHICAL_ESCALATION = "HIERARCHICAL_ESCALATION", "Escalated by a person"


class AssignmentQuerySet(VisibleQuerySet["Assignment"]):
    """Which assignments."""

    project_path = "issue__project"

    def current(self) -> Self:
        """Assignments that still hold."""
        return self.filter(ended_at__isnull=True)

    def overdue(self, *, at: datetime) -> Self:
        """Current assignments whose clock has run out, longest overdue first."""
        return self.current().filter(escalate_at__lte=at).order_by("escalate_at")


class Assignment(models.Model):
    """A tier has an issue; the receipt for the routing."""

    issue = models.ForeignKey(Issue, models.CASCADE, related_name="assignments")
    tier = models.ForeignKey(SupportTier, models.CASCADE, related_name="assignments")
    reason = models.CharField(max_length=23, choices=AssignmentReason)
    note = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField()
    escalate_at = models.DateTimeField(null=True, help_text="Empty: there is no further tier, or the clock stands.")
    ended_at = models.DateTimeField(null=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["started_at", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["issue"], condition=Q(ended_at__isnull=True), name="assignment_current_once"
            )
        ]
        indexes: ClassVar = [
            # the escalation sweep
            models.Index(fields=["escalate_at"], condition=Q(ended_at__isnull=True), name="assignment_overdue"),
            # the sweep that announces
            models.Index(fields=["started_at"], name="assignment_started"),
        ]

    def __str__(self) -> str:
        return f"{self.issue} at {self.tier}"


class ChannelKind(models.TextChoices):
    """How a notification travels."""

    EMAIL = "EMAIL", "E-mail"
    WEBHOOK = "WEBHOOK", "Webhook"


class NotificationKind(models.TextChoices):
    """What a notification tells."""

    ISSUE_ASSIGNED = "ISSUE_ASSIGNED", "Issue assigned to a tier"
    ISSUE_ESCALATED = "ISSUE_ESCALATED", "Issue escalated"
    ISSUE_RESOLVED = "ISSUE_RESOLVED", "Issue resolved"
    ISSUE_VERIFIED = "ISSUE_VERIFIED", "Issue verified"
    VERDICT_REACHED = "VERDICT_REACHED", "Verdict reached"
    TEST = "TEST", "Test"


class NotificationChannel(models.Model):
    """Where a project's notifications go."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="channels")
    kind = models.CharField(max_length=7, choices=ChannelKind)
    name = models.CharField(max_length=80)
    address = models.CharField(
        max_length=2000, help_text="E-mail addresses, separated by commas, or the webhook's URL."
    )
    sealed_secret = models.TextField(blank=True, editable=False, help_text="A webhook's signing secret, encrypted.")
    tier = models.ForeignKey(
        SupportTier,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="channels",
        help_text="Only what concerns this tier; empty: everything.",
    )
    is_enabled = models.BooleanField(default=True)
    hears_from_at = models.DateTimeField(
        default=timezone.now, editable=False, help_text="What happened before is not told: the channel was not there."
    )
    broken_at = models.DateTimeField(null=True, blank=True, editable=False)
    broken_reason = models.CharField(max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = VisibleQuerySet["NotificationChannel"].as_manager()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "name"], name="channel_name_once")]

    def __str__(self) -> str:
        return self.name


class NotificationState(models.TextChoices):
    """How far a notification got."""

    PENDING = "PENDING", "Waiting"
    SENT = "SENT", "Sent"
    FAILED = "FAILED", "Failed"


class NotificationQuerySet(VisibleQuerySet["Notification"]):
    """Which notifications."""

    project_path = "channel__project"

    def pending(self) -> Self:
        """Notifications that are neither sent nor given up."""
        return self.filter(state=NotificationState.PENDING)

    def due(self, *, at: datetime) -> Self:
        """Notifications waiting to be sent, oldest first; only the first of each channel and issue: order is kept."""
        earlier = Notification.objects.pending().filter(
            channel=models.OuterRef("channel"), issue=models.OuterRef("issue"), pk__lt=models.OuterRef("pk")
        )
        return self.pending().filter(~models.Exists(earlier), next_attempt_at__lte=at).order_by("next_attempt_at", "pk")


class Notification(models.Model):
    """One message to one channel about one subject; sent at least once, every attempt visible."""

    channel = models.ForeignKey(NotificationChannel, models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=15, choices=NotificationKind)
    subject = models.CharField(max_length=100, help_text="What it is about, such as assignment:12 or verdict:7.")
    issue = models.ForeignKey(Issue, models.CASCADE, null=True, blank=True, related_name="notifications")
    deployment = models.ForeignKey(Deployment, models.CASCADE, null=True, blank=True, related_name="notifications")
    message_id = models.UUIDField(unique=True, help_text="The webhook-id; the same in every attempt.")
    payload = models.JSONField()
    state = models.CharField(max_length=7, choices=NotificationState, default=NotificationState.PENDING)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    lease_key = models.UUIDField(null=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["subject", "kind", "channel"], name="notification_once"),
            models.CheckConstraint(
                condition=~Q(state="SENT") | Q(sent_at__isnull=False), name="notification_sent_has_time"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_attempt_at"], condition=Q(state="PENDING"), name="notification_due"),
            # what waits before it in the same channel
            models.Index(fields=["channel", "issue"], condition=Q(state="PENDING"), name="notification_queue"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} to {self.channel}"


class NotificationAttempt(models.Model):
    """One try to send a notification, and what came of it."""

    notification = models.ForeignKey(Notification, models.CASCADE, related_name="attempts")
    started_at = models.DateTimeField()
    took_ms = models.FloatField()
    is_delivered = models.BooleanField()
    detail = models.CharField(max_length=300)

    class Meta:
        ordering: ClassVar = ["started_at", "pk"]

    def __str__(self) -> str:
        return self.detail


class ArticleKind(models.TextChoices):
    """The kinds of support documentation the process names."""

    PROCESS_CHANGES = "PROCESS_CHANGES", "Process changes"
    NEW_FEATURES = "NEW_FEATURES", "New features"
    UPDATED_WORKFLOWS = "UPDATED_WORKFLOWS", "Updated workflows"
    FAQ = "FAQ", "FAQs"
    SYSTEM_CHANGES = "SYSTEM_CHANGES", "System changes"
    CONFIGURATION = "CONFIGURATION", "Configuration"
    KNOWN_ISSUES = "KNOWN_ISSUES", "Known issues"
    TROUBLESHOOTING = "TROUBLESHOOTING", "Troubleshooting"


USER_GUIDES = (ArticleKind.PROCESS_CHANGES, ArticleKind.NEW_FEATURES, ArticleKind.UPDATED_WORKFLOWS, ArticleKind.FAQ)
TECHNICAL_DOCS = (
    ArticleKind.SYSTEM_CHANGES,
    ArticleKind.CONFIGURATION,
    ArticleKind.KNOWN_ISSUES,
    ArticleKind.TROUBLESHOOTING,
)


class Article(models.Model):
    """A user guide or technical document, written in Markdown."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="articles")
    kind = models.CharField(max_length=17, choices=ArticleKind)
    title = models.CharField(max_length=200)
    slug = models.SlugField(max_length=120)
    body = models.TextField()
    deployment = models.ForeignKey(Deployment, models.SET_NULL, null=True, blank=True, related_name="articles")
    author = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    revision = models.PositiveIntegerField(default=1, editable=False)

    objects = VisibleQuerySet["Article"].as_manager()

    class Meta:
        ordering: ClassVar = ["kind", "title"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "slug"], name="article_slug_once")]

    def __str__(self) -> str:
        return self.title
