"""What people say of a verdict: one word stands, what was said before is kept."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from monitoring import services
from monitoring.models import Ruling
from tests.api_client import ApiClient
from tests.at_once import at_once
from tests.factories import ApiTokenFactory, DeploymentFactory, RulingFactory, UserFactory
from tests.issues.builders import HOUR, NOON, make_finding, watch

pytestmark = pytest.mark.django_db


@pytest.fixture
def finding():
    return make_finding(watch())


@pytest.fixture
def deployment(finding):
    return finding.verdict.period.deployment


def rule(deployment, kind="US", reason="No index", at=NOON + HOUR, **fields):
    return services.rule(deployment=deployment, kind=kind, reason=reason, now=at, **fields)


def test_a_person_rules_with_a_reason(deployment):
    user = UserFactory(first_name="Ada", last_name="Lovelace")
    ruling = rule(deployment, by=user)
    assert (ruling.kind, ruling.reason, ruling.who, ruling.at) == ("US", "No index", "Ada Lovelace", NOON + HOUR)


def test_the_ruling_before_becomes_history(deployment):
    rule(deployment)
    rule(deployment, "NOT_US", "The provider was down", NOON + 2 * HOUR)
    assert Ruling.objects.current().get().kind == "NOT_US"
    old = Ruling.objects.get(kind="US")
    assert old.replaced_at == NOON + 2 * HOUR


def test_the_same_word_for_the_same_reason_changes_nothing(deployment):
    assert rule(deployment) == rule(deployment, at=NOON + 2 * HOUR)
    assert Ruling.objects.count() == 1


def test_nobodys_word_is_replaced_unread(deployment):
    first = rule(deployment, by=UserFactory(first_name="Ada", last_name="Lovelace"))
    with pytest.raises(ValidationError, match="Ada Lovelace has ruled on it meanwhile: this was us, “No index”"):
        rule(deployment, "NOT_US", seen="")
    assert rule(deployment, seen="") == first
    assert rule(deployment, "NOT_US", seen=str(first.pk)).kind == "NOT_US"
    assert rule(deployment, "EXPECTED").kind == "EXPECTED"


def test_a_deployment_and_its_findings_are_ruled_apart(deployment, finding):
    rule(deployment, "NOT_US", "The provider was down")
    rule(deployment, "EXPECTED", "We log more", key=finding.key)
    assert Ruling.objects.current().count() == 2


def test_withdrawn_a_ruling_no_longer_stands(deployment):
    rule(deployment)
    assert services.withdraw(deployment=deployment, now=NOON + 2 * HOUR) is True
    assert services.withdraw(deployment=deployment, now=NOON + 3 * HOUR) is False
    assert (Ruling.objects.count(), Ruling.objects.current().count()) == (1, 0)


def test_a_clock_that_went_back_does_not_stop_a_ruling(deployment):
    rule(deployment)
    rule(deployment, "EXPECTED", at=NOON)
    assert Ruling.objects.current().get().kind == "EXPECTED"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"kind": "MAYBE"}, "kind"),
        ({"key": "metric:nothing"}, "key"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(deployment, given, field):
    with pytest.raises(ValidationError) as refused:
        rule(deployment, **given)
    assert list(refused.value.message_dict) == [field]
    assert not Ruling.objects.exists()


def test_what_was_never_watched_cannot_be_ruled_on():
    with pytest.raises(ValidationError, match="never watched"):
        rule(DeploymentFactory())


def test_an_empty_finding_means_the_whole_deployment_to_a_pipeline_too(deployment):
    token = ApiTokenFactory(project=deployment.project, scopes=["issues:write"])
    body = {"kind": "us", "reason": "No index", "finding": ""}
    answer = ApiClient(token).send(f"/deployments/{deployment.pk}/rulings", body)
    assert (answer.status_code, answer.json()["finding"]) == (201, "")


def test_the_database_lets_one_ruling_stand(deployment):
    RulingFactory(deployment=deployment)
    with pytest.raises(IntegrityError), transaction.atomic():
        RulingFactory(deployment=deployment)
    RulingFactory(deployment=deployment, at=NOON, replaced_at=NOON + timedelta(seconds=1))


@pytest.mark.django_db(transaction=True)
def test_of_two_who_rule_at_once_one_stands_and_both_are_kept():
    deployment = make_finding(watch()).verdict.period.deployment
    kinds = iter(["US", "NOT_US"])
    at_once(lambda: rule(deployment, next(kinds)), 2)
    assert (Ruling.objects.count(), Ruling.objects.current().count()) == (2, 1)
