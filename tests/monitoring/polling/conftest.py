import pytest

from tests.targets import Target


@pytest.fixture(autouse=True)
def may_probe_loopback(settings):
    settings.PROBE_NETWORKS = ("127.0.0.0/8",)


@pytest.fixture(scope="module")
def target():
    with Target() as running:
        yield running


@pytest.fixture
def up(target):
    target.set(status=200)
    target.clear()
    return target
