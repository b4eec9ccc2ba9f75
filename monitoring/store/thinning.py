"""PURE: fewer points that look the same."""

import itertools

import numpy as np

from monitoring.store.shapes import Floats, Samples


def thin(times: Floats, values: Floats, points: int) -> Samples:
    """Return at most about `points` samples that keep every local extreme: the least and greatest of each stretch.

    A chart of so many pixels looks the same. Times and values are of one length, in the order of time.
    """
    if len(times) <= points:
        return Samples(times, values)
    edges = np.linspace(0, len(times), max(points // 2, 1) + 1).astype(int)
    kept: set[int] = set()
    for begin, end in itertools.pairwise(edges):
        stretch = values[begin:end]
        kept |= {int(begin + stretch.argmin()), int(begin + stretch.argmax())}
    chosen = sorted(kept)
    return Samples(times[chosen], values[chosen])
