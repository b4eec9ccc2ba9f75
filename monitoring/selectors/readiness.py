"""What only this floor can say of the installation's readiness."""

from django.db.models import DurationField, ExpressionWrapper, F, Max
from django.db.models.functions import Now

from monitoring.models import HealthCheck
from postdeploy.health import Part

#: A due check that waits longer than this means that nobody polls.
POLL_LATE_SECONDS = 60.0


def oldest_due_check() -> Part:
    """How long, by the database's clock, the check that is due longest has been waiting; for `/readyz`."""
    waiting = ExpressionWrapper(Now() - F("next_poll_at"), output_field=DurationField())
    longest = HealthCheck.objects.active().aggregate(longest=Max(waiting))["longest"]
    late = longest.total_seconds() if longest else 0.0
    if late <= 0:
        return Part("polls", True, "no check is waiting", 0.0)
    return Part("polls", late <= POLL_LATE_SECONDS, f"the oldest due check waits {late:.0f} s", late)
