"""What the floor below would have written at and after noon: checks, outages, verdicts and their findings."""

from datetime import UTC, datetime, timedelta

from monitoring.models import Verdict
from tests.factories import (
    DeploymentFactory,
    EnvironmentFactory,
    FindingFactory,
    HealthCheckFactory,
    MonitoringPeriodFactory,
    OutageFactory,
    VerdictFactory,
)

NOON = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def make_check(environment=None, **fields):
    known = {"name": "checkout", "state": "UP", "state_since": NOON - 24 * HOUR, "first_reading_at": NOON}
    return HealthCheckFactory(environment=environment or EnvironmentFactory(), **known | fields)


def make_outage(check=None, *, began_at=NOON, **fields):
    known = {"confirmed_at": began_at + MINUTE, "cause": "the connection was refused"}
    return OutageFactory(health_check=check or make_check(), began_at=began_at, **known | fields)


def watch(deployment=None, *, opens_at=NOON, length=HOUR, **fields):
    deployment = deployment or DeploymentFactory(finished_at=opens_at)
    return MonitoringPeriodFactory(deployment=deployment, opens_at=opens_at, closes_at=opens_at + length, **fields)


def make_finding(period=None, *, check=None, verdict="FAILED", looked_at=None, is_final=True, **fields):
    period = period or watch()
    looked_at = looked_at or period.closes_at
    judged = Verdict.objects.filter(period=period, looked_at=looked_at).first() or VerdictFactory(
        period=period, looked_at=looked_at, result=verdict, is_final=is_final, sentence="It failed."
    )
    known = {
        "key": f"check:{check.pk}" if check else "metric:error_rate",
        "name": check.name if check else "Error rate",
        "sentence": "Error rate rose 0.12 → 0.94 % (8 times as high). It never did before.",
    }
    return FindingFactory(verdict=judged, health_check=check, **known | fields)
