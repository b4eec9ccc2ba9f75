"""What this floor adds to an issue of the API: its tier, and when it goes to the next one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from rest_framework import serializers

from postdeploy.fields import Moment
from support.models import Assignment
from support.selectors import at_tier


class TierFields(serializers.Serializer[Any]):
    """The added fields."""

    tier = serializers.CharField(allow_null=True, help_text="L1 to L3, or a business tier; null: nobody has it.")
    escalate_at = Moment(allow_null=True, help_text="When it goes to the next tier unless it is resolved.")


class TierFacet:
    """Tier and clock of issues, in one query."""

    serializer: type[serializers.Serializer[Any]] = TierFields
    filters: ClassVar[dict[str, str]] = {"tier": "L1, L2, L3, or the name of a business tier."}

    def describe(self, rows: Sequence[Model], *, now: datetime) -> dict[Any, dict[str, Any]]:
        """Return `tier` and `escalate_at` for each issue."""
        added: dict[Any, dict[str, Any]] = {row.pk: {"tier": None, "escalate_at": None} for row in rows}
        for assignment in Assignment.objects.current().filter(issue__in=list(added)).select_related("tier"):
            label, at = assignment.tier.label, assignment.escalate_at
            added[assignment.issue_id] = {"tier": label, "escalate_at": at}
        return added

    def narrow(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Return the issues that the tier `value` has now; any name that is no level is a business tier's."""
        return at_tier(rows, value)
