"""Where several deployments may have caused what got worse, the verdict says so, and names no other project's."""

import json

import pytest
from django.contrib.auth.models import AnonymousUser

from deployments.models import Deployment
from monitoring import services
from monitoring.models import Verdict
from monitoring.selectors.blame import blame_facts, blame_of
from monitoring.services import blaming
from tests.factories import (
    DeploymentFactory,
    EnvironmentFactory,
    HealthCheckFactory,
    MembershipFactory,
    MonitoringPeriodFactory,
    ProjectFactory,
    UserFactory,
)
from tests.monitoring.test_mix_shift import Shop
from tests.monitoring.worlds import World, at

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    """The shop's production, where v2 went live at 12:00 and the checkout fails from 12:10 on."""
    world = World().open()
    check = world.check(up=lambda minute: minute < 10, url="https://shop.example/checkout")
    world.outage(check, began=10)
    return world


@pytest.fixture
def search():
    """Another project's production."""
    project = ProjectFactory(name="Secret search", slug="secret-search")
    return EnvironmentFactory(project=project, name="Production")


def deploy(environment, finished, *, started=None, component=None, version="v9-secret", **fields):
    row = DeploymentFactory(
        environment=environment,
        started_at=at(finished - 2 if started is None else started),
        finished_at=at(finished),
        reported_at=at(finished),
        version=version,
        **fields,
    )
    if component:
        row.system_changes.create(component=component)
    return row


def judged(world, minutes=12.5):
    world.judge(minutes)
    return world.verdict()


def shares(verdict):
    return {part["deployment"]: part["share"] for part in verdict.blame}


# --- who comes into question ------------------------------------------------------------------------------------------


def test_a_deployment_that_was_alone_is_blamed_alone_and_nothing_is_said(world):
    verdict = judged(world)
    assert (verdict.result, verdict.blame, verdict.reasons) == ("FAILED", [], ["CRITICAL_DOWN"])
    assert "cause" not in verdict.sentence
    assert verdict.findings.first().facts["blame"] == []
    assert "overlap" not in verdict.inputs


def test_one_that_went_live_shortly_before_shares_the_blame(world):
    earlier = deploy(world.environment, -10, version="v1.9")
    verdict = judged(world)
    assert list(shares(verdict)) == [str(world.deployment.pk), str(earlier.pk)]
    assert sum(shares(verdict).values()) == pytest.approx(1)
    assert "SHARED_BLAME" in verdict.reasons
    assert verdict.sentence.endswith("v1.9, 10\u00a0min earlier, may be the cause as well (44\u00a0%).")


def test_the_finding_says_it_as_well(world):
    deploy(world.environment, -10, version="v1.9")
    finding = judged(world).findings.get(position=0)
    assert "SHARED_BLAME" in finding.facts["reasons"]
    assert [part["share"] for part in finding.facts["blame"]] == [0.56, 0.44]


def test_one_that_went_live_more_than_an_hour_before_the_roll_out_does_not(world):
    deploy(world.environment, -64)
    assert judged(world).blame == []


def test_one_that_did_not_go_live_does_not(world):
    deploy(world.environment, -10, status="FAILED")
    deploy(world.environment, -12, status="CANCELLED")
    assert judged(world).blame == []


def test_another_projects_environment_of_the_same_name_and_tier_is_the_same_place(world, search):
    foreign = deploy(search, 9)
    verdict = judged(world)
    assert shares(verdict)[str(foreign.pk)] == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("fields", [{"name": "production-eu"}, {"tier": "STAGING"}])
def test_an_environment_of_another_name_or_tier_is_another_place(world, search, fields):
    for name, value in fields.items():
        setattr(search, name, value)
    search.save()
    deploy(search, 9)
    assert judged(world).blame == []


def test_an_environment_whose_checks_ask_the_same_host_is_the_same_place(world, search):
    other = EnvironmentFactory(project=search.project, name="search-live", tier="OTHER")
    HealthCheckFactory(environment=other, url="http://x:y@SHOP.example/search")
    foreign = deploy(other, 9)
    verdict = judged(world)
    assert shares(verdict)[str(foreign.pk)] > 0.35
    assert verdict.blame[1]["because"][-1]["code"] == "HOST"


def test_targets_that_are_no_addresses_do_no_harm(world, search):
    HealthCheckFactory(environment=search, url="https://[oops/")
    HealthCheckFactory(environment=search, url="")
    deploy(search, 9)
    assert len(judged(world).blame) == 2


def test_a_component_named_by_the_checks_target_weighs_more(world, search):
    plain, named = deploy(search, 9, version="a"), deploy(search, 9, version="b", component="checkout")
    verdict = judged(world)
    assert shares(verdict)[str(named.pk)] > 3 * shares(verdict)[str(plain.pk)]


def test_one_that_still_rolls_out_elsewhere_comes_into_question(world, search):
    running = DeploymentFactory(environment=search, status="RUNNING", started_at=at(9), finished_at=None)
    assert str(running.pk) in shares(judged(world))


def test_one_that_began_after_it_got_worse_does_not(world, search):
    deploy(search, 12, started=11)
    DeploymentFactory(environment=search, status="RUNNING", started_at=at(11), finished_at=None)
    assert judged(world).blame == []


def found_healthy(deployment):
    MonitoringPeriodFactory(
        deployment=deployment, status="CLOSED", result="HEALTHY", closes_at=at(-1), decided_at=at(-1), next_look_at=None
    )


def test_one_that_was_found_healthy_shortly_before_weighs_less(world):
    earlier = deploy(world.environment, -8, version="v1.9")
    found_healthy(earlier)
    verdict = judged(world)
    assert verdict.blame[1]["because"][-1]["code"] == "WAS_HEALTHY"
    assert shares(verdict)[str(earlier.pk)] < 0.25


def test_one_that_was_found_healthy_and_went_live_long_before_is_not_worth_a_word(world):
    found_healthy(deploy(world.environment, -50, version="v1.9"))
    assert judged(world).blame == []


def test_one_that_went_live_during_the_roll_out_of_the_next_shares_the_blame_for_what_that_ones_watch_finds():
    world = World().open()
    check = world.check(up=lambda minute: minute < 7)
    following = deploy(world.environment, 5, started=-1, version="v3")
    services.open_periods(now=at(5))
    world.outage(check, began=7)
    world.judge(10)
    verdict = Verdict.objects.final().get(period__deployment=following)
    assert list(shares(verdict)) == [str(following.pk), str(world.deployment.pk)]
    assert verdict.sentence.endswith("v2, 5\u00a0min earlier, may be the cause as well (46\u00a0%).")


def test_a_metric_is_blamed_by_when_it_left_what_was_expected(search):
    world = World().open()
    world.check()
    world.metric(
        "checkout_p95", lambda minute: world.noisy(310, 310)(minute) * (3 if minute >= 20 else 1), kind="LATENCY"
    )
    near, late = deploy(search, 19, component="checkout"), deploy(search, 40, component="checkout")
    verdict = judged(world, 60)
    assert verdict.result == "DEGRADED"
    assert str(near.pk) in shares(verdict)
    assert str(late.pk) not in shares(verdict)
    assert verdict.findings.get(key="metric:checkout_p95").facts["blame"][1]["because"][0]["seconds"] == 60


def test_a_minute_that_is_told_by_its_begin_is_blamed_on_what_began_within_it_too(search):
    world = World().open()
    world.metric(
        "checkout_p95", lambda minute: world.noisy(310, 310)(minute) * (3 if minute >= 20 else 1), kind="LATENCY"
    )
    within, later = deploy(search, 20.5, started=20.4), deploy(search, 22, started=21.5)
    verdict = judged(world, 60)
    assert str(within.pk) in shares(verdict)
    assert str(later.pk) not in shares(verdict)


def test_a_whole_that_nobody_sends_has_an_onset_as_well(search):
    shop = Shop({f"/{n}": ((100, 50), (118, 50)) for n in range(8)}, least_change=0.05)
    near = deploy(EnvironmentFactory(project=search.project, name=shop.environment.name), -1)
    judged(shop, 60)
    assert shop.whole().facts["blame"][1]["deployment"] == str(near.pk)


def test_what_did_not_get_worse_is_nobodys_fault(search):
    world = World().open()
    world.check()
    deploy(search, 9)
    assert judged(world, 60).blame == []


def test_gathering_who_comes_into_question_costs_the_same_for_many(world, search, django_assert_max_num_queries):
    for number in range(12):
        deploy(search, 9 - number / 10, component=f"c{number}")
    with django_assert_max_num_queries(45):
        verdict = judged(world)
    assert len(verdict.blame) == 5


# --- kept and judged again --------------------------------------------------------------------------------------------


def test_judged_again_the_blame_is_the_same_though_names_have_changed(world, search):
    deploy(world.environment, -10, version="v1.9", component="cart")
    deploy(search, 9, component="checkout")
    verdict = judged(world)
    Deployment.objects.exclude(pk=world.deployment.pk).update(version="renamed", finished_at=at(500))
    again = services.judge_again(verdict)
    assert again.sentence == verdict.sentence
    assert list(again.reasons) == verdict.reasons
    kept = verdict.findings.get(position=0).facts["blame"]
    assert json.loads(json.dumps([dict(part) for part in again.findings[0].blame])) == kept


def test_the_verdict_at_the_end_has_the_blame_as_well(world, search):
    deploy(search, 9)
    judged(world)
    world.judge(60)
    assert Verdict.objects.filter(period=world.period(), is_final=True).get().blame


def test_what_is_stored_can_be_read_back():
    assert blaming.Overlap.from_json(None) is None
    assert blaming.Overlap.from_json({}) is None


# --- who may know what ------------------------------------------------------------------------------------------------


@pytest.fixture
def overlapped(world, search):
    """A verdict for which a deployment of a secret project comes into question."""
    world.foreign = deploy(search, 9, component="checkout")
    world.standing = judged(world)
    return world


def member(*projects):
    user = UserFactory()
    for project in projects:
        MembershipFactory(project=project, user=user)
    return user


def test_no_stored_text_names_another_project(overlapped):
    verdict = overlapped.standing
    told = [verdict.sentence, verdict.blame, *verdict.findings.values_list("sentence", "facts")]
    for secret in ("secret", "search", "v9"):
        assert secret not in json.dumps(told, default=str).casefold()
    assert "Another deployment, 9\u00a0min later, " in verdict.sentence


def test_a_member_of_both_projects_reads_both_names(overlapped):
    reader = member(overlapped.environment.project, overlapped.foreign.project)
    own, foreign = blame_of(overlapped.standing, reader)
    assert (own.name, own.is_judged, own.deployment) == ("v2", True, overlapped.deployment)
    assert (foreign.name, foreign.deployment) == ("v9-secret of Secret search", overlapped.foreign)
    assert foreign.because == (
        "it began 1\u00a0min after v9-secret of Secret search went live",
        "checkout is what it changed",
        "its environment has the same name",
    )
    assert own.percent + foreign.percent == 100


def test_a_member_of_one_project_reads_of_another_deployment_and_when_it_was(overlapped):
    _, foreign = blame_of(overlapped.standing, member(overlapped.environment.project))
    assert (foreign.name, foreign.deployment) == ("another deployment", None)
    assert foreign.because == ("it began 1\u00a0min after another deployment went live",)


def test_who_is_not_signed_in_reads_no_name_at_all(overlapped):
    assert {one.name for one in blame_of(overlapped.standing, AnonymousUser())} == {"another deployment"}


def test_a_superuser_reads_every_name(overlapped):
    assert blame_of(overlapped.standing, UserFactory(is_superuser=True))[1].deployment == overlapped.foreign


def test_a_pipeline_is_told_its_own_projects_deployments_only(overlapped):
    facts = blame_facts(overlapped.standing.pk, overlapped.environment.project)
    assert [(row["version"], row["is_this"]) for row in facts] == [("v2", True), (None, False)]
    assert facts[1]["deployment"] is facts[1]["environment"] is None
    assert "secret" not in json.dumps(facts).casefold()


def test_a_pipeline_of_another_project_is_told_nothing_of_the_verdict(overlapped):
    assert blame_facts(overlapped.standing.pk, overlapped.foreign.project) == []
    assert blame_facts(None, overlapped.environment.project) == []


def test_a_deployment_that_is_gone_is_another_deployment(overlapped):
    reader = member(overlapped.environment.project, overlapped.foreign.project)
    overlapped.foreign.delete()
    assert blame_of(overlapped.standing, reader)[1].name == "another deployment"


def test_elsewhere_in_the_same_project_the_environment_is_named(world):
    canary = EnvironmentFactory(project=world.environment.project, name="canary", tier="OTHER")
    HealthCheckFactory(environment=canary, url="https://shop.example/")
    deploy(canary, 8, version="v2.1")
    verdict = judged(world)
    assert "v2.1 in canary, 8\u00a0min later" in verdict.sentence
    assert blame_of(verdict, member(world.environment.project))[1].name == "v2.1 in canary"
