"""The demo comes and goes without trace."""

from collections import Counter

import pytest
from django.apps import apps
from django.core.management import call_command
from django.utils import timezone

from deployments.models import Deployment, Project
from monitoring.models import HealthCheck
from reports.demo.setup import create_demo, remove_demo
from reports.demo.state import read_state, state_path
from tests.factories import ProjectFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def var(tmp_path, settings):
    settings.VAR = tmp_path
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    return tmp_path


def rows():
    return {model._meta.label: model._default_manager.count() for model in apps.get_models()}


def test_it_makes_a_project_with_checks_and_inserts_no_deployment(var):
    state = create_demo(owner=UserFactory(), var=var, now=timezone.now())

    assert read_state(var) == state
    assert Counter(HealthCheck.objects.values_list("kind", flat=True)) == {
        "HTTP": 3,
        "HEARTBEAT": 1,
        "FLOW": 1,
        "RECONCILIATION": 1,
    }
    assert state.ping_path == f"/ping/{HealthCheck.objects.get(kind='HEARTBEAT').ping_key}"
    assert not Deployment.objects.exists()


def test_its_token_is_readable_by_its_owner_only(var):
    create_demo(owner=UserFactory(), var=var, now=timezone.now())

    assert state_path(var).stat().st_mode & 0o777 == 0o600


def test_it_is_removed_without_trace(var):
    owner = UserFactory()
    ProjectFactory()
    before = rows()
    create_demo(owner=owner, var=var, now=timezone.now())
    (var / "mail").mkdir()
    (var / "mail" / "1.log").write_text("To: demo-on-call@example.org")
    (var / "mail" / "2.log").write_text("To: somebody@example.org")

    assert remove_demo(var=var)

    assert rows() == before
    assert sorted(path.name for path in var.rglob("*") if path.is_file()) == ["2.log"]


def test_removing_twice_says_there_is_none(var):
    assert not remove_demo(var=var)


def test_a_start_with_projects_of_its_own_gets_no_demo(var):
    UserFactory(is_superuser=True)
    ProjectFactory()

    call_command("demo", "create", "--if-empty")

    assert Project.objects.filter(slug="demo").count() == 0
