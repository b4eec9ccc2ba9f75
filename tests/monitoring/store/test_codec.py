"""What is packed comes back bit by bit: any time, any order, any gap, any float."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.store import codec
from monitoring.store.packing import PLAIN, ZSTD, Unreadable, content, frame, pack_floats, pack_ints, unpack_ints

INT64 = st.integers(-(2**63), 2**63 - 1)
BITS = st.integers(0, 2**64 - 1)  # every float there is, NaNs with all their payloads
DECIMALS = st.builds(lambda whole, places: whole / 10**places, st.integers(-(10**9), 10**9), st.integers(0, 6))
LISTS = {"max_size": 300}


def floats_of(bits):
    return np.array(bits, np.uint64).view(np.float64)


def same(one, other):
    return one.dtype == other.dtype and one.tobytes() == other.tobytes()


def comes_back(times, values):
    times, values = np.array(times, np.int64), np.asarray(values, np.float64)
    for quickly in (False, True):
        found_times, found_values = codec.unpack_chunk(codec.pack_chunk(times, values, quickly=quickly))
        if not (same(found_times, times) and same(found_values, values)):
            return False
    return True


@given(st.lists(st.tuples(INT64, BITS), **LISTS))
def test_any_times_and_any_bits_come_back(samples):
    times, bits = zip(*samples, strict=True) if samples else ((), ())
    assert comes_back(times, floats_of(bits))


@given(st.lists(st.tuples(INT64, DECIMALS), **LISTS))
def test_decimals_come_back(samples):
    times, values = zip(*samples, strict=True) if samples else ((), ())
    assert comes_back(times, values)


@given(
    st.integers(0, 2**62),
    st.lists(st.sampled_from([0, 1, 999, 1000, 10**6, 10**7, 3600 * 10**6, 2**40, -(10**7)]), **LISTS),
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5),
)
def test_gaps_repeats_and_steps_back_come_back(first, steps, values):
    times = first + np.cumsum(np.array([0, *steps], np.int64))
    assert comes_back(times, np.resize(values, len(times)))


@given(st.lists(st.tuples(INT64, INT64, BITS), **LISTS))
def test_tables_of_many_series_come_back(rows):
    series, times, bits = zip(*rows, strict=True) if rows else ((), (), ())
    table = np.array(series, np.int64), np.array(times, np.int64), floats_of(bits)
    assert all(map(same, codec.unpack_table(codec.pack_table(*table)), table))


@given(st.lists(INT64, **LISTS), st.booleans())
def test_integers_say_where_the_next_column_begins(column, is_time):
    packed = b"".join(pack_ints(np.array(column, np.int64), is_time=is_time))
    found, end = unpack_ints(packed + b"more", 0)
    assert found.tolist() == column
    assert end == len(packed)


@pytest.mark.parametrize(
    "values",
    [
        [0.0, -0.0],
        [np.inf, -np.inf, np.nan],
        [5e-324, -5e-324, 2.2250738585072014e-308],
        [1.7976931348623157e308, -1.7976931348623157e308],
        [2.0**53, 2.0**53 + 2, -(2.0**63)],
        [0.1, 0.2, 0.30000000000000004],
        [1 / 3] * 100,
        [],
    ],
)
def test_extremes_come_back(values):
    assert comes_back(range(len(values)), values)


def test_milliseconds_with_three_decimals_take_little_more_than_their_noise():
    rng = np.random.default_rng(7)
    times = 1_760_000_000_000_000 + np.arange(8640) * 10_000_000
    values = np.round(120 * np.exp(rng.normal(0, 0.15, 8640)), 3)
    noise = np.log2(values.std() * 1000 * np.sqrt(2 * np.pi * np.e)) / 8
    assert len(codec.pack_chunk(times, values)) / 8640 < noise * 1.06


@pytest.mark.parametrize("count", [360, 8640])
def test_a_steady_value_at_a_steady_pace_takes_next_to_nothing(count):
    assert len(codec.pack_chunk(np.arange(count) * 10_000_000, np.ones(count))) < 100


def test_noise_grows_by_no_more_than_the_heads():
    bits = np.random.default_rng(7).integers(0, 2**63, 1000, dtype=np.int64)
    assert len(codec.pack_chunk(bits, bits.view(np.float64))) < 16 * 1000 + 100


def test_each_value_that_is_packed_says_its_format():
    assert frame([b"a"], 3)[0] == PLAIN
    assert frame([bytes(1000)], 3)[0] == ZSTD
    assert bytes(content(frame([bytes(1000)], 3))) == bytes(1000)


@pytest.mark.parametrize("bad", [b"", b"\x00abc", b"\x09abc"])
def test_a_format_of_a_later_version_is_refused(bad):
    with pytest.raises(Unreadable):
        codec.unpack_chunk(bad)
    with pytest.raises((Unreadable, Exception)):
        codec.unpack_table(bad + bytes(8))


@settings(max_examples=30)
@given(st.lists(BITS, max_size=50))
def test_floats_are_packed_the_same_each_time(bits):
    assert pack_floats(floats_of(bits)) == pack_floats(floats_of(bits))
