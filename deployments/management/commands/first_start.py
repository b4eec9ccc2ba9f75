"""`manage.py first_start`: an empty installation gets an administrator, whose password is printed once."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand

from deployments.models import User

ADMIN = "admin"


class Command(BaseCommand):
    """Make the administrator if nobody can sign in yet."""

    help = "Make the administrator of an empty installation; does nothing once there is a user."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the administrator and print the password, once."""
        if User.objects.exists():
            return
        password = secrets.token_urlsafe(12)
        User.objects.create_superuser(ADMIN, email="admin@example.org", password=password)
        self.stdout.write(f"Sign in as {ADMIN} with the password {password}")
        self.stdout.write("It is shown only now; `manage.py changepassword admin` sets another.")
