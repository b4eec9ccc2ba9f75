"""Runs a supervisor over the commands given as JSON, for tests that look at it from outside."""

import asyncio
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from postdeploy.supervisor import Supervisor, command


def main():
    commands = json.loads(sys.argv[1])
    patience = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    programs = [
        replace(
            command(name, arguments, environment=os.environ, directory=Path.cwd()),
            may_finish=name == "task",
            is_late=name == "late",
        )
        for name, arguments in commands.items()
    ]
    Supervisor(programs, patience=patience).run(until_ready)


async def until_ready():
    """End when the test makes the file READY names; without it at once."""
    while (path := os.environ.get("READY")) and not Path(path).exists():
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    main()
