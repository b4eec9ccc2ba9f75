"""A metric of an environment whose samples are as a test says, and the sweeps at a minute of noon."""

from datetime import UTC, datetime, timedelta

import numpy as np

from issues.services import open_issues, verify_issues
from monitoring.models import Alert
from monitoring.services import judge_rules
from tests.factories import AlertRuleFactory, EnvironmentFactory, MetricFactory, SeriesFactory
from tests.samples import store_samples

T0 = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)


def at(minutes):
    return T0 + timedelta(minutes=minutes)


class World:
    """An environment with a rule: the mean of a metric over 5 min above 100 for 2 min, well again at 80."""

    def __init__(self, **rule):
        self.environment = EnvironmentFactory()
        self.metric = MetricFactory(
            project=self.environment.project, key="checkout_p95", name="Checkout p95", unit="ms"
        )
        self.series = self.new_series()
        if "aspect" not in rule and "objective" not in rule:
            rule = {"metric": self.metric} | rule
        self.rule = AlertRuleFactory(
            **{
                "project": self.environment.project,
                "name": "Slow checkout",
                "created_at": at(-60),
                "next_judge_at": at(-60),
            }
            | rule
        )

    def new_series(self, **labels):
        digest = ",".join(sorted(labels.values()))
        return SeriesFactory(
            environment=self.environment,
            metric=self.metric,
            labels=labels,
            labels_digest=digest,
            created_at=at(-10_000),
        )

    def fill(self, value, since, until, *, step=0.5, series=None):
        """A value every `step` minutes from `since` to before `until`; a number, or a function of the minute."""
        minutes = np.arange(since, until, step)
        give = value if callable(value) else lambda minute: value
        series = series or self.series
        values = [float(give(minute)) for minute in minutes]
        store_samples([series.pk] * len(values), [at(float(minute)) for minute in minutes], values)

    def judge(self, minutes):
        """Sweep, and return the states of the alerts, oldest first."""
        judge_rules(now=at(minutes))
        return self.states()

    def states(self):
        return list(Alert.objects.order_by("began_at", "pk").values_list("state", flat=True))

    def alert(self):
        return Alert.objects.get()

    def sweep(self, minutes):
        """All that the flow does of it."""
        judge_rules(now=at(minutes))
        open_issues(now=at(minutes))
        verify_issues(now=at(minutes))
