"""Replays as rows with a due time: done once, taken up after a crash, stopped, and never two of a project at once."""

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError

from monitoring import services
from monitoring.changes import Changes
from monitoring.models import MonitoringPeriod, Replay, Verdict
from monitoring.services.replaying import sweep
from monitoring.services.replaying.looking import PeriodReplay
from tests.at_once import at_once
from tests.factories import (
    DeploymentFactory,
    EnvironmentFactory,
    MetricFactory,
    MonitoringPolicyFactory,
    ReplayedVerdictFactory,
    ReplayFactory,
    UserFactory,
)
from tests.issues.builders import HOUR, MINUTE, NOON, make_finding, watch

pytestmark = pytest.mark.django_db
LATER = NOON + 5 * HOUR


@pytest.fixture
def environment():
    return EnvironmentFactory()


@pytest.fixture(autouse=True)
def judged(monkeypatch):
    """Periods that were judged once more, in their order; nothing is worse by now."""
    seen = []

    def judge(period, changes):
        seen.append(period.pk)
        return PeriodReplay("INITIAL", "1", period.result, "HEALTHY", "Nothing got worse.", [])

    monkeypatch.setattr(sweep, "replay_period", judge)
    return seen


def deployed(environment, count=1, result="FAILED"):
    for number in range(count):
        deployment = DeploymentFactory(environment=environment, finished_at=NOON + number * MINUTE)
        period = watch(deployment, status="CLOSED", result=result)
        make_finding(period, verdict=result)


def request(environment, now=LATER, **changes):
    return services.request_replay(project=environment.project, changes=Changes(**changes), now=now)


def fresh(replay):
    return Replay.objects.get(pk=replay.pk)


def test_what_is_judged_late_while_it_runs_is_not_taken(environment):
    deployed(environment)
    replay = request(environment)
    deployment = DeploymentFactory(environment=environment, finished_at=NOON - HOUR)
    finding = make_finding(watch(deployment, status="CLOSED", result="HEALTHY"), verdict="HEALTHY")
    Verdict.objects.filter(pk=finding.verdict_id).update(looked_at=LATER + MINUTE)
    services.run_replays(now=LATER + 2 * MINUTE)
    assert (fresh(replay).status, replay.total, replay.verdicts.count()) == ("DONE", 1, 1)


def test_a_replay_goes_through_all_deployments_once(environment, judged):
    deployed(environment, 3)
    replay = request(environment)
    assert services.run_replays(now=LATER) == 3
    assert services.run_replays(now=LATER + MINUTE) == 0
    replay = fresh(replay)
    assert (replay.status, replay.total, replay.verdicts.count(), len(judged)) == ("DONE", 3, 3, 3)
    assert (replay.ended_at, replay.next_step_at) == (LATER, None)


def test_the_newest_deployment_comes_first(environment, judged):
    deployed(environment, 3)
    request(environment)
    services.run_replays(now=LATER)
    newest_first = MonitoringPeriod.objects.order_by("-deployment__finished_at")
    assert judged == list(newest_first.values_list("pk", flat=True))


def test_a_sweep_works_for_a_while_and_the_next_one_goes_on(environment, judged, monkeypatch):
    monkeypatch.setattr(sweep, "SLICE", 0 * HOUR)
    deployed(environment, 3)
    replay = request(environment)
    assert services.run_replays(now=LATER) == 1
    assert (fresh(replay).status, fresh(replay).next_step_at) == ("RUNNING", LATER)
    assert services.run_replays(now=LATER) + services.run_replays(now=LATER) == 2
    assert fresh(replay).status == "DONE" or services.run_replays(now=LATER) == 0
    assert len(judged) == 3


def test_after_a_crash_it_goes_on_where_it_was_when_its_lease_is_over(environment, judged):
    deployed(environment, 2)
    replay = request(environment)
    replay.status, replay.next_step_at, replay.stumbles = "RUNNING", LATER + sweep.LEASE, 1
    replay.save()
    ReplayedVerdictFactory(replay=replay, deployment=environment.deployments.order_by("-finished_at").first())
    assert services.run_replays(now=LATER + MINUTE) == 0
    assert services.run_replays(now=LATER + sweep.LEASE) == 1
    assert (fresh(replay).status, replay.verdicts.count()) == ("DONE", 2)


def test_a_deployment_at_which_workers_end_is_left_out_with_the_reason(environment, judged):
    deployed(environment, 2)
    replay = request(environment)
    replay.status, replay.stumbles = "RUNNING", sweep.MOST_STUMBLES
    replay.save()
    services.run_replays(now=LATER)
    assert fresh(replay).status == "DONE"
    assert sorted(bool(row.problem) for row in replay.verdicts.all()) == [False, True]


def test_a_worker_that_is_late_does_nothing(environment, judged):
    deployed(environment)
    replay = request(environment)
    Replay.objects.update(next_step_at=LATER + sweep.LEASE)
    assert sweep._work(replay.pk, LATER, is_enough=lambda: False) == 0
    assert judged == []


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_at_once_each_deployment_is_judged_by_one():
    environment = EnvironmentFactory()
    deployed(environment, 4)
    replay = request(environment)
    assert not [found for found in at_once(lambda: services.run_replays(now=LATER), 2) if isinstance(found, Exception)]
    assert (fresh(replay).status, replay.verdicts.count()) == ("DONE", 4)


def test_stopped_it_keeps_what_it_found_and_finds_no_more(environment, judged, monkeypatch):
    monkeypatch.setattr(sweep, "SLICE", 0 * HOUR)
    deployed(environment, 3)
    replay = request(environment)
    services.run_replays(now=LATER)
    assert services.stop_replay(replay=replay, now=LATER + MINUTE) is True
    assert services.stop_replay(replay=replay, now=LATER + MINUTE) is False
    assert services.run_replays(now=LATER + HOUR) == 0
    assert (fresh(replay).status, replay.verdicts.count()) == ("STOPPED", 1)


def test_stopped_while_a_deployment_is_judged_it_ends_after_that_one(environment, monkeypatch):
    deployed(environment, 3)
    replay = request(environment)

    def stop(period, changes):
        Replay.objects.filter(pk=replay.pk).update(status="STOPPED", next_step_at=None, ended_at=LATER)

    monkeypatch.setattr(sweep, "replay_period", stop)
    services.run_replays(now=LATER)
    assert (fresh(replay).status, replay.verdicts.count()) == ("STOPPED", 1)


def test_a_second_replay_of_a_project_has_to_wait_for_the_first(environment):
    deployed(environment)
    request(environment)
    with pytest.raises(ValidationError, match="still runs"):
        request(environment)
    services.run_replays(now=LATER)
    assert request(environment, LATER + HOUR).status == "WAITING"


def test_what_fails_as_a_whole_says_so_and_stops_no_other(environment, monkeypatch):
    deployed(environment)
    replay, other = request(environment), EnvironmentFactory()
    deployed(other)
    second = request(other)
    todo = sweep._todo
    monkeypatch.setattr(sweep, "_todo", lambda row: 1 / 0 if row.pk == replay.pk else todo(row))
    services.run_replays(now=LATER)
    assert (fresh(replay).status, fresh(second).status) == ("FAILED", "DONE")
    assert fresh(replay).error == "Postdeploy failed: ZeroDivisionError. Its log says more."


def test_a_lost_database_fails_no_replay(environment, monkeypatch):
    deployed(environment)
    replay = request(environment)

    def lose(row):
        raise OperationalError("gone")

    monkeypatch.setattr(sweep, "_todo", lose)
    services.run_replays(now=LATER)
    assert fresh(replay).status == "RUNNING"


def test_in_the_foreground_it_runs_to_the_end(environment, judged):
    deployed(environment, 3)
    assert services.run_whole_replay(replay=request(environment), clock=lambda: LATER).status == "DONE"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"chance_limit": 0.5}, "chance_limit"),
        ({"settle_seconds": -1}, "settle_seconds"),
        ({"baseline_seconds": 1}, "baseline_seconds"),
        ({"metrics": {"nothing": {}}}, "metrics"),
        ({"metrics": {"cpu": {"least_change": float("nan")}}}, "metrics"),
        ({"metrics": {"cpu": {"least_change": -0.1}}}, "metrics"),
        ({"metrics": {"cpu": {"least_change": None}}}, "metrics"),
        ({"metrics": {"cpu": {"is_muted": "yes"}}}, "metrics"),
        ({"metrics": {"cpu": {"unit": "ms"}}}, "metrics"),
    ],
)
def test_what_cannot_be_tried_is_refused_by_its_field(environment, changes, field):
    deployed(environment)
    MetricFactory(project=environment.project, key="cpu")
    with pytest.raises(ValidationError) as refused:
        request(environment, **changes)
    assert list(refused.value.message_dict) == [field]


# --- switching on -----------------------------------------------------------------------------------------------------


def done(environment=None, **changes):
    environment = environment or EnvironmentFactory()
    return ReplayFactory(
        project=environment.project, environment=environment, status="DONE", changes=Changes(**changes).to_json()
    )


def test_switched_on_its_changes_are_the_policy_and_the_metrics(environment):
    MonitoringPolicyFactory(environment=environment)
    metric = MetricFactory(project=environment.project, key="cpu", least_change=0.1)
    replay = done(environment, chance_limit=0.004, metrics={"cpu": {"least_change": 0.3, "hard_limit": None}})
    user = UserFactory()
    services.switch_on(replay=replay, by=user, now=LATER)
    metric.refresh_from_db()
    environment.policy.refresh_from_db()
    assert (environment.policy.chance_limit, metric.least_change, metric.hard_limit) == (0.004, 0.3, None)
    assert (fresh(replay).applied_by, fresh(replay).applied_at) == (user, LATER)


def test_switched_on_for_a_project_every_environment_has_it(environment):
    other = EnvironmentFactory(project=environment.project, name="staging")
    replay = ReplayFactory(project=environment.project, status="DONE", changes={"settle_seconds": 60})
    services.switch_on(replay=replay, by=UserFactory(), now=LATER)
    assert {row.policy.settle_seconds for row in (environment, other)} == {60}


def test_what_has_not_been_replayed_to_the_end_cannot_be_switched_on(environment):
    replay = ReplayFactory(project=environment.project, environment=environment)
    with pytest.raises(ValidationError, match="to the end"):
        services.switch_on(replay=replay, by=UserFactory(), now=LATER)


def test_there_is_nothing_to_switch_on_when_nothing_was_changed():
    with pytest.raises(ValidationError, match="nothing that could be saved"):
        services.switch_on(replay=done(configured={"cpu": {"is_muted": True}}), by=UserFactory(), now=LATER)


def test_when_a_metric_is_gone_nothing_of_it_is_switched_on(environment):
    MonitoringPolicyFactory(environment=environment)
    replay = done(environment, chance_limit=0.004, metrics={"cpu": {"is_muted": True}})
    with pytest.raises(ValidationError, match="The metric cpu is gone"):
        services.switch_on(replay=replay, by=UserFactory(), now=LATER)
    environment.policy.refresh_from_db()
    assert environment.policy.chance_limit == 0.008
