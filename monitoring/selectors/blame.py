"""Who may have caused what a verdict found, for one reader: what they may not see is “another deployment”."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployments.models import Deployment, DeploymentQuerySet, Project
from monitoring.judge.blame import ANOTHER, TIMING, Share
from monitoring.models import Verdict

#: As `Verdict.blame` and a finding's fact `blame` are stored: ids and reasons, no names.
Stored = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Blamed:
    """One deployment that may have caused it; `deployment` is empty when the reader may not see it, or it is gone."""

    name: str
    share: float
    because: tuple[str, ...]
    is_judged: bool
    deployment: Deployment | None = None

    @property
    def percent(self) -> int:
        """The share as people read it."""
        return round(100 * self.share)


def blame_of(verdict: Verdict, user: Any) -> list[Blamed]:
    """Return who may have caused what `verdict` found, as `user` may know it, the judged deployment first.

    Empty when no other deployment comes into question.
    """
    return blames_of([verdict.blame], Deployment.objects.visible_to(user))[0]


def blames_of(stored: Iterable[Stored], visible: DeploymentQuerySet) -> list[list[Blamed]]:
    """Return several stored blames for a reader who may see the deployments of `visible`, in one query."""
    blames = [[Share.from_dict(part) for part in blame] for blame in stored]
    ids = {uuid.UUID(part.key) for blame in blames for part in blame}
    rows = visible.filter(pk__in=ids).select_related("project", "environment") if ids else ()
    known = {str(row.pk): row for row in rows}
    return [_told(blame, known) for blame in blames]


def blame_facts(verdict_id: int | None, project: Project) -> list[dict[str, Any]]:
    """Return what a pipeline of `project` is told, ready for JSON: other projects' deployments have no name."""
    if verdict_id is None:
        return []
    stored = Verdict.objects.of(project).filter(pk=verdict_id).values_list("blame", flat=True)
    [blame] = blames_of([stored.first() or ()], Deployment.objects.of(project))
    return [
        {
            "deployment": str(one.deployment.pk) if one.deployment else None,
            "version": one.deployment.version if one.deployment else None,
            "environment": one.deployment.environment.name if one.deployment else None,
            "is_this": one.is_judged,
            "share": one.share,
            "because": list(one.because),
        }
        for one in blame
    ]


def _told(blame: Sequence[Share], known: Mapping[str, Deployment]) -> list[Blamed]:
    judged = known.get(blame[0].key) if blame else None
    return [_one(part, known.get(part.key), judged, is_judged=not at) for at, part in enumerate(blame)]


def _one(part: Share, row: Deployment | None, judged: Deployment | None, *, is_judged: bool) -> Blamed:
    name = _name(row, judged) if row else ANOTHER
    reasons = [why for why in part.because if row or why.code in TIMING]
    return Blamed(name, part.share, tuple(why.words(name) for why in reasons), is_judged, row)


def _name(row: Deployment, judged: Deployment | None) -> str:
    """`v2.3.0`, `v2.3.0 of checkout` or, elsewhere in the same project, `v2.3.0 in canary`."""
    if judged is None or row.project_id != judged.project_id:
        return f"{row.version} of {row.project.name}"
    return row.version if row.environment_id == judged.environment_id else f"{row.version} in {row.environment.name}"
