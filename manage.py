#!/usr/bin/env python
"""Django's command line, for Postdeploy."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError


def main() -> None:
    """Run the command named on the command line; a refused setting or a missing database is one sentence."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "postdeploy.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    except OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        sys.exit(f"The database does not answer. Is Postdeploy running with this VAR or DATABASE_URL? ({reason})")


if __name__ == "__main__":
    main()
