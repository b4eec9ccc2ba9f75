"""A data directory on which `manage.py up` ran once, made once for all tests: on copies of it nothing is migrated."""

import fcntl
import os
import re
import shutil
from pathlib import Path

from postdeploy import embedded
from tests.installation import Installation


def copy_prepared(var):
    """Make `var` a copy of it; return the password of the administrator."""
    directory = Path(os.environ["VAR"]) / "prepared"
    directory.mkdir(exist_ok=True)
    password = directory / "password"
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process of the run may be making it
        if not password.exists():
            password.write_text(make(directory / "var"))
    shutil.copytree(directory / "var", var, ignore=shutil.ignore_patterns("run", "lock"))
    return password.read_text()


def make(var):
    """Start for the very first time, and stop."""
    shutil.rmtree(var, ignore_errors=True)
    installation = Installation(var).wait_until_up()
    assert installation.stop() == 0
    shutil.rmtree(embedded.socket_directory(var), ignore_errors=True)
    return re.search(r"Sign in as admin with the password (\S+)", installation.text)[1]
