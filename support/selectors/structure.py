"""The support structure: tiers with their people and what each has now, guides by kind, what was sent lately."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from deployments.models import Project, User
from issues.models import Issue
from support.models import (
    TECHNICAL_DOCS,
    USER_GUIDES,
    Article,
    ArticleKind,
    Assignment,
    Notification,
    NotificationChannel,
    SupportTier,
    TierMember,
    Track,
)
from support.selectors.clocks import Clock, clocks

#: So many issues of a tier are shown; the count links to all.
SHOWN = 8
LATEST = 30


@dataclass(frozen=True)
class Holding:
    """One issue that a tier has now."""

    issue: Issue
    clock: Clock


@dataclass(frozen=True)
class TierCard:
    """One tier: its people, and what it has now."""

    tier: SupportTier
    members: list[User]
    holds: list[Holding]
    count: int


@dataclass(frozen=True)
class Structure:
    """Both halves of the support structure, and the channels that need somebody."""

    technical: list[TierCard]
    business: list[TierCard]
    broken: list[NotificationChannel]
    sentence: str


def structure(user: User, project: Project, tiers: Sequence[SupportTier]) -> Structure:
    """Return who has what in `project`, in a fixed number of queries."""
    members: defaultdict[int, list[User]] = defaultdict(list)
    for member in TierMember.objects.filter(tier__in=tiers).select_related("user").order_by("user__username"):
        members[member.tier_id].append(member.user)
    held = _held(user, project)
    cards = [_card(tier, members[tier.pk], held[tier.pk]) for tier in tiers]
    channels = NotificationChannel.objects.visible_to(user).of(project)
    count = sum(card.count for card in cards)
    return Structure(
        technical=[card for card in cards if card.tier.track == Track.TECHNICAL],
        business=[card for card in cards if card.tier.track == Track.BUSINESS],
        broken=list(channels.filter(broken_at__isnull=False)),
        sentence=_sentence(count),
    )


def _sentence(count: int) -> str:
    if not count:
        return "No tier has an issue to work on."
    return f"{count} {'issue is' if count == 1 else 'issues are'} with a tier."


def _held(user: User, project: Project) -> defaultdict[int, list[Issue]]:
    rows = Assignment.objects.visible_to(user).of(project).current().order_by("escalate_at", "started_at")
    held: defaultdict[int, list[Issue]] = defaultdict(list)
    related = ("issue__project", "issue__environment__policy", "issue__owner")
    for assignment in rows.select_related(*related):
        held[assignment.tier_id].append(assignment.issue)
    return held


def _card(tier: SupportTier, members: list[User], issues: list[Issue]) -> TierCard:
    shown = issues[:SHOWN]
    counting = clocks(shown) if shown else {}
    return TierCard(tier, members, [Holding(issue, counting[issue.pk]) for issue in shown], len(issues))


def latest_notifications(user: User, project: Project) -> list[Notification]:
    """Return the latest notifications of `project` with their attempts, newest first."""
    rows = Notification.objects.visible_to(user).of(project).select_related("channel", "issue__project", "deployment")
    return list(rows.prefetch_related("attempts")[:LATEST])


@dataclass(frozen=True)
class GuideKind:
    """The guides of one kind."""

    kind: ArticleKind
    guides: list[Article]


def guide_groups(guides: QuerySet[Article]) -> list[tuple[str, list[GuideKind]]]:
    """Return the guides under the two headings and the kinds of the process, kinds without a guide included."""
    by_kind: defaultdict[str, list[Article]] = defaultdict(list)
    for guide in guides.select_related("author", "deployment").order_by("title"):
        by_kind[guide.kind].append(guide)
    headings = (("User Guides", USER_GUIDES), ("Technical Docs", TECHNICAL_DOCS))
    return [(title, [GuideKind(kind, by_kind[kind.value]) for kind in kinds]) for title, kinds in headings]
