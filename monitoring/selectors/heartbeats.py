"""Where a heartbeat's job pings us."""

from django.conf import settings
from django.urls import reverse

from monitoring.models import HealthCheck, Ping

#: So many pings are shown on the page of their check.
SHOWN = 10


def ping_url(check: HealthCheck) -> str | None:
    """The address that a heartbeat's job requests; who knows it can ping. None for other kinds."""
    return f"{settings.SITE_URL}{reverse('ping', args=[check.ping_key])}" if check.ping_key else None


def ping_line(check: HealthCheck) -> str | None:
    """The line to put behind a job in its crontab: it tells how the job ended."""
    url = ping_url(check)
    return f"your-job; curl -fsS -m 10 --retry 3 {url}/$?" if url else None


def latest_pings(check: HealthCheck) -> list[Ping]:
    """The latest few pings of a heartbeat, newest first; none for other kinds."""
    return list(check.pings.all()[:SHOWN]) if check.ping_key else []
