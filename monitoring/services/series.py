"""Which series a name means: remembered by each process, learnt from the database, made when it is new.

What a process remembers is dropped as soon as the project's generation differs, which the database raises when series
or environments go or get another name; every request reads it together with its token. A sample that slips through
in the same instant is of a series that is gone: nobody will ever read it, and ids are not used twice.
"""

from collections import Counter, OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from django.db import transaction
from django.db.models import Max

from monitoring.formats.batch import Batch, Facts, LeftOut, Name
from monitoring.models import Series
from monitoring.services.learning import Learner, NamesRefused, Place, SeriesMeant

__all__ = ["NamesRefused", "Rehearsal", "Resolved", "SeriesMeant", "forget_everything", "rehearse", "resolve"]

#: Projects and names that one process remembers; beyond it the longest unused project, or the whole project, goes.
MOST_PROJECTS, MOST_NAMES = 500, 50_000


@dataclass(slots=True)
class _Memory:
    generation: int
    places: dict[Place, SeriesMeant] = field(default_factory=dict)


class Resolved(NamedTuple):
    """Of each name of a batch its series (0: refused) and what its values are multiplied by (None: all by 1)."""

    series: npt.NDArray[np.int64]
    factors: npt.NDArray[np.float64] | None
    refused: dict[int, LeftOut]


_memories: OrderedDict[int, _Memory] = OrderedDict()


def forget_everything() -> None:
    """Drop what this process remembers."""
    _memories.clear()


def resolve(
    batch: Batch,
    *,
    project_id: int,
    generation: int | None,
    environment: str,
    kind: str,
    is_partial: bool,
    now: datetime,
) -> Resolved:
    """Return the series of each name of `batch`, those without an environment of their own in `environment`.

    What is new is made. `is_partial`: what cannot be is left out and said in `refused`; otherwise NamesRefused, and
    nothing is made. `generation` is that of the project as this request read it.
    """
    memory = _memory(project_id, generation)
    places = [(name.environment or environment, name) for name in batch.names]
    found: list[SeriesMeant | None] = list(map(memory.places.get, places))
    refused: dict[int, LeftOut] = {}
    if None in found:
        wanted = {place: at for at, (place, known) in enumerate(zip(places, found, strict=True)) if known is None}
        learnt = _learn(project_id, wanted, batch.facts, kind, is_partial, now)
        refused = {wanted[place]: why for place, why in learnt.refused.items()}
        found = [known or learnt.meant.get(place) for place, known in zip(places, found, strict=True)]
    return Resolved(*_columns(found), refused)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What storing samples would do: how many series are there, would be made, and would be refused, and why."""

    known: int
    new: int
    refused: tuple[LeftOut, ...]

    @property
    def lost(self) -> int:
        """How many series would be refused."""
        return sum(one.count for one in self.refused)


def rehearse(
    names: Collection[Name],
    *,
    facts: Mapping[str, Facts],
    project_id: int,
    environment: str,
    kind: str,
    now: datetime,
) -> Rehearsal:
    """Say what samples of these names would make: they are learnt as if they came, and all of it is taken back.

    A name without an environment of its own counts in `environment`.
    """
    places = [(name.environment or environment, name) for name in names]
    learner = Learner(project_id, facts=facts, kind=kind, is_partial=True, now=now)
    rows = Series.objects.filter(metric__project=project_id)
    with transaction.atomic():
        before = rows.aggregate(Max("pk"))["pk__max"] or 0
        learner.learn(places)
        meant = {one.series for one in learner.meant.values()}
        new = rows.filter(pk__in=meant, pk__gt=before).count()
        transaction.set_rollback(True)
    counts = Counter(why.reason for why in learner.refused.values())
    first = {why.reason: why for why in reversed(learner.refused.values())}
    refused = tuple(replace(first[reason], count=count) for reason, count in counts.items())
    return Rehearsal(len(meant) - new, new, refused)


def _columns(
    found: Sequence[SeriesMeant | None],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64] | None]:
    series = np.array([known.series if known else 0 for known in found], dtype=np.int64)
    if all(known is None or known.factor == 1.0 for known in found):
        return series, None
    return series, np.array([known.factor if known else 1.0 for known in found])


def _memory(project_id: int, generation: int | None) -> _Memory:
    """Return what is remembered of a project; without a generation (it never had series) nothing is kept."""
    memory = _memories.get(project_id)
    if memory is None or generation is None or memory.generation != generation or len(memory.places) > MOST_NAMES:
        memory = _Memory(generation or 0)
        if generation is not None:
            _memories[project_id] = memory
            while len(_memories) > MOST_PROJECTS:
                _memories.popitem(last=False)
    return memory


def _learn(
    project_id: int,
    wanted: Collection[Place] | Mapping[Place, int],
    facts: Mapping[str, Facts],
    kind: str,
    is_partial: bool,
    now: datetime,
) -> Learner:
    learner = Learner(project_id, facts=facts, kind=kind, is_partial=is_partial, now=now)
    learner.learn(list(wanted))
    memory = _memory(project_id, learner.generation)
    memory.places.update(learner.meant)
    return learner
