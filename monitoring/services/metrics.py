"""Taking in samples of metrics: one row of the store's log for each batch, committed before the sender is answered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from django.db import transaction

from monitoring import store
from monitoring.formats.batch import Batch, Facts, LeftOut, shown
from monitoring.services.learning import NamesRefused
from monitoring.services.series import resolve
from postdeploy.idempotency import Claim

#: Clocks differ; a sample further ahead is a mistake.
AHEAD = timedelta(minutes=10)
#: Older samples fall out of the longest roll-up at once.
OLDEST = timedelta(days=2 * 366)
TOO_OLD = f"Is older than {OLDEST.days} days: nothing is taken from so long ago."


class Untimely(Exception):
    """A sample lies too far ahead or too far back; `place` is the first such one in the batch."""

    def __init__(self, left_out: LeftOut, place: int) -> None:
        super().__init__(left_out.sentence)
        self.left_out, self.place = left_out, place


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: the project and its generation as this request read it, the source, and where samples belong.

    `environment` is the name of the one that samples are of which do not say so themselves, "" for none.
    """

    project_id: int
    generation: int | None
    kind: str
    source_id: int | None = None
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """How many samples were stored, and what was not and why. `rejected` counts the sender's own data points."""

    accepted: int
    left_out: tuple[LeftOut, ...] = ()
    rejected: int = 0


def ingest(
    *,
    sender: Sender,
    batch: Batch,
    is_partial: bool,
    now: datetime,
    claim_of: Callable[[int], Claim] | None = None,
    guard: Callable[[int], None] | None = None,
) -> Taken:
    """Store a batch; a sample of a series and time that is stored already changes nothing.

    `is_partial`: what cannot be stored is left out. Otherwise all is stored or nothing: raises NamesRefused or
    Untimely. `claim_of` gives for the number of samples the claim that is stored with them; raises what that explains.
    `guard` is called with that number in the transaction that stores them, and may raise.
    """
    timely = _timely(batch, is_partial, now)
    found = resolve(
        timely,
        project_id=sender.project_id,
        generation=sender.generation,
        environment=sender.environment,
        kind=sender.kind,
        is_partial=is_partial,
        now=now,
    )
    kept = _without(timely, found.refused) if found.refused else timely
    series = found.series[kept.of]
    values = kept.values if found.factors is None else kept.values * found.factors[kept.of]
    if guard is not None:
        with transaction.atomic():
            guard(len(values))
            store.append(series, kept.times_us, values, source_id=sender.source_id)
    else:
        _append(series, kept.times_us, values, sender, claim_of)
    return Taken(len(values), kept.left_out, _points(batch) - _points(kept) + _never_read(batch))


def _append(
    series: npt.NDArray[np.int64],
    times_us: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    sender: Sender,
    claim_of: Callable[[int], Claim] | None,
) -> None:
    claim = claim_of(len(values)) if claim_of else None
    if claim and not len(values):
        claim.make()
    only_if = claim.statement if claim else None
    if not store.append(series, times_us, values, source_id=sender.source_id, only_if=only_if) and claim:
        claim.explain()


def _timely(batch: Batch, is_partial: bool, now: datetime) -> Batch:
    """Return the batch without samples of impossible times; Untimely when all must be stored."""
    if not len(batch):
        return batch
    latest, oldest = store.microseconds(now + AHEAD), store.microseconds(now - OLDEST)
    batch = _less(batch, batch.times_us > latest, "IN_FUTURE", "Lies in the future.", is_partial)
    return _less(batch, batch.times_us < oldest, "TOO_OLD", TOO_OLD, is_partial)


def _less(batch: Batch, wrong: npt.NDArray[np.bool_], reason: str, sentence: str, is_partial: bool) -> Batch:
    if not wrong.any():
        return batch
    place = int(wrong.argmax())
    left_out = LeftOut(reason, sentence, int(wrong.sum()), shown(batch.names[batch.of[place]]))
    if not is_partial:
        raise Untimely(left_out, place)
    return batch.without(wrong, [left_out])


def _without(batch: Batch, refused: Mapping[int, LeftOut]) -> Batch:
    """Return the batch without the samples of refused names, counted by reason."""
    counts = np.bincount(batch.of, minlength=len(batch.names))
    told: dict[str, LeftOut] = {}
    for place, why in refused.items():
        before = told.get(why.reason)
        count = int(counts[place]) + (before.count if before else 0)
        told[why.reason] = LeftOut(why.reason, why.sentence, count, why.example)
    return batch.without(np.isin(batch.of, list(refused)), told.values())


def _points(batch: Batch) -> int:
    """Return how many data points of the sender the samples are: the buckets of a histogram are one with its count."""
    if not batch.facts:
        return len(batch)
    parts = [batch.facts.get(name.metric, _UNSAID).is_part for name in batch.names]
    if not any(parts):
        return len(batch)
    return int((~np.array(parts)[batch.of]).sum())


def _never_read(batch: Batch) -> int:
    return sum(left_out.count for left_out in batch.left_out)


_UNSAID = Facts()

__all__ = ["NamesRefused", "Sender", "Taken", "Untimely", "ingest"]
