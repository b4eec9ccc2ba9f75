"""People in front of the pages of this floor. (Imports wait in the fixtures: Django is not ready when this is read.)"""

import pytest


@pytest.fixture
def project():
    from tests.factories import ProjectFactory

    return ProjectFactory(slug="shop", issue_prefix="SHOP")


@pytest.fixture
def sign_in(project):
    """Sign in somebody of the project with a role."""
    from django.test import Client

    from tests.factories import MembershipFactory

    def as_role(role):
        client = Client()
        client.user = MembershipFactory(project=project, role=role).user
        client.force_login(client.user)
        return client

    return as_role


@pytest.fixture
def client(sign_in):
    return sign_in("RESPONDER")


@pytest.fixture
def maintainer(sign_in):
    return sign_in("MAINTAINER")
