import pytest

from issues import services
from issues.models import Issue, IssueEvent, Occurrence
from issues.services import Actor
from tests.at_once import at_once
from tests.factories import DeploymentFactory, EnvironmentFactory, ProjectFactory, SeriesFactory
from tests.issues.builders import HOUR, MINUTE, NOON, make_check, make_finding, make_outage, watch

pytestmark = pytest.mark.django_db
API = Actor.token("pipeline")


def sweep(now=NOON + 2 * HOUR):
    return services.open_issues(now=now)


def test_a_confirmed_outage_of_a_critical_check_in_production_opens_a_critical_issue():
    outage = make_outage(make_check(name="checkout"))
    assert sweep() == 1
    issue = Issue.objects.get()
    assert (issue.reference, issue.severity, issue.status) == ("SHOP-1", "CRITICAL", "IDENTIFIED")
    assert issue.title == "checkout is down in production"
    assert "critical check checkout of production is down since 19 November 2026, 12:00:00" in issue.impact
    assert outage.occurrence.issue == issue


def test_a_second_sweep_finds_nothing_left_to_do():
    make_outage()
    make_finding()
    assert sweep() == 2
    assert sweep() == 0
    assert (Issue.objects.count(), Occurrence.objects.count()) == (2, 2)


def test_an_outage_and_the_finding_of_the_same_check_are_one_issue():
    deployment = DeploymentFactory(finished_at=NOON)
    check = make_check(deployment.environment)
    make_outage(check, began_at=NOON + MINUTE)
    sweep(NOON + 3 * MINUTE)
    make_finding(watch(deployment), check=check, looked_at=NOON + 5 * MINUTE)
    sweep()
    issue = Issue.objects.get()
    assert issue.occurrences.count() == 2
    assert [event.kind for event in issue.events.all()] == ["OPENED", "SEEN_AGAIN"]


def test_the_response_time_of_a_check_belongs_to_the_issue_of_the_check():
    deployment = DeploymentFactory(finished_at=NOON)
    check = make_check(deployment.environment)
    series = SeriesFactory(environment=deployment.environment, metric=None, health_check=check, aspect="response_time")
    period = watch(deployment)
    make_finding(period, check=check)
    make_finding(period, key=f"check:{check.pk}:response_time", series=series)
    make_finding(period, key="metric:orders")
    assert sweep() == 3
    assert sorted(issue.occurrences.count() for issue in Issue.objects.all()) == [1, 2]


def test_a_muted_finding_opens_nothing():
    make_finding(facts={"is_muted": True})
    assert sweep() == 0


def test_only_regressions_of_final_verdicts_count():
    make_finding(is_final=False)
    make_finding(result="INCONCLUSIVE", verdict="INCONCLUSIVE")
    make_finding(result="UNCHANGED", verdict="HEALTHY")
    assert sweep() == 0


def test_facts_older_than_a_week_are_history():
    make_outage(began_at=NOON - 8 * 24 * HOUR)
    assert sweep() == 0


def test_the_issue_names_the_deployment_that_was_watched_and_how_far_away_it_was():
    deployment = DeploymentFactory(finished_at=NOON, version="v1.42.0")
    watch(deployment)
    make_outage(make_check(deployment.environment), began_at=NOON + 2 * MINUTE)
    sweep()
    issue = Issue.objects.get()
    assert issue.deployment == deployment
    assert (
        "Thought to come from v1.42.0: it was seen 2\u00a0min after the deployment finished." in issue.events.get().text
    )


def test_a_deployment_that_is_still_under_way_is_thought_to_be_the_cause():
    environment = EnvironmentFactory()
    watch(DeploymentFactory(environment=environment, finished_at=NOON - HOUR), opens_at=NOON - HOUR, length=5 * HOUR)
    running = DeploymentFactory(
        environment=environment, status="RUNNING", started_at=NOON - MINUTE, finished_at=None, occurred_at=NOON - MINUTE
    )
    make_outage(make_check(environment), began_at=NOON)
    sweep()
    assert Issue.objects.get().deployment == running


def test_a_deployment_that_came_after_the_trouble_began_is_not_blamed():
    environment = EnvironmentFactory()
    deployment = DeploymentFactory(environment=environment, started_at=NOON, finished_at=NOON + MINUTE)
    watch(deployment, opens_at=NOON + MINUTE)
    make_outage(make_check(environment), began_at=NOON - MINUTE, confirmed_at=NOON + 2 * MINUTE)
    sweep()
    assert Issue.objects.get().deployment is None


def test_trouble_outside_any_watch_has_no_deployment():
    environment = EnvironmentFactory()
    deployment = DeploymentFactory(environment=environment, finished_at=NOON - 5 * HOUR)
    watch(deployment, opens_at=NOON - 5 * HOUR)
    make_outage(make_check(environment), began_at=NOON)
    sweep()
    assert Issue.objects.get().deployment is None


def test_a_worse_sighting_raises_the_severity_until_somebody_has_assessed_it():
    deployment = DeploymentFactory(finished_at=NOON)
    check = make_check(deployment.environment, is_critical=False)
    make_outage(check, began_at=NOON + MINUTE)
    sweep()
    issue = Issue.objects.get()
    assert issue.severity == "MAJOR"
    make_finding(watch(deployment), check=check, is_critical=True)
    sweep()
    issue.refresh_from_db()
    assert issue.severity == "CRITICAL"
    assert issue.events.filter(kind="CHANGED", changes__severity=["MAJOR", "CRITICAL"]).exists()


def resolve(issue, at):
    return services.move_issue(issue_id=issue.pk, status="RESOLVED", resolution="Rolled back.", actor=API, now=at)


def test_an_outage_that_began_after_the_resolution_reopens_the_issue():
    check = make_check()
    make_outage(check, began_at=NOON, ended_at=NOON + 5 * MINUTE)
    sweep(NOON + 6 * MINUTE)
    issue = resolve(Issue.objects.get(), NOON + 10 * MINUTE)
    make_outage(check, began_at=NOON + 20 * MINUTE)
    sweep()
    issue.refresh_from_db()
    assert (issue.status, issue.resolved_at, issue.resolution) == ("IDENTIFIED", None, "")
    assert issue.events.filter(kind="REOPENED", changes__resolution=["Rolled back.", ""]).exists()


def test_a_verdict_on_the_time_before_the_resolution_does_not_reopen_it():
    period = watch()
    check = make_check(period.environment)
    make_outage(check, began_at=NOON + MINUTE, ended_at=NOON + 5 * MINUTE)
    sweep(NOON + 6 * MINUTE)
    issue = resolve(Issue.objects.get(), NOON + 10 * MINUTE)
    make_finding(period, check=check)
    sweep()
    issue.refresh_from_db()
    assert issue.status == "RESOLVED"
    assert issue.occurrences.count() == 2


def test_what_comes_back_after_the_verification_is_a_new_issue():
    check = make_check()
    make_outage(check, began_at=NOON, ended_at=NOON + MINUTE)
    sweep()
    Issue.objects.update(status="VERIFIED", resolved_at=NOON, verified_at=NOON)
    make_outage(check, began_at=NOON + HOUR)
    sweep()
    assert Issue.objects.count() == 2


def test_one_poison_row_never_stops_the_others(monkeypatch, caplog):
    poison = make_outage(make_check(name="poison"))
    make_outage(make_check(name="good"), began_at=NOON + MINUTE)
    real = services.intake.sighting_of_outage

    def sighting(outage):
        if outage == poison:
            raise ValueError("year 10000 is out of range")
        return real(outage)

    monkeypatch.setattr(services.intake, "sighting_of_outage", sighting)
    assert sweep() == 1
    assert Issue.objects.get().title == "good is down in production"
    assert "left for the next run" in caplog.text


def test_a_person_or_a_pipeline_opens_an_issue_by_hand():
    project = ProjectFactory()
    issue = services.open_issue(project=project, title="Mails are late", severity="MAJOR", now=NOON, actor=API)
    assert (issue.reference, issue.status) == ("SHOP-1", "IDENTIFIED")
    assert issue.occurrences.get().source == "API"
    assert issue.events.get().actor_name == "pipeline (API)"


def test_an_issue_of_an_environment_belongs_to_the_deployment_that_is_watched_there():
    deployment = DeploymentFactory(finished_at=NOON)
    watch(deployment)
    asked = {"severity": "MAJOR", "actor": API, "environment": deployment.environment}
    issue = services.open_issue(project=deployment.project, title="Slow", now=NOON + MINUTE, **asked)
    assert issue.deployment == deployment
    late = services.open_issue(project=deployment.project, title="Slow", now=NOON + 100 * HOUR, **asked)
    assert late.deployment is None


def test_numbers_run_per_project():
    for project in (ProjectFactory(issue_prefix="A"), ProjectFactory(issue_prefix="B")):
        for _ in range(2):
            services.open_issue(project=project, title="x", severity="MINOR", now=NOON, actor=API)
    assert [str(i.reference) for i in Issue.objects.order_by("pk")] == ["A-1", "A-2", "B-1", "B-2"]


@pytest.mark.django_db(transaction=True)
def test_numbers_have_no_gap_and_no_double_when_many_open_at_once():
    project = ProjectFactory()
    at_once(lambda: services.open_issue(project=project, title="x", severity="MINOR", now=NOON, actor=API), 8)
    assert sorted(Issue.objects.values_list("number", flat=True)) == list(range(1, 9))


@pytest.mark.django_db(transaction=True)
def test_two_workers_with_the_same_outage_write_one_receipt():
    check = make_check()
    make_outage(check)
    assert sorted(at_once(sweep, 4)) == [0, 0, 0, 1]
    assert (Issue.objects.count(), Occurrence.objects.count(), IssueEvent.objects.count()) == (1, 1, 1)


def test_a_lost_race_is_not_an_error(monkeypatch):
    outage = make_outage()
    sighting = services.sighting_of_outage(outage)
    services.record_occurrence(sighting, now=NOON)
    asked = iter([False, True])  # the first look is too early to see the other worker's receipt
    monkeypatch.setattr(services.intake, "_has_receipt", lambda _: next(asked))
    assert services.record_occurrence(sighting, now=NOON) is None
    assert Occurrence.objects.count() == 1
