"""A deployed environment with checks and metrics whose samples are as a test says."""

from datetime import UTC, datetime, timedelta

import numpy as np

from monitoring import services
from monitoring.models import MonitoringPeriod, Series, Verdict
from tests.factories import (
    DeploymentFactory,
    HealthCheckFactory,
    MetricFactory,
    MonitoringPolicyFactory,
    OutageFactory,
    SeriesFactory,
)
from tests.samples import store_samples

T0 = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)


def at(minutes):
    return T0 + timedelta(minutes=minutes)


class World:
    """An environment that is watched for 60 min and 120 min; its deployment went live at `at(0)`."""

    def __init__(self, *, is_first=False, **policy):
        numbers = {"initial_seconds": 3600, "extended_seconds": 7200, "settle_seconds": 120} | policy
        self.environment = MonitoringPolicyFactory(**numbers).environment
        if not is_first:
            DeploymentFactory(
                environment=self.environment, finished_at=at(-60 * 24 * 8), reported_at=at(-60 * 24 * 8), version="v1"
            )
        self.deployment = DeploymentFactory(
            environment=self.environment, started_at=at(-3), finished_at=at(0), reported_at=at(0), version="v2"
        )
        self.random = np.random.default_rng(7)

    def open(self):
        services.open_periods(now=at(0))
        return self

    def judge(self, minutes):
        return services.judge_periods(now=at(minutes))

    def period(self, stage="INITIAL"):
        return MonitoringPeriod.objects.get(deployment=self.deployment, stage=stage)

    def verdict(self, stage="INITIAL"):
        """The verdict that stands."""
        return Verdict.objects.final().get(period=self.period(stage))

    def finding(self, key, stage="INITIAL"):
        return self.verdict(stage).findings.get(key=key)

    def check(self, *, up=1.0, since=-24 * 60, until=60, step=1.0, response=None, **fields):
        """A check read every `step` minutes; `up` is a number, or a function of the minute."""
        check = HealthCheckFactory(
            **{"environment": self.environment, "interval_seconds": 60, "failure_threshold": 3} | fields
        )
        self.fill(
            SeriesFactory(environment=self.environment, metric=None, health_check=check, aspect="up"),
            up,
            since,
            until,
            step,
        )
        timed = SeriesFactory(environment=self.environment, metric=None, health_check=check, aspect="response_time")
        if response is not None:
            self.fill(timed, response, since, until, step)
        return check

    def outage(self, check, began, ended=None, confirmed_after=2):
        return OutageFactory(
            health_check=check,
            began_at=at(began),
            confirmed_at=at(began + confirmed_after),
            ended_at=None if ended is None else at(ended),
            cause="HTTP 503",
        )

    def metric(self, key, value, *, since=-24 * 60, until=60, step=1.0, labels=None, **fields):
        """A metric with a value every `step` minutes; `value` is a number, or a function of the minute."""
        metric = MetricFactory(project=self.environment.project, key=key, **fields)
        digest = "" if not labels else key[:8]
        series = SeriesFactory(environment=self.environment, metric=metric, labels=labels or {}, labels_digest=digest)
        self.fill(series, value, since, until, step)
        return metric

    def fill(self, series, value, since, until, step):
        minutes = np.arange(since, until, step)
        give = value if callable(value) else lambda minute: value
        values = [float(give(minute)) for minute in minutes]
        store_samples([series.pk] * len(values), [at(float(minute)) for minute in minutes], values)

    def noisy(self, before, after, noise=0.05):
        """A function of the minute: a level that changes with the deployment, with noise."""
        return lambda minute: (before if minute < 0 else after) * (1 + noise * self.random.standard_normal())

    def series_of(self, key):
        return Series.objects.get(metric__key=key)
