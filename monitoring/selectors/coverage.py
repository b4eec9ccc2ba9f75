"""What is watched in an environment, and what is not: missing data is said, with the way to mend it."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse

from deployments.models import Environment, Project
from monitoring import store
from monitoring.catalogue import CATALOGUE
from monitoring.models import CheckState, HealthCheck, Metric, Series
from monitoring.selectors.locations import says_silence

#: A metric that has sent nothing for this long is silent. Senders push once a minute; daily figures are rare.
SILENT_AFTER = timedelta(minutes=15)


@dataclass(frozen=True)
class NotWatched:
    """One thing that is not watched: why, since when, and where or how that is mended."""

    name: str
    why: str
    since: datetime | None = None
    url: str = ""
    snippet: str = ""


def not_watched(environment: Environment, now: datetime) -> list[NotWatched]:
    """Return what is not watched in `environment`: checks first, then metrics that fell silent or never came."""
    return not_watched_in([environment], now)[environment.pk]


def not_watched_in(environments: Sequence[Environment], now: datetime) -> dict[int, list[NotWatched]]:
    """Return what is not watched in each environment, by its id, in a fixed number of queries."""
    checks: defaultdict[int, list[HealthCheck]] = defaultdict(list)
    for check in HealthCheck.objects.filter(environment__in=environments).order_by("name"):
        checks[check.environment_id].append(check)
    series: defaultdict[int, list[Series]] = defaultdict(list)
    rows = Series.objects.filter(environment__in=environments, metric__isnull=False).select_related("metric")
    for row in rows.order_by("metric__name", "pk"):
        series[row.environment_id].append(row)
    latest = store.latest([row.pk for found in series.values() for row in found])
    return {
        environment.pk: [
            *_checks(environment, checks[environment.pk]),
            *_silent(series[environment.pk], latest, now),
            *_never_came(environment, (row.metric for row in series[environment.pk] if row.metric)),
        ]
        for environment in environments
    }


def _checks(environment: Environment, checks: Sequence[HealthCheck]) -> list[NotWatched]:
    slug = environment.project.slug
    if not checks:
        url = f"{reverse('check_add', args=[slug])}?environment={environment.pk}"
        return [NotWatched("Health check", "there is none here, so nobody asks whether it answers", url=url)]
    found = []
    for check in checks:
        url = reverse("check", args=[slug, check.pk])
        if check.is_paused:
            found.append(NotWatched(check.name, "paused", check.paused_at, url))
        elif check.state == CheckState.UNKNOWN and check.latest_detail:
            since = None if says_silence(check.latest_detail, check.location) else check.state_since
            found.append(NotWatched(check.name, check.latest_detail, since, url))
        elif check.first_reading_at is None:
            found.append(NotWatched(check.name, "not read yet", check.created_at, url))
    return found


def _silent(series: Sequence[Series], latest: Mapping[int, store.Sample], now: datetime) -> list[NotWatched]:
    found: dict[str, NotWatched] = {}
    for row in series:
        sample = latest.get(row.pk)
        if row.metric is None or (sample and sample.at > now - SILENT_AFTER):
            continue
        why = "no samples since" if sample else "no samples"
        found[row.metric.key] = NotWatched(row.metric.name, why, sample.at if sample else None)
    return list(found.values())


def _never_came(environment: Environment, metrics: Iterable[Metric]) -> list[NotWatched]:
    known = {metric.key for metric in metrics}
    return [
        NotWatched(entry.name, "no data", snippet=push_line(environment, entry.key))
        for entry in CATALOGUE
        if entry.key not in known
    ]


def push_line(environment: Environment, key: str, value: float = 12) -> str:
    """Return the line that sends one sample of a metric, with the real address."""
    where = {"project": environment.project.slug, "environment": environment.name}
    return _curl("metrics", where | {"samples": [{"metric": key, "value": value}]})


def report_line(project: Project) -> str:
    """Return the line that reports a deployment, and with it makes the environment."""
    body = {"project": project.slug, "environment": "production", "version": "1.0.0", "status": "succeeded"}
    return _curl("deployments", body)


def _curl(path: str, body: Mapping[str, object]) -> str:
    text = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
    return (
        f"curl -fsS {settings.SITE_URL}/api/v1/{path} \\\n"
        '  -H "Authorization: Bearer $POSTDEPLOY_TOKEN" -H "Content-Type: application/json" \\\n'
        f"  -d '{text}'"
    )
