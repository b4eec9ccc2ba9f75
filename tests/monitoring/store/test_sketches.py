"""Sketches: percentiles to within 1 % of any values, the same however they were put together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.store.sketches import ACCURACY, NO_SKETCH, merge, quantiles, sketch

FINITE = st.floats(allow_nan=False, allow_infinity=False)
QUANTILES = [0.0, 0.01, 0.5, 0.9, 0.99, 1.0]


def exact(values, at):
    """The values of rank floor(q (n - 1))."""
    return np.sort(values)[np.floor(np.array(at) * (len(values) - 1)).astype(int)]


@given(st.lists(FINITE, min_size=1, max_size=200))
def test_quantiles_are_within_one_percent_whatever_the_values(values):
    found, wanted = quantiles(sketch(np.array(values)), QUANTILES), exact(values, QUANTILES)
    smallest = np.finfo(float).smallest_normal  # below it floats themselves are coarser than 1 %
    assert (np.abs(found - wanted) <= ACCURACY * np.abs(wanted) * (1 + 1e-9) + smallest).all()


@given(st.lists(st.lists(FINITE, max_size=50), max_size=6))
def test_merged_sketches_are_the_sketch_of_all(parts):
    merged = merge(sketch(np.array(part, np.float64)) for part in parts)
    whole = sketch(np.array([value for part in parts for value in part], np.float64))
    assert merged.buckets.tolist() == whole.buckets.tolist()
    assert merged.counts.tolist() == whole.counts.tolist()


def test_zero_and_negative_values_keep_their_order():
    found = quantiles(sketch(np.array([-100.0, -1.0, 0.0, 1.0, 100.0])), [0, 0.25, 0.5, 0.75, 1])
    assert found == pytest.approx([-100, -1, 0, 1, 100], rel=0.01)


def test_nothing_has_no_quantiles():
    assert np.isnan(quantiles(NO_SKETCH, [0.5])).all()
    assert merge([]) is NO_SKETCH


def test_a_day_of_latencies_needs_few_buckets():
    values = 120 * np.exp(np.random.default_rng(7).normal(0, 0.15, 8640))
    assert len(sketch(values).buckets) < 80
