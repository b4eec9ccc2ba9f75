"""Whether our own view of the targets is clear, in one sentence for every page."""

from django.db.models import Count, Max, Min, Sum

from monitoring.models import ProberOutage
from postdeploy.lib import words


def why_blind() -> str:
    """Return why nothing can be said of targets at the moment, or nothing."""
    found = ProberOutage.objects.open().aggregate(
        count=Count("pk"), checks=Sum("checks"), reason=Min("reason"), names=Min("prober_name"),
        first=Min("location"), last=Max("location"),
    )  # fmt: skip
    if not found["count"]:
        return ""
    who = found["names"] if found["count"] == 1 else words.plural(found["count"], "process")
    why = f"{found['reason']} from {who}"
    checks = "Checks"
    if found["last"]:
        checks = f"Checks at {found['last']}" if found["first"] == found["last"] else "Checks there"
    return f"Postdeploy itself cannot see: {why}. {checks} are unknown meanwhile, nobody is alarmed."
