"""What the pages of this floor take in; each refusal names the field and the fix."""

from typing import Any

from django import forms

from deployments.models import DeploymentStatus
from monitoring.models import RulingKind
from reports.models import IMPROVEMENT_AREAS, SUCCESS_FACTORS, Lesson, LessonCategory
from reports.selectors import GROUPS, DeploymentFilter
from reports.selectors.lists import VERDICTS


class DeploymentsForm(forms.Form):
    """The filter of the list of deployments, as it stands in the address."""

    environment = forms.CharField(required=False, max_length=100)
    status = forms.CharField(required=False, max_length=20)
    verdict = forms.CharField(required=False, max_length=20)
    version = forms.CharField(required=False, max_length=200, label="Version or commit")
    before = forms.CharField(required=False, max_length=60)
    after = forms.CharField(required=False, max_length=60)

    def clean_status(self) -> str:
        """Return the status, if there is such a one."""
        return self._known("status", [status.value.lower() for status in DeploymentStatus])

    def clean_verdict(self) -> str:
        """Return the verdict, if there is such a one."""
        return self._known("verdict", VERDICTS)

    def _known(self, name: str, known: Any) -> str:
        wanted = str(self.cleaned_data[name])
        if wanted and wanted not in known:
            raise forms.ValidationError(f"There is no {name} “{wanted}”; use one of {', '.join(known)}.")
        return wanted

    def wanted(self) -> DeploymentFilter:
        """Return what the form means; a part that cannot be read is left out and told on the page."""
        self.is_valid()
        given = self.cleaned_data
        return DeploymentFilter(
            **{name: given.get(name, "") for name in ("environment", "status", "verdict", "version")}
        )


class TimelineForm(forms.Form):
    """Which part of the timeline is shown, as it stands in the address."""

    events = forms.ChoiceField(required=False, choices=[("all", "All"), *GROUPS.items()])

    def wanted(self) -> str:
        """Return the group that is asked for; empty for the latest of all, also when the word is unknown."""
        return str(self.cleaned_data["events"]) if self.is_valid() else ""


def lesson_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the categories under the two headings of the process review."""
    return [
        ("Success factors", [(category.value, str(category.label)) for category in SUCCESS_FACTORS]),
        ("Improvement areas", [(category.value, str(category.label)) for category in IMPROVEMENT_AREAS]),
    ]


class LessonForm(forms.Form):
    """Something learned from a deployment."""

    category = forms.ChoiceField(choices=lesson_choices, initial=LessonCategory.WHAT_WORKED)
    text = forms.CharField(
        label="What was learned",
        max_length=Lesson.LONGEST,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Write down what was learned."},
    )


class RulingForm(forms.Form):
    """Was the judge right?"""

    key = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)
    seen = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)
    kind = forms.ChoiceField(
        label="What was it?",
        choices=RulingKind,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one: this was us, not us, or expected."},
    )
    reason = forms.CharField(
        label="Why",
        max_length=500,
        error_messages={"required": "Say why in a few words: it is what others learn from."},
    )
