"""`manage.py ready`: the answer of `/readyz` for scripts and container health checks."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from postdeploy import health


class Command(BaseCommand):
    """Says of each part of the installation whether it can do its work; ends with 1 if one cannot."""

    help = "Say whether the installation can do its work: database, broker, latest tick, polls."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Parts to look at; all of them when none is named."""
        parser.add_argument("parts", nargs="*", metavar="part", help="database, broker, tick, polls (default: all)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line for each part."""
        parts = {part.name: part for part in health.parts()}
        wanted = options["parts"] or list(parts)
        if unknown := [name for name in wanted if name not in parts]:
            raise CommandError(f"no such part: {', '.join(unknown)}; there are {', '.join(parts)}")
        for name in wanted:
            self.stdout.write(f"{'ready' if parts[name].is_ready else 'NOT READY'}  {name}: {parts[name].detail}")
        if not all(parts[name].is_ready for name in wanted):
            raise CommandError("not ready")
