"""What of a deployment is not watched, and what to do about each: nothing unknown passes for healthy."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from django.urls import reverse

from monitoring.catalogue import BY_KEY, CATALOGUE
from monitoring.models import Finding, FindingResult
from monitoring.selectors import NotWatched, not_watched, push_line
from reports.selectors.finding_facts import facts_of
from reports.selectors.story import Story

#: Of the metrics that the process names those without which a verdict is weakest, unless something of the same kind is
#: judged; the others are named in one line.
WANTED = ("error_rate", "response_time", "cpu_usage", "memory_usage", "transaction_rate")
#: What every check measures from outside.
_BY_CHECKS = {"service_status", "response_time"}
_SILENT = {"NO_DATA", "GONE_SILENT"}
#: Reasons of an unclear finding that was judged all the same: it is no gap.
_JUDGED = {"ORDINARY", "RESTARTING", "TOO_MANY_COMPARED", "MIX_SHIFT", "WAS_WORSE"}


@dataclass(frozen=True)
class Gap:
    """One thing that is not watched or could not be judged; `snippet` is the line that would send it."""

    name: str
    why: str
    url: str = ""
    snippet: str = ""
    since: datetime | None = None

    @property
    def slug(self) -> str:
        """Its name as part of an id."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower())


@dataclass(frozen=True)
class Gaps:
    """`listed` counts as unknown in this verdict or matters most; `more` are other metrics that the process names."""

    listed: list[Gap]
    more: list[Gap]

    @property
    def groups(self) -> list[list[Gap]]:
        """Those of `listed` with one and the same thing to say stand in one line; one that has its own line to send
        stands alone."""
        return [list(found) for _, found in groupby(self.listed, _said)]

    @property
    def example(self) -> str:
        """The line that sends one of the others."""
        return self.more[0].snippet if self.more else ""


def watch_gaps(story: Story, now: datetime) -> Gaps:
    """Return what of the deployment and its environment is not watched, in a fixed number of queries."""
    rows = {finding.name: finding for finding in story.findings}
    unclear = [(name, why) for name, why in story.not_watched if name not in rows or not _is_judged(rows[name])]
    named = [_of_finding(story, rows[name], why) if name in rows else Gap(name, why) for name, why in unclear]
    known = {gap.name for gap in named}
    today = [row for row in not_watched(story.deployment.environment, now) if row.name not in known]
    unsent = _unsent(today, has_check=bool(story.checks))
    kinds = {row.series.metric.kind for row in story.findings if row.series and row.series.metric}
    standing = [_today(row) for row in today if not row.snippet and _stands(row, story)]
    wanted = [key for key, _ in unsent if key in WANTED and BY_KEY[key].kind not in kinds - {"OTHER"}]
    listed = [*named, *standing, *(gap for key, gap in unsent if key in wanted)]
    return Gaps(listed, [gap for key, gap in unsent if key not in wanted])


def _said(gap: Gap) -> tuple[str, ...]:
    is_alone = bool(gap.snippet) or gap.since is None
    return (gap.why, f"{gap.since:%Y-%m-%d %H:%M}" if gap.since else "", gap.slug if is_alone else "")


def _is_judged(finding: Finding) -> bool:
    """Whether something is known of an unclear finding: it moved, but for a reason."""
    reasons = facts_of(finding).get("reasons")
    is_unclear = finding.result == FindingResult.INCONCLUSIVE
    return is_unclear and isinstance(reasons, list) and not _JUDGED.isdisjoint(map(str, reasons))


def _stands(row: NotWatched, story: Story) -> bool:
    """Whether what is unknown today was so in the watch: what fell silent after its end says nothing of it."""
    return not story.is_complete or (row.since is None and not story.checks)


def _of_finding(story: Story, finding: Finding, why: str) -> Gap:
    why = why.removeprefix(f"{finding.name} ")
    slug, environment = story.deployment.project.slug, story.deployment.environment
    if finding.health_check_id:
        return Gap(finding.name, why, reverse("check", args=[slug, finding.health_check_id]))
    metric = finding.series.metric if finding.series else None
    if metric is None:
        return Gap(finding.name, why)
    reasons = facts_of(finding).get("reasons")
    is_silent = isinstance(reasons, list) and not _SILENT.isdisjoint(map(str, reasons))
    snippet = push_line(environment, metric.key) if is_silent else ""
    return Gap(finding.name, why, reverse("metric", args=[slug, metric.pk]), snippet)


def _today(row: NotWatched) -> Gap:
    return Gap(row.name, row.why, row.url, since=row.since)


def _unsent(rows: Iterable[NotWatched], *, has_check: bool) -> list[tuple[str, Gap]]:
    """Metrics of the catalogue that never came, the ones that are wanted most first."""
    keys = {known.name: known.key for known in CATALOGUE}
    unsent = [(keys[row.name], row) for row in rows if row.snippet and row.name in keys]
    ordered = sorted(unsent, key=lambda one: WANTED.index(one[0]) if one[0] in WANTED else len(WANTED))
    return [
        (key, Gap(row.name, row.why, snippet=row.snippet))
        for key, row in ordered
        if not (has_check and key in _BY_CHECKS)
    ]
