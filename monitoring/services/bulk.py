"""One thing done to several checks: what cannot be done to one does not stop the others, and is said."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from monitoring.models import HealthCheck
from monitoring.services.checks import pause_check, resume_check, save_check
from postdeploy.lib import words

#: So many names are listed, the rest is counted.
NAMED = 5


@dataclass
class BulkResult:
    """To which checks it was done, which were so already, and which refused, with the reason."""

    done: str
    already: str
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """Return what happened in one sentence, with numbers."""
        if not (self.changed or self.unchanged or self.refused):
            return "No check was chosen: tick some in the list."
        told = [f"{_counted(len(self.changed))} {self.done}." if self.changed else "Nothing changed."]
        if self.unchanged:
            told.append(f"{_counted(len(self.unchanged))} {self.already} already: {_listed(self.unchanged)}.")
        return " ".join(told)

    @property
    def refusals(self) -> list[str]:
        """Return a sentence for each check that it could not be done to."""
        shown = [f"{name} is not changed. {why}" for name, why in self.refused[:NAMED]]
        rest = len(self.refused) - NAMED
        return (
            [*shown, f"{words.plural(rest, 'more check')} not changed, for reasons like these."] if rest > 0 else shown
        )


def pause_checks(*, checks: Iterable[HealthCheck], now: datetime) -> BulkResult:
    """Stop reading these checks."""
    return _each(checks, lambda check: pause_check(check=check, now=now), BulkResult("paused", "paused"))


def resume_checks(*, checks: Iterable[HealthCheck], now: datetime) -> BulkResult:
    """Read these checks again, at once."""
    return _each(checks, lambda check: resume_check(check=check, now=now), BulkResult("resumed", "read"))


def change_checks(*, checks: Iterable[HealthCheck], now: datetime, **definition: Any) -> BulkResult:
    """Change a part of the definition of these checks; each is validated as a whole, whatever its kind."""

    def change(check: HealthCheck) -> bool:
        if all(getattr(check, name) == value for name, value in definition.items()):
            return False
        with transaction.atomic():
            save_check(environment=check.environment, now=now, check=check, **definition)
        return True

    return _each(checks, change, BulkResult("changed", "so"))


def _each(checks: Iterable[HealthCheck], act: Callable[[HealthCheck], bool], result: BulkResult) -> BulkResult:
    for check in checks:
        try:
            (result.changed if act(check) else result.unchanged).append(check.name)
        except ValidationError as error:
            result.refused.append((check.name, " ".join(error.messages)))
    return result


def _counted(count: int) -> str:
    return f"{words.plural(count, 'check')} {'is' if count == 1 else 'are'}"


def _listed(names: list[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join([*names[:NAMED], f"{rest} more"] if rest > 0 else names)
