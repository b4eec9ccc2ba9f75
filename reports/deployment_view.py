"""A deployment's story as its page shows it: the sentence, findings with pictures, the stream, the facts beside it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from deployments.models import Deployment, DeploymentKind
from issues.models import Issue
from monitoring.models import Finding, FindingResult, Verdict
from monitoring.selectors.blame import Blamed, blames_of
from monitoring.selectors.checks import CheckRow, check_rows
from monitoring.selectors.references import ComparedWith, comparison_of
from postdeploy.lib import words
from reports import links, sentences
from reports.selectors import GROUPS, Happening, Story, finding_words
from reports.selectors.finding_facts import facts_of, number_of
from reports.selectors.finding_pictures import LEFT_OUT, FindingPicture, SmallLine, finding_pictures, small_lines
from reports.selectors.gaps import Gaps, watch_gaps
from reports.sentences import Sign
from reports.statistics import REASONS, Statistic, hint_words, reason_words, statistics_of, visible_words
from reports.tracks import Track, track_of
from support.models import SupportTier

#: Findings with a picture, rows of the stream before "Show all", checks with their readings, small lines.
PICTURED, LATEST, CHECKS, SPARKED = 12, 40, 60, 60
_END = re.compile(r"(?<=[.!?])\s+(?=\S)")
#: Reasons for which nothing can be shown beside a finding: such ones are lines of the table.
_TELL_NOTHING = {"TOO_LITTLE", "NO_HISTORY", "GONE_SILENT"}
#: Reasons that the columns of the table show by themselves.
_PLAIN = {REASONS[code] for code in ("CHANGED", "ORDINARY", "SHORT_HISTORY")}
_RESULT_TONES = {FindingResult.REGRESSED: "degraded", FindingResult.INCONCLUSIVE: "unsure"}


def _name_of(key: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", key)


def ruling_anchor(key: str) -> str:
    """Where on the page it stands what was ruled on the finding `key`; "" is the deployment as a whole."""
    return f"ruling-{_name_of(key)}" if key else "rulings"


@dataclass(frozen=True)
class FindingCard:
    """One finding with what is drawn beside it, and the issue it led to."""

    finding: Finding
    result: str
    tone: str
    picture: FindingPicture
    statistics: list[Statistic]
    hint: str
    blame: list[Blamed]
    issue: Issue | None
    issue_url: str

    @property
    def name(self) -> str:
        """What it is called on the page, the same in every look."""
        return _name_of(self.finding.key)

    @property
    def rarity(self) -> str:
        """How rare such a change is, where its sentence does not say it already."""
        said = self.picture.placebo.words if self.picture.placebo else ""
        return "" if said.rstrip(".") in self.finding.sentence else said

    @property
    def has_left_out(self) -> bool:
        """Whether its picture shows a stretch that was left out of the past."""
        spans = self.picture.chart["spans"] if self.picture.chart else []
        return any(span["label"] == LEFT_OUT for span in spans)


@dataclass(frozen=True)
class FindingRow:
    """One finding as a line of the table."""

    finding: Finding
    before: str
    after: str
    change: str
    visible: str
    line: SmallLine | None

    @property
    def note(self) -> str:
        """What the columns do not say: why nothing can be said, or why a change does not count."""
        if self.finding.result == FindingResult.INCONCLUSIVE:
            return self.finding.sentence.removeprefix(self.finding.name).lstrip(": ")
        facts = facts_of(self.finding)
        change, visible = number_of(facts, "change"), number_of(facts, "smallest_visible_change")
        is_large = change is not None and visible is not None and abs(change) > visible
        plain = _PLAIN - {REASONS["ORDINARY"]} if is_large else _PLAIN
        return ", ".join(why for why in reason_words(facts) if why not in plain)


@dataclass(frozen=True)
class Chip:
    """One filter of the stream."""

    name: str
    label: str
    count: int
    is_current: bool


@dataclass(frozen=True)
class TierTime:
    """How long a tier has had an issue of this deployment, of the time its clock gives."""

    tier: SupportTier
    spent: str


@dataclass(frozen=True)
class DeploymentView:
    """All that the page shows."""

    story: Story
    sign: Sign
    opening: str
    rest: str
    afterwards: str
    track: Track | None
    cards: list[FindingCard]
    others: list[FindingRow]
    counts: str
    compared: ComparedWith | None
    gaps: Gaps
    checks: list[CheckRow]
    events: list[Happening]
    more_events: int
    chips: list[Chip]
    tiers: list[TierTime]
    verdict: Verdict | None
    judged_over: timedelta | None
    change_count: int
    is_dated: bool

    @property
    def is_live(self) -> bool:
        """True while something may still be decided; then the page asks again every few seconds."""
        return not self.story.is_complete

    @property
    def shows_left_out(self) -> bool:
        """Whether a picture shows a stretch that was left out."""
        return any(card.has_left_out for card in self.cards)

    @property
    def expected(self) -> str:
        """What the band of the pictures is called: with a pinned reference what it was like under that."""
        version = self.compared.version if self.compared else ""
        return f"expected, as under {version}" if version else "expected"

    @property
    def left_out(self) -> str:
        """What of the past was not taken for normal: "2 outages, v1.1.0 (2 h 10 min)"."""
        return self.compared.left_out_words if self.compared else ""

    @property
    def planned(self) -> Sequence[tuple[datetime, datetime]]:
        """When planned maintenance was left out of what was judged."""
        return self.compared.planned if self.compared else ()

    @property
    def deployment_id(self) -> str:
        """As stretches of a line name it."""
        return str(self.story.deployment.pk)

    @property
    def issues_url(self) -> str:
        """The log with all issues of this deployment."""
        deployment = self.story.deployment
        return links.issues(deployment.project.slug, deployment=deployment.pk, status="any")

    @property
    def kind(self) -> str:
        """What sort of change it was, in the words of the page."""
        return str(DeploymentKind(self.story.deployment.kind).label.lower())


def deployment_view(story: Story, *, events: str, user: Any, now: datetime) -> DeploymentView:
    """Return what the page shows `user` of `story`; `events` is the stream's filter, empty for the latest of all."""
    opening, rest = _halves(story.watch.sentence)
    verdict = story.standing_look or max(story.final_looks, key=lambda look: look.looked_at, default=None)
    shown = [row for row in story.happenings if events in ("", "all", row.group)]
    latest = shown if events else shown[:LATEST]
    cards = _cards(story, user, now)
    return DeploymentView(
        story=story,
        sign=sentences.sign_of(story.watch, story.deployment.status),
        opening=opening,
        rest=rest,
        afterwards=_afterwards(story),
        track=track_of(story.watch, now),
        cards=cards,
        others=_others(story, {card.finding.pk for card in cards}, now),
        counts=_counts(story.judged),
        compared=comparison_of(story.findings[0].verdict_id if story.findings else None),
        gaps=watch_gaps(story, now),
        checks=check_rows(story.checks[:CHECKS], now=now),
        events=latest,
        more_events=len(shown) - len(latest),
        chips=_chips(story.happenings, events),
        tiers=_tiers(story, now),
        verdict=verdict,
        judged_over=_judged_over(verdict) if verdict else None,
        change_count=len(story.system_changes) + len(story.configuration_changes),
        is_dated=any(timezone.localdate(row.at) != timezone.localdate(now) for row in latest),
    )


# --- findings ---------------------------------------------------------------------------------------------------------


def _cards(story: Story, user: Any, now: datetime) -> list[FindingCard]:
    """What got worse and what is unclear, what matters most first, each with its pictures."""
    pictured = [row for row in story.judged if _is_telling(row)][:PICTURED]
    if not pictured:
        return []
    pictures = finding_pictures(pictured, story.deployment, until=_until(story, now))
    blames = blames_of([_blame(row) for row in pictured], Deployment.objects.visible_to(user))
    is_live = not story.is_complete
    pairs = zip(pictured, blames, strict=True)
    return [_card(row, pictures[row.pk], blame, is_live=is_live) for row, blame in pairs]


def _blame(finding: Finding) -> list[Any]:
    blame = facts_of(finding).get("blame")
    return blame if isinstance(blame, list) else []


def _others(story: Story, drawn: set[int], now: datetime) -> list[FindingRow]:
    """All other findings as lines of the table, what matters most first."""
    rows = [row for row in story.judged if row.pk not in drawn]
    lines = small_lines(rows[:SPARKED], story.deployment, until=_until(story, now)) if rows else {}
    return [FindingRow(row, *finding_words(row), visible_words(facts_of(row)), lines.get(row.pk)) for row in rows]


_COUNTED = {"REGRESSED": "worse", "INCONCLUSIVE": "unclear", "IMPROVED": "better", "UNCHANGED": "unchanged"}


def _counts(findings: Sequence[Finding]) -> str:
    """Return "1 worse, 2 better, 9 unchanged"."""
    counts = Counter(str(finding.result) for finding in findings)
    return ", ".join(f"{words.number(counts[result])} {word}" for result, word in _COUNTED.items() if counts[result])


def _is_telling(finding: Finding) -> bool:
    """Tell whether a finding deserves a picture."""
    reasons = facts_of(finding).get("reasons")
    tells_nothing = isinstance(reasons, list) and not _TELL_NOTHING.isdisjoint(map(str, reasons))
    is_unclear = finding.result == FindingResult.INCONCLUSIVE and not tells_nothing
    return finding.result == FindingResult.REGRESSED or is_unclear


def _until(story: Story, now: datetime) -> datetime:
    """Where the lines end: now, or a little after the watch."""
    if story.watch.ended_at is None:
        return now
    live_at = story.deployment.finished_at or story.watch.ended_at
    return min(now, story.watch.ended_at + max((story.watch.ended_at - live_at) / 4, timedelta(minutes=5)))


def _judged_over(verdict: Verdict) -> timedelta:
    """How much of its period a verdict saw: one that came late saw no more than all of it."""
    period = verdict.period
    return min(verdict.looked_at, period.ended_at or period.closes_at) - period.opens_at


def _halves(sentence: str) -> tuple[str, str]:
    """Cut what is said into its first sentence, which stands out, and the rest."""
    first, *rest = _END.split(sentence.strip(), maxsplit=1)
    return first, rest[0] if rest else ""


def _afterwards(story: Story) -> str:
    """Return what became of it: "It was live for 1 h 29 min, until v1.42.1 rolled it back"."""
    if story.live_for is None or story.deployment.finished_at is None:
        return ""
    by_rollback = story.rolled_back_by is not None and story.rolled_back_by.pk == story.watch.superseded_by_id
    verb = "rolled it back" if by_rollback else "replaced it"
    return f"It was live for {words.duration(story.live_for)}, until {story.watch.superseded_by} {verb}"


def _card(finding: Finding, picture: FindingPicture, blame: list[Blamed], *, is_live: bool) -> FindingCard:
    facts = facts_of(finding)
    is_fatal = finding.result == FindingResult.REGRESSED and bool(
        facts.get("is_hard_limit_broken") or (finding.is_critical and "DOWN" in facts.get("reasons", ()))
    )
    occurrence = getattr(finding, "occurrence", None)
    issue = occurrence.issue if occurrence else None
    return FindingCard(
        finding=finding,
        result="FAILED" if is_fatal else finding.result,
        tone="failed" if is_fatal else _RESULT_TONES.get(FindingResult(finding.result), "plain"),
        picture=picture,
        statistics=statistics_of(facts),
        hint=hint_words(facts, is_live=is_live) if finding.result == FindingResult.INCONCLUSIVE else "",
        blame=blame,
        issue=issue,
        issue_url=reverse("issue", args=[issue.project.slug, issue.reference]) if issue else "",
    )


def _chips(happenings: Sequence[Happening], events: str) -> list[Chip]:
    counts = Counter(row.group for row in happenings)
    first = Chip("all", "All", len(happenings), events in ("", "all"))
    return [first, *(Chip(name, label, counts[name], events == name) for name, label in GROUPS.items() if counts[name])]


def _tiers(story: Story, now: datetime) -> list[TierTime]:
    """Each tier with the issue that it has had longest: every issue has a clock of its own."""
    spent: Counter[tuple[int, int]] = Counter()
    tiers: dict[int, SupportTier] = {}
    for assignment in story.assignments:
        tiers[assignment.tier_id] = assignment.tier
        seconds = round(((assignment.ended_at or now) - assignment.started_at).total_seconds())
        spent[assignment.tier_id, assignment.issue_id] += seconds
    return [
        TierTime(tier, words.progress(max(spent[key] for key in spent if key[0] == pk), tier.clock_seconds))
        for pk, tier in sorted(tiers.items(), key=lambda row: (row[1].track, row[1].level))
    ]
