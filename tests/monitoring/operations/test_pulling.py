"""Sources that we fetch from: what comes is stored once, what fails is said, and nobody is fetched twice at a time."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from monitoring import store
from monitoring.models import MetricLimits, Series, Source
from monitoring.pulls import ConfigRefused
from monitoring.services import (
    PulledFacts,
    change_pulled_source,
    pause_source,
    pull_soon,
    pull_sources,
    pulling,
    resume_source,
)
from monitoring.services.pulling import latest_slot, next_slot
from tests.at_once import at_once
from tests.factories import EnvironmentFactory, PulledSourceFactory
from tests.monitoring.operations.pulled import fresh, source, stored
from tests.targets import Answer, Target

pytestmark = pytest.mark.django_db


def test_a_target_is_taken_as_it_is(target, now):
    row = source(target, now)
    assert pull_sources(now=now) == 1
    assert stored(row) == {("things_total", "a"): [5.0], ("things_total", "b"): [6.0], ("go_info",): [1.0]}
    row = fresh(row)
    assert row.latest_detail == "Took 3 of 3 samples."
    assert row.latest_at == now
    assert row.failing_since is None
    assert row.next_pull_at == next_slot(row, now)
    assert row.lease_until is None


def test_a_second_sweep_finds_nothing_to_do(target, now):
    source(target, now)
    assert [pull_sources(now=now), pull_sources(now=now)] == [1, 0]
    assert len(target.requests) == 1


def test_rules_choose_and_what_they_left_out_is_counted(target, now):
    row = source(target, now, keep="things_*", drop="{shop=b}")
    pull_sources(now=now)
    assert stored(row) == {("things_total", "a"): [5.0]}
    assert fresh(row).latest_detail == "Took 1 of 3 samples: 2 left out by the rules."


def test_labels_are_added_and_the_environment_may_be_named_by_them(target, now):
    row = source(target, now, keep="go_info", labels="instance=web-1\nenvironment=staging")
    pull_sources(now=now)
    (series,) = Series.objects.filter(environment__project=row.project).select_related("environment")
    assert series.labels == {"instance": "web-1"}
    assert series.environment.name == "staging"


@pytest.mark.parametrize("honour", [True, False])
def test_times_of_the_target_are_kept_or_not_as_one_wishes(target, now, honour):
    earlier = now - timedelta(minutes=5)
    target.set("/metrics", body=f"a 1 {int(earlier.timestamp() * 1000)}\n")
    source(target, now, honour_times=honour)
    pull_sources(now=now)
    (series,) = Series.objects.all()
    (at,) = store.read([series.pk], now - timedelta(hours=1), now + timedelta(seconds=1))[series.pk].times
    assert at == pytest.approx((earlier if honour else now).timestamp(), abs=0.001)


def test_it_signs_in_and_says_who_it_is(target, now):
    source(target, now, secrets={"token": "s3cret"})
    source(target, now, secrets={"user": "me", "password": "p"})
    pull_sources(now=now)
    sent = {request.headers["authorization"] for request in target.requests}
    assert sent == {"Bearer s3cret", "Basic bWU6cA=="}
    assert all("version=0.0.4" in request.headers["accept"] for request in target.requests)


def test_where_a_target_redirects_to_another_host_no_secret_goes(target, now):
    with Target() as other:
        other.set("/metrics", body="elsewhere 1\n")
        target.set("/metrics", status=302, redirect=f"{other.url.rstrip('/')}/metrics")
        row = source(target, now, secrets={"token": "s3cret"})
        assert pull_sources(now=now) == 1, fresh(row).latest_detail
        (request,) = other.requests
    assert "authorization" not in request.headers
    assert stored(row) == {("elsewhere",): [1.0]}


def test_secrets_are_sealed(target, now):
    row = fresh(source(target, now, secrets={"token": "s3cret"}))
    assert "s3cret" not in row.sealed
    assert "s3cret" not in json.dumps(row.config)
    assert row.secrets == {"token": "s3cret"}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(status=500), "The target answered 500."),
        (Answer(status=401), "The target wants somebody to sign in (401): enter a token, or a user and a password."),
        (Answer(status=404), "There is nothing at this address (404)."),
        (Answer(body="<html>hello</html>"), "The answer is not in Prometheus' text format. Line 1: "),
        (Answer(mode="reset"), "Nothing came: "),
        (Answer(body=b"x" * 70_000 + b" 1\n"), "Nothing came: the body is larger than 65536 bytes."),
        (Answer(body=b"\xff\xfe\x00 1"), "The answer is not in Prometheus' text format. Line 1: "),
    ],
)
def test_what_goes_wrong_is_said_and_the_next_fetch_mends_it(target, now, settings, answer, told):
    settings.PULL_MAX_BYTES = 65_536
    row = source(target, now)
    target.queue(answer)
    assert pull_sources(now=now) == 0
    assert fresh(row).latest_detail.startswith(told)
    assert row.failing_since == now
    later = row.next_pull_at
    assert pull_sources(now=later) == 1
    assert fresh(row).failing_since is None


def test_since_when_it_fails_is_kept(target, now):
    row = source(target, now)
    target.set("/metrics", status=500)
    pull_sources(now=now)
    pull_sources(now=fresh(row).next_pull_at)
    assert fresh(row).failing_since == now


def test_an_empty_answer_is_well_but_said(target, now):
    target.set("/metrics", body="")
    row = source(target, now)
    assert pull_sources(now=now) == 1
    assert fresh(row).latest_detail == "It answers, but has no samples."
    assert row.latest_at is None


def test_a_private_address_is_refused_when_it_is_saved_and_when_it_is_fetched(target, now, settings):
    row = source(target, now)
    settings.PROBE_NETWORKS = []
    with pytest.raises(ConfigRefused, match="PROBE_NETWORKS"):
        source(target, now)
    assert pull_sources(now=now) == 0
    assert "not allowed" in fresh(row).latest_detail
    assert target.requests == []


def test_one_bad_source_does_not_stop_the_others(target, now):
    bad = PulledSourceFactory(config={"url": "http://x", "keep": "x{", "timeout_seconds": 5}, next_pull_at=now)
    lost = PulledSourceFactory(sealed="gAAAA-another-key", next_pull_at=now)
    far = PulledSourceFactory(config={"url": "http://x y", "timeout_seconds": 5}, next_pull_at=now)
    good = source(target, now)
    assert pull_sources(now=now) == 1
    assert fresh(good).failing_since is None
    assert fresh(bad).latest_detail.startswith("Line 1 is no rule")
    assert fresh(lost).latest_detail.startswith("This secret was stored under another SECRET_KEY")
    assert fresh(far).latest_detail.startswith("The URL may only have")
    assert {one.next_pull_at for one in (bad, lost, far)} == {next_slot(one, now) for one in (bad, lost, far)}


def test_too_many_series_are_refused_and_shown(target, now):
    row = source(target, now)
    MetricLimits.objects.update_or_create(project=row.project, defaults={"max_series": 1})
    pull_sources(now=now)
    assert fresh(row).latest_detail == "Took 1 of 3 samples: 2 refused."
    assert row.refusals.get(reason="TOO_MANY_SERIES").count == 2


def test_infinities_are_refused_and_nothing_is_made_of_nan(target, now):
    target.set("/metrics", body="a +Inf\nb NaN\nc 1\n")
    row = source(target, now)
    pull_sources(now=now)
    assert stored(row) == {("c",): [1.0]}
    assert fresh(row).latest_detail == "Took 1 of 2 samples: 1 refused."
    assert row.refusals.get().reason == "NOT_FINITE"


def test_a_source_that_was_changed_meanwhile_is_not_stored_by_its_old_definition(target, now, monkeypatch):
    row = source(target, now)

    def change(*args, **kwargs):
        facts = PulledFacts("node", row.environment, row.config | {"keep": "go_info"}, 30)
        change_pulled_source(source=fresh(row), facts=facts, now=now)
        return real(*args, **kwargs)

    real = __import__("monitoring.services.pulling", fromlist=["x"]).fetch_many
    monkeypatch.setattr("monitoring.services.pulling.fetch_many", change)
    assert pull_sources(now=now) == 0
    assert not any(stored(row).values())
    assert fresh(row).next_pull_at == now
    monkeypatch.setattr("monitoring.services.pulling.fetch_many", real)
    assert pull_sources(now=now) == 1
    assert {key: values for key, values in stored(row).items() if values} == {("go_info",): [1.0]}


def test_a_name_is_given_once_whoever_asks(target, now):
    environment = EnvironmentFactory()
    row = source(target, now, environment=environment)
    with pytest.raises(ConfigRefused, match="a source with this name") as refused:
        source(target, now, "PROMQL", environment=environment, queries="a = b")
    assert refused.value.field == "name"
    facts = PulledFacts("NODE", environment, row.config, 60)
    assert change_pulled_source(source=fresh(row), facts=facts, now=now).name == "NODE"
    assert source(target, now).name == "node"


@pytest.mark.django_db(transaction=True)
def test_of_two_sources_of_one_name_sent_at_once_one_is_refused(target, now):
    environment = EnvironmentFactory()
    results = at_once(lambda: source(target, now, environment=environment), 2)
    assert {type(result) for result in results} == {Source, ConfigRefused}
    assert Source.objects.count() == 1


def test_a_paused_source_is_left_alone_and_a_resumed_one_is_fetched(target, now):
    row = source(target, now)
    pause_source(source=row, now=now)
    assert pull_sources(now=now) == 0
    assert not pull_soon(source=fresh(row), now=now)
    resume_source(source=row, now=now)
    assert pull_sources(now=now) == 1


def test_fetching_soon_does_not_wait_for_the_slot(target, now):
    row = source(target, now)
    pull_sources(now=now)
    assert pull_soon(source=fresh(row), now=now)
    assert pull_sources(now=now) == 1


def test_slots_lie_on_a_grid_that_differs_by_source():
    now = timezone.now()
    rows = [Source(pk=pk, interval_seconds=30) for pk in range(30)]
    assert len({next_slot(row, now) for row in rows}) == 30
    for row in rows:
        assert latest_slot(row, now) <= now < next_slot(row, now)
        assert next_slot(row, latest_slot(row, now)) == next_slot(row, now)


@pytest.mark.django_db(transaction=True)
def test_two_workers_fetch_each_source_once(target, now):
    for _ in range(6):
        source(target, now)
    done = at_once(lambda: pull_sources(now=now), 2)
    assert sum(done) == 6
    assert len(target.requests) == 6


def test_what_cannot_be_stored_is_said_and_fetched_again_at_its_next_time(target, now, monkeypatch):
    row = source(target, now)
    with monkeypatch.context() as broken:
        broken.setattr("monitoring.services.pulling.ingest", lambda **_: 1 / 0)
        assert pull_sources(now=now) == 0
    assert fresh(row).latest_detail == "What came could not be stored. The fault is on our side and in the log."
    assert row.failing_since == now
    assert pull_sources(now=row.next_pull_at) == 1
    assert fresh(row).failing_since is None


def test_a_log_line_about_a_source_holds_no_secret(target, now, caplog, monkeypatch):
    row = source(target, now, secrets={"token": "s3cret"})
    monkeypatch.setattr("monitoring.services.pulling.ingest", lambda **_: 1 / 0)
    assert pull_sources(now=now) == 0
    assert f"source {row.pk}" in caplog.text
    assert "s3cret" not in caplog.text


def test_what_a_killed_worker_held_is_fetched_when_its_lease_has_run_out(target, now):
    row = source(target, now)
    Source.objects.filter(pk=row.pk).update(lease_until=now + timedelta(seconds=60), lease_key=uuid4())
    assert pull_sources(now=now) == 0
    Source.objects.filter(pk=row.pk).update(lease_until=now - timedelta(seconds=1))
    assert pull_sources(now=now) == 1


def test_a_slow_target_does_not_hold_up_what_is_there(target, now, monkeypatch):
    slow = source(target, now, url=f"{target.url.rstrip('/')}/slow")
    quick = source(target, now)
    target.set("/slow", body="slow 1\n", delay=0.5)
    order = []
    real = pulling.ingest
    monkeypatch.setattr(pulling, "ingest", lambda **how: order.append(how["sender"].source_id) or real(**how))
    assert pull_sources(now=now) == 2
    assert order == [quick.pk, slow.pk]
