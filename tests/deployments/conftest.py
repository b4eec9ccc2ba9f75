import pytest


@pytest.fixture
def token(db):
    from tests.factories import ApiTokenFactory

    return ApiTokenFactory(project__slug="shop")


@pytest.fixture
def project(token):
    return token.project


@pytest.fixture
def api(token):
    from tests.api_client import ApiClient

    return ApiClient(token)
