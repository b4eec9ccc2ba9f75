"""Past deployments judged once more: the same settings say the same, other settings say what would have been."""

import pytest
from django.core.exceptions import ValidationError

from monitoring import services, store
from monitoring.changes import Changes
from monitoring.judge.facts import MetricFacts
from monitoring.models import MonitoringPeriod, Replay, ReplayedVerdict, Verdict
from monitoring.selectors.replays import report_of
from monitoring.services import replaying
from monitoring.services.replaying import looking, sweep
from tests.factories import DeploymentFactory, EnvironmentFactory, HealthCheckFactory, RulingFactory, UserFactory
from tests.monitoring.worlds import World, at
from tests.samples import store_samples

pytestmark = pytest.mark.django_db
NOW = 500


def busy_world():
    """A deployment that made one metric worse, and a check slower by less than matters."""
    world = World().open()
    world.check(response=world.noisy(80, 82))
    world.metric("checkout_p95", world.noisy(310, 450), kind="LATENCY", unit="ms")
    world.metric("orders", world.noisy(40, 39, 0.2), bad_direction="DOWN", labels={"region": "eu"})
    for minutes in (4, 8, 15, 30, 60):
        world.judge(minutes)
    return world


def healthy_world(least_change=0.8):
    """The same, but a change of less than four fifths does not matter."""
    world = World().open()
    world.check()
    world.metric("checkout_p95", world.noisy(310, 450), kind="LATENCY", unit="ms", least_change=least_change)
    world.judge(60)
    return world


def replay(world, minutes=NOW, **changes):
    request = services.request_replay(
        project=world.environment.project, changes=Changes(**changes), now=at(minutes), by=UserFactory()
    )
    services.run_replays(now=at(minutes))
    request.refresh_from_db()
    return request


def result(replay):
    row = replay.verdicts.get()
    return row.result_then, row.result_now, row.problem


# --- the same settings, the same results ------------------------------------------------------------------------------


def test_with_the_same_settings_every_result_and_finding_is_the_same():
    world = busy_world()
    done = replay(world)
    assert (done.status, done.total, result(done)) == ("DONE", 1, ("DEGRADED", "DEGRADED", ""))
    row = done.verdicts.get()
    assert (row.differences, row.note, row.sentence) == ([], "", world.verdict().sentence)


def test_with_the_same_settings_a_failure_at_an_early_look_is_the_same():
    world = World().open()
    world.metric("error_rate", world.noisy(0.1, 5.0), kind="ERROR_RATE", unit="%", hard_limit=2.0)
    for minutes in (10, 30, 60):
        world.judge(minutes)
    assert result(replay(world)) == ("FAILED", "FAILED", "")


def test_with_the_same_settings_what_healed_after_an_early_verdict_is_the_same():
    world = World().open()
    world.metric("error_rate", lambda minute: 5.0 if 0 < minute < 20 else 0.1, hard_limit=2.0)
    for minutes in (10, 30, 60):
        world.judge(minutes)
    done = replay(world)
    assert (result(done), done.verdicts.get().differences) == (("FAILED", "FAILED", ""), [])


def test_metrics_that_were_edited_since_are_judged_as_they_were():
    world = busy_world()
    world.environment.project.metrics.update(is_muted=True, least_change=9.0)
    assert result(replay(world)) == ("DEGRADED", "DEGRADED", "")


def test_with_the_same_settings_shared_blame_is_said_the_same():
    world = World().open()
    world.metric("checkout_p95", world.noisy(310, 900), kind="LATENCY", unit="ms")
    neighbour = EnvironmentFactory(name=world.environment.name, tier=world.environment.tier)
    DeploymentFactory(environment=neighbour, version="n1", started_at=at(-4), finished_at=at(-2), reported_at=at(-2))
    world.judge(60)
    assert world.verdict().inputs["overlap"]
    assert replay(world).verdicts.get().sentence == world.verdict().sentence


def test_samples_are_held_so_that_they_outlive_the_retention():
    world = busy_world()
    store.compact()
    store.drop_expired(now=at(60 * 24 * 400))
    assert result(replay(world)) == ("DEGRADED", "DEGRADED", "")


def test_a_watch_that_was_cut_short_after_a_bad_verdict_is_not_cleared_by_other_settings():
    world = early_world(until=30)
    period = world.period()
    period.status, period.ended_at, period.next_look_at = "SUPERSEDED", at(30), None
    period.save()
    assert result(replay(world, metrics={"error_rate": NO_REASON})) == ("FAILED", "", "")


# --- other settings ---------------------------------------------------------------------------------------------------


def test_a_larger_least_change_would_have_found_nothing():
    world = busy_world()
    done = replay(world, metrics={"checkout_p95": {"least_change": 0.9}})
    assert result(done) == ("DEGRADED", "HEALTHY", "")
    (difference,) = [d for d in done.verdicts.get().differences if d["key"] == "metric:checkout_p95"]
    assert (difference["then"], difference["stage"]) == ("REGRESSED", "INITIAL")
    assert difference["now"] != "REGRESSED"


def test_a_smaller_least_change_would_have_found_more():
    assert result(replay(healthy_world(), metrics={"checkout_p95": {"least_change": 0.1}})) == (
        "HEALTHY",
        "DEGRADED",
        "",
    )


def test_a_muted_metric_is_named_as_muted_and_counts_for_nothing():
    done = replay(busy_world(), metrics={"checkout_p95": {"is_muted": True}})
    assert result(done) == ("DEGRADED", "HEALTHY", "")
    assert {d["now"] for d in done.verdicts.get().differences if d["key"] == "metric:checkout_p95"} == {"MUTED"}


@pytest.mark.parametrize(
    ("key", "is_muted"),
    [
        ("metric:orders", True), ("metric:orders:3f2a", True), ("metric:orders_all", False), ("check:1", False),
        ("metric:job:orders", False), ("metric:job:rate", True), ("metric:job:rate:3f2a", True),
    ],
)  # fmt: skip
def test_a_metric_with_labels_is_changed_by_the_key_of_its_metric(key, is_muted):
    changes = Changes(metrics={"orders": {"is_muted": True}, "job:rate": {"is_muted": True}})
    assert changes.of_metric(MetricFacts(key=key, name="Orders")).is_muted is is_muted


def test_metrics_can_be_judged_as_they_are_configured_now():
    world = busy_world()
    world.environment.project.metrics.update(is_muted=True)
    configured = services.configured_metrics(world.environment.project)
    world.environment.project.metrics.update(is_muted=False)  # what counts is how it was when it was asked
    assert result(replay(world, configured=configured)) == ("DEGRADED", "HEALTHY", "")


def test_the_limit_of_chance_reaches_every_metric_and_check():
    world, seen = busy_world(), []
    verdict = world.verdict()
    evidence, _ = replaying.inputs.changed(
        looking.from_json(verdict.inputs), verdict.period, Changes(chance_limit=0.0005)
    )
    seen = [one.facts.chance_limit for one in (*evidence.metrics, *evidence.checks)]
    assert set(seen) == {0.0005}


def test_a_settling_time_is_a_quarter_of_the_initial_period_at_most_and_none_of_the_extended():
    world = busy_world()
    verdict = world.verdict()
    evidence, _ = replaying.inputs.changed(
        looking.from_json(verdict.inputs), verdict.period, Changes(settle_seconds=7200)
    )
    assert evidence.window.settle_seconds == 900
    verdict.period.stage = "EXTENDED"
    evidence, _ = replaying.inputs.changed(
        looking.from_json(verdict.inputs), verdict.period, Changes(settle_seconds=7200)
    )
    assert evidence.window.settle_seconds == 120


def test_a_shorter_history_is_cut_from_what_was_judged():
    world = busy_world()
    verdict = world.verdict()
    evidence, note = replaying.inputs.changed(
        looking.from_json(verdict.inputs), verdict.period, Changes(baseline_seconds=3600)
    )
    assert min(one.samples.times.min() for one in evidence.metrics) >= evidence.window.deployed_at - 3600
    assert note == ""


def test_a_longer_history_is_added_as_far_as_it_is_kept_and_the_row_says_how_far():
    world = World(baseline_seconds=6 * 3600).open()
    world.check()
    world.metric("checkout_p95", world.noisy(310, 310), unit="ms")
    world.judge(60)
    done = replay(world, baseline_seconds=20 * 3600)
    assert (result(done), done.verdicts.get().note) == (("HEALTHY", "HEALTHY", ""), "")
    done = replay(world, NOW + 10, baseline_seconds=14 * 86_400)
    assert done.verdicts.get().note == "Of 14\u00a0d of history 23\u00a0h 57\u00a0min are still kept."


# --- what was decided early -------------------------------------------------------------------------------------------


NO_REASON = {"hard_limit": None, "least_change": 100.0}


def early_world(until=60):
    """Broken for 20 minutes: it failed at the first look, and nobody looked at the end."""
    world = World().open()
    world.check()
    world.metric("error_rate", lambda minute: 5.0 if 0 < minute < 20 else 0.1, hard_limit=2.0)
    world.judge(10)
    if until == 60:
        world.judge(60)
    return world


def test_without_its_early_reason_the_end_decides_from_what_is_still_kept():
    done = replay(early_world(), metrics={"error_rate": NO_REASON})
    assert result(done)[:2] == ("FAILED", "HEALTHY")


def test_what_was_added_since_is_not_judged_at_the_end():
    world = early_world()
    HealthCheckFactory(environment=world.environment, name="New")
    done = replay(world, metrics={"error_rate": NO_REASON})
    assert result(done)[:2] == ("FAILED", "HEALTHY")


def test_without_samples_from_after_the_early_look_nobody_knows_the_end():
    world = World().open()
    world.metric("error_rate", lambda minute: 5.0 if minute > 0 else 0.1, until=10, hard_limit=2.0)
    world.judge(10)
    MonitoringPeriod.objects.filter(pk=world.period().pk).update(
        status="CLOSED", ended_at=at(60), next_look_at=None
    )  # fmt: skip
    problem = result(replay(world, metrics={"error_rate": NO_REASON}))[2]
    assert problem.startswith("An early look had decided it, and no samples are kept")


# --- what cannot be judged once more ----------------------------------------------------------------------------------


def test_samples_that_are_not_what_they_were_are_a_reason_not_a_result():
    world = busy_world()
    store_samples([world.series_of("checkout_p95").pk], [at(-300.5)], [1.0])
    done = replay(world)
    assert done.status == "DONE"
    assert result(done) == (
        "DEGRADED", "", "The samples are not what they were when it was judged: Checkout p95.",
    )  # fmt: skip
    assert report_of(done).headline == "None of them could be judged once more."


def test_what_the_judge_had_failed_on_is_a_reason():
    world = busy_world()
    Verdict.objects.update(inputs={"error": "…"})
    assert "the judge failed" in result(replay(world))[2]


def test_inputs_of_a_form_that_is_not_known_are_a_reason():
    world = busy_world()
    Verdict.objects.update(inputs={"window": {}})
    assert "cannot read" in result(replay(world))[2]


def test_one_deployment_that_cannot_be_judged_does_not_stop_the_others(monkeypatch):
    world = busy_world()
    monkeypatch.setattr(sweep, "replay_period", lambda period, changes: 1 / 0)
    done = replay(world)
    assert (done.status, result(done)[2]) == ("DONE", "The judge failed on it. The log of the installation says why.")


# --- which deployments ------------------------------------------------------------------------------------------------


def test_a_watch_under_way_is_not_replayed():
    world = World().open()
    world.check()
    world.judge(10)
    with pytest.raises(ValidationError, match="no watch has ended"):
        replay(world)


def test_only_the_environment_that_was_asked_for_is_replayed():
    world = busy_world()
    other = EnvironmentFactory(project=world.environment.project, name="staging")
    with pytest.raises(ValidationError, match="no watch has ended"):
        services.request_replay(
            project=world.environment.project, environment=other, changes=Changes(), now=at(NOW)
        )  # fmt: skip


def test_a_watch_that_was_cut_short_without_a_verdict_stays_without_one():
    world = World().open()
    world.check()
    world.judge(10)
    period = world.period()
    period.status, period.ended_at, period.next_look_at = "SUPERSEDED", at(11), None
    period.save()
    assert result(replay(world)) == ("", "", "")


def test_the_newest_deployments_are_replayed_and_no_more_than_the_cap(monkeypatch):
    monkeypatch.setattr("monitoring.selectors.replays.MOST_DEPLOYMENTS", 0)
    with pytest.raises(ValidationError, match="no watch has ended"):
        replay(busy_world())


# --- another judge ----------------------------------------------------------------------------------------------------


def test_a_new_judge_says_honestly_what_it_would_have_said(monkeypatch):
    world = busy_world()
    monkeypatch.setattr(sweep, "RULE_VERSION", "99")
    monkeypatch.setattr(replaying.requests, "RULE_VERSION", "99")
    kept = looking.judge
    monkeypatch.setattr(looking, "judge", lambda evidence: kept(looking.changed_by_a_new_judge(evidence)))
    monkeypatch.setattr(
        looking,
        "changed_by_a_new_judge",
        lambda evidence: replaying.inputs.changed(
            evidence, world.period(), Changes(metrics={"checkout_p95": {"least_change": 0.9}})
        )[0],
        raising=False,
    )
    done = replay(world)
    assert (done.rule_version, result(done)) == ("99", ("DEGRADED", "HEALTHY", ""))
    assert report_of(done).rule_versions == [world.verdict().rule_version]


def test_a_replay_that_began_with_another_judge_fails_rather_than_mix_two(monkeypatch):
    world = busy_world()
    request = services.request_replay(project=world.environment.project, changes=Changes(), now=at(NOW))
    monkeypatch.setattr(sweep, "RULE_VERSION", "99")
    services.run_replays(now=at(NOW))
    request.refresh_from_db()
    assert (request.status, request.verdicts.count()) == ("FAILED", 0)
    assert "upgraded" in request.error


# --- rulings ----------------------------------------------------------------------------------------------------------


def test_the_report_holds_then_and_now_against_what_people_ruled():
    world = busy_world()
    RulingFactory(deployment=world.deployment, kind="NOT_US", reason="A neighbour")
    report = report_of(replay(world, metrics={"checkout_p95": {"is_muted": True}}))
    assert (report.then.false_alarms, report.now.false_alarms) == (1, 0)
    assert [line.tells for line in report.changed] == ["a false alarm fewer"]
    assert report.headline == "1 of 1 verdict would have been another: 1 alarm fewer."


def test_replays_are_kept_with_what_they_asked():
    replay(busy_world(), metrics={"checkout_p95": {"is_muted": True}})
    kept = Replay.objects.get()
    assert Changes.from_json(kept.changes).metrics == {"checkout_p95": {"is_muted": True}}
    assert ReplayedVerdict.objects.get().replay == kept
