"""What only this floor can say of the installation's readiness."""

from django.db.models import Min
from django.utils import timezone

from monitoring.models import HealthCheck
from postdeploy.health import Part

#: A due check that waits longer than this means that nobody polls.
POLL_LATE_SECONDS = 60.0


def oldest_due_check() -> Part:
    """How long the check that is due longest has been waiting; for `/readyz`."""
    due_at = HealthCheck.objects.active().aggregate(due_at=Min("next_poll_at"))["due_at"]
    late = (timezone.now() - due_at).total_seconds() if due_at else 0.0
    if late <= 0:
        return Part("polls", True, "no check is waiting", 0.0)
    return Part("polls", late <= POLL_LATE_SECONDS, f"the oldest due check waits {late:.0f} s", late)
