"""How right the verdicts of a project were: as a whole, and metric by metric."""

import pytest

from monitoring.selectors.verdict_record import verdict_record
from tests.factories import DeploymentFactory, EnvironmentFactory, MetricFactory, RulingFactory
from tests.issues.builders import HOUR, MINUTE, NOON, make_finding, watch

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment():
    return EnvironmentFactory()


def judged(environment, result="FAILED", ruling="", *, minutes=0, changes=(("metric:cpu", 0.2),), **findings):
    """A deployment with a verdict, findings that got worse by so much, and a ruling on the whole."""
    deployment = DeploymentFactory(environment=environment, finished_at=NOON + minutes * MINUTE)
    period = watch(deployment, status="CLOSED", result=result)
    is_bad = result in ("FAILED", "DEGRADED")
    for key, relative in changes:
        make_finding(
            period,
            key=key,
            name=key.partition(":")[2].upper(),
            verdict=result,
            result="REGRESSED" if is_bad else "UNCHANGED",
            facts={"is_muted": False, "relative_change": relative} | findings,
        )
    if ruling:
        RulingFactory(deployment=deployment, kind=ruling)
    return deployment


def record(place, **which):
    return verdict_record(place.project, **which)


def test_alarms_and_quiet_verdicts_are_counted_by_what_was_ruled(environment):
    for result, ruling in (
        ("FAILED", "US"), ("DEGRADED", "NOT_US"), ("FAILED", ""), ("HEALTHY", "US"), ("BLIND", "US"), ("HEALTHY", ""),
        ("DEGRADED", "EXPECTED"),
    ):  # fmt: skip
        judged(environment, result, ruling)
    found = record(environment)
    counts = {said: [cell.count for cell in cells] for said, cells in found.table}
    assert counts == {"Called worse": [1, 1, 1, 1], "Nothing got worse": [1, 0, 0, 1], "Could not tell": [1, 0, 0, 0]}
    assert (found.wrong_count, found.unruled_count) == (3, 1)
    assert sorted(case.is_missed for case in found.wrong) == [False, True, True]


def test_several_false_alarms_are_several(environment):
    judged(environment, "DEGRADED", "NOT_US")
    assert record(environment).table[0][1][1].words == "false alarm"
    judged(environment, "DEGRADED", "NOT_US")
    assert record(environment).table[0][1][1].words == "false alarms"


def test_a_deployment_counts_once_by_the_worse_of_its_two_verdicts(environment):
    deployment = judged(environment, "HEALTHY", "US")
    watch(deployment, status="CLOSED", result="DEGRADED", stage="EXTENDED", opens_at=NOON + HOUR)
    assert (record(environment).score.right_alarms, record(environment).score.total) == (1, 1)


def test_shares_come_with_counts_and_an_interval(environment):
    for _ in range(8):
        judged(environment, "FAILED", "US")
    for _ in range(2):
        judged(environment, "FAILED", "NOT_US")
    assert record(environment).precision == "80\u00a0% (8 of 10; between 49 and 94\u00a0%)"
    assert record(environment).headline == "8 of 10 alarms were right"


def test_with_fewer_than_five_rulings_nothing_is_claimed(environment):
    judged(environment, "FAILED", "US")
    assert record(environment).precision == "too few rulings to say (1 of 1)"
    assert record(environment).headline == "Too few rulings to say how right the verdicts were"


def test_without_a_ruling_nobody_has_said_yet(environment):
    assert record(environment).headline == "No verdict has been reached yet"
    judged(environment)
    assert record(environment).headline == "Nobody has said yet how right the verdicts were"
    assert record(environment).recall == "nothing to count yet"


def test_the_time_and_the_environment_can_be_chosen(environment):
    other = EnvironmentFactory(project=environment.project, name="staging")
    judged(environment, minutes=0)
    judged(environment, minutes=10)
    judged(other, minutes=10)
    assert record(environment).score.total == 3
    assert record(environment, since=NOON + 5 * MINUTE).score.total == 2
    assert record(environment, environment=other).score.total == 1


def test_another_projects_verdicts_are_not_counted(environment):
    judged(EnvironmentFactory())
    assert record(environment).score.total == 0


# --- metric by metric -------------------------------------------------------------------------------------------------


def of_metric(environment, key="metric:cpu"):
    return next(row for row in record(environment).metrics if row.key == key)


def test_a_finding_takes_the_ruling_of_its_deployment(environment):
    judged(environment, "FAILED", "NOT_US", changes=(("metric:cpu", 0.2), ("metric:orders", 0.3)))
    assert of_metric(environment).score.false_alarms == 1
    assert of_metric(environment, "metric:orders").score.false_alarms == 1


def test_of_several_findings_nobody_knows_which_one_was_us(environment):
    judged(environment, "FAILED", "US", changes=(("metric:cpu", 0.2), ("metric:orders", 0.3)))
    assert of_metric(environment).score.ruled == 0
    judged(environment, "FAILED", "US")
    assert of_metric(environment).score.right_alarms == 1


def test_a_ruling_of_its_own_counts_for_a_finding(environment):
    deployment = judged(environment, "FAILED", "US", changes=(("metric:cpu", 0.2), ("metric:orders", 0.3)))
    RulingFactory(deployment=deployment, key="metric:cpu", kind="NOT_US")
    assert of_metric(environment).score.false_alarms == 1


def test_a_finding_that_was_us_and_not_called_worse_was_missed(environment):
    deployment = judged(environment, "HEALTHY")
    RulingFactory(deployment=deployment, key="metric:cpu", kind="US")
    row = of_metric(environment)
    assert (row.name, row.score.missed) == ("CPU", 1)


def test_muted_findings_warn_nobody_and_count_for_nothing(environment):
    judged(environment, "FAILED", "NOT_US", is_muted=True)
    assert record(environment).metrics == []


def test_a_metric_that_cries_wolf_is_told_which_least_change_would_have_helped(environment):
    metric = MetricFactory(project=environment.project, key="cpu")
    for relative in (0.12, 0.22):
        judged(environment, "FAILED", "NOT_US", changes=(("metric:cpu", relative),))
    judged(environment, "FAILED", "US", changes=(("metric:cpu", 0.5),))
    row = of_metric(environment)
    assert (row.metric_id, row.least_change) == (metric.pk, 0.25)
    assert row.advice == (
        "It cries wolf: 2 of 3 times it was not us. A least change of 25\u00a0% would have spared all of them and lost "
        "no right one."
    )


def test_where_no_least_change_tells_false_from_right_muting_is_what_is_left(environment):
    MetricFactory(project=environment.project, key="cpu")
    for _ in range(2):
        judged(environment, "FAILED", "NOT_US", changes=(("metric:cpu", 0.5),))
    judged(environment, "FAILED", "US", changes=(("metric:cpu", 0.2),))
    assert of_metric(environment).least_change is None
    assert of_metric(environment).advice.endswith("Mute it, or raise its least change.")


def test_a_metric_that_is_mostly_right_gets_no_advice(environment):
    MetricFactory(project=environment.project, key="cpu")
    for ruling in ("NOT_US", "NOT_US", "US", "US", "US"):
        judged(environment, "FAILED", ruling)
    assert of_metric(environment).advice == ""


def test_it_takes_a_fixed_number_of_queries(environment, django_assert_num_queries):
    for ruling in ("NOT_US", "US", ""):
        judged(environment, "FAILED", ruling, changes=(("metric:cpu", 0.2), ("metric:orders", 0.3)))
    with django_assert_num_queries(5):
        record(environment)
