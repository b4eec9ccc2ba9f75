import pytest

from issues import services
from issues.models import Issue, Occurrence
from issues.selectors import proof_of
from issues.services import Actor
from monitoring.models import Failure, HealthCheck, MonitoringPolicy, Series
from tests.factories import DeploymentFactory, IssueFactory, SeriesFactory
from tests.issues.builders import HOUR, MINUTE, NOON, make_check, make_finding, make_outage, watch
from tests.samples import store_samples

pytestmark = pytest.mark.django_db
API = Actor.token("pipeline")


@pytest.fixture
def check():
    return make_check()


@pytest.fixture
def issue(check):
    """Down at noon, up again five minutes later, resolved at ten past."""
    make_outage(check, began_at=NOON, ended_at=NOON + 5 * MINUTE)
    services.open_issues(now=NOON + 6 * MINUTE)
    up(check, since=NOON + 5 * MINUTE, read=NOON + 10 * MINUTE)
    issue = Issue.objects.get()
    return services.move_issue(
        issue_id=issue.pk, status="RESOLVED", resolution="Rolled back.", actor=API, now=NOON + 10 * MINUTE
    )


def up(check, *, since, read):
    HealthCheck.objects.filter(pk=check.pk).update(state="UP", state_since=since)
    store_samples([up_series(check)], [read], [1.0])


def up_series(check):
    found = Series.objects.filter(health_check=check, aspect="up").first()
    return (found or SeriesFactory(environment=check.environment, metric=None, health_check=check, aspect="up")).pk


def read(check, minute):
    store_samples([up_series(check)], [NOON + minute * MINUTE], [1.0])


def sweep(minute, issue):
    services.verify_issues(now=NOON + minute * MINUTE)
    issue.refresh_from_db()
    return issue.status


def test_ten_clean_minutes_after_the_resolution_verify_it(issue, check):
    read(check, 19)
    assert sweep(19, issue) == "RESOLVED"
    assert issue.proof_since == NOON + 10 * MINUTE
    read(check, 20)
    assert sweep(20, issue) == "VERIFIED"
    assert issue.events.last().text == "Verified by measurement: clean for 10\u00a0min."


def test_a_second_sweep_adds_nothing(issue, check):
    read(check, 20)
    sweep(20, issue)
    told = issue.events.count()
    assert services.verify_issues(now=NOON + HOUR) == 0
    assert issue.events.count() == told


def test_without_readings_nothing_is_proven(issue):
    assert sweep(60, issue) == "RESOLVED"


def test_one_failed_reading_starts_the_count_again(issue, check):
    sweep(12, issue)
    Failure.objects.create(
        health_check=check, scheduled_at=NOON + 15 * MINUTE, kind="STATUS", detail="502", status_code=502
    )
    read(check, 24)
    assert sweep(24, issue) == "RESOLVED"
    assert issue.proof_since == NOON + 15 * MINUTE
    assert issue.events.last().text == "A reading failed. The proof starts again."
    read(check, 25)
    assert sweep(25, issue) == "VERIFIED"


def test_a_paused_check_proves_nothing(issue, check):
    HealthCheck.objects.update(paused_at=NOON)
    read(check, 60)
    assert sweep(60, issue) == "RESOLVED"
    assert proof_of(issue, now=NOON + HOUR).why == "checkout is paused: nothing is measured."


def test_what_stays_down_after_its_resolution_is_reopened(issue, check):
    HealthCheck.objects.update(state="DOWN", state_since=NOON)
    assert sweep(15, issue) == "RESOLVED"
    assert sweep(21, issue) == "IDENTIFIED"
    assert issue.events.last().text == "checkout is still down. It was resolved 11\u00a0min ago."


def test_a_short_initial_period_shortens_the_proof(issue, check):
    MonitoringPolicy.objects.create(environment=check.environment, initial_seconds=60)
    read(check, 11)
    assert sweep(11, issue) == "VERIFIED"


def test_an_issue_without_a_measured_source_waits_for_a_maintainer():
    issue = IssueFactory(status="RESOLVED", resolved_at=NOON)
    assert sweep(600, issue) == "RESOLVED"
    assert "Maintainer" in proof_of(issue, now=NOON + HOUR).why


def test_it_tells_once_that_the_check_answers_again_and_leaves_the_issue_with_its_tier(check):
    outage = make_outage(check, began_at=NOON)
    services.open_issues(now=NOON + MINUTE)
    issue = Issue.objects.get()
    assert sweep(2, issue) == "IDENTIFIED"
    outage.ended_at = NOON + 5 * MINUTE
    outage.save()
    for minute in (6, 7):
        assert sweep(minute, issue) == "IDENTIFIED"
    told = [event.text for event in issue.events.filter(kind="CHANGED")]
    assert told == ["checkout answers again. The outage lasted 5\u00a0min."]


def test_one_poison_issue_never_stops_the_others(issue, check, monkeypatch, caplog):
    poison = Issue.objects.create(
        project=issue.project, number=99, severity="MAJOR", fingerprint="x", status="RESOLVED", resolved_at=NOON
    )
    Occurrence.objects.create(issue=poison, source="OUTAGE", occurred_at=NOON)
    real = services.proof.proof_of

    def proof(row, **given):
        if row.pk == poison.pk:
            raise ValueError("bad row")
        return real(row, **given)

    monkeypatch.setattr(services.proof, "proof_of", proof)
    read(check, 20)
    assert sweep(20, issue) == "VERIFIED"
    assert "bad row" in caplog.text


def test_a_sweep_that_lost_the_race_changes_nothing(issue, check, monkeypatch):
    read(check, 20)
    real = services.proof.locked

    def reopened_meanwhile(pk):
        Issue.objects.filter(pk=pk).update(status="IDENTIFIED", resolved_at=None)
        return real(pk)

    monkeypatch.setattr(services.proof, "locked", reopened_meanwhile)
    assert sweep(20, issue) == "IDENTIFIED"
    assert not issue.events.filter(text__startswith="Verified").exists()


def slow_finding(check, period):
    series = SeriesFactory(environment=check.environment, metric=None, health_check=check, aspect="response_time")
    return make_finding(
        period,
        key=f"check:{check.pk}:response_time",
        series=series,
        facts={"before": 300.0, "after": 500.0},
        sentence="checkout response time rose 300 → 500 ms.",
    )


def answer_in(check, ms, *, start, end):
    series = check.series.get(aspect="response_time")
    times = [NOON + minute * MINUTE for minute in range(start, end)]
    store_samples([series.pk] * len(times), times, [float(ms)] * len(times))


def test_a_check_that_was_slow_must_be_fast_again(check):
    period = watch(DeploymentFactory(environment=check.environment, finished_at=NOON - HOUR), opens_at=NOON - HOUR)
    slow_finding(check, period)
    services.open_issues(now=NOON)
    issue = Issue.objects.get()
    assert issue.title == "checkout response time rose 300 → 500 ms"
    services.move_issue(issue_id=issue.pk, status="RESOLVED", resolution="Cached.", actor=API, now=NOON)
    answer_in(check, 480, start=0, end=12)
    read(check, 12)
    assert sweep(12, issue) == "RESOLVED"
    assert proof_of(issue, now=NOON + 12 * MINUTE).why == (
        "checkout still answers in 480\u00a0ms, it was 300\u00a0ms before."
    )
    answer_in(check, 310, start=12, end=40)
    read(check, 24)
    assert sweep(24, issue) == "RESOLVED"
    assert issue.proof_since == NOON + 24 * MINUTE
    read(check, 34)
    assert sweep(34, issue) == "VERIFIED"


def test_silence_is_not_taken_for_speed(check):
    period = watch(DeploymentFactory(environment=check.environment, finished_at=NOON - HOUR), opens_at=NOON - HOUR)
    slow_finding(check, period)
    services.open_issues(now=NOON)
    issue = Issue.objects.get()
    issue = services.move_issue(issue_id=issue.pk, status="RESOLVED", resolution="Cached.", actor=API, now=NOON)
    assert proof_of(issue, now=NOON + HOUR).why == "checkout has not been read since."
