"""What tests of polling with real processes share."""

import pytest


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    """An installation without a process yet; a test starts those that it is about."""
    from tests.processes.polling_rig import Rig

    rig = Rig(tmp_path_factory.mktemp("rig") / "var")
    yield rig
    rig.close()


@pytest.fixture
def target():
    from tests.targets import Target

    with Target() as running:
        yield running
