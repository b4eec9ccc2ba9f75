"""Making, changing, pausing, trying and deleting checks."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from monitoring import services
from monitoring.models import HealthCheck
from monitoring.probes import FailureKind, compile_check, try_check
from tests.factories import EnvironmentFactory, HealthCheckFactory, OutageFactory
from tests.monitoring.probing import LOOPBACK, Row
from tests.targets import Target

NOW = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def environment():
    return EnvironmentFactory()


def save(environment, **fields):
    return services.save_check(
        environment=environment, now=NOW, **{"name": "Front page", "url": "https://shop.example/healthz"} | fields
    )


def faults(environment, **fields):
    with pytest.raises(ValidationError) as caught:
        save(environment, **fields)
    return caught.value.message_dict


def test_a_new_check_is_read_soon_and_always_after_the_same_wait(environment):
    check = save(environment)
    assert NOW <= check.extra_at < NOW + services.checks.FIRST_READING_WITHIN
    check.delete()
    assert save(environment).extra_at == check.extra_at


def test_new_checks_do_not_all_start_at_once(environment):
    starts = {save(environment, name=f"Check {n}").extra_at for n in range(50)}
    assert len(starts) == 50
    assert max(starts) - min(starts) > timedelta(seconds=10)


def test_an_edited_check_is_read_at_once(environment):
    check = save(environment)
    edited = services.save_check(
        environment=environment, now=NOW + timedelta(hours=1), check=check, url="https://shop.example/new"
    )
    assert edited.extra_at == NOW + timedelta(hours=1)


def test_an_edit_does_not_overwrite_what_the_poller_wrote_meanwhile(environment):
    check = save(environment)
    HealthCheck.objects.update(state="DOWN", failures_in_a_row=3, latest_detail="HTTP 503")
    services.save_check(environment=environment, now=NOW, check=check, name="Renamed")
    check = HealthCheck.objects.get()
    assert (check.name, check.state, check.failures_in_a_row) == ("Renamed", "DOWN", 3)


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://10.0.0.8/healthz", "http://localhost:8000/"])
def test_a_private_address_is_refused_and_the_setting_that_allows_it_is_named(environment, url):
    (sentence,) = faults(environment, url=url)["target"]
    assert "not allowed here. An administrator can allow a network with the setting PROBE_NETWORKS." in sentence


def test_an_allowed_network_is_accepted(environment, settings):
    settings.PROBE_NETWORKS = LOOPBACK
    assert save(environment, url="http://127.0.0.1:9000/").pk


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"url": "ftp://shop.example/"}, "target"),
        ({"url": "http://169.254.169.254/latest/meta-data/"}, "target"),
        ({"conditions": "status in 2oo"}, "conditions"),
        ({"options": {"method": "HEAD"}, "conditions": "body contains ok"}, "options.method"),
        ({"kind": "TCP", "url": "shop.example"}, "target"),
        ({"kind": "SMOKE"}, "kind"),
        ({"headers": {"Bad name": "x"}}, "headers"),
        ({"headers": {"Host": "a\nb"}}, "headers"),
        ({"timeout_ms": 1}, "timeout_ms"),
        ({"interval_seconds": 0}, "interval_seconds"),
    ],
)
def test_what_cannot_be_asked_is_refused_beside_its_field(environment, fields, field):
    assert field in faults(environment, **fields)


def test_a_name_is_used_once_in_an_environment(environment):
    save(environment)
    assert faults(environment)
    assert save(EnvironmentFactory(project=environment.project, name="staging")).pk


def test_pausing_twice_pauses_once_and_resuming_reads_at_once():
    check = HealthCheckFactory(extra_at=NOW + timedelta(hours=1))
    assert services.pause_check(check=check, now=NOW) is True
    assert services.pause_check(check=check, now=NOW + timedelta(hours=1)) is False
    assert HealthCheck.objects.get().paused_at == NOW
    assert services.resume_check(check=check, now=NOW) is True
    assert services.resume_check(check=check, now=NOW) is False
    assert (HealthCheck.objects.get().paused_at, HealthCheck.objects.get().extra_at) == (None, NOW)


def test_a_deleted_check_takes_its_outages_along():
    outage = OutageFactory()
    services.delete_check(check=outage.health_check)
    assert HealthCheck.objects.count() == 0


# --- trying it ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def target():
    with Target() as running:
        yield running


def tried(target, networks=LOOPBACK, **definition):
    return try_check(compile_check(Row(target, **definition)), networks)


def test_a_trial_says_how_each_condition_did(target):
    target.set(status=503, json={"status": "down"})
    trial = tried(target.url, conditions='body contains "status"\njson status == "up"\ntime < 5 s')
    assert [(one.words, one.ok) for one in trial.results] == [
        ("status is 200–299", False),
        ("body contains “status”", True),
        ('json status is "up"', False),
        ("time is below 5,000\u00a0ms", True),
    ]
    assert trial.results[0].found == "HTTP 503, expected 200–299"
    assert trial.results[1].found == "it is in the body"
    assert trial.results[2].found == 'status is "down", expected "up"'
    assert (trial.reading.ok, trial.reading.status_code, trial.address) == (False, 503, "127.0.0.1")
    assert trial.body == '{"status": "down"}'


def test_a_trial_that_holds_shows_the_body_too(target):
    target.set(body="all is well")
    trial = tried(target.url)
    assert trial.reading.ok
    assert trial.body == "all is well"
    assert trial.reading.phases.total_ms > 0


def test_without_an_answer_there_are_no_conditions_and_no_body(target):
    trial = tried(target.url, ())
    assert (trial.reading.kind, trial.results, trial.body) == (FailureKind.BLOCKED, (), "")


def test_a_trial_shows_no_secret(target):
    target.set(body="token=abcd-1234")
    trial = tried(target.url, secrets={"token": "abcd-1234"}, conditions="body matches /token=.*/")
    assert trial.body == "token=••••••"
