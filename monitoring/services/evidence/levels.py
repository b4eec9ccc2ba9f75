"""Which metrics of an environment an earlier deployment moved for good, by what was found and ruled then."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from deployments.models import Deployment, Environment
from monitoring.judge.facts import Reason
from monitoring.judge.levels import LevelChange
from monitoring.models import Finding, FindingResult, Ruling, RulingKind
from monitoring.services.overlap import began_at

_NORMAL_NOW = (RulingKind.EXPECTED, RulingKind.NOT_US)


def level_changes(
    environment: Environment, start: datetime, end: datetime, *, but: Collection[UUID]
) -> Mapping[str, tuple[LevelChange, ...]]:
    """Return by the key of a metric what earlier deployments did to it: made it better, or worse in a way that stays.

    Worse stays what people ruled to be expected or not theirs: that is how it is now. Two queries.
    """
    acquitted = Ruling.objects.current().filter(
        Q(key="") | Q(key=OuterRef("key")), kind__in=_NORMAL_NOW, deployment=OuterRef("verdict__period__deployment")
    )
    rows = Finding.objects.filter(
        # first what costs nothing: facts are large, and few findings say that something changed
        Q(result__in=(FindingResult.IMPROVED, FindingResult.REGRESSED)),
        Q(result=FindingResult.IMPROVED) | Exists(acquitted),
        verdict__is_final=True,
        verdict__period__environment=environment,
        verdict__period__opens_at__gt=start,
        verdict__period__opens_at__lt=end,
        series__isnull=False,
        facts__reasons__contains=Reason.CHANGED.value,
    ).exclude(verdict__period__deployment__in=but)
    found = {  # of several verdicts on one deployment the latest word
        (key, deployment): (before, after)
        for key, deployment, before, after in rows.order_by("verdict__looked_at", "pk").values_list(
            "key", "verdict__period__deployment", "facts__before", "facts__after"
        )
        if before is not None and after is not None
    }
    deployments = Deployment.objects.in_bulk({pk for _, pk in found})
    changes: defaultdict[str, list[LevelChange]] = defaultdict(list)
    for (key, pk), (before, after) in found.items():
        began = began_at(deployments[pk])
        if began is not None:
            changes[key].append(LevelChange(began.timestamp(), before, after, deployments[pk].version))
    return {key: tuple(of_one) for key, of_one in changes.items()}
