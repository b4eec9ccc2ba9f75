"""The text format: what prometheus-client writes is what we read, and nothing makes the reader slow or break."""

import contextlib
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from monitoring.formats.batch import BodyRefused
from monitoring.formats.exposition import read_exposition

NOW_US = 1_000_000


def read(text, **options):
    batch = read_exposition(text, now_us=NOW_US, **options)
    return [
        (batch.names[place], at, value)
        for place, at, value in zip(batch.of.tolist(), batch.times_us.tolist(), batch.values.tolist(), strict=True)
    ]


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30),
)
def test_what_prometheus_client_writes_is_read_back(value, text):
    registry = CollectorRegistry()
    Gauge("a", "help", ["label"], registry=registry).labels(text).set(value)
    ((name, at, read_value),) = read(generate_latest(registry).decode())
    assert (name.metric, dict(name.labels), at) == ("a", {"label": text}, NOW_US)
    assert read_value == value


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(BodyRefused):
        read(text)


@pytest.mark.parametrize(
    ("line", "metric", "labels", "value"),
    [
        ('{"a.b","l x"="v"} 3', "a.b", {"l x": "v"}, 3.0),
        ('a{b="\\n\\\\\\"",} 1e3', "a", {"b": '\ufffd\\"'}, 1000.0),
        ("a{} 0.25", "a", {}, 0.25),
        ('a{b=""} 1', "a", {}, 1.0),
        ("  a   7  ", "a", {}, 7.0),
        ("a:b_c 7 5", "a:b_c", {}, 7.0),
    ],
)
def test_lines_of_every_shape_are_read(line, metric, labels, value):
    ((name, _, found),) = read(line)
    assert (name.metric, dict(name.labels), found) == (metric, labels, value)


@pytest.mark.parametrize(
    "line",
    ["a", "a b", "9a 1", "a{ 1", "a{b} 1", 'a{b="c} 1', 'a{b="1",b="2"} 1', "a 1_0", "a 1 2 3", '{"a","b"} 1', "{} 1"],
)
def test_lines_that_are_none_are_refused_with_their_number(line):
    with pytest.raises(BodyRefused, match=r"^Line 2: "):
        read(f"# TYPE a gauge\n{line}\n")


def test_types_and_helps_are_what_is_said_of_a_metric():
    batch = read_exposition(
        '# HELP a_total How \\\\ many\n# TYPE a_total counter\na_total 1\n# TYPE h histogram\nh_bucket{le="1"} 1\n'
        'h_sum 2\nh_count 1\n# TYPE s summary\ns{quantile="0.5"} 3\n# TYPE x_total gauge\nx_total 1\nuntyped_total 1\n',
        now_us=NOW_US,
    )
    assert batch.facts["a_total"].description == "How \\ many"
    counters = {metric for metric, facts in batch.facts.items() if facts.is_counter}
    assert counters == {"a_total", "h_bucket", "h_sum", "h_count", "untyped_total"}


def test_no_value_and_infinity_are_not_stored():
    batch = read_exposition("a NaN\nb +Inf\nc -Inf\nd 1\n", now_us=NOW_US)
    assert batch.values.tolist() == [1.0]
    assert [(each.reason, each.count) for each in batch.left_out] == [("NOT_FINITE", 2)]


def test_times_are_milliseconds():
    ((_, at, _),) = read("a 1 1763985600123\n")
    assert at == 1_763_985_600_123_000
    assert math.isclose(at / 1e6, 1_763_985_600.123)


@pytest.mark.parametrize(
    "text",
    ["a{" + 'b="c",' * 2500 + "x 1", '"' * 16_000, 'a{b="' + '\\"' * 8000, "a" + " " * 16_000 + "b c d"],
)
def test_no_line_takes_long(text):
    began = time.perf_counter()
    with pytest.raises(BodyRefused):
        read(text)
    assert time.perf_counter() - began < 1
