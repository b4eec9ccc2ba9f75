"""Each deployment that went live is watched in two periods; the next one ends them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from deployments.models import Deployment, Environment
from monitoring import services
from monitoring.models import MonitoringPeriod, MonitoringPolicy
from monitoring.services import periods as periods_module
from monitoring.signals import period_opened
from tests.factories import (
    DeploymentFactory,
    EnvironmentFactory,
    MonitoringPolicyFactory,
)

NOW = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def at(minutes):
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
def environment():
    policy = MonitoringPolicyFactory(initial_seconds=3600, extended_seconds=7200)
    return policy.environment


def deployed(environment, minutes, **fields):
    return DeploymentFactory(environment=environment, finished_at=at(minutes), reported_at=at(minutes), **fields)


def stages(deployment):
    return {period.stage: period for period in MonitoringPeriod.objects.filter(deployment=deployment)}


def test_a_deployment_gets_an_initial_and_an_extended_period(environment):
    deployment = deployed(environment, 0)
    assert services.open_periods(now=at(0)) == 1
    initial, extended = stages(deployment)["INITIAL"], stages(deployment)["EXTENDED"]
    assert (initial.opens_at, initial.closes_at) == (at(0), at(60))
    assert (extended.opens_at, extended.closes_at) == (at(60), at(180))
    assert {initial.status, extended.status} == {"OPEN"}


def test_twice_in_a_row_opens_once(environment):
    deployed(environment, 0)
    assert services.open_periods(now=at(0)) == 1
    assert services.open_periods(now=at(1)) == 0
    assert MonitoringPeriod.objects.count() == 2


def test_a_lost_race_changes_nothing(environment):
    deployment = deployed(environment, 0)
    rows = list(periods_module.unwatched(at(0)))
    services.open_periods(now=at(0))
    before = list(MonitoringPeriod.objects.values())
    assert periods_module._open(rows[0], at(1)) is False
    assert list(MonitoringPeriod.objects.values()) == before
    assert set(stages(deployment)) == {"INITIAL", "EXTENDED"}


@pytest.mark.parametrize("status", ["PENDING", "RUNNING", "FAILED", "CANCELLED"])
def test_only_what_went_live_is_watched(environment, status):
    deployed(environment, 0, status=status)
    assert services.open_periods(now=at(0)) == 0


def test_an_environment_without_a_policy_gets_its_tiers_defaults():
    environment = EnvironmentFactory(tier="STAGING")
    deployed(environment, 0)
    services.open_periods(now=at(0))
    assert MonitoringPolicy.objects.get().initial_seconds == 1800


def test_the_policy_is_copied_and_a_later_edit_changes_nothing_under_way(environment):
    deployment = deployed(environment, 0)
    services.open_periods(now=at(0))
    before = list(MonitoringPeriod.objects.order_by("pk").values())
    services.save_policy(environment=environment, now=at(1), initial_seconds=60, initial_interval_seconds=1)
    services.open_periods(now=at(2))
    assert list(MonitoringPeriod.objects.order_by("pk").values()) == before
    assert stages(deployment)["INITIAL"].policy["initial_seconds"] == 3600


def test_the_bell_rings_after_commit(environment, django_capture_on_commit_callbacks):
    heard = []

    def hear(sender, **ids):
        heard.append(ids)

    period_opened.connect(hear)
    deployment = deployed(environment, 0)
    with django_capture_on_commit_callbacks(execute=True):
        services.open_periods(now=at(0))
    period_opened.disconnect(hear)
    assert [call["deployment_id"] for call in heard] == [deployment.pk]


def test_a_newer_deployment_ends_the_watch_of_the_older(environment):
    old = deployed(environment, 0)
    services.open_periods(now=at(0))
    new = deployed(environment, 10)
    services.open_periods(now=at(10))
    initial, extended = stages(old)["INITIAL"], stages(old)["EXTENDED"]
    assert {initial.status, extended.status} == {"SUPERSEDED"}
    assert initial.superseded_by == new
    assert initial.ended_at == at(10)
    assert {period.status for period in stages(new).values()} == {"OPEN"}


def test_a_period_cut_short_gets_one_last_look_and_one_that_had_not_begun_none(environment):
    old = deployed(environment, 0)
    services.open_periods(now=at(0))
    deployed(environment, 10)
    services.open_periods(now=at(11))
    assert stages(old)["INITIAL"].next_look_at == at(11)
    assert stages(old)["EXTENDED"].next_look_at is None


def test_a_verdict_that_was_reached_stays_when_a_newer_deployment_comes(environment):
    old = deployed(environment, 0)
    services.open_periods(now=at(0))
    MonitoringPeriod.objects.filter(deployment=old, stage="INITIAL").update(
        status="CLOSED", result="HEALTHY", decided_at=at(60), ended_at=at(60), next_look_at=None
    )
    deployed(environment, 90)
    services.open_periods(now=at(90))
    assert (stages(old)["INITIAL"].status, stages(old)["INITIAL"].result) == ("CLOSED", "HEALTHY")
    assert stages(old)["EXTENDED"].status == "SUPERSEDED"


def test_a_period_that_was_over_before_the_newer_deployment_is_not_superseded(environment):
    old = deployed(environment, 0)
    services.open_periods(now=at(0))
    deployed(environment, 61)
    services.open_periods(now=at(61))
    assert stages(old)["INITIAL"].status == "OPEN"
    assert stages(old)["EXTENDED"].status == "SUPERSEDED"


def test_other_environments_are_left_alone(environment):
    other = deployed(EnvironmentFactory(project=environment.project, name="staging"), 0)
    services.open_periods(now=at(0))
    deployed(environment, 10)
    services.open_periods(now=at(10))
    assert {period.status for period in stages(other).values()} == {"OPEN"}


def test_two_deployments_found_at_once_end_up_in_order(environment):
    new, old = deployed(environment, 10), deployed(environment, 0)
    services.open_periods(now=at(12))
    assert {period.status for period in stages(old).values()} == {"SUPERSEDED"}
    assert {period.status for period in stages(new).values()} == {"OPEN"}


def test_a_late_report_of_an_older_deployment_does_not_end_the_newer_watch(environment):
    new = deployed(environment, 30)
    services.open_periods(now=at(30))
    old = deployed(environment, 0)
    services.open_periods(now=at(40))
    assert {period.status for period in stages(new).values()} == {"OPEN"}
    initial = stages(old)["INITIAL"]
    assert (initial.status, initial.superseded_by, initial.ended_at) == ("SUPERSEDED", new, at(30))
    assert initial.next_look_at == at(40)


def test_a_report_between_two_others_corrects_when_the_first_ended(environment):
    first = deployed(environment, 0)
    services.open_periods(now=at(0))
    deployed(environment, 50)
    services.open_periods(now=at(50))
    between = deployed(environment, 20)
    services.open_periods(now=at(55))
    assert stages(first)["INITIAL"].ended_at == at(20)
    assert stages(first)["INITIAL"].superseded_by == between
    assert stages(between)["INITIAL"].ended_at == at(50)


def test_a_back_filled_deployment_whose_watch_is_over_is_still_judged(environment):
    deployment = deployed(environment, -24 * 60)
    services.open_periods(now=at(0))
    assert {period.next_look_at for period in stages(deployment).values()} == {at(0)}


def test_what_was_reported_a_week_late_is_history(environment):
    deployed(environment, -8 * 24 * 60)
    assert services.open_periods(now=at(0)) == 0


def test_a_watch_that_is_longer_than_a_week_is_opened_while_it_would_still_run(environment):
    services.save_policy(environment=environment, now=at(0), extended_seconds=30 * 86_400)
    deployed(environment, -8 * 24 * 60)
    assert services.open_periods(now=at(0)) == 1


def test_what_turns_out_not_to_have_gone_live_is_watched_no_longer_and_again_if_it_did(environment):
    deployment = deployed(environment, 0)
    services.open_periods(now=at(0))
    Deployment.objects.filter(pk=deployment.pk).update(status="FAILED")
    services.open_periods(now=at(1))
    assert stages(deployment) == {}
    Deployment.objects.filter(pk=deployment.pk).update(status="SUCCEEDED")
    services.open_periods(now=at(2))
    assert set(stages(deployment)) == {"INITIAL", "EXTENDED"}


def test_a_verdict_on_what_turns_out_not_to_have_gone_live_is_kept(environment):
    deployment = deployed(environment, 0)
    services.open_periods(now=at(0))
    MonitoringPeriod.objects.filter(stage="INITIAL").update(result="FAILED", decided_at=at(1))
    Deployment.objects.filter(pk=deployment.pk).update(status="FAILED")
    services.open_periods(now=at(2))
    (kept,) = stages(deployment).values()
    assert (kept.result, kept.status, kept.ended_at) == ("FAILED", "SUPERSEDED", at(2))


def test_one_bad_row_does_not_stop_the_others(environment, monkeypatch):
    bad, good = deployed(environment, 0), deployed(EnvironmentFactory(name="staging"), 1)
    real = periods_module.ensure_policy

    def fail_for_bad(*, environment):
        if environment.pk == bad.environment_id:
            raise RuntimeError("unreadable")
        return real(environment=environment)

    monkeypatch.setattr(periods_module, "ensure_policy", fail_for_bad)
    assert services.open_periods(now=at(2)) == 1
    assert stages(good)
    assert not stages(bad)


@pytest.mark.django_db(transaction=True)
def test_two_workers_open_different_deployments_of_one_environment_one_after_the_other(environment):
    """The second waits for the first, so that each sees the other's periods."""
    import threading

    deployed(environment, 0)
    done = threading.Event()

    def other_worker():
        services.open_periods(now=at(1))
        done.set()
        connection.close()

    with transaction.atomic():
        Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
        worker = threading.Thread(target=other_worker)
        worker.start()
        assert not done.wait(0.2)
        assert Deployment.objects.count() == 1
    worker.join(5)
    assert MonitoringPeriod.objects.count() == 2
