"""Our own network is away: nothing is said of the targets, it is told once, and it ends by itself."""

import pytest

from monitoring.models import Failure, HealthCheck, Outage, ProberOutage
from tests.monitoring.polling.harness import NOW, Poller, again, at, check_of, readings
from tests.targets import Target

pytestmark = pytest.mark.django_db
HOSTS = [f"127.0.7.{n}" for n in range(1, 6)]


@pytest.fixture
def hosts():
    """Five hosts, each with a service of its own."""
    running = [Target(host) for host in HOSTS]
    yield running
    for target in running:
        target.close()


@pytest.fixture
def checks(hosts):
    return [check_of(host, interval_seconds=10, timeout_ms=300, failure_threshold=2, extra_at=None) for host in hosts]


def watch(poller, start, seconds):
    """Let every slot of a stretch be read."""
    for n in range(seconds):
        poller.round(at(start + n))


def test_when_nearly_all_are_away_at_once_nothing_is_said_of_them(hosts, checks):
    poller = Poller()
    watch(poller, 0, 11)
    assert set(HealthCheck.objects.values_list("state", flat=True)) == {"UP"}
    for host in hosts:
        host.set(mode="silent")
    watch(poller, 11, 40)
    assert not Outage.objects.exists()
    assert "DOWN" not in HealthCheck.objects.values_list("state", flat=True)
    row = ProberOutage.objects.get()
    assert (row.ended_at, row.prober_name) == (None, poller.me.name)
    assert "hosts cannot be reached" in row.reason
    told = HealthCheck.objects.filter(state="UNKNOWN").first()
    assert told.latest_detail.startswith("nobody could look:")

    for host in hosts:
        host.set(status=200)
    watch(poller, 51, 12)
    assert set(HealthCheck.objects.values_list("state", flat=True)) == {"UP"}
    assert ProberOutage.objects.get().ended_at
    assert not Outage.objects.exists()


def test_one_host_that_is_away_is_down(hosts, checks):
    poller = Poller()
    watch(poller, 0, 11)
    hosts[0].set(mode="silent")
    watch(poller, 11, 25)
    assert again(checks[0]).state == "DOWN"
    assert not ProberOutage.objects.exists()
    assert Failure.objects.filter(health_check=checks[0]).exists()


def test_the_first_to_fail_waits_until_we_have_looked_around(hosts, checks):
    """With a threshold of one there is no second reading to wait for: others are asked before it is down."""
    HealthCheck.objects.update(failure_threshold=1)
    poller = Poller()
    watch(poller, 0, 11)
    for host in hosts:
        host.set(mode="silent")
    watch(poller, 11, 12)
    assert not Outage.objects.exists()
    assert ProberOutage.objects.exists()


def test_canaries_decide_where_there_are_any(hosts, checks, settings):
    canary = Target("127.0.7.9")
    settings.CANARIES = [canary.url + "/"]
    with canary:
        poller = Poller()
        watch(poller, 0, 11)
        for host in hosts:
            host.set(mode="silent")
        watch(poller, 11, 25)
        assert set(HealthCheck.objects.values_list("state", flat=True)) == {"DOWN"}
        assert not ProberOutage.objects.exists()


def test_a_single_check_is_cleared_by_a_canary_that_is_away_too(hosts, settings):
    check = check_of(hosts[0], interval_seconds=10, timeout_ms=300, failure_threshold=2, extra_at=None)
    with Target("127.0.7.9") as canary:
        settings.CANARIES = [canary.url + "/"]
    poller = Poller()
    watch(poller, 0, 11)
    hosts[0].set(mode="silent")
    watch(poller, 11, 25)
    assert again(check).state == "UNKNOWN"
    assert ProberOutage.objects.get().reason == "no canary can be reached"


def test_a_flapping_target_makes_three_outages_not_a_hundred(hosts):
    check = check_of(hosts[0], interval_seconds=1, failure_threshold=1, extra_at=None)
    poller = Poller()
    poller.round(NOW)
    for n in range(60):
        hosts[0].set(status=503 if n // 2 % 2 else 200)
        poller.round(at(n + 1))
    assert Outage.objects.count() == 3
    assert again(check).flapping_since
    assert Outage.objects.filter(ended_at=None).count() == 1
    hosts[0].set(status=200)
    for n in range(0, 400, 10):
        poller.round(at(61 + n))
    assert not Outage.objects.filter(ended_at=None).exists()
    assert (again(check).state, again(check).flapping_since) == ("UP", None)
    assert len(readings(check)) > 50
