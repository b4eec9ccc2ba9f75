"""The form of how one environment is watched."""

from django import forms
from django.http import QueryDict

from monitoring.models import MonitoringPolicy
from postdeploy.forms import DurationField


class PolicyForm(forms.Form):
    """How one environment is watched."""

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
        help_text="Not judged: caches fill, connections open. At most a quarter of the initial period.",
    )  # fmt: skip
    baseline_seconds = DurationField(
        label="Compared with", least=60, most=90 * 86_400, help_text="So much history before the deployment."
    )

    def __init__(self, policy: MonitoringPolicy, data: QueryDict | None = None) -> None:
        self.policy = policy
        super().__init__(data, initial=policy.snapshot(), prefix=f"environment-{policy.environment_id}")
