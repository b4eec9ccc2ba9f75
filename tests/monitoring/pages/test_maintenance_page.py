"""Planning maintenance on its page: what cannot be meant is refused beside its field."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.models import Role
from monitoring.models import MaintenanceWindow
from tests.factories import EnvironmentFactory, HealthCheckFactory, MembershipFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment():
    return EnvironmentFactory(project__slug="shop", name="production")


@pytest.fixture
def page(client, environment):
    client.force_login(MembershipFactory(project=environment.project, role=Role.RESPONDER).user)

    def plan(**fields):
        now = timezone.localtime()
        times = {"starts_at": now, "ends_at": now + timedelta(hours=1)}
        texts = {name: at.strftime("%Y-%m-%dT%H:%M") for name, at in times.items()}
        return client.post("/p/shop/maintenance/", texts | {"reason": "upgrade"} | fields)

    return plan


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"ends_at": "9999-12-31T23:59"}, "five years ahead"),
        ({"starts_at": "2099-01-01T00:00", "ends_at": "2099-01-02T00:00"}, "five years ahead"),
        ({"starts_at": "0001-01-01T00:00"}, "lies in the past"),
        ({"starts_at": "2020-01-01T00:00"}, "lies in the past"),
    ],
)
def test_times_that_cannot_be_meant_are_refused_with_a_sentence(page, fields, sentence):
    response = page(**fields)
    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert not MaintenanceWindow.objects.exists()


def test_a_check_and_another_environment_are_refused_together(page, environment):
    check = HealthCheckFactory(environment=environment)
    other = EnvironmentFactory(project=environment.project, name="staging")
    response = page(check=check.pk, environment=other.pk)
    assert response.status_code == 400
    assert "another environment" in response.content.decode()
    assert page(check=check.pk, environment=environment.pk).status_code == 302
