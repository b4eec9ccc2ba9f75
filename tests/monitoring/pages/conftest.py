"""What pages are looked at with. (Imports wait in the fixtures: Django is not ready when this is read.)"""

import pytest

from tests.targets import Target


@pytest.fixture
def environment():
    from tests.factories import EnvironmentFactory

    return EnvironmentFactory()


@pytest.fixture
def person(environment):
    """A maintainer of the project."""
    from deployments.models import Role
    from tests.monitoring.pages.people import somebody

    return somebody(environment, Role.MAINTAINER)


@pytest.fixture
def target(settings):
    settings.PROBE_NETWORKS = ("127.0.0.0/8",)
    with Target() as running:
        yield running
