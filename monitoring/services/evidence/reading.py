"""The samples behind a look, read the same way when it is taken and when it is judged again."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from monitoring.judge.facts import Series, Window
from monitoring.judge.stretches import Stretch, inside
from monitoring.services.evidence.shapes import Baseline
from monitoring.store import Samples

#: Samples by series between two moments.
Reader = Callable[[datetime, datetime], Mapping[int, Samples]]


def read_before(read: Reader, span: tuple[float, float]) -> dict[int, Series]:
    """Return what came before the deployment and after it, by series."""
    return {key: Series(*found) for key, found in read(*moments(span)).items()}


def read_pinned(read: Reader, pinned: Baseline, window: Window) -> dict[int, Series]:
    """Return what was measured under the reference, moved to end at the deployment, and after the deployment."""
    then = read(*moments((pinned.start, pinned.end)))
    now = read(*moments((window.deployed_at, window.judged_until)))
    return {
        key: Series(
            np.concatenate([then[key].times + pinned.shift, now[key].times]),
            np.concatenate([then[key].values, now[key].values]),
        )
        for key in now
    }


def outside(samples: Series, planned: Sequence[Stretch]) -> Series:
    """Return the samples without those of planned work, which say nothing of the deployment."""
    kept = ~inside(samples.times, planned)
    return samples if kept.all() else Series(samples.times[kept], samples.values[kept])


def moments(span: tuple[float, float]) -> tuple[datetime, datetime]:
    """Return both ends as datetimes."""
    return datetime.fromtimestamp(span[0], UTC), datetime.fromtimestamp(span[1], UTC)
