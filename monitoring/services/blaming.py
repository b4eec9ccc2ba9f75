"""Sharing the blame: which deployments may have caused what a look found, gathered from the rows and kept with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self, cast
from urllib.parse import urlsplit

from django.db.models import Q

from deployments.models import Deployment, DeploymentStatus
from monitoring.judge.blame import (
    ANOTHER,
    PLAUSIBLE_FOR,
    Candidate,
    Place,
    Share,
    blame_sentence,
    onset_of_check,
    onset_of_metric,
    share_blame,
    share_together,
)
from monitoring.judge.facts import Finding, FindingResult, Judgement, Reason
from monitoring.models import HealthCheck, MonitoringPeriod
from monitoring.services.evidence import Evidence, MetricEvidence
from monitoring.services.evidence.wholes import wholes_of
from monitoring.services.overlap import LONGEST_ROLL_OUT, began_at
from monitoring.watch import BAD

#: What went live up to so long before a roll-out began may still show in what follows it.
BEFORE = timedelta(hours=1)


@dataclass(frozen=True)
class Overlap:
    """The deployments that one look may blame, the judged one first, and what else names each finding."""

    candidates: tuple[Candidate, ...]
    texts: Mapping[str, tuple[str, ...]]

    def to_json(self) -> dict[str, Any]:
        """Return what is kept with the verdict, so that it can be judged again."""
        return {
            "candidates": [candidate.to_dict() for candidate in self.candidates],
            "texts": {key: list(texts) for key, texts in self.texts.items()},
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any] | None) -> Self | None:
        """Return what `to_json` was given; None when nothing overlapped."""
        if not kept:
            return None
        candidates = tuple(Candidate.from_dict(candidate) for candidate in kept["candidates"])
        return cls(candidates, {key: tuple(texts) for key, texts in kept["texts"].items()})


# --- from the rows ----------------------------------------------------------------------------------------------------


def overlap_of(period: MonitoringPeriod, judgement: Judgement, evidence: Evidence) -> Overlap | None:
    """Return which deployments may share the blame for what got worse; None when there is no other one."""
    onsets = _onsets(judgement, evidence)
    if str(judgement.result) not in BAD or not onsets:
        return None
    since = max(evidence.window.deployed_at - BEFORE.total_seconds(), min(onsets.values()) - PLAUSIBLE_FOR)
    until = max(onset + _steps(evidence).get(key, 0.0) for key, onset in onsets.items())
    others = _others(period.deployment, _moment(since), _moment(until))
    places = _places(period.deployment, others)
    near = [row for row in others if row.pk in places]
    if not near:
        return None
    candidates = _candidates(period.deployment, near, places)
    return Overlap(tuple(candidates), _texts(onsets))


def _onsets(judgement: Judgement, evidence: Evidence) -> dict[str, float]:
    """When each thing that got worse did so, in seconds since 1970."""
    worse = {found.key: found for found in judgement.findings if _is_worse(found)}
    onsets = {
        metric.facts.key: onset_of_metric(metric.samples, worse[metric.facts.key], evidence.window)
        for metric in _metrics(evidence)
        if metric.facts.key in worse
    }
    return onsets | {
        check.facts.key: onset_of_check(check.up, check.outage, evidence.window)
        for check in evidence.checks
        if check.facts.key in worse
    }


def _metrics(evidence: Evidence) -> tuple[MetricEvidence, ...]:
    """All that was judged, with the wholes that nobody sends."""
    return (*evidence.metrics, *wholes_of(evidence.metrics))


def _steps(evidence: Evidence) -> dict[str, float]:
    """How far apart the values of each metric are: the first one that is worse may stand for the time up to the next.

    A check is told by the moment of its reading.
    """
    return {metric.facts.key: metric.facts.step_seconds for metric in _metrics(evidence)}


def _is_worse(found: Finding) -> bool:
    return found.result is FindingResult.REGRESSED and not found.is_muted


def _others(deployment: Deployment, since: datetime, until: datetime) -> list[Deployment]:
    """Other deployments of the installation that went live since then, or still roll out, and had begun by `until`."""
    is_live = Q(status=DeploymentStatus.SUCCEEDED, finished_at__gte=since)
    is_rolling_out = Q(status=DeploymentStatus.RUNNING, started_at__gte=max(since, until - LONGEST_ROLL_OUT))
    has_begun = Q(started_at__lte=until) | Q(started_at__isnull=True, finished_at__lte=until)
    rows = Deployment.objects.filter(is_live | is_rolling_out, has_begun).exclude(pk=deployment.pk)
    return list(rows.select_related("project", "environment").prefetch_related("system_changes"))


def _places(deployment: Deployment, others: Sequence[Deployment]) -> dict[Any, Place]:
    """How near the others are to `deployment`, by their id; those that have nothing to do with it are left out."""
    own = deployment.environment
    hosts = _hosts({own.pk, *(row.environment_id for row in others)}) if others else {}
    places = {}
    for row in others:
        there = row.environment
        if there.pk == own.pk:
            places[row.pk] = Place.ENVIRONMENT
        elif not hosts.get(own.pk, set()).isdisjoint(hosts.get(there.pk, ())):
            places[row.pk] = Place.HOST
        elif (there.name.casefold(), there.tier) == (own.name.casefold(), own.tier):
            places[row.pk] = Place.NAME
    return places


def _hosts(environments: Iterable[int]) -> dict[int, set[str]]:
    """The hosts, with their ports, that the checks of each environment ask."""
    hosts: dict[int, set[str]] = {}
    rows = HealthCheck.objects.filter(environment__in=list(environments)).exclude(target="")
    for environment, target in rows.values_list("environment", "target"):
        hosts.setdefault(environment, set()).add(_host(target))
    return hosts


def _host(target: str) -> str:
    try:
        return urlsplit(target).netloc.rpartition("@")[2].casefold() if "://" in target else target.casefold()
    except ValueError:  # an address that a browser would not read either
        return target.casefold()


def _candidates(judged: Deployment, others: Sequence[Deployment], places: Mapping[Any, Place]) -> Iterable[Candidate]:
    found = _found([judged, *others])
    yield _candidate(judged, judged, Place.ENVIRONMENT, None)
    for row in sorted(others, key=lambda row: (row.finished_at or row.started_at, str(row.pk))):
        yield _candidate(row, judged, places[row.pk], found.get(row.pk))


def _candidate(row: Deployment, judged: Deployment, place: Place, found: tuple[str, datetime] | None) -> Candidate:
    began, live_at = began_at(row), row.finished_at
    result, decided_at = found or (None, None)
    return Candidate(
        key=str(row.pk),
        name=_public_name(row, judged),
        began_at=began.timestamp() if began else 0.0,
        live_at=live_at.timestamp() if live_at else None,
        place=place,
        parts=tuple(change.component for change in row.system_changes.all()),
        project=(row.project.slug, row.project.name),
        found=result,
        found_at=decided_at.timestamp() if decided_at else None,
    )


def _public_name(row: Deployment, judged: Deployment) -> str:
    """How everybody who may see `judged` may be told of `row`: of other projects nothing is named."""
    if row.project_id != judged.project_id:
        return ANOTHER
    return row.version if row.environment_id == judged.environment_id else f"{row.version} in {row.environment.name}"


def _found(rows: Sequence[Deployment]) -> dict[Any, tuple[str, datetime]]:
    """What the watch of each said first: the first bad verdict, else the first of all."""
    periods = MonitoringPeriod.objects.filter(deployment__in=[row.pk for row in rows], result__isnull=False)
    found: dict[Any, tuple[str, datetime]] = {}
    for deployment, result, decided_at in periods.order_by("decided_at").values_list(
        "deployment", "result", "decided_at"
    ):
        if deployment not in found or (result in BAD and found[deployment][0] not in BAD):
            found[deployment] = (cast(str, result), cast(datetime, decided_at))
    return found


def _texts(keys: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """What a check's findings are named by beside their own words: its target, its component, its group."""
    checks = {key: int(key.split(":")[1]) for key in keys if key.startswith("check:")}
    rows = HealthCheck.objects.filter(pk__in=checks.values()).values_list("pk", "target", "component", "group")
    texts = {pk: tuple(text for text in texts if text) for pk, *texts in rows} if checks else {}
    return {key: texts[pk] for key, pk in checks.items() if pk in texts}


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


# --- shared -----------------------------------------------------------------------------------------------------------


def share(judgement: Judgement, evidence: Evidence, overlap: Overlap | None) -> tuple[Judgement, tuple[Share, ...]]:
    """Return the judgement with the blame in its findings, its reasons and its sentence, and the blame as a whole.

    The same evidence and overlap give the same blame; nobody is blamed beside a deployment that was alone.
    """
    if overlap is None:
        return judgement, ()
    steps = _steps(evidence)
    blames = {
        key: _blame(key, onset, steps.get(key, 0.0), judgement, overlap)
        for key, onset in _onsets(judgement, evidence).items()
    }
    blame = share_together(list(blames.values()))
    if not blame:
        return judgement, ()
    names = {candidate.key: candidate.name for candidate in overlap.candidates}
    blamed = replace(
        judgement,
        findings=tuple(_with_blame(found, blames.get(found.key, ())) for found in judgement.findings),
        reasons=(*judgement.reasons, Reason.SHARED_BLAME),
        sentence=f"{judgement.sentence} {blame_sentence(blame, names)}",
    )
    return blamed, blame


def _blame(key: str, onset: float, step: float, judgement: Judgement, overlap: Overlap) -> tuple[Share, ...]:
    name = next(found.name for found in judgement.findings if found.key == key)
    judged, *others = overlap.candidates
    return share_blame(onset, (key, name, *overlap.texts.get(key, ())), judged, others, step=step)


def _with_blame(found: Finding, blame: Sequence[Share]) -> Finding:
    if len(blame) < 2:
        return found
    return replace(found, blame=tuple(part.to_dict() for part in blame), reasons=(*found.reasons, Reason.SHARED_BLAME))
