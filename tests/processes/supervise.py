"""Runs a supervisor over the commands given as JSON, for tests that look at it from outside."""

import json
import os
import sys
from pathlib import Path

from postdeploy.supervisor import Supervisor, command


def main():
    commands = json.loads(sys.argv[1])
    patience = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    programs = [
        command(name, arguments, environment=os.environ, directory=Path.cwd(), may_finish=name == "task")
        for name, arguments in commands.items()
    ]
    Supervisor(programs, patience=patience).run()


if __name__ == "__main__":
    main()
