"""One process: what is due is read once, and what came of it is kept in one piece."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from monitoring.models import Failure, HealthCheck, MaintenanceWindow, MonitoringPeriod, Outage
from monitoring.polling import engine, grid, plan
from monitoring.probes import Reading
from monitoring.signals import outage_began, outage_ended
from tests.factories import DeploymentFactory, EnvironmentFactory, MonitoringPeriodFactory, OutageFactory
from tests.monitoring.polling.harness import NOW, Poller, again, at, check_of, microseconds, readings, slot_of
from tests.targets import Answer

pytestmark = pytest.mark.django_db


def test_a_due_check_is_read_and_known_to_be_up(up):
    check = check_of(up)
    assert Poller().round(NOW) == 1
    check = again(check)
    assert (check.state, check.state_since, check.extra_at) == ("UP", NOW, None)
    assert check.latest_detail.startswith("HTTP 200 in")
    assert readings(check) == {NOW.timestamp(): 1.0}
    assert readings(check, "response_time")[NOW.timestamp()] > 0


def test_twice_in_a_row_reads_once(up):
    check_of(up)
    poller = Poller()
    assert (poller.round(NOW), poller.round(NOW)) == (1, 0)
    assert len(up.requests) == 1


def test_it_looks_for_answers_before_it_starts_all_that_is_due(up, monkeypatch):
    monkeypatch.setattr(engine, "START_AT_ONCE", 2)
    for name in ("one", "two", "three"):
        check_of(up, name=name)
    poller = Poller()
    poller.refresh()
    assert (poller.start_due(microseconds(NOW)), len(poller._running)) == (True, 2)
    assert (poller.start_due(microseconds(NOW)), len(poller._running)) == (False, 3)


def test_what_is_not_due_or_paused_is_left_alone(up):
    check_of(up, extra_at=at(1))
    check_of(up, paused_at=NOW)
    assert Poller().round(NOW) == 0


def test_it_is_read_again_at_its_slots_which_do_not_drift(up):
    check = check_of(up)
    poller = Poller()
    poller.round(NOW)
    first = slot_of(check, NOW)
    assert poller.round(at(first - 0.001)) == 0
    assert poller.round(at(first + 7)) == 1
    assert poller.round(at(first + 59)) == 0
    assert poller.round(at(first + 60)) == 1
    assert list(readings(check)) == pytest.approx([at(s).timestamp() for s in (0, first, first + 60)])


def test_a_good_reading_of_a_healthy_check_writes_no_row(up):
    check = check_of(up)
    poller = Poller()
    poller.round(NOW)
    before = HealthCheck.objects.filter(pk=check.pk).values().get()
    with CaptureQueriesContext(connection) as queries:
        assert poller.round(at(slot_of(check, NOW))) == 1
    assert HealthCheck.objects.filter(pk=check.pk).values().get() == before
    assert not [q["sql"] for q in queries if 'UPDATE "monitoring_healthcheck' in q["sql"]]


def test_slots_that_nobody_took_are_skipped(up):
    check = check_of(up, extra_at=None)
    poller = Poller()
    poller.round(NOW)
    poller.round(at(3 * 3600))
    latest = slot_of(check, at(3 * 3600)) - 60
    assert list(readings(check)) == pytest.approx([at(latest).timestamp()])


def test_a_watched_environment_is_read_at_its_periods_pace(up):
    check = check_of(up, extra_at=None, interval_seconds=600)
    poller = Poller()
    poller.round(NOW)
    MonitoringPeriodFactory(
        deployment=DeploymentFactory(environment=check.environment, finished_at=at(-60)), interval_seconds=15
    )
    poller.round(at(1))
    assert poller.round(at(16)) == 1


def test_a_check_that_is_quicker_than_the_period_keeps_its_own_pace(up):
    check = check_of(up, extra_at=None, interval_seconds=5)
    MonitoringPeriodFactory(
        deployment=DeploymentFactory(environment=check.environment, finished_at=at(-60)), interval_seconds=15
    )
    poller = Poller()
    poller.round(NOW)
    assert poller.round(at(5)) == 1


def test_a_period_that_is_over_asks_for_nothing(up):
    check = check_of(up, extra_at=None, interval_seconds=3600)
    MonitoringPeriodFactory(
        deployment=DeploymentFactory(environment=check.environment, finished_at=at(-7200)), interval_seconds=15
    )
    poller = Poller()
    poller.round(NOW)
    assert poller.plan.checks[check.pk].interval_us == 3600 * grid.SECOND


def poll_failing(check, target, times):
    """Let so many slots of a check fail; return it and the poller, who stands at the last of them."""
    target.set(status=503, body="<h1>down</h1>")
    poller = Poller()
    poller.round(NOW)
    first = slot_of(check, NOW)
    for n in range(times - 1):
        poller.round(at(first + 60 * n))
    return again(check), poller


def test_failures_below_the_threshold_are_kept_with_their_reason(up):
    check, _ = poll_failing(check_of(up, failure_threshold=3), up, 2)
    assert (check.state, check.failures_in_a_row, check.failing_since) == ("UNKNOWN", 2, NOW)
    failure = Failure.objects.order_by("scheduled_at").first()
    assert (failure.kind, failure.status_code, failure.excerpt) == ("STATUS", 503, "<h1>down</h1>")
    assert "503" in failure.detail
    assert Outage.objects.count() == 0


def test_at_the_threshold_an_outage_begins_that_dates_from_the_first_failure(up):
    check, poller = poll_failing(check_of(up, failure_threshold=3), up, 3)
    outage = Outage.objects.get()
    assert (check.state, outage.began_at, outage.confirmed_at) == ("DOWN", at(0), poller.clock.now)
    assert "503" in outage.cause


def test_the_first_good_reading_ends_the_outage(up):
    check, poller = poll_failing(check_of(up, failure_threshold=2), up, 2)
    up.set(status=200)
    poller.round(poller.clock.now + timedelta(seconds=60))
    assert Outage.objects.get().ended_at == poller.clock.now
    assert again(check).state == "UP"


def test_a_failed_reading_says_nothing_of_the_response_time(up):
    check, _ = poll_failing(check_of(up), up, 2)
    assert list(readings(check).values()) == [0.0, 0.0]
    assert set(check.series.values_list("aspect", flat=True)) == {"up"}


def test_a_slow_answer_fails_and_shows_in_the_response_time(up):
    up.set(delay=0.02)
    check = check_of(up, conditions="time < 10 ms")
    Poller().round(NOW)
    assert readings(check) == {NOW.timestamp(): 0.0}
    assert readings(check, "response_time")[NOW.timestamp()] >= 20


def test_an_outage_lets_the_deployment_be_judged_at_once(up):
    check = check_of(up, failure_threshold=1)
    period = MonitoringPeriodFactory(
        deployment=DeploymentFactory(environment=check.environment, finished_at=at(-60)), next_look_at=at(3000)
    )
    poll_failing(check, up, 1)
    assert MonitoringPeriod.objects.get(pk=period.pk).next_look_at == NOW


def test_bells_ring_when_an_outage_begins_and_ends(up, django_capture_on_commit_callbacks):
    heard = []
    began, ended = (lambda sender, n=n, **ids: heard.append((n, ids["check_id"])) for n in ("began", "ended"))
    outage_began.connect(began)
    outage_ended.connect(ended)
    check = check_of(up, failure_threshold=1)
    with django_capture_on_commit_callbacks(execute=True):
        _, poller = poll_failing(check, up, 2)
        up.set(status=200)
        poller.round(poller.clock.now + timedelta(seconds=60))
    assert heard == [("began", check.pk), ("ended", check.pk)]


def test_a_blocked_address_is_no_reading_and_says_why(up, settings):
    settings.PROBE_NETWORKS = ()
    check = check_of(up, state="UP", state_since=at(-600))
    Poller().round(NOW)
    check = again(check)
    assert check.state == "UNKNOWN"
    assert check.latest_detail == "loopback address 127.0.0.1 is not allowed here"
    assert not check.series.exists()
    assert Outage.objects.count() == 0


def test_headers_are_sent_and_stored_only_encrypted(up):
    check = check_of(up, headers={"Authorization": "Bearer s3cret"})
    Poller().round(NOW)
    assert up.requests[0].headers["authorization"] == "Bearer s3cret"
    assert "s3cret" not in str(HealthCheck.objects.filter(pk=check.pk).values())


def test_answers_may_come_in_any_order(up):
    slow, quick = check_of(up, url=up.url + "/slow"), check_of(up, url=up.url + "/quick")
    up.queue(Answer(status=500, delay=0.05), path="/slow")
    Poller().round(NOW)
    assert (again(slow).failures_in_a_row, again(quick).failures_in_a_row) == (1, 0)


def test_an_outage_that_is_open_already_is_not_opened_again(up):
    """Nothing that happened to the row in between may break the batch."""
    outage = OutageFactory(health_check=check_of(up, failure_threshold=1, state="UNKNOWN"))
    poll_failing(outage.health_check, up, 1)
    assert Outage.objects.count() == 1


def test_the_number_of_queries_does_not_grow_with_the_checks(up):
    environment = EnvironmentFactory()
    counts = []
    for size in (2, 20):
        HealthCheck.objects.all().delete()
        for _ in range(size):
            check_of(up, environment=environment)
        with CaptureQueriesContext(connection) as queries:
            poller = Poller()
            assert poller.round(NOW) == size
            poller.hand_over()
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- what people change meanwhile -------------------------------------------------------------------------------------


def test_a_new_check_a_pause_and_a_deletion_are_noticed(up):
    poller = Poller()
    assert poller.round(NOW) == 0
    check = check_of(up, extra_at=at(1))
    assert poller.round(at(1)) == 1
    HealthCheck.objects.update(paused_at=at(2))
    assert poller.round(at(200)) == 0
    HealthCheck.objects.update(paused_at=None)
    poller.round(at(201))
    assert poller.round(at(261)) == 1
    check.delete()
    assert poller.round(at(400)) == 0


def test_an_edit_takes_effect_at_once_and_keeps_what_is_known(up):
    check = check_of(up)
    poller = Poller()
    poller.round(NOW)
    HealthCheck.objects.filter(pk=check.pk).update(target=up.url + "/other", extra_at=at(1))
    assert poller.round(at(1)) == 1
    assert up.requests[-1].path == "/other"
    assert again(check).state_since == NOW


def test_an_edit_while_it_is_read_is_not_overwritten(up, monkeypatch):
    check = check_of(up)
    real = plan.Planned.define

    def rename_then_define(planned, row):
        real(planned, row)
        HealthCheck.objects.filter(pk=row.pk).update(name="Renamed")

    monkeypatch.setattr(plan.Planned, "define", rename_then_define)
    Poller().round(NOW)
    assert (again(check).name, again(check).state) == ("Renamed", "UP")


def test_a_check_that_is_deleted_while_it_is_read_is_forgotten(up):
    gone, stays = check_of(up, url=up.url + "/gone"), check_of(up)
    up.queue(Answer(status=503), path="/gone")
    poller = Poller()
    poller.refresh()
    poller.start_due(microseconds(NOW))
    gone.delete()
    assert poller.round(NOW) == 1
    assert again(stays).state == "UP"


def test_a_reading_out_of_turn_that_was_asked_for_meanwhile_is_not_forgotten(up):
    check = check_of(up)
    poller = Poller()
    poller.refresh()
    poller.start_due(microseconds(NOW))
    HealthCheck.objects.update(extra_at=at(5))
    poller.round(NOW)
    assert again(check).extra_at == at(5)
    assert poller.round(at(5)) == 1


# --- rows that cannot be evaluated ------------------------------------------------------------------------------------


def test_a_check_that_cannot_be_evaluated_is_parked_and_stops_no_other(up):
    bad, good = check_of(up, sealed="nonsense"), check_of(up)
    poller = Poller()
    assert poller.round(NOW) == 2
    assert again(good).state == "UP"
    bad = again(bad)
    assert bad.state == "UNKNOWN"
    assert bad.latest_detail.startswith("could not be read: this secret was stored under another SECRET_KEY")
    assert bad.parked_until == NOW + plan.PARKED
    assert poller.round(at(121)) == 1
    assert poller.round(NOW + plan.PARKED + timedelta(seconds=61)) == 2


def test_what_was_parked_is_read_at_once_when_somebody_mends_it(up):
    bad = check_of(up, sealed="nonsense")
    poller = Poller()
    poller.round(NOW)
    HealthCheck.objects.filter(pk=bad.pk).update(sealed="", extra_at=at(1))
    assert poller.round(at(1)) == 1
    assert (again(bad).state, again(bad).parked_until) == ("UP", None)


def test_a_parked_check_stays_parked_for_another_process(up):
    check_of(up, sealed="nonsense", changed_at=at(-60))
    first = Poller()
    first.round(NOW)
    first.hand_over()
    assert Poller().round(at(121)) == 0


def test_a_check_whose_answer_cannot_be_judged_is_parked_after_a_few_times(up, monkeypatch):
    check = check_of(up)

    def fail(compiled, outcome):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("monitoring.polling.probing.Compiled.reading", fail)
    poller = Poller()
    poller.round(NOW)
    assert again(check).parked_until is None
    first = slot_of(check, NOW)
    poller.round(at(first))
    poller.round(at(first + 60))
    check = again(check)
    assert (check.state, check.latest_detail) == ("UNKNOWN", "could not be read: a fault of ours")
    assert check.parked_until


def test_readings_that_cannot_be_kept_stop_no_others(up, monkeypatch):
    checks = [check_of(up, url=f"{up.url}/{n}") for n in range(5)]
    bad = checks[2]

    def reading(compiled, outcome):
        detail = "has \x00 in it" if compiled.pk == bad.pk else "HTTP 200"
        return Reading(ok=True, detail=detail, total_ms=1.0)

    monkeypatch.setattr("monitoring.polling.probing.Compiled.reading", reading)
    poller = Poller()
    poller.round(NOW)
    poller.flush()
    states = {check.pk: again(check).state for check in checks}
    assert states == {check.pk: "UNKNOWN" if check == bad else "UP" for check in checks}
    assert again(bad).parked_until == NOW + plan.PARKED
    assert "could not be kept" in again(bad).latest_detail


def test_a_slot_that_has_come_is_not_lost_to_an_edit(up):
    check = check_of(up)
    poller = Poller()
    poller.round(NOW)
    slot = slot_of(check, NOW)
    HealthCheck.objects.update(name="Renamed")
    poller.clock.now = at(slot + 0.3)
    poller.refresh()
    assert poller.round(at(slot + 0.4)) == 1
    assert list(readings(check)) == pytest.approx([NOW.timestamp(), at(slot).timestamp()])


# --- maintenance ------------------------------------------------------------------------------------------------------


def plan_work(check, start, end, **fields):
    subject = {"health_check": check} | fields
    return MaintenanceWindow.objects.create(
        project=check.environment.project, starts_at=at(start), ends_at=at(end), reason="upgrade", **subject
    )


def test_while_work_is_planned_nothing_is_read_and_nothing_is_said(up):
    resting, other = check_of(up), check_of(up, url=up.url + "/other")
    poller = Poller()
    poller.round(NOW)
    window = plan_work(resting, 1, 3600)
    up.set(status=503)
    poller.round(at(2))
    for n in range(1, 5):
        poller.round(at(2 + 60 * n))
    assert again(other).state == "DOWN"
    assert (again(resting).state, len(readings(resting))) == ("UP", 1)
    up.set(status=200)
    MaintenanceWindow.objects.filter(pk=window.pk).update(ended_at=at(400))
    poller.round(at(401))
    assert poller.round(at(401 + 60)) >= 1
    assert len(readings(resting)) == 2


def test_work_in_an_environment_or_project_rests_all_of_its_checks(up):
    check, elsewhere = check_of(up), check_of(up)
    plan_work(check, -1, 3600, health_check=None, environment=check.environment)
    plan_work(elsewhere, -1, 3600, health_check=None)
    assert Poller().round(NOW) == 0


def test_our_own_database_away_is_told_as_such_and_not_with_its_socket(up, monkeypatch):
    check = check_of(up)

    def fail(compiled, outcome):
        raise OperationalError('connection to server on socket "/tmp/.s.PGSQL.5432" failed')

    monkeypatch.setattr("monitoring.polling.probing.Compiled.reading", fail)
    Poller().round(NOW)
    assert again(check).latest_detail == "could not be read: our database was away"
