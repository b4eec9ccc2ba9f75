"""Projects, who works on them, and the tokens of their pipelines."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from deployments.models import ApiToken, Environment, Membership, Project, Role, Scope, User
from deployments.tokens import digest_of, new_token, shown_part
from postdeploy.lib.claims import move
from postdeploy.lib.words import plural


class HasHistory(Exception):
    """An environment with deployments is on record; the text is a sentence."""


class LastOwner(Exception):
    """A project is never left without an owner."""


class UnknownPerson(Exception):
    """Nobody has this user name or e-mail address."""


def create_project(
    *, name: str, slug: str, issue_prefix: str, owner: User | None, now: datetime, description: str = ""
) -> Project:
    """Make a project with its owner. Raises ValidationError naming the fields."""
    project = Project(name=name, slug=slug, issue_prefix=issue_prefix, description=description, created_at=now)
    with transaction.atomic():
        project.full_clean()
        project.save()
        if owner:
            Membership.objects.create(project=project, user=owner, role=Role.OWNER, created_at=now)
    return project


def edit_project(*, project: Project, name: str, issue_prefix: str, description: str) -> None:
    """Change what a project is called. Raises ValidationError."""
    project.name, project.issue_prefix, project.description = name, issue_prefix, description
    project.full_clean()
    project.save(update_fields=["name", "issue_prefix", "description"])


def create_token(
    *,
    project: Project,
    name: str,
    scopes: Iterable[str],
    now: datetime,
    expires_in: timedelta | None = None,
    created_by: User | None = None,
) -> tuple[ApiToken, str]:
    """Make a token and return it with its text, which is known only here and now. Raises ValidationError."""
    text = new_token()
    token = ApiToken(
        project=project,
        name=name,
        prefix=shown_part(text),
        digest=digest_of(text),
        scopes=sorted(set(scopes), key=Scope.values.index),
        created_by=created_by,
        created_at=now,
        expires_at=now + expires_in if expires_in else None,
    )
    token.full_clean()
    token.save()
    return token, text


def revoke_token(*, token: ApiToken, now: datetime) -> bool:
    """Make `token` useless from the next request on; False when it was already."""
    return move(ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True), revoked_at=now)


def find_person(text: str) -> User:
    """Return the user of that name or e-mail address. Raises UnknownPerson."""
    person = User.objects.filter(Q(username__iexact=text) | Q(email__iexact=text), is_active=True).first()
    if person is None:
        raise UnknownPerson(text)
    return person


def add_member(*, project: Project, person: User, role: Role, now: datetime) -> Membership:
    """Let `person` work on `project`; a member already keeps the role. Returns the membership."""
    made, _ = Membership.objects.get_or_create(project=project, user=person, defaults={"role": role, "created_at": now})
    return made


def change_role(*, membership: Membership, role: Role) -> None:
    """Give a member another role. Raises LastOwner."""
    with transaction.atomic():
        if role != Role.OWNER:
            _keep_an_owner(membership)
        membership.role = role
        membership.save(update_fields=["role"])


def remove_member(*, membership: Membership) -> None:
    """End a membership. Raises LastOwner."""
    with transaction.atomic():
        _keep_an_owner(membership)
        membership.delete()


def confirm_environment(*, environment: Environment, tier: str, url: str, now: datetime) -> None:
    """Store what a maintainer says of an environment; it is not new any more. Raises ValidationError."""
    environment.tier, environment.url = tier, url
    environment.confirmed_at = environment.confirmed_at or now
    environment.full_clean()
    environment.save()


def remove_environment(*, environment: Environment) -> None:
    """Remove an environment that was made by mistake, with its checks and samples.

    Raises HasHistory when it has deployments.
    """
    with transaction.atomic():
        Environment.objects.select_for_update().get(pk=environment.pk)  # no report may add a deployment meanwhile
        if count := environment.deployments.count():
            raise HasHistory(f"{environment.name} stays: {plural(count, 'deployment')} of it on record.")
        environment.delete()


def _keep_an_owner(membership: Membership) -> None:
    """Raise LastOwner if nobody else owns the project; holds the project so that two cannot leave at once."""
    Project.objects.select_for_update(no_key=True).get(pk=membership.project_id)
    others = Membership.objects.filter(project=membership.project_id, role=Role.OWNER).exclude(pk=membership.pk)
    if Membership.objects.get(pk=membership.pk).role == Role.OWNER and not others.exists():
        raise LastOwner


def first_message(error: ValidationError) -> str:
    """Return a validation error as one sentence."""
    if not hasattr(error, "error_dict"):
        return str(error.messages[0])
    field, messages = next(iter(error.message_dict.items()))
    return messages[0] if field == "__all__" else f"{field}: {messages[0]}"
