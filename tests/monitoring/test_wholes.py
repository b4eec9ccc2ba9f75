"""The mean over parts holds for whatever was sent."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitoring.judge.facts import Series
from monitoring.services.evidence.wholes import weighed_mean

number = st.floats(allow_nan=True, allow_infinity=True)
series = st.lists(st.tuples(st.floats(0, 1e5), number), max_size=12).map(
    lambda rows: Series(np.array([at for at, _ in rows]), np.array([value for _, value in rows]))
)


def one(value):
    return Series(np.array([0.0]), np.array([value]))


@example([(one(3.7e-142), one(8.4e-284))], 10.0)  # their product is too small for a number
@example([(one(1e150), one(1e200))], 10.0)
@settings(max_examples=200)
@given(st.lists(st.tuples(series, series), min_size=1, max_size=4), st.floats(10, 1e4))
def test_any_samples_make_a_mean_or_none(parts, step):
    found = weighed_mean([value for value, _ in parts], [volume for _, volume in parts], step)
    assert len(found.times) == len(found.values)
    assert (np.diff(found.times) > 0).all()
    levels = np.concatenate([value.clean().values for value, _ in parts])
    clean = found.clean().values
    if clean.size:
        assert clean.min() >= levels.min() - 1e-6 * abs(levels.min())
        assert clean.max() <= levels.max() + 1e-6 * abs(levels.max())
