"""Objectives and maintenance come in sheets: what a page costs does not grow with how many there are."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deployments.models import Role
from monitoring.models import Objective
from monitoring.selectors import budgets, maintenance
from tests.api_client import ApiClient
from tests.factories import (
    ApiTokenFactory,
    EnvironmentFactory,
    HealthCheckFactory,
    MaintenanceWindowFactory,
    ObjectiveFactory,
)
from tests.monitoring.pages.people import somebody, text_of, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment():
    return EnvironmentFactory()


@pytest.fixture
def check(environment):
    return HealthCheckFactory(environment=environment)


def objectives(environment, check, count):
    for number in range(count):
        ObjectiveFactory(environment=environment, health_check=check, name=f"Promise {number:03}")


def opened(environment, page, role=Role.MAINTAINER):
    return somebody(environment, role).get(url(environment, page))


def test_objectives_beyond_the_first_sheet_are_on_the_next_one(environment, check):
    objectives(environment, check, 23)
    pages = [text_of(opened(environment, f"alerts/objectives/{query}")) for query in ("", "?page=2")]
    assert "1 to 20 of 23" in pages[0]
    assert "21 to 23 of 23" in pages[1]
    for number in range(23):
        assert sum(f"Promise {number:03}" in page for page in pages) == 1
    assert "On this page nothing was counted for any objective" in pages[0]


def test_a_page_of_objectives_costs_the_same_however_many_there_are(environment, check):
    def cost():
        rows = Objective.objects.of(environment.project)
        with CaptureQueriesContext(connection) as asked:
            budgets.objectives_page(rows, page="", now=timezone.now())
        return len(asked)

    objectives(environment, check, budgets.SHEET)
    before = cost()
    for number in range(30):
        ObjectiveFactory(environment=environment, health_check=check, name=f"More {number}")
    assert cost() == before


@pytest.mark.parametrize("page", ["0", "-1", "nine", "9" * 50, "\u0663"])
@pytest.mark.parametrize("where", ["alerts/objectives/", "maintenance/"])
def test_an_odd_sheet_is_the_nearest_one(environment, check, where, page):
    objectives(environment, check, 3)
    assert opened(environment, f"{where}?page={page}").status_code == 200


def test_a_page_of_the_api_has_at_most_fifty_objectives_and_says_so(environment, check):
    objectives(environment, check, 52)
    api = ApiClient(ApiTokenFactory(project=environment.project))
    first = api.ask("/objectives").json()
    rest = api.ask("/objectives", cursor=first["next"]).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (50, 2, None)
    refused = api.ask("/objectives", limit=51)
    assert refused.status_code == 400
    assert "50" in refused.content.decode()


def test_planned_maintenance_comes_in_sheets_and_all_of_it_is_counted(environment, monkeypatch):
    monkeypatch.setattr(maintenance, "SHEET", 2)
    for number in range(5):
        starts_at = timezone.now() + timedelta(days=number + 1)
        MaintenanceWindowFactory(project=environment.project, reason=f"Work {number}", starts_at=starts_at)
    pages = [text_of(opened(environment, f"maintenance/{query}")) for query in ("", "?page=2", "?page=3")]
    assert all("5 maintenance windows planned" in page for page in pages)
    assert ["1 to 2 of 5" in pages[0], "5 to 5 of 5" in pages[2]] == [True, True]
    for number in range(5):
        assert sum(f"Work {number}" in page for page in pages) == 1


def test_of_past_maintenance_the_latest_is_told_and_how_much_there_was(environment, monkeypatch):
    monkeypatch.setattr(maintenance, "SHEET", 2)
    for number in range(3):
        starts_at = timezone.now() - timedelta(days=number + 1)
        MaintenanceWindowFactory(project=environment.project, reason=f"Past {number}", starts_at=starts_at)
    page = text_of(opened(environment, "maintenance/"))
    assert "the latest 2 of 3" in page
    assert ["Past 0" in page, "Past 2" in page] == [True, False]
