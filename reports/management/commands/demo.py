"""`manage.py demo create|remove`: the living demo project."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from deployments.models import Project, User
from reports.demo.setup import SLUG, create_demo, remove_demo


class Command(BaseCommand):
    """Make the demo project, or remove it without trace."""

    help = "create: make the demo project (its shop and pipeline run at the next start); remove: remove all of it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the action."""
        parser.add_argument("action", choices=["create", "remove"])
        parser.add_argument("--if-empty", action="store_true", help="create only when there is no project yet")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say what was done."""
        if options["action"] == "remove":
            was_there = remove_demo(var=settings.VAR)
            self.stdout.write("The demo is removed." if was_there else "There is no demo.")
        elif not options["if_empty"] or not Project.objects.exists():
            self._create()

    def _create(self) -> None:
        owner = User.objects.filter(is_superuser=True).order_by("pk").first()
        if owner is None:
            raise CommandError("There is no administrator yet: run manage.py first_start.")
        if Project.objects.filter(slug=SLUG).exists():
            raise CommandError("There is a demo already; manage.py demo remove removes it.")
        create_demo(owner=owner, var=settings.VAR, now=timezone.now())
        self.stdout.write("A demo shop is deployed twice in the next three minutes; the second version is bad.")
