"""The support structure of a project: three technical levels and two of business support, made when first needed."""

from collections.abc import Iterable, Mapping

from django.db import transaction

from deployments.models import Project, User
from support.models import RoutingRule, SupportTier, TierMember, Track

HOUR = 3600

#: track, level, name, clock in seconds, duties: the process's support structure, word for word.
DEFAULT_TIERS = (
    (Track.TECHNICAL, 1, "Level 1 Support", 900, ("User assistance", "Basic issues", "Documentation", "Escalation")),
    (
        Track.TECHNICAL,
        2,
        "Level 2 Support",
        2 * HOUR,
        ("Technical issues", "System problems", "Configuration", "Performance"),
    ),
    (
        Track.TECHNICAL,
        3,
        "Level 3 Support",
        24 * HOUR,
        ("Complex issues", "Code problems", "Architecture", "Vendor support"),
    ),
    (Track.BUSINESS, 1, "User Support", 4 * HOUR, ("Process help", "Training", "Documentation", "Feedback")),
    (
        Track.BUSINESS,
        2,
        "Process Support",
        24 * HOUR,
        ("Workflow issues", "Business rules", "Data questions", "Reports"),
    ),
)


def ensure_tiers(project: Project) -> list[SupportTier]:
    """Return the project's tiers, technical ones first; missing ones are made. Safe on two workers at once."""
    tiers = _tiers(project)
    if len(tiers) < len(DEFAULT_TIERS):
        SupportTier.objects.bulk_create(_defaults(project), ignore_conflicts=True)
        tiers = _tiers(project)
    return tiers


def _tiers(project: Project) -> list[SupportTier]:
    return list(SupportTier.objects.of(project).order_by("-track", "level"))


def _defaults(project: Project) -> list[SupportTier]:
    return [
        SupportTier(
            project=project, track=track, level=level, name=name, clock_seconds=seconds, duties="\n".join(duties)
        )
        for track, level, name, seconds, duties in DEFAULT_TIERS
    ]


def save_tier(tier: SupportTier, *, clock_seconds: int) -> None:
    """Set how long a tier has. Clocks that run already keep their time: they were set when they started."""
    tier.clock_seconds = clock_seconds
    tier.full_clean(validate_unique=False, validate_constraints=False)
    tier.save(update_fields=["clock_seconds"])


def set_members(tier: SupportTier, *, users: Iterable[User]) -> None:
    """Make `users` the members of `tier`, and nobody else."""
    wanted = {user.pk: user for user in users}
    with transaction.atomic():
        TierMember.objects.filter(tier=tier).exclude(user__in=wanted.values()).delete()
        members = [TierMember(tier=tier, user=user) for user in wanted.values()]
        TierMember.objects.bulk_create(members, ignore_conflicts=True)


def save_rules(project: Project, *, tiers: Mapping[str, SupportTier]) -> None:
    """Say for each severity which tier gets it first."""
    with transaction.atomic():
        for severity, tier in tiers.items():
            RoutingRule.objects.update_or_create(project=project, severity=severity, defaults={"tier": tier})
