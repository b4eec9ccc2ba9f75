"""The form of how one environment is watched."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone

from deployments.models import Deployment
from monitoring.judge.facts import CHANCE_LIMIT
from monitoring.models import MonitoringPolicy
from postdeploy.forms import DurationField
from postdeploy.lib import words

#: No deployment is pinned.
BEFORE = "before"
#: How careful, by the share of quiet metrics that are called worse by mistake.
LIMITS = {
    0.02: "Finds more: about 2 in 100 quiet metrics are called worse by mistake",
    CHANCE_LIMIT: "Standard: about 8 in 1,000",
    0.002: "Only the obvious: about 2 in 1,000",
}


class PolicyForm(forms.Form):
    """How one environment is watched; a reference or a limit that is not sent stays as it is."""

    initial_seconds = DurationField(
        label="Initial period",
        least=10,
        most=7 * 86_400,
        help_text="Watched closely; its verdict lets pipelines go on.",
    )
    initial_interval_seconds = DurationField(
        label="Checks every", least=1, most=3600, help_text="In the initial period."
    )
    extended_seconds = DurationField(
        label="Extended period", least=10, most=90 * 86_400, help_text="Begins when the initial one ends."
    )
    extended_interval_seconds = DurationField(
        label="Then every", least=1, most=86_400, help_text="In the extended period."
    )
    settle_seconds = DurationField(
        label="Settling time", least=0, most=86_400,
        help_text="Not judged: caches fill. It lasts a quarter of the initial period at most, whatever is set here.",
    )  # fmt: skip
    reference = forms.ChoiceField(
        label="Compared with",
        help_text="The hours before, and the same hours of earlier days; or how it was under one good deployment.",
        error_messages={"invalid_choice": "It is no longer to be had here; choose another one, or the hours before."},
    )
    baseline_seconds = DurationField(
        label="Length of that history", least=60, most=90 * 86_400, help_text="So much of it at most."
    )
    chance_limit = forms.ChoiceField(
        label="How careful",
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": "Choose one of the ways to be careful."},
    )
    is_dry_run = forms.BooleanField(
        label="Dry run",
        required=False,
        help_text="Record verdicts as they are, but stop no pipeline and open no issue.",
    )

    def __init__(
        self, policy: MonitoringPolicy, references: Sequence[Deployment] = (), data: QueryDict | None = None
    ) -> None:
        self.policy, self._references = policy, {str(row.pk): row for row in references}
        chosen = {"chance_limit": str(policy.chance_limit), "reference": str(policy.reference_id or BEFORE)}
        prefix = f"environment-{policy.environment_id}"
        if data is not None:
            data = data.copy()
            for name, value in chosen.items():
                data.setdefault(f"{prefix}-{name}", value)
        super().__init__(data, initial=policy.snapshot() | chosen, prefix=prefix)
        fields: dict[str, Any] = self.fields
        told = [(key, _told(row)) for key, row in self._references.items()]
        fields["reference"].choices = [(BEFORE, "the hours before"), *told]
        fields["chance_limit"].choices = [(str(limit), label) for limit, label in _limits(policy).items()]

    def clean_reference(self) -> Deployment | None:
        """Return the deployment, None for the hours before."""
        return self._references.get(self.cleaned_data["reference"])

    def clean_chance_limit(self) -> float:
        """Return the limit as a share."""
        return float(self.cleaned_data["chance_limit"])


def _told(deployment: Deployment) -> str:
    at = deployment.finished_at or deployment.occurred_at
    return f"{deployment.version}, {words.moment(at, timezone.localtime())}"


def _limits(policy: MonitoringPolicy) -> dict[float, str]:
    """The ways to be careful, and how it is where somebody set a limit of their own."""
    if policy.chance_limit in LIMITS:
        return LIMITS
    share = words.quantity(100 * policy.chance_limit, "%")
    return {**LIMITS, policy.chance_limit: f"As it is: about {share} of quiet metrics"}
