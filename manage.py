#!/usr/bin/env python
"""Django's command line, for Postdeploy."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    """Run the command named on the command line; a setting that is refused is one sentence, not a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "postdeploy.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
