"""Which deployment caused it: shares that sum to 1, with a reason in words for each."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.judge.blame import (
    Because,
    Candidate,
    Place,
    Share,
    Why,
    blame_sentence,
    onset_of_check,
    onset_of_metric,
    share_blame,
    share_together,
)
from monitoring.judge.facts import Finding, FindingResult, OutageFacts, Series, Subject, Window

MINUTE = 60.0
JUDGED = Candidate(key="own", name="v2", began_at=-2 * MINUTE, live_at=0.0)


def other(live_at, *, key="other", took=MINUTE, **fields):
    return Candidate(key=key, name="v3", began_at=live_at - took, live_at=live_at, **fields)


def blamed(onset, *others, texts=("Checkout p95",), judged=JUDGED):
    return {share.key: share for share in share_blame(onset, texts, judged, others)}


# --- time -------------------------------------------------------------------------------------------------------------


def test_one_alone_has_all_of_it():
    assert [(share.key, share.share) for share in share_blame(MINUTE, (), JUDGED, ())] == [("own", 1.0)]


def test_two_at_the_same_time_share_it_evenly():
    assert {key: share.share for key, share in blamed(MINUTE, other(0.0)).items()} == {"own": 0.5, "other": 0.5}


def test_the_nearer_in_time_has_the_larger_share():
    shares = blamed(5 * MINUTE, other(4.5 * MINUTE, key="near"), other(-20 * MINUTE, key="far"))
    assert shares["near"].share > shares["own"].share > shares["far"].share


def test_half_an_hour_later_it_weighs_half():
    shares = blamed(30 * MINUTE, other(30 * MINUTE))
    assert shares["other"].share == pytest.approx(2 / 3, abs=0.01)


def test_a_roll_out_that_began_afterwards_has_no_share():
    assert set(blamed(5 * MINUTE, other(10 * MINUTE))) == {"own"}


def test_the_first_value_that_was_worse_may_stand_for_the_time_up_to_the_next():
    shares = {share.key: share for share in share_blame(0.0, (), JUDGED, [other(100.0)], step=MINUTE)}
    assert shares["other"].share == pytest.approx(1 / 3, abs=0.01)
    assert shares["other"].because == (Because(Why.AT_ONCE, 40.0),)
    assert len(share_blame(0.0, (), JUDGED, [other(2 * MINUTE)], step=MINUTE)) == 1


def test_a_roll_out_under_way_counts_in_full_though_it_was_live_later():
    shares = blamed(5 * MINUTE, other(10 * MINUTE, took=8 * MINUTE))
    assert shares["other"].share > 0.5
    assert shares["other"].because[0] == Because(Why.DURING, 3 * MINUTE)


def test_one_that_still_rolls_out_counts_as_well():
    shares = blamed(5 * MINUTE, Candidate(key="other", name="v3", began_at=4 * MINUTE, live_at=None))
    assert shares["other"].share > 0.5
    assert shares["other"].apart is None


def test_what_went_live_many_hours_before_it_got_worse_has_no_share():
    assert set(blamed(8 * 60 * MINUTE, other(MINUTE))) == {"own"}


def test_the_judged_deployment_keeps_a_share_however_late_it_got_worse():
    shares = blamed(40 * 60 * MINUTE, other(40 * 60 * MINUTE - 60))
    assert 0.05 < shares["own"].share < 0.15


# --- names, places, their own watch -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "checkout-db response time",
        "metric:checkout_db.p95",
        "Latency (service checkout-db)",
        "https://Checkout-DB/healthz",
    ],
)
def test_a_component_that_is_named_by_what_got_worse_weighs_four_times(text):
    shares = blamed(MINUTE, other(0.0, parts=("catalog", "checkout-db")), texts=(text,))
    assert shares["other"].share == 0.8
    assert Because(Why.PART, what="checkout-db") in shares["other"].because


@pytest.mark.parametrize("text", ["checkout database", "mycheckout-dbs", "checkout-p95-db", ""])
def test_a_component_is_named_only_by_all_of_its_words_in_a_row(text):
    assert blamed(MINUTE, other(0.0, parts=("checkout-db",)), texts=(text,))["other"].share == 0.5


def test_its_project_weighs_twice_and_not_on_top_of_a_component():
    texts = ("checkout-db of checkout",)
    assert blamed(MINUTE, other(0.0, project=("checkout",)), texts=texts)["other"].share == pytest.approx(
        2 / 3, abs=0.01
    )
    both = other(0.0, project=("checkout",), parts=("checkout-db",))
    assert blamed(MINUTE, both, texts=texts)["other"].share == 0.8


def test_a_name_without_letters_names_nothing():
    assert blamed(MINUTE, other(0.0, parts=("—", "")), texts=("— -",))["other"].share == 0.5


def test_another_environment_weighs_less_the_farther_it_is():
    here, host, name = (blamed(MINUTE, other(0.0, place=place))["other"] for place in Place)
    assert (here.share, host.share, name.share) == (0.5, 0.33, 0.17)
    assert name.because[-1] == Because(Why.NAME)


def test_one_that_its_own_watch_found_bad_before_weighs_more_and_one_found_healthy_less():
    bad, well = (
        blamed(MINUTE, other(0.0, found=found, found_at=0.5 * MINUTE))["other"] for found in ("FAILED", "HEALTHY")
    )
    assert (bad.share, well.share) == (0.6, 0.17)


def test_what_its_own_watch_found_afterwards_says_nothing():
    assert blamed(MINUTE, other(0.0, found="HEALTHY", found_at=2 * MINUTE))["other"].share == 0.5
    assert blamed(MINUTE, other(0.0, found="BLIND", found_at=0.0))["other"].share == 0.5


# --- shares -----------------------------------------------------------------------------------------------------------


def test_the_judged_deployment_comes_first_and_the_others_by_their_shares():
    order = [share.key for share in share_blame(0.0, (), JUDGED, [other(-50 * MINUTE, key="b"), other(0.0, key="a")])]
    assert order == ["own", "a", "b"]


def test_small_shares_are_left_out_and_the_rest_sums_to_one():
    shares = blamed(0.0, other(-5 * 60 * MINUTE, place=Place.NAME))
    assert {key: share.share for key, share in shares.items()} == {"own": 1.0}


def test_no_more_than_five_deployments_are_named():
    assert len(blamed(0.0, *(other(0.0, key=f"n{number}") for number in range(30)))) == 5


@given(
    onset=st.floats(0, 86_400 * 3),
    lives=st.lists(st.floats(-3600, 86_400 * 3), max_size=12),
    took=st.floats(0, 7200),
    place=st.sampled_from(list(Place)),
)
def test_shares_are_positive_and_sum_to_one(onset, lives, took, place):
    others = [other(live, key=f"n{number}", took=took, place=place) for number, live in enumerate(lives)]
    shares = share_blame(onset, ("checkout",), JUDGED, others)
    assert sum(round(100 * share.share) for share in shares) == 100
    assert all(share.share > 0 for share in shares)
    assert shares[0].key == "own"
    began = {one.key: one.began_at for one in others}
    assert all(began[share.key] <= onset for share in shares[1:])
    assert all(Share.from_dict(json.loads(json.dumps(share.to_dict()))) == share for share in shares)


@given(lives=st.permutations([-30.0, -600.0, -600.0, -3000.0]))
def test_the_order_in_which_others_are_given_changes_nothing(lives):
    numbers = {-30.0: "a", -3000.0: "d"}
    named = [other(live, key=numbers.get(live, f"b{lives[:at].count(live)}")) for at, live in enumerate(lives)]
    assert [share.share for share in share_blame(0.0, (), JUDGED, named)] == [
        share.share for share in share_blame(0.0, (), JUDGED, sorted(named, key=lambda one: one.key))
    ]


# --- all that got worse together --------------------------------------------------------------------------------------


def test_the_blame_for_all_that_got_worse_is_the_mean():
    early = share_blame(MINUTE, (), JUDGED, [other(5 * MINUTE)])
    late = share_blame(6 * MINUTE, (), JUDGED, [other(5 * MINUTE)])
    whole = share_together([early, late])
    assert [share.key for share in whole] == ["own", "other"]
    assert whole[1].share == pytest.approx(late[1].share / 2, abs=0.01)
    assert whole[1].because == late[1].because


def test_who_was_alone_for_all_is_not_blamed_beside_nobody():
    assert share_together([]) == ()
    assert share_together([share_blame(MINUTE, (), JUDGED, [])]) == ()


# --- words ------------------------------------------------------------------------------------------------------------


def test_each_reason_is_a_half_sentence():
    assert Because(Why.AFTER, 40).words("v2.3.0 of checkout") == "it began 40\u00a0s after v2.3.0 of checkout went live"
    assert Because(Why.DURING, 40).words("v2.3.0") == "it began 40\u00a0s into the roll-out of v2.3.0"
    assert Because(Why.PART, what="checkout-db").words("v2.3.0") == "checkout-db is what it changed"
    assert all(Because(why, 1.0, "x").words("v1") for why in Why)


def share_of(key, share, apart=-180.0):
    return Share(key, share, (), apart)


NAMES = {"a": "v2.3.0", "b": "v7"}


def test_the_sentence_names_the_other_deployment_and_how_sure_that_is():
    said = blame_sentence([share_of("own", 0.6), share_of("a", 0.4)], NAMES)
    assert said == "v2.3.0, 3\u00a0min earlier, may be the cause as well (40\u00a0%)."


def test_the_sentence_says_when_another_one_is_the_likelier_cause():
    said = blame_sentence([share_of("own", 0.2), share_of("a", 0.8, 60.0)], NAMES)
    assert said == "v2.3.0, 1\u00a0min later, is the likelier cause (80\u00a0%)."


def test_the_sentence_names_nobody_whose_name_is_not_for_everybody():
    said = blame_sentence([share_of("own", 0.6), share_of("foreign", 0.4, 0.0)], NAMES)
    assert said == "Another deployment, at the same time, may be the cause as well (40\u00a0%)."


def test_the_sentence_names_two_and_counts_the_rest():
    rows = [share_of("own", 0.4), share_of("a", 0.3), share_of("foreign", 0.1, None), share_of("b", 0.1)]
    assert blame_sentence(rows, NAMES) == (
        "v2.3.0, 3\u00a0min earlier (30\u00a0%), another deployment, still rolling out (10\u00a0%) and 1 more "
        "may be the cause as well."
    )


# --- when it got worse ------------------------------------------------------------------------------------------------

WINDOW = Window(opens_at=0.0, closes_at=3600.0, deployed_at=-60.0, settle_seconds=120.0, looked_at=3600.0)


def metric(values, *, change=100.0, band=(90.0, 110.0)):
    times = np.arange(-600.0, 3600.0, 60.0)
    samples = Series(times, np.array([values(at) for at in times], float))
    picture = {"band": {"low": band[0], "high": band[1]}} if band else None
    finding = Finding("m", "M", Subject.METRIC, FindingResult.REGRESSED, "", change=change, picture=picture)
    return onset_of_metric(samples, finding, WINDOW)


def test_a_metric_got_worse_with_its_first_value_beyond_the_band():
    assert metric(lambda at: 200 if at >= 600 else 100) == 600


def test_one_odd_value_is_not_where_it_got_worse():
    assert metric(lambda at: 200 if at >= 600 or at == 120 else 100) == 600


def test_a_metric_that_fell_left_the_band_below():
    assert metric(lambda at: 20 if at >= 300 else 100, change=-80.0) == 300


def test_what_lies_before_the_deployment_is_not_where_it_got_worse():
    assert metric(lambda at: 200) == -60


@pytest.mark.parametrize("missing", [{"band": None}, {"change": None}, {"band": (0.0, 1000.0)}])
def test_where_no_value_tells_it_is_the_time_from_which_it_was_judged(missing):
    assert metric(lambda at: 200, **missing) == WINDOW.judged_from


def test_a_check_got_worse_when_its_outage_began():
    assert onset_of_check(Series.empty(), OutageFacts(300.0, 420.0), WINDOW) == 300
    assert onset_of_check(Series.empty(), OutageFacts(-300.0, 420.0), WINDOW) == WINDOW.deployed_at


def test_without_an_outage_a_check_got_worse_with_its_first_failed_reading():
    times = np.array([-120.0, 0.0, 60.0, 120.0])
    assert onset_of_check(Series(times, np.array([0.0, 1.0, 0.0, 0.0])), None, WINDOW) == 60
    assert onset_of_check(Series.empty(), None, WINDOW) == WINDOW.judged_from
