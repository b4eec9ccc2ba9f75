"""Sources that are queries of an existing Prometheus: what an answer is, what is fetched of the past."""

from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from monitoring.models import Series
from monitoring.services import (
    pause_source,
    pull_sources,
    resume_source,
)
from monitoring.services.pulling import latest_slot, next_slot
from tests.monitoring.operations.pulled import fresh, source, stored
from tests.targets import Answer

pytestmark = pytest.mark.django_db


def vector(*rows):
    result = [{"metric": labels, "value": [at, value]} for labels, at, value in rows]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


def test_each_series_of_an_answer_is_one_here(target, now):
    at = now.timestamp()
    target.set(json=vector(({"__name__": "things_total", "shop": "a"}, at, "5"), ({"shop": "b"}, at, "NaN")))
    row = source(target, now, "PROMQL", queries="things = things_total")
    assert pull_sources(now=now) == 1
    assert stored(row) == {("things", "a"): [5.0]}
    assert Series.objects.get().metric.is_counter
    (request,) = target.requests
    form = parse_qs(request.body.decode())
    assert form["query"] == ["things_total"]
    assert float(form["time"][0]) == latest_slot(row, now).timestamp()
    assert request.path == "/api/v1/query"
    assert fresh(row).pulled_until == latest_slot(row, now)


def test_a_single_number_is_one_series_without_labels(target, now):
    target.set(json={"status": "success", "data": {"resultType": "scalar", "result": [now.timestamp(), "7.25"]}})
    row = source(target, now, "PROMQL", queries="limit [s] = scalar(x)")
    pull_sources(now=now)
    assert stored(row) == {("limit",): [7.25]}
    assert Series.objects.get().metric.unit == "s"


def failed(status, error):
    return Answer(status=status, json={"status": "error", "error": error})


def given(kind, result):
    return Answer(json={"status": "success", "data": {"resultType": kind, "result": result}})


NO_API = "The answer is not that of a Prometheus API: check the address."


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (failed(400, "1:3: parse error: x\ny"), "Prometheus refused it: 1:3: parse error: x y."),
        (failed(422, "too many samples"), "Prometheus refused it: too many samples."),
        (failed(200, ""), "Prometheus refused it: error."),
        (Answer(status=503, body="no backend"), "The target answered 503."),
        (Answer(status=404, body="not here"), "There is nothing at this address (404)."),
        (Answer(body="<html>"), NO_API),
        (Answer(body=b"[" * 100_000), NO_API),
        (Answer(json=[1]), NO_API),
        (given("vector", 7), NO_API),
        (given("vector", [7]), NO_API),
        (given("vector", [{"metric": 1, "value": [1, "2"]}]), NO_API),
        (given("vector", [{"metric": {}, "value": ["x", "2"]}]), NO_API),
        (given("vector", [{"metric": {}, "value": [1e300, "2"]}]), NO_API),
        (given("vector", [{"metric": {}, "value": [1, [2]]}]), NO_API),
        (given("matrix", [{"metric": {}, "value": [1, "2"]}]), NO_API),
        (given("vector", [{"metric": {}, "histogram": []}]), "The query gives native histograms"),
        (given("string", [1, "x"]), "The query gives a string, not one number for each series."),
    ],
)
def test_an_answer_that_is_none_is_said_in_words(target, now, answer, told):
    target.queue(answer)
    row = source(target, now, "PROMQL", queries="orders = up")
    assert pull_sources(now=now) == 0
    assert fresh(row).latest_detail.startswith(f"orders: {told}")
    assert row.pulled_until is None


def test_a_query_that_fails_leaves_the_others_alone(target, now):
    target.queue(
        Answer(json=vector(({}, now.timestamp(), "1"))), Answer(status=400, json={"status": "error", "error": "bad"})
    )
    row = source(target, now, "PROMQL", queries="one = a\nother = b")
    pull_sources(now=now)
    assert list(stored(row).values()) == [[1.0]]
    assert fresh(row).latest_detail.startswith("1 of 2 queries failed. ")
    assert row.latest_detail.endswith(": Prometheus refused it: bad.")
    assert row.pulled_until is not None


def matrix(request_body):
    form = {
        name: float(values[0]) for name, values in parse_qs(request_body).items() if name in ("start", "end", "step")
    }
    count = int((form["end"] - form["start"]) / form["step"]) + 1
    values = [[form["start"] + n * form["step"], str(n)] for n in range(count)]
    return {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": values}]}}


def test_the_past_is_fetched_oldest_first_in_steps_that_an_answer_can_hold(target, now):
    row = source(target, now, "PROMQL", queries="a = b", backfill=timedelta(hours=10), interval=30)
    asked = []
    for _ in range(3):
        target.set(json={"status": "success", "data": {"resultType": "matrix", "result": []}})
        assert pull_sources(now=now) == 1
        form = parse_qs(target.requests[-1].body.decode())
        asked.append((float(form["start"][0]), float(form["end"][0]), int(form["step"][0])))
    assert [round((end - start) / step) + 1 for start, end, step in asked] == [500, 500, 199]
    assert asked[1][0] == asked[0][1] + 30
    assert asked[2][1] == latest_slot(row, now).timestamp()
    assert fresh(row).next_pull_at == next_slot(row, now)
    assert pull_sources(now=now) == 0


def test_a_gap_is_made_good_when_prometheus_is_back(target, now):
    row = source(target, now, "PROMQL", queries="a = b", interval=30)
    target.queue(Answer(json=vector(({}, now.timestamp(), "1"))))
    pull_sources(now=now)
    first = fresh(row).pulled_until
    for minutes in (1, 2, 3):
        target.queue(Answer(status=503))
        pull_sources(now=now + timedelta(minutes=minutes))
    assert fresh(row).pulled_until == first
    later = now + timedelta(minutes=5)
    target.queue(Answer(json={"status": "success", "data": {"resultType": "matrix", "result": []}}))
    pull_sources(now=later)
    assert target.requests[-1].path == "/api/v1/query_range"
    form = parse_qs(target.requests[-1].body.decode())
    assert float(form["start"][0]) == first.timestamp() + 30
    assert fresh(row).pulled_until == latest_slot(row, later)
    assert row.failing_since is None


def test_a_pause_is_not_made_good(target, now):
    row = source(target, now, "PROMQL", queries="a = b", interval=30)
    target.set(json=vector())
    pull_sources(now=now)
    pause_source(source=fresh(row), now=now)
    later = now + timedelta(hours=5)
    resume_source(source=row, now=later)
    pull_sources(now=later)
    assert target.requests[-1].path == "/api/v1/query"
