"""`manage.py api_token`: tokens from the command line; `create` prints the token and nothing else."""

import argparse
from datetime import timedelta
from typing import Any, NoReturn

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from deployments.models import ApiToken, Project, Scope
from deployments.services import create_token, first_message, revoke_token
from postdeploy.lib import words


class ActionParser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, like every other refusal of this command."""

    def error(self, message: str) -> NoReturn:
        """Print the sentence and end with 1."""
        self.exit(1, f"{message[:1].upper()}{message[1:]}; see manage.py api_token --help.\n")


class Command(BaseCommand):
    """Make, list and revoke the tokens of a project."""

    help = "Make, list or revoke API tokens."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define the three actions."""
        actions = parser.add_subparsers(dest="action", required=True, parser_class=ActionParser)
        create = actions.add_parser("create", help="make a token and print it, this once")
        create.add_argument("--project", required=True, metavar="SLUG")
        create.add_argument("--name", required=True)
        create.add_argument("--scopes", required=True, metavar="A,B", help=f"of: {', '.join(Scope.values)}")
        create.add_argument("--expires-days", type=int, metavar="N")
        listing = actions.add_parser("list", help="show the tokens, without their secret part")
        listing.add_argument("--project", metavar="SLUG")
        revoke = actions.add_parser("revoke", help="make a token useless from the next request on")
        revoke.add_argument("prefix", help="its first characters, as `list` shows them")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the action; CommandError (one sentence, exit 1) when it cannot be done."""
        getattr(self, options["action"])(options)

    def create(self, options: dict[str, Any]) -> None:
        """Print a new token and nothing else."""
        days = options["expires_days"]
        if days is not None and not 1 <= days <= 3650:
            raise CommandError("--expires-days must be from 1 to 3650.")
        try:
            _, text = create_token(
                project=project_of(options["project"]),
                name=options["name"].strip(),
                scopes=scopes_of(options["scopes"]),
                expires_in=timedelta(days=days) if days else None,
                now=timezone.now(),
            )
        except ValidationError as error:
            raise CommandError(first_message(error)) from None
        self.stdout.write(text)

    def list(self, options: dict[str, Any]) -> None:
        """Print one line for each token."""
        rows = ApiToken.objects.select_related("project").order_by("project__slug", "name")
        if options["project"]:
            rows = rows.of(project_of(options["project"]))
        now = timezone.now()
        for token in rows:
            state = "revoked" if token.revoked_at else "usable" if token.is_usable(at=now) else "expired"
            used = words.ago(token.latest_use_at, now) if token.latest_use_at else "never"
            scopes = ",".join(token.scopes)
            self.stdout.write(f"{token.prefix}…\t{token.project.slug}\t{state}\tused {used}\t{scopes}\t{token.name}")

    def revoke(self, options: dict[str, Any]) -> None:
        """Revoke the one token that begins so."""
        prefix = options["prefix"].rstrip("…")
        found = list(ApiToken.objects.filter(prefix__startswith=prefix)[:2]) if prefix else []
        if len(found) != 1:
            how_many = "More than one token begins" if found else "No token begins"
            raise CommandError(f"{how_many} with {prefix!r}; `api_token list` shows them.")
        if not revoke_token(token=found[0], now=timezone.now()):
            raise CommandError(f"The token {found[0].name!r} was revoked before.")


def project_of(slug: str) -> Project:
    """Return the project; CommandError naming those there are."""
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        known = ", ".join(Project.objects.values_list("slug", flat=True)[:10]) or "none yet"
        raise CommandError(f"There is no project {slug!r}. There are: {known}.")
    return project


def scopes_of(text: str) -> list[str]:
    """Return the scopes in a comma-separated text; CommandError naming an unknown one and those there are."""
    scopes = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in scopes if word not in Scope.values]
    if unknown or not scopes:
        what = f"There is no scope {unknown[0]!r}." if unknown else "Give at least one scope."
        raise CommandError(f"{what} There are: {', '.join(Scope.values)}.")
    return scopes
