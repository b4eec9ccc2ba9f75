"""How right the findings were, metric by metric: which one cries wolf, and what would help.

A finding without a ruling of its own takes that of its deployment: "not us" and "expected" hold for all of it, "this
was us" for the finding that was called worse alone.
"""

import math
import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db.models import F, Q

from deployments.models import Project
from monitoring.accuracy import NOT_US, US, Score, Share
from monitoring.changes import metric_key
from monitoring.models import Finding, FindingResult, Metric, Ruling

Key = tuple[uuid.UUID, str]

#: So many false alarms of a metric are worth advice.
LEAST_FALSE = 2
#: Least changes are advised in steps of this, and up to this.
STEP, MOST = 0.05, 1.0


def share_words(share: Share) -> str:
    """Return a share with its counts and its interval in words, or that there are too few rulings."""
    if not share.is_enough:
        return f"too few rulings to say ({share.hits} of {share.of})" if share.of else "nothing to count yet"
    low, high = (f"{100 * bound:.0f}" for bound in share.interval)
    return f"{100 * (share.value or 0):.0f}\u00a0% ({share.hits} of {share.of}; between {low} and {high}\u00a0%)"


@dataclass(frozen=True)
class MetricRecord:
    """How right the findings on one metric or check were, and what would help where they were not."""

    key: str
    name: str
    score: Score
    metric_key: str = ""
    metric_id: int | None = None
    advice: str = ""
    least_change: float | None = None

    @property
    def flagged(self) -> int:
        """How often it was called worse."""
        return self.score.total - self.score.missed

    @property
    def precision(self) -> str:
        """In words."""
        return share_words(self.score.precision)

    @property
    def recall(self) -> str:
        """In words."""
        return share_words(self.score.recall)


@dataclass(frozen=True)
class _Flag:
    """A finding that was called worse by a verdict that stands."""

    at: Key
    name: str
    relative: float | None


def metric_records(
    project: Project, deployment_ids: Collection[uuid.UUID], rulings: Mapping[Key, Ruling]
) -> list[MetricRecord]:
    """Return a record of each metric and check that was called worse, or should have been; those that erred first."""
    flags = _flags(deployment_ids)
    truths = _truths(flags, rulings)
    missed = [at for at, ruling in rulings.items() if at[1] and ruling.kind == US and at not in truths]
    names = _names(deployment_ids, {key for _, key in missed}) | {flag.at[1]: flag.name for flag in flags.values()}
    cases: defaultdict[str, list[tuple[str | None, str]]] = defaultdict(list)
    for at, ruled in truths.items():
        cases[at[1]].append((FindingResult.REGRESSED, ruled))
    for _, key in missed:
        cases[key].append((FindingResult.UNCHANGED, US))
    ids = dict(Metric.objects.of(project).values_list("key", "pk"))
    records = [_record(key, names.get(key, key), Score.of(of_key), flags, truths, ids) for key, of_key in cases.items()]
    return sorted(records, key=lambda row: (-row.score.false_alarms, -row.score.missed, -row.score.total, row.name))


def _flags(deployment_ids: Collection[uuid.UUID]) -> dict[Key, _Flag]:
    is_told = Q(facts__is_muted__isnull=True) | Q(facts__is_muted=False)
    rows = Finding.objects.filter(
        is_told,
        result=FindingResult.REGRESSED,
        verdict__is_final=True,
        verdict__period__deployment__in=list(deployment_ids),
    )
    parts = rows.annotate(deployment=F("verdict__period__deployment"), relative=F("facts__relative_change"))
    found = parts.order_by("verdict__looked_at").values_list("deployment", "key", "name", "relative")
    return {(pk, key): _Flag((pk, key), name, _number(relative)) for pk, key, name, relative in found}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _truths(flags: Iterable[Key], rulings: Mapping[Key, Ruling]) -> dict[Key, str]:
    """What was ruled on each finding that was called worse; empty where nobody did."""
    ats = list(flags)
    alone = Counter(pk for pk, _ in ats)
    truths = {}
    for pk, key in ats:
        own, whole = rulings.get((pk, key)), rulings.get((pk, ""))
        holds = whole is not None and (whole.kind != US or alone[pk] == 1)
        truths[pk, key] = own.kind if own else whole.kind if whole and holds else ""
    return truths


def _names(deployment_ids: Collection[uuid.UUID], keys: Collection[str]) -> dict[str, str]:
    """What findings are called that were not called worse."""
    rows = Finding.objects.filter(key__in=list(keys), verdict__period__deployment__in=list(deployment_ids))
    return dict(rows.order_by("key", "-pk").distinct("key").values_list("key", "name"))


def _record(
    key: str, name: str, score: Score, flags: Mapping[Key, _Flag], truths: Mapping[Key, str], ids: Mapping[str, int]
) -> MetricRecord:
    metric = metric_key(key, ids)
    if metric not in ids or score.false_alarms < LEAST_FALSE or score.false_alarms < score.right_alarms:
        return MetricRecord(key, name, score, metric, ids.get(metric))
    sizes = {
        ruled: [abs(flags[at].relative or 0.0) for at, said in truths.items() if at[1] == key and said == ruled]
        for ruled in (US, NOT_US)
    }
    least = _apart(sizes[NOT_US], sizes[US])
    return MetricRecord(key, name, score, metric, ids[metric], _advice(score, least), least)


def _apart(false: list[float], right: list[float]) -> float | None:
    """The least change, in steps, that would have silenced all false alarms and no right one; None: there is none."""
    if not false or not all(false):
        return None
    least = (math.floor(max(false) / STEP + 1e-6) + 1) * STEP
    return round(least, 2) if least <= MOST and least < min(right, default=math.inf) else None


def _advice(score: Score, least: float | None) -> str:
    cries = f"It cries wolf: {score.false_alarms} of {score.false_alarms + score.right_alarms} times it was not us."
    if least is None:
        return f"{cries} Mute it, or raise its least change."
    spared = " and lost no right one" if score.right_alarms else ""
    return f"{cries} A least change of {least * 100:.0f}\u00a0% would have spared all of them{spared}."
