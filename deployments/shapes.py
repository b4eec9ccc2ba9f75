"""The shapes of this floor's API: what pipelines write, what they are answered."""

from datetime import datetime
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.urls import reverse
from rest_framework import serializers

from deployments.models import (
    ChangeStatus,
    ConfigurationChange,
    Deployment,
    DeploymentKind,
    DeploymentStatus,
    SystemChange,
    Tier,
)
from deployments.services import ConfigurationChangeFacts, Report, SystemChangeFacts
from postdeploy.api import Choice, Flag, Line, Moment, PageQuery, StrictSerializer, Text, Url, Word
from postdeploy.lib.facets import facets

MOST_CHANGES = 200
ORDERED_TIMES = ("queued_at", "started_at", "finished_at")
ENDS = ("SUCCEEDED", "FAILED", "CANCELLED")


def optional_line(max_length: int, help_text: str = "") -> Line:
    """Return a line that may be left out; empty is as good as left out."""
    return Line(required=False, allow_blank=True, max_length=max_length, help_text=help_text)


class SystemChangeInput(StrictSerializer):
    """One component that changed."""

    component = Line(max_length=200)
    description = Text(required=False, allow_blank=True, max_length=10_000)
    status = Word(ChangeStatus, required=False)


class ConfigurationChangeInput(StrictSerializer):
    """One setting that changed. Without `secret` its name decides; the values of a secret are never stored."""

    setting = Line(max_length=200)
    old_value = Text(required=False, allow_blank=True, max_length=10_000, trim_whitespace=False)
    value = Text(required=False, allow_blank=True, max_length=10_000, trim_whitespace=False)
    purpose = Text(required=False, allow_blank=True, max_length=10_000)
    secret = Flag(required=False, source="is_secret")


class ChangesInput(StrictSerializer):
    """What a deployment changed."""

    system_changes = serializers.ListField(child=SystemChangeInput(), required=False, max_length=MOST_CHANGES)
    configuration_changes = serializers.ListField(
        child=ConfigurationChangeInput(), required=False, max_length=MOST_CHANGES
    )


class NewChangesInput(ChangesInput):
    """At least one change."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a body that adds nothing."""
        if not any(attrs.values()):
            raise serializers.ValidationError(
                "Give system_changes, configuration_changes or both, with at least one change.", code="required"
            )
        return attrs


class RunInput(ChangesInput):
    """What can be said of a deployment beside what went where."""

    revision = optional_line(200, "The commit.")
    status = Word(DeploymentStatus, required=False, help_text="`running` with a start, else `pending`, if left out.")
    source = Line(  # type: ignore[assignment]
        required=False, max_length=60, help_text="Who reports, such as `github`; `api` if left out."
    )
    external_id = Line(
        required=False, max_length=200, help_text="The run's id at the source: a repeat with it is the same deployment."
    )
    url = Url(required=False, allow_blank=True, max_length=2000, help_text="The pipeline run.")
    description = Text(required=False, allow_blank=True, max_length=10_000)
    deployed_by = optional_line(200)
    queued_at = Moment(required=False)
    started_at = Moment(required=False)
    finished_at = Moment(required=False)
    change_committed_at = Moment(required=False, help_text="When the (oldest) change was committed.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse times that run backwards, and times that do not go with the status."""
        refuse_backwards(attrs)
        refuse_times_ahead_of(attrs)
        return attrs


class ReportInput(RunInput):
    """A report of a deployment. Only project, environment and version are required."""

    project = Line(max_length=60)
    environment = Line(max_length=100, help_text="One that was never named is created.")
    version = Line(max_length=200)
    kind = Word(DeploymentKind, required=False, help_text="Told from the versions before, if left out.")


class RollbackInput(RunInput):
    """A roll-back; everything may be left out."""

    version = optional_line(200, "The version that is brought back; the one live before, if left out.")


class StartInput(StrictSerializer):
    """The deployment has started."""

    started_at = Moment(required=False, help_text="Now, if left out.")


class FinishInput(StrictSerializer):
    """The deployment has ended."""

    status = Choice([end.lower() for end in ENDS])
    started_at = Moment(required=False)
    finished_at = Moment(required=False, help_text="Now, if left out.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse an end before the start."""
        refuse_backwards(attrs)
        return attrs


class CancelInput(StrictSerializer):
    """The deployment was given up."""

    finished_at = Moment(required=False, help_text="Now, if left out.")


def refuse_backwards(attrs: dict[str, Any]) -> None:
    """Raise ValidationError naming the two times of one report that lie in the wrong order."""
    given = [name for name in ORDERED_TIMES if attrs.get(name)]
    for earlier, later in pairwise(given):
        if attrs[earlier] > attrs[later]:
            raise serializers.ValidationError(
                {
                    earlier: serializers.ErrorDetail(f"Lies after {later}.", code="wrong_order"),
                    later: serializers.ErrorDetail(f"Lies before {earlier}.", code="wrong_order"),
                }
            )


def refuse_times_ahead_of(attrs: dict[str, Any]) -> None:
    """Raise ValidationError for a start of what is pending, or an end of what has not ended."""
    status = attrs.get("status")
    if attrs.get("finished_at") and status not in ENDS:
        said = f"the status is {status.lower()}" if status else "no status is given"
        raise serializers.ValidationError(
            {"finished_at": f"Needs the status succeeded, failed or cancelled, but {said}."}, code="wrong_status"
        )
    if attrs.get("started_at") and status == "PENDING":
        raise serializers.ValidationError({"started_at": "What is pending has not started."}, code="wrong_status")


def report_of(values: dict[str, Any], **more: Any) -> Report:
    """Return the report that validated input makes."""
    facts = {**values, **more, **changes_of(values)}
    if "status" in facts:
        facts["status"] = DeploymentStatus(facts["status"])
    return Report(**facts)


def changes_of(values: dict[str, Any]) -> dict[str, Any]:
    """Return the two kinds of changes of validated input."""
    return {
        "system_changes": tuple(SystemChangeFacts(**change) for change in values.get("system_changes", ())),
        "configuration_changes": tuple(
            ConfigurationChangeFacts(**change) for change in values.get("configuration_changes", ())
        ),
    }


class DeploymentsQuery(PageQuery):
    """Which deployments to list."""

    project = Line(required=False, max_length=60)
    environment = Line(required=False, max_length=100)
    status = Word(DeploymentStatus, required=False)
    version = Line(required=False, max_length=200)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Add what the floors above can filter by."""
        added = {
            name: Line(required=False, max_length=60, help_text=help_text)
            for facet in facets("deployment")
            for name, help_text in facet.filters.items()
        }
        return {**super().get_fields(), **added}


class SystemChangeOutput(serializers.ModelSerializer[SystemChange]):
    """One component that changed."""

    status = Word(ChangeStatus)

    class Meta:
        model = SystemChange
        fields = ["component", "description", "status"]


class ConfigurationChangeOutput(serializers.ModelSerializer[ConfigurationChange]):
    """One setting that changed; of a secret the mask."""

    secret = serializers.BooleanField(source="is_secret")

    class Meta:
        model = ConfigurationChange
        fields = ["setting", "old_value", "value", "purpose", "secret"]


class ChangesOutput(serializers.Serializer[Any]):
    """What a deployment changed."""

    system_changes = SystemChangeOutput(many=True)
    configuration_changes = ConfigurationChangeOutput(many=True)


class DeploymentEventOutput(serializers.Serializer[Any]):
    """One thing that was reported."""

    status = Word(DeploymentStatus)
    occurred_at = Moment()
    received_at = Moment()
    is_applied = serializers.BooleanField(help_text="False if it changed nothing; `note` says why.")
    note = serializers.CharField()


class EnvironmentOutput(serializers.Serializer[Any]):
    """Where it went."""

    name = serializers.CharField()
    tier = Word(Tier)
    is_new = serializers.BooleanField(help_text="True until a maintainer has confirmed it.")


class DeploymentOutput(serializers.Serializer[Any]):
    """A deployment, with what the floors above know of it."""

    id = serializers.UUIDField()
    project = serializers.CharField()
    environment = EnvironmentOutput()
    version = serializers.CharField()
    revision = serializers.CharField()
    kind = Word(DeploymentKind)
    status = Word(DeploymentStatus)
    source = serializers.CharField()  # type: ignore[assignment]
    external_id = serializers.CharField(allow_null=True)
    description = serializers.CharField()
    deployed_by = serializers.CharField()
    url = serializers.CharField(help_text="The deployment's page.")
    verdict_url = serializers.CharField(help_text="Ask here until it is decided.")
    pipeline_url = serializers.CharField(help_text="The `url` that was reported.")
    rolls_back = serializers.UUIDField(allow_null=True, help_text="The deployment that this one undoes.")
    queued_at = Moment(allow_null=True)
    started_at = Moment(allow_null=True)
    finished_at = Moment(allow_null=True)
    change_committed_at = Moment(allow_null=True)
    occurred_at = Moment(help_text="The latest of these times; the order of lists.")
    reported_at = Moment()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Add what the floors above know."""
        added: dict[str, serializers.Field[Any, Any, Any, Any]] = {}
        for facet in facets("deployment"):
            added |= facet.serializer().get_fields()
        return {**super().get_fields(), **added}


class DeploymentDetail(DeploymentOutput):
    """A deployment with its changes and everything that was reported of it."""

    system_changes = SystemChangeOutput(many=True)
    configuration_changes = ConfigurationChangeOutput(many=True)
    events = DeploymentEventOutput(many=True)


class DeploymentsOutput(serializers.Serializer[Any]):
    """One page of deployments, the latest first."""

    items = DeploymentOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="The `cursor` of the next page.")


PLAIN = (
    "id", "version", "revision", "kind", "status", "source", "external_id", "description", "deployed_by", "queued_at",
    "started_at", "finished_at", "change_committed_at", "occurred_at", "reported_at", "environment",
)  # fmt: skip


def facts_of(deployment: Deployment, added: dict[str, Any]) -> dict[str, Any]:
    """Return the values of `DeploymentOutput` for a row; `added` is what the floors above know."""
    facts: dict[str, Any] = {name: getattr(deployment, name) for name in PLAIN}
    return facts | {
        "project": deployment.project.slug,
        "rolls_back": deployment.rolls_back_id,
        "pipeline_url": deployment.url,
        "url": page_address(deployment),
        "verdict_url": f"{api_address(deployment)}/verdict",
        **added,
    }


def detail_of(deployment: Deployment, added: dict[str, Any]) -> dict[str, Any]:
    """Return the values of `DeploymentDetail` for a row."""
    parts = {
        "system_changes": deployment.system_changes.all(),
        "configuration_changes": deployment.configuration_changes.all(),
        "events": deployment.events.all(),
    }
    return facts_of(deployment, added) | parts


def api_address(deployment: Deployment) -> str:
    """Return where the API answers for this deployment."""
    return f"{settings.SITE_URL}{reverse('api_deployment', kwargs={'deployment': deployment.pk})}"


def page_address(deployment: Deployment) -> str:
    """Return where people read of this deployment; the page belongs to a floor above and is known by its name."""
    where = {"project": deployment.project.slug, "deployment": deployment.pk}
    return f"{settings.SITE_URL}{reverse('deployment', kwargs=where)}"


def shown(value: Any) -> str:
    """Return a value of an earlier report for a sentence about a contradiction."""
    if isinstance(value, list | dict):
        return "other ones"
    return value.isoformat() if isinstance(value, datetime) else f"“{value}”"
