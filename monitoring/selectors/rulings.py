"""What people ruled: on deployments as a whole, and on the findings of one."""

import uuid
from collections.abc import Iterable

from deployments.models import Deployment
from monitoring.models import Ruling


def rulings_of(deployment_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Ruling]:
    """Return what was ruled on deployments as a whole, by their id."""
    rows = Ruling.objects.current().of_deployments().filter(deployment__in=list(deployment_ids))
    return {row.deployment_id: row for row in rows.select_related("by")}


def rulings_on(deployment: Deployment) -> dict[str, Ruling]:
    """Return what stands of one deployment, by the key of the finding; "" is the deployment as a whole."""
    rows = Ruling.objects.current().filter(deployment=deployment).select_related("by")
    return {row.key: row for row in rows}
