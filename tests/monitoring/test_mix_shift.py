"""A metric with labels: a change of the mix is told apart from a change in the parts."""

import hashlib

import numpy as np
import pytest

from monitoring import services
from monitoring.judge.facts import Series as Series_
from monitoring.models import Metric, Series
from monitoring.services.evidence.wholes import weighed_mean
from tests.factories import MetricFactory, SeriesFactory
from tests.monitoring.worlds import World

pytestmark = pytest.mark.django_db


class Shop(World):
    """Latency and requests as a whole and by route; each route has (ms, requests) before and after."""

    def __init__(self, routes, *, step=1.0, is_critical=False, label="route", **metric):
        super().__init__()
        self.open()
        self.check()
        self.step, self.label = step, label
        project = self.environment.project
        self.latency = MetricFactory(
            project=project, key="latency", name="Latency", unit="ms", kind="LATENCY", is_critical=is_critical, **metric
        )
        self.requests = MetricFactory(
            project=project, key="requests", name="Requests", kind="THROUGHPUT", bad_direction="DOWN", is_muted=True
        )
        self.routes = routes
        for name, (before, after) in routes.items():
            self.add(name, before, after)

    def add(self, name, before, after, step=None):
        """A route; None: it has no samples on that side."""
        for metric, place in ((self.latency, 0), (self.requests, 1)):
            digest = hashlib.sha256(name.encode()).hexdigest()[:32]
            series = SeriesFactory(
                environment=self.environment, metric=metric, labels={self.label: name}, labels_digest=digest
            )
            if before:
                self.fill(series, self.around(before[place]), -1440, 0, step or self.step)
            if after:
                self.fill(series, self.around(after[place]), 0, 60, step or self.step)

    def add_whole(self):
        series = SeriesFactory(environment=self.environment, metric=self.latency, labels={})
        before, after = (self.mean(side) for side in (0, 1))
        self.fill(series, self.around(before), -1440, 0, 1.0)
        self.fill(series, self.around(after), 0, 60, 1.0)
        return self

    def mean(self, side):
        rows = [sides[side] for sides in self.routes.values() if sides[side]]
        return sum(ms * count for ms, count in rows) / sum(count for _, count in rows)

    def around(self, level):
        return lambda minute: level * (1 + 0.03 * self.random.standard_normal())

    def whole(self):
        return self.finding("metric:latency")


STEADY = {"/": ((100, 880), (100, 880)), "/export": ((900, 120), (900, 120))}
SHIFTED = {"/": ((100, 880), (100, 690)), "/export": ((900, 120), (900, 310))}
SLOWER = {"/": ((100, 880), (150, 880)), "/export": ((900, 120), (1350, 120))}


def test_users_who_do_something_else_are_no_regression_and_are_shown():
    shop = Shop(SHIFTED).add_whole()
    shop.judge(60)
    finding = shop.whole()
    assert (finding.result, finding.facts["reasons"]) == ("INCONCLUSIVE", ["CHANGED", "MIX_SHIFT"])
    assert finding.sentence.endswith(
        "Most of the rise is more traffic on /export (12\u00a0% → 31\u00a0%); no route got worse."
    )
    assert finding.facts["mix"]["between"] == pytest.approx(152, rel=0.1)
    assert abs(finding.facts["mix"]["within"]) < 20
    assert shop.verdict().result == "HEALTHY"


def test_parts_that_got_slower_are_a_regression_and_are_named():
    shop = Shop(SLOWER).add_whole()
    shop.judge(60)
    assert shop.whole().result == "REGRESSED"
    assert "The rise is in the routes themselves" in shop.whole().sentence
    assert shop.verdict().result == "DEGRADED"


def test_a_shift_does_not_excuse_a_part_that_got_slower_as_well():
    shop = Shop({"/": ((100, 880), (100, 690)), "/export": ((900, 120), (1400, 310))}).add_whole()
    shop.judge(60)
    assert shop.whole().result == "REGRESSED"
    assert shop.verdict().result == "DEGRADED"


def test_where_nothing_changed_the_mix_is_kept_and_the_sentence_is_short():
    shop = Shop(STEADY).add_whole()
    shop.judge(60)
    assert shop.whole().result == "UNCHANGED"
    assert "traffic" not in shop.whole().sentence
    assert {part["name"] for part in shop.whole().facts["mix"]["parts"]} == {"/", "/export"}


def test_a_hard_limit_stays_a_limit_whatever_the_mix():
    shop = Shop(SHIFTED, hard_limit=250).add_whole()
    shop.judge(60)
    assert shop.whole().result == "REGRESSED"
    assert shop.verdict().result == "FAILED"


def test_a_new_slow_route_is_no_excuse():
    shop = Shop({"/": ((100, 880), (100, 690)), "/new": (None, (900, 310))}).add_whole()
    shop.judge(60)
    assert shop.whole().result == "REGRESSED"
    assert [part["is_new"] for part in shop.whole().facts["mix"]["parts"] if part["name"] == "/new"] == [True]


def test_a_route_that_is_gone_is_counted_with_what_it_was():
    shop = Shop({"/": ((100, 880), (100, 690)), "/b": ((100, 100), (100, 100)), "/old": ((50, 500), None)}).add_whole()
    shop.judge(60)
    parts = {part["name"]: part for part in shop.whole().facts["mix"]["parts"]}
    assert parts["/old"]["is_gone"]
    assert (parts["/old"]["share_before"], parts["/old"]["share_after"]) == (pytest.approx(0.338, abs=0.02), 0)


def test_a_route_without_any_sample_is_no_part():
    shop = Shop({**SHIFTED, "/never": (None, None)}).add_whole()
    shop.judge(60)
    assert shop.whole().facts["reasons"] == ["CHANGED", "MIX_SHIFT"]


def test_routes_measured_in_unequal_steps_weigh_by_what_they_count():
    shop = Shop({"/": SHIFTED["/"]})
    shop.routes = SHIFTED
    shop.add("/export", *SHIFTED["/export"], step=3.0)
    shop.add_whole()
    shop.judge(60)
    assert shop.whole().facts["reasons"] == ["CHANGED", "MIX_SHIFT"]
    assert shop.whole().facts["mix"]["between"] == pytest.approx(152, rel=0.1)


def test_a_whole_that_nobody_sends_is_the_mean_of_its_parts():
    shop = Shop(SHIFTED)
    shop.judge(60)
    finding = shop.whole()
    assert finding.name == "Latency, mean of all routes"
    assert finding.facts["reasons"] == ["CHANGED", "MIX_SHIFT"]
    assert (finding.facts["before"], finding.facts["after"]) == (
        pytest.approx(196, rel=0.03),
        pytest.approx(348, rel=0.03),
    )
    assert finding.series is None
    assert shop.verdict().result == "HEALTHY"


def test_without_counts_the_parts_speak_for_themselves():
    shop = Shop(SHIFTED)
    Series.objects.filter(metric=shop.requests).delete()
    shop.judge(60)
    assert not shop.verdict().findings.filter(key="metric:latency").exists()

    counted = Shop(SHIFTED).add_whole()
    Series.objects.filter(metric=counted.requests).delete()
    counted.judge(60)
    assert (counted.whole().result, counted.whole().facts["mix"]) == ("REGRESSED", None)


def test_all_routes_a_little_slower_show_in_the_mean():
    shop = Shop({f"/{n}": ((100, 50), (118, 50)) for n in range(8)}, least_change=0.05)
    shop.judge(60)
    assert shop.whole().result == "REGRESSED"
    assert "The rise is in the routes themselves" in shop.whole().sentence


def test_a_mean_is_not_known_where_much_of_what_was_counted_has_no_value():
    times = np.arange(0, 600, 60.0)
    ones, nothing = Series_(times, np.ones(10)), Series_(times[:5], np.full(5, 9.0))
    found = weighed_mean([ones, nothing], [Series_(times, np.full(10, 80.0)), Series_(times, np.full(10, 20.0))], 60.0)
    assert found.times.tolist() == [30, 90, 150, 210, 270]
    assert found.values.tolist() == [pytest.approx(2.6)] * 5
    assert len(weighed_mean([ones, nothing], [Series_.empty(), Series_.empty()], 60.0)) == 0
    assert len(weighed_mean([Series_.empty()], [Series_.empty()], 60.0)) == 0
    odd = Series_(times, np.full(10, np.nan))
    assert len(weighed_mean([odd], [odd], 60.0)) == 0


def test_routes_that_are_measured_one_after_the_other_make_a_steady_mean():
    shop = Shop({"/": STEADY["/"]})
    shop.routes = STEADY
    shop.fill = lambda series, value, since, until, step: World.fill(shop, series, value, since + 0.45, until, step)
    shop.add("/export", *STEADY["/export"])
    shop.judge(60)
    assert shop.whole().result == "UNCHANGED"
    assert shop.whole().facts["before"] == pytest.approx(196, rel=0.03)


def test_counts_are_not_means():
    shop = Shop(SHIFTED).add_whole()
    Metric.objects.filter(pk=shop.latency.pk).update(kind="ERROR_COUNT")
    shop.judge(60)
    assert shop.whole().facts["mix"] is None


def test_a_ratio_is_weighed_with_its_own_denominator():
    shop = Shop(SHIFTED).add_whole()
    visits = MetricFactory(project=shop.environment.project, key="a_visits", kind="THROUGHPUT", is_muted=True)
    for name in SHIFTED:
        series = SeriesFactory(
            environment=shop.environment, metric=visits, labels={"route": name}, labels_digest=name.strip("/") or "root"
        )
        shop.fill(series, 5, -1440, 60, 1.0)
    shop.judge(60)
    assert volumes(shop) == {"a_visits"}  # the first of equals by name
    Metric.objects.filter(pk=shop.latency.pk).update(denominator=shop.requests)
    shop.judge(180)
    assert volumes(shop, "EXTENDED") == {"requests"}


def volumes(shop, stage="INITIAL"):
    return {row["volume"] for row in shop.verdict(stage).inputs["metrics"] if row["volume"]}


def test_of_two_ways_to_part_a_whole_the_finer_one_is_told():
    shop = Shop(SHIFTED).add_whole()
    shop.label = "region"
    for name in ("eu", "us", "asia"):
        shop.add(name, (100, 10), (100, 10))
    shop.judge(60)
    assert {part["name"] for part in shop.whole().facts["mix"]["parts"]} == {"eu", "us", "asia"}


def test_judged_again_the_mix_is_the_same():
    shop = Shop(SHIFTED).add_whole()
    shop.judge(60)
    Metric.objects.update(kind="OTHER")
    again = {finding.key: finding for finding in services.judge_again(shop.verdict()).findings}
    assert again["metric:latency"].mix == shop.whole().facts["mix"]
    assert again["metric:latency"].sentence == shop.whole().sentence


def test_judged_again_a_whole_that_nobody_sends_is_the_same():
    shop = Shop(SHIFTED)
    shop.judge(60)
    kept = [(found.key, found.sentence) for found in shop.verdict().findings.all()]
    assert [(found.key, found.sentence) for found in services.judge_again(shop.verdict()).findings] == kept


# --- counts -----------------------------------------------------------------------------------------------------------


def counted(routes):
    """Requests by route that count for the verdict."""
    shop = Shop(routes)
    Metric.objects.filter(pk=shop.requests.pk).update(is_muted=False)
    shop.judge(60)
    parts = shop.verdict().findings.filter(key__startswith="metric:requests")
    return shop, {part.name: part for part in parts}


def test_requests_that_came_to_another_route_are_not_missing():
    shop, parts = counted({"/": ((100, 880), (100, 690)), "/export": ((100, 120), (100, 310))})
    fallen = parts["Requests (route /)"]
    assert (fallen.result, fallen.facts["reasons"][-1]) == ("INCONCLUSIVE", "MIX_SHIFT")
    assert "What is missing here came elsewhere: all routes together 1,001 → 994." in fallen.sentence
    assert shop.period().result == "HEALTHY"


@pytest.mark.parametrize("other", [120, 160])
def test_requests_that_came_nowhere_are_missing(other):
    shop, parts = counted({"/": ((100, 880), (100, 690)), "/export": ((100, 120), (100, other))})
    assert parts["Requests (route /)"].result == "REGRESSED"
    assert shop.period().result == "DEGRADED"
