"""The side bar: the right project, the right page, few queries, and none where nobody sees it."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from django.urls import resolve, reverse

from reports.navigation import navigation
from tests.factories import (
    AlertFactory,
    EnvironmentFactory,
    HealthCheckFactory,
    IssueFactory,
    MembershipFactory,
    ProjectFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def request_of(user, path, **session):
    request = RequestFactory().get(path)
    request.user, request.session, request.resolver_match = user, session, resolve(path)
    return request


def nav_of(user, path, **session):
    return navigation(request_of(user, path, **session))["nav"]


@pytest.fixture
def member():
    return MembershipFactory(project=ProjectFactory(name="shop", slug="shop"))


def overview(project):
    return reverse("overview", args=[project.slug])


def test_it_names_the_project_of_the_address(member):
    other = MembershipFactory(user=member.user, project=ProjectFactory(name="Basket")).project
    nav = nav_of(member.user, overview(member.project))
    assert nav["project"] == {"name": "shop", "url": overview(member.project), "slug": "shop", "monogram": "S"}
    assert [(row["name"], row["is_current"]) for row in nav["projects"]] == [("Basket", False), ("shop", True)]
    assert nav["projects"][0]["url"] == overview(other)


@pytest.mark.parametrize(
    ("name", "args", "key"),
    [
        ("overview", [], "overview"),
        ("deployments", [], "deployments"),
        ("deployment", ["5a4c3b2a-0000-4000-8000-000000000001"], "deployments"),
        ("summary", ["5a4c3b2a-0000-4000-8000-000000000001"], "reports"),
        ("summaries", [], "reports"),
        ("verdicts", [], "verdicts"),
        ("replay", [1], "verdicts"),
        ("issue", ["SHOP-1"], "issues"),
        ("check_add", [], "checks"),
        ("alert_history", [], "alerts"),
        ("rule_add", [], "alerts"),
        ("objectives", [], "alerts"),
        ("settings_support", [], "settings"),
        ("tokens", [], "settings"),
        ("guides", [], "support"),
    ],
)
def test_it_marks_the_page_one_is_on(member, name, args, key):
    nav = nav_of(member.user, reverse(name, args=["shop", *args]))
    assert [item["key"] for item in [*nav["items"], *nav["foot"]] if item["is_current"]] == [key]


def test_it_counts_open_issues_checks_and_what_fires_of_this_project_only(member):
    environment = EnvironmentFactory(project=member.project)
    HealthCheckFactory.create_batch(2, environment=environment)
    HealthCheckFactory()
    IssueFactory(project=member.project)
    IssueFactory(project=member.project, status="VERIFIED", resolved_at="2026-01-01T00:00:00Z")
    IssueFactory()
    AlertFactory(environment=EnvironmentFactory(project=member.project, name="testing"))
    AlertFactory()
    counts = {item["key"]: item["count"] for item in nav_of(member.user, overview(member.project))["items"]}
    assert {key: count for key, count in counts.items() if count is not None} == {"issues": 1, "checks": 2, "alerts": 1}


def test_without_a_project_in_the_address_it_shows_the_one_looked_at_last(member):
    MembershipFactory(user=member.user, project=ProjectFactory(name="Basket", slug="basket"))
    assert nav_of(member.user, reverse("account_email"), project="shop")["project"]["slug"] == "shop"
    assert nav_of(member.user, reverse("account_email"))["project"]["slug"] == "basket"


def test_a_foreign_project_in_the_address_is_not_named(member):
    foreign = ProjectFactory(name="Secret")
    nav = nav_of(member.user, overview(foreign))
    assert nav["project"]["name"] == "shop"
    assert "Secret" not in str(nav)


def test_somebody_without_a_project_gets_none():
    assert not nav_of(UserFactory(), "/")


def test_it_takes_at_most_three_queries_and_only_when_it_is_shown(member, django_assert_max_num_queries):
    for n in range(30):
        MembershipFactory(user=member.user, project=ProjectFactory(slug=f"p{n}"))
    with django_assert_max_num_queries(0):
        lazy = nav_of(member.user, overview(member.project))
    with django_assert_max_num_queries(3):
        assert len(lazy["projects"]) == 31


@pytest.mark.parametrize(("user", "path"), [(AnonymousUser(), "/"), (None, "/api/v1/deployments")])
def test_nobody_and_pipelines_cost_nothing(member, user, path, django_assert_max_num_queries):
    with django_assert_max_num_queries(0):
        assert not nav_of(user or member.user, path)


def test_each_page_has_a_key_of_its_own_and_the_help_lists_it(client, member):
    nav = nav_of(member.user, overview(member.project))
    letters = [item["letter"] for item in [*nav["items"], *nav["foot"]]]
    assert len(set(letters)) == len(letters)
    client.force_login(member.user)
    page = client.get(overview(member.project)).content.decode()
    for letter in letters:
        assert page.count(f'data-go="{letter}"') == 1
        assert f"<kbd>g</kbd><kbd>{letter}</kbd>" in page
