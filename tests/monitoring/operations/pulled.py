"""Sources that we fetch from, and what came of them."""

from datetime import timedelta

from django.utils import timezone

from monitoring import store
from monitoring.models import Series
from monitoring.services import (
    PulledFacts,
    add_pulled_source,
)
from tests.factories import EnvironmentFactory


def source(target, now, kind="SCRAPE", *, environment=None, secrets=None, interval=30, backfill=timedelta(), **config):
    environment = environment or EnvironmentFactory()
    config = {
        "url": f"{target.url.rstrip('/')}/metrics" if kind == "SCRAPE" else target.url,
        "timeout_seconds": 5,
    } | config
    facts = PulledFacts("node", environment, config, interval, secrets)
    return add_pulled_source(project=environment.project, kind=kind, facts=facts, now=now, backfill=backfill)


def stored(row):
    """Samples by metric and labels."""
    found = Series.objects.filter(environment__project=row.project).select_related("metric")
    read = store.read(
        [one.pk for one in found], timezone.now() - timedelta(days=60), timezone.now() + timedelta(hours=1)
    )
    return {(one.metric.key, *one.labels.values()): read[one.pk].values.tolist() for one in found}


def fresh(row):
    row.refresh_from_db()
    return row
