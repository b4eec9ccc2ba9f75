"""A location whose workers are silent is seen everywhere, and what nobody reads is never healthy."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from monitoring import services
from monitoring.models import CheckState, HealthCheck, Outage, PollShard, Prober, ProberOutage
from monitoring.selectors.advice import advice
from monitoring.selectors.locations import locations, locations_ready
from monitoring.selectors.operations import operations
from monitoring.selectors.sight import why_blind
from postdeploy import queues
from postdeploy.lib.locations import fault_of, queue_fault, queue_of
from tests.factories import HealthCheckFactory
from tests.monitoring.polling.harness import Poller, again, check_of
from tests.targets import Target

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def woken(monkeypatch):
    """Which queues were woken; the broker is left alone."""
    found = []
    monkeypatch.setattr(queues, "wake", lambda task, names: found.append((task, names)))
    return found


def check_at(location="eu-west", **fields):
    since = timezone.now() - timedelta(minutes=5)
    known = {"state": CheckState.UP, "state_since": since, "created_at": since, "extra_at": None}
    return HealthCheckFactory(location=location, **known | fields)


def worker_at(location="eu-west", silent=0, **fields):
    worker = Prober.objects.create(name=f"{location}:1", key=f"{location}:1:x", location=location, **fields)
    Prober.objects.filter(pk=worker.pk).update(seen_at=Now() - timedelta(seconds=silent))
    return worker


def mind():
    return services.mind_locations(now=timezone.now())


def heard(seconds_ago):
    return f"{timezone.now() - timedelta(seconds=seconds_ago):%H:%M} UTC"


# --- what is known of a location --------------------------------------------------------------------------------------


def test_without_named_locations_nothing_is_said_and_nobody_woken(woken):
    HealthCheckFactory()
    assert locations() == ()
    assert mind() == 0
    assert woken == []
    assert locations_ready().is_ready


def test_a_location_counts_its_checks_and_the_workers_that_speak():
    check_at()
    check_at(paused_at=timezone.now())
    worker_at(silent=2)
    [found] = locations()
    assert (found.name, found.checks, found.workers, found.is_silent) == ("eu-west", 1, 1, False)


def test_a_location_is_silent_since_its_last_worker_was_heard_of():
    check_at()
    worker_at(silent=120)
    [found] = locations()
    assert found.is_silent
    assert found.silence in {f"no worker at eu-west since {heard(n)}" for n in (119, 120, 121)}


def test_a_worker_that_handed_over_in_order_is_known_by_what_it_read():
    check = check_at()
    PollShard.objects.create(location="eu-west", number=again(check).shard, polled_until=Now() - timedelta(seconds=40))
    [found] = locations()
    assert 39 < found.silent_seconds < 45


def test_where_none_ever_was_it_is_silent_since_the_first_check_came():
    check = check_at(location="", created_at=timezone.now() - timedelta(days=3))
    HealthCheck.objects.filter(pk=check.pk).update(location="us-east")
    [found] = locations()
    assert 0 <= found.silent_seconds < 10
    HealthCheck.objects.filter(pk=check.pk).update(moved_at=Now() - timedelta(days=2))
    [found] = locations()
    assert found.is_silent
    assert f"{timezone.now() - timedelta(days=2):%-d %b}" in found.silence


# --- what nobody reads ------------------------------------------------------------------------------------------------


def test_checks_of_a_silent_location_are_unknown_and_say_since_when():
    check, other, home = check_at(), check_at("us-east"), check_at("")
    worker_at(silent=120)
    worker_at("us-east")
    assert mind() == 1
    check = again(check)
    assert check.state == CheckState.UNKNOWN
    assert check.latest_detail.startswith("no worker at eu-west since ")
    assert {again(row).state for row in (other, home)} == {CheckState.UP}


def test_a_second_sweep_changes_nothing():
    check = check_at()
    worker_at(silent=120)
    mind()
    before = again(check)
    assert mind() == 0
    assert again(check).changed_at == before.changed_at


def test_an_outage_goes_on_while_nobody_looks():
    check = check_at(state=CheckState.DOWN)
    Outage.objects.create(health_check=check, began_at=timezone.now(), confirmed_at=timezone.now(), cause="503")
    worker_at(silent=120)
    mind()
    assert again(check).state == CheckState.DOWN
    assert again(check).latest_detail.startswith("no worker at eu-west")
    assert check.outages.open().count() == 1


def test_paused_checks_are_left_alone():
    check = check_at(paused_at=timezone.now())
    check_at()
    worker_at(silent=120)
    assert mind() == 1
    assert again(check).state == CheckState.UP


def test_a_location_that_is_restarted_is_not_called_silent():
    check = check_at()
    worker_at(silent=12)
    assert mind() == 0
    assert again(check).state == CheckState.UP


def test_a_worker_that_was_only_cut_off_puts_right_what_was_said_of_its_checks(settings):
    """It believes that nothing has changed: no good reading of it would write the row."""
    settings.LOCATION, settings.PROBE_NETWORKS = "eu-west", ("127.0.0.0/8",)
    with Target() as target:
        now = timezone.now()
        check = check_of(target, location="eu-west", extra_at=now)
        worker = Poller(now)
        worker.round(now)
        assert again(check).state == CheckState.UP
        Prober.objects.update(seen_at=Now() - timedelta(minutes=2))
        PollShard.objects.update(polled_until=Now() - timedelta(minutes=2))
        assert mind() == 1
        assert again(check).state == CheckState.UNKNOWN
        worker.round(timezone.now() + timedelta(seconds=1))
        assert again(check).state == CheckState.UP
        assert "no worker" not in again(check).latest_detail


def test_every_location_with_checks_is_woken(woken):
    check_at()
    check_at("us-east")
    mind()
    assert woken == [("monitoring.tasks.poll_due", ["polls.eu-west", "polls.us-east"])]


# --- where it is seen -------------------------------------------------------------------------------------------------


def test_readyz_names_the_silent_location():
    check_at()
    worker_at(silent=120)
    part = locations_ready()
    assert not part.is_ready
    assert part.detail.startswith("no worker at eu-west since ")
    assert "no worker at eu-west" in Client().get("/readyz").content.decode()


def test_readyz_is_well_while_every_location_is_read():
    check_at()
    worker_at()
    PollShard.objects.bulk_create(PollShard(location="eu-west", number=n, polled_until=Now()) for n in range(32))
    assert locations_ready().detail == "1 location is read: eu-west"


def test_readings_that_come_late_from_a_location_are_no_good_sign():
    check_at()
    worker_at()
    part = locations_ready()
    assert not part.is_ready
    assert part.detail.startswith("readings are late: eu-west (30")


def test_metrics_have_a_sample_for_each_location():
    check_at()
    worker_at(silent=120)
    text = Client().get("/metrics").content.decode()
    assert 'postdeploy_location_checks{location="eu-west"} 1' in text
    assert 'postdeploy_location_workers{location="eu-west"} 0' in text
    assert 'postdeploy_location_silent_seconds{location="eu-west"} 12' in text


def test_operations_say_what_to_do_and_do_not_call_home_idle_hands():
    """A worker elsewhere reads no check of home."""
    check_at()
    HealthCheckFactory()
    worker_at(silent=120)
    worker_at("us-east")
    lines = {line.key: line for line in advice(operations(now=timezone.now()))}
    assert lines["location-eu-west"].sentence.startswith("No worker at eu-west since ")
    assert "LOCATION=eu-west" in lines["location-eu-west"].todo
    assert "polls.eu-west" in lines["location-eu-west"].todo
    assert lines["polls"].word == "Nobody polls"
    assert lines["polls"].sentence.startswith("1 check and")


def test_a_location_that_sees_nothing_is_named():
    ProberOutage.objects.create(prober_name="a:1", location="eu-west", began_at=timezone.now(), reason="no canary")
    assert "Checks at eu-west are unknown meanwhile" in why_blind()


# --- names and queues -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "eu-west", "a", "rack-2", "x" * 30])
def test_good_names(name):
    assert fault_of(name) == ""


@pytest.mark.parametrize("name", ["EU", "eu_west", "-eu", "eu-", "eu--west", "x" * 31, "eu west", "ü", "home", "eu\n"])
def test_bad_names_are_refused_with_the_fix(name):
    assert "eu-west" in fault_of(name) or "leave it empty" in fault_of(name)


def test_each_location_has_a_queue():
    assert (queue_of("", "polls"), queue_of("eu-west", "polls")) == ("polls", "polls.eu-west")


@pytest.mark.parametrize(("location", "names"), [("", ["flow", "polls"]), ("", ["polls"]), ("eu", ["polls.eu"])])
def test_a_worker_reads_the_queue_of_its_location(location, names):
    assert queue_fault(location, names, "polls") == ""


@pytest.mark.parametrize(
    ("location", "names", "fix"),
    [
        ("eu", ["polls"], "--queues polls.eu"),
        ("eu", ["polls.eu", "flow"], "--queues polls.eu"),
        ("", ["polls.eu"], "LOCATION=eu"),
    ],
)
def test_a_worker_with_the_queue_of_another_location_is_refused_with_the_fix(location, names, fix):
    assert fix in queue_fault(location, names, "polls")
