"""The facts CI reports, and who may see them: projects, people, tokens, environments, deployments and their changes."""

import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self, TypeVar

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

MASK = "••••••"
#: A token's latest use is for people; a write on every request would be dear.
USE_NOTED_EVERY = timedelta(minutes=1)
# Django's own URL fields refuse hosts without a dot, which are common inside a company.
is_address = RegexValidator(
    r"^https?://[^\s/?#\\@]+(?:[/?#][^\s\\]*)?\Z", "Enter an address that begins with http:// or https://."
)

Row = TypeVar("Row", bound=models.Model)


class Role(models.TextChoices):
    """What a member may do, weakest first."""

    VIEWER = "VIEWER", "Viewer"
    RESPONDER = "RESPONDER", "Responder"
    MAINTAINER = "MAINTAINER", "Maintainer"
    OWNER = "OWNER", "Owner"

    @property
    def rank(self) -> int:
        """Position in the order of power, 0 for the weakest."""
        return list(Role).index(self)

    def covers(self, other: "Role") -> bool:
        """Tell whether this role may do all that `other` may."""
        return self.rank >= other.rank

    @classmethod
    def at_least(cls, role: "Role") -> list["Role"]:
        """Return the roles that may do what `role` may."""
        return [candidate for candidate in cls if candidate.covers(role)]


class Scope(models.TextChoices):
    """What a token may do."""

    DEPLOYMENTS_WRITE = "deployments:write", "Report deployments"
    DEPLOYMENTS_READ = "deployments:read", "Read deployments and verdicts"
    CHECKS_WRITE = "checks:write", "Make and change checks"
    METRICS_WRITE = "metrics:write", "Send metrics"
    ISSUES_WRITE = "issues:write", "Open and update issues"
    REPORTS_READ = "reports:read", "Read issues and summaries"


class User(AbstractUser):
    """A person who signs in."""

    email = models.EmailField("e-mail address", unique=True)

    @property
    def display_name(self) -> str:
        """Full name, or the user name when no name was given."""
        return self.get_full_name() or self.username

    @property
    def initials(self) -> str:
        """One or two letters for the round badge."""
        words = self.display_name.split()
        return "".join(word[0] for word in words[:2]).upper() or "?"


class ProjectQuerySet(models.QuerySet["Project"]):
    """Which projects."""

    def visible_to(self, user: Any) -> Self:
        """Projects `user` is a member of; all of them for a superuser, none for somebody not signed in."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(pk__in=Membership.objects.filter(user=user).values("project"))


class Project(models.Model):
    """What is shipped, and the boundary of every permission."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=60, unique=True)
    issue_prefix = models.CharField(
        max_length=10,
        help_text="The letters before an issue's number, such as SHOP in SHOP-142.",
        validators=[RegexValidator(r"^[A-Z][A-Z0-9]{0,9}$", "Use capital letters and digits, such as SHOP.")],
    )
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class VisibleQuerySet(models.QuerySet[Row]):
    """Rows that belong to a project through the lookup `project_path`; every queryset for people starts here."""

    project_path: ClassVar[str] = "project"

    def visible_to(self, user: Any) -> Self:
        """Rows of the projects that `user` may see."""
        return self.filter(**{f"{self.project_path}__in": Project.objects.visible_to(user)})

    def of(self, project: Project) -> Self:
        """Rows of `project`."""
        return self.filter(**{self.project_path: project})


class Membership(models.Model):
    """One person's role in one project."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = VisibleQuerySet["Membership"].as_manager()

    class Meta:
        ordering: ClassVar = ["user__username"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.project}: {self.get_role_display()}"


class ApiTokenQuerySet(VisibleQuerySet["ApiToken"]):
    """Which tokens."""

    def usable(self, *, at: datetime) -> Self:
        """Tokens that are neither revoked nor expired."""
        return self.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=at), revoked_at__isnull=True)

    def note_use(self, pk: int, *, latest: datetime | None, now: datetime) -> None:
        """Write down that the token, last noted at `latest`, is in use; at most once a minute."""
        stale = now - USE_NOTED_EVERY
        if latest is None or latest < stale:
            unnoted = Q(latest_use_at__isnull=True) | Q(latest_use_at__lt=stale)
            self.filter(unnoted, pk=pk).update(latest_use_at=now)


class ApiToken(models.Model):
    """What a pipeline signs in with. Only a digest is kept: the token itself is shown once."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=30, choices=Scope))
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    latest_use_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def may(self, scope: str) -> bool:
        """Tell whether this token carries `scope`."""
        return scope in self.scopes

    def is_usable(self, *, at: datetime) -> bool:
        """Tell whether the token is neither revoked nor expired at `at`."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > at)


class Tier(models.TextChoices):
    """What an environment is for (GitLab's and CDEvents' words)."""

    PRODUCTION = "PRODUCTION", "Production"
    STAGING = "STAGING", "Staging"
    TESTING = "TESTING", "Testing"
    DEVELOPMENT = "DEVELOPMENT", "Development"
    OTHER = "OTHER", "Other"


class Environment(models.Model):
    """Where a project runs. One that a report named for the first time is new until a maintainer confirms it."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="environments")
    name = models.CharField(max_length=100)
    tier = models.CharField(max_length=12, choices=Tier, default=Tier.OTHER)
    url = models.CharField(
        max_length=500, blank=True, validators=[is_address], help_text="The live site, if it has one."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    objects = VisibleQuerySet["Environment"].as_manager()

    class Meta:
        ordering: ClassVar = ["created_at", "pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "name"], name="environment_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_new(self) -> bool:
        """True until a maintainer has confirmed name and tier."""
        return self.confirmed_at is None


class DeploymentKind(models.TextChoices):
    """What sort of change went live."""

    DEPLOY = "DEPLOY", "Deploy"
    ROLLBACK = "ROLLBACK", "Rollback"
    CONFIGURATION = "CONFIGURATION", "Configuration"


class DeploymentStatus(models.TextChoices):
    """How far the pipeline got; how it went afterwards is a verdict, not a status."""

    PENDING = "PENDING", "Pending"
    RUNNING = "RUNNING", "Running"
    SUCCEEDED = "SUCCEEDED", "Succeeded"
    FAILED = "FAILED", "Failed"
    CANCELLED = "CANCELLED", "Cancelled"


TERMINAL_STATUSES = (DeploymentStatus.SUCCEEDED, DeploymentStatus.FAILED, DeploymentStatus.CANCELLED)


class DeploymentQuerySet(VisibleQuerySet["Deployment"]):
    """Which deployments."""

    def succeeded(self) -> Self:
        """Deployments that went live."""
        return self.filter(status=DeploymentStatus.SUCCEEDED)

    def terminal(self) -> Self:
        """Deployments whose pipeline has ended, well or not."""
        return self.filter(status__in=TERMINAL_STATUSES)

    def newest_first(self) -> Self:
        """Latest report first; the order of lists and their cursors."""
        return self.order_by("-occurred_at", "-id")


class Deployment(models.Model):
    """One release of one version into one environment, as CI reported it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, models.CASCADE, related_name="deployments")
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="deployments")
    version = models.CharField(max_length=200)
    revision = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=13, choices=DeploymentKind, default=DeploymentKind.DEPLOY)
    status = models.CharField(max_length=9, choices=DeploymentStatus, default=DeploymentStatus.PENDING)
    source = models.CharField(max_length=60, default="api")
    external_id = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001
    url = models.URLField(max_length=2000, blank=True, help_text="The pipeline run.")
    description = models.TextField(blank=True)
    deployed_by = models.CharField(max_length=200, blank=True)
    rolls_back = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="rolled_back_by")
    queued_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    change_committed_at = models.DateTimeField(null=True, blank=True)
    # The time lists are ordered by: the latest of the times above, else the arrival.
    occurred_at = models.DateTimeField()
    reported_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    # What the first report said, so that a repeat can be told from a contradiction.
    report = models.JSONField(default=dict, editable=False)

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "source", "external_id"],
                condition=Q(external_id__isnull=False),
                name="deployment_reported_once",
            ),
            models.CheckConstraint(
                condition=Q(started_at__isnull=True)
                | Q(finished_at__isnull=True)
                | Q(finished_at__gte=models.F("started_at")),
                name="deployment_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=False) | ~Q(status__in=TERMINAL_STATUSES),
                name="deployment_ended_has_time",
            ),
        ]
        indexes: ClassVar = [
            # deployment lists and their cursors
            models.Index(fields=["project", "-occurred_at", "-id"], name="deployment_list"),
            # what runs in an environment; what a deployment replaced
            models.Index(fields=["environment", "-finished_at"], name="deployment_current"),
            # the sweep that opens monitoring periods
            models.Index(fields=["finished_at"], condition=Q(status="SUCCEEDED"), name="deployment_succeeded"),
            # what rolls out anywhere: who may be to blame for what just got worse
            models.Index(fields=["started_at"], condition=Q(status="RUNNING"), name="deployment_running"),
        ]

    def __str__(self) -> str:
        return f"{self.version} to {self.environment}"

    @property
    def is_terminal(self) -> bool:
        """True when the pipeline has ended."""
        return self.status in TERMINAL_STATUSES

    @property
    def took(self) -> timedelta | None:
        """Time from start to end, when both are known."""
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at


class DeploymentPartQuerySet(VisibleQuerySet[Row]):
    """Rows that hang on a deployment."""

    project_path = "deployment__project"


class DeploymentEvent(models.Model):
    """Each thing that was reported of a deployment, also what changed nothing; nothing reported is lost."""

    deployment = models.ForeignKey(Deployment, models.CASCADE, related_name="events")
    status = models.CharField(max_length=9, choices=DeploymentStatus)
    occurred_at = models.DateTimeField()
    # As reported, before a clock running ahead was put right; empty when no time was given.
    claimed_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(default=timezone.now)
    is_applied = models.BooleanField(default=True)
    note = models.CharField(max_length=300, blank=True)

    objects = DeploymentPartQuerySet["DeploymentEvent"].as_manager()

    class Meta:
        ordering: ClassVar = ["occurred_at", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["deployment", "status", "claimed_at"], name="deployment_event_once")
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()} at {self.occurred_at:%Y-%m-%d %H:%M:%S}"


class ChangeStatus(models.TextChoices):
    """How far one system change got."""

    PLANNED = "PLANNED", "Planned"
    IN_PROGRESS = "IN_PROGRESS", "In progress"
    DONE = "DONE", "Done"
    FAILED = "FAILED", "Failed"
    ROLLED_BACK = "ROLLED_BACK", "Rolled back"


class SystemChange(models.Model):
    """One component that a deployment changed."""

    deployment = models.ForeignKey(Deployment, models.CASCADE, related_name="system_changes")
    component = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    status = models.CharField(max_length=11, choices=ChangeStatus, default=ChangeStatus.DONE)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return self.component


class ConfigurationChange(models.Model):
    """One setting that a deployment changed. Of a secret only the mask is ever stored."""

    deployment = models.ForeignKey(Deployment, models.CASCADE, related_name="configuration_changes")
    setting = models.CharField(max_length=200)
    old_value = models.TextField(blank=True)
    value = models.TextField(blank=True)
    purpose = models.TextField(blank=True)
    is_secret = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(is_secret=False) | Q(old_value__in=["", MASK], value__in=["", MASK]),
                name="configuration_secret_is_masked",
            )
        ]

    def __str__(self) -> str:
        return self.setting
