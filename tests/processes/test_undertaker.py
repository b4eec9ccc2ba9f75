"""The undertaker ends what a dead supervisor left, also if it was killed itself in between."""

import os
import signal
import subprocess

import pytest

from postdeploy.undertaker import Undertaker
from tests.waiting import until

pytestmark = pytest.mark.processes


def test_a_killed_undertaker_comes_back_with_its_list():
    left_behind = subprocess.Popen(["sleep", "600"], start_new_session=True)
    undertaker = Undertaker()
    undertaker.add(left_behind.pid)
    assert not undertaker.revive()

    os.kill(undertaker._process.pid, signal.SIGKILL)
    until(undertaker.revive, 10, "the undertaker to be missed")
    undertaker._process.stdin.close()  # as when its supervisor dies

    assert left_behind.wait(10) == -signal.SIGTERM
    undertaker.close()
