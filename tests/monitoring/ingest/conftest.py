"""A pipeline that may send samples. (Imports wait in the fixture: Django is not ready when this is read.)"""

import pytest


@pytest.fixture
def api():
    from tests.api_client import ApiClient
    from tests.factories import ApiTokenFactory, EnvironmentFactory

    environment = EnvironmentFactory(name="production")
    return ApiClient(ApiTokenFactory(project=environment.project, scopes=["metrics:write"]))
