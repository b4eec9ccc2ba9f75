"""Whether our own view of the targets is clear, in one sentence for every page."""

from django.db.models import Count, Min, Sum

from monitoring.models import ProberOutage
from postdeploy.lib import words


def why_blind() -> str:
    """Return why nothing can be said of targets at the moment, or nothing."""
    found = ProberOutage.objects.open().aggregate(
        count=Count("pk"), checks=Sum("checks"), reason=Min("reason"), names=Min("prober_name")
    )
    if not found["count"]:
        return ""
    who = found["names"] if found["count"] == 1 else words.plural(found["count"], "process")
    why = f"{found['reason']} from {who}"
    return f"Postdeploy itself cannot see: {why}. Checks are unknown meanwhile, nobody is alarmed."
