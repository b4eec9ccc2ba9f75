"""What is done to several checks at once."""

from collections.abc import Iterable
from datetime import datetime

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from deployments.models import Role
from monitoring.models import HealthCheck, validate_location
from monitoring.services import BulkResult, change_checks, pause_checks, resume_checks
from postdeploy.forms import DurationField
from postdeploy.lib import locations

#: More at once is somebody's mistake; Django reads 1,000 fields of a form at most.
MOST = 900
NOTHING_CHOSEN = "Nothing was done: choose pause, resume, interval, group or location."


class BulkForm(forms.Form):
    """Which checks, and which one thing."""

    do = forms.ChoiceField(
        choices=[(name, name) for name in ("pause", "resume", "interval", "group", "location")],
        error_messages=dict.fromkeys(("required", "invalid_choice"), NOTHING_CHOSEN),
    )
    interval = DurationField(label="Read every", least=1, most=86_400, required=False)
    group = forms.CharField(label="Group", max_length=100, required=False)
    location = forms.CharField(
        label="Read from", max_length=locations.LONGEST, required=False, validators=[validate_location]
    )

    def ticked(self) -> set[str]:
        """Return what was ticked, as it was sent."""
        return set(self.data.getlist("check")) if isinstance(self.data, QueryDict) else set()

    def chosen(self) -> set[int]:
        """Return the ids among what was ticked."""
        return {int(pk) for pk in self.ticked() if pk.isascii() and pk.isdecimal() and len(pk) < 19}

    def clean(self) -> dict[str, object]:
        """Name what is missing for the thing that was chosen."""
        values = super().clean() or {}
        if len(self.ticked()) > MOST:
            self.add_error("do", f"Nothing was done: tick at most {MOST:,} checks at once.")
        if values.get("do") == "interval" and values.get("interval") is None and "interval" not in self.errors:
            self.add_error("interval", ValidationError("Enter how often the checks are read, such as 30 s."))
        return values

    def needs(self) -> Role:
        """Return the role that may do it."""
        return Role.RESPONDER if self.cleaned_data["do"] in ("pause", "resume") else Role.MAINTAINER

    def act(self, checks: Iterable[HealthCheck], *, now: datetime) -> BulkResult:
        """Do it, check by check."""
        values = self.cleaned_data
        match values["do"]:
            case "pause":
                return pause_checks(checks=checks, now=now)
            case "resume":
                return resume_checks(checks=checks, now=now)
            case "interval":
                return change_checks(checks=checks, now=now, interval_seconds=values["interval"])
            case "location":
                return change_checks(checks=checks, now=now, location=values["location"])
            case _:
                return change_checks(checks=checks, now=now, group=values["group"].strip())
