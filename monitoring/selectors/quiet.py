"""When nothing may be judged: planned maintenance of a project, an environment or a check."""

from collections.abc import Iterable
from datetime import datetime

from deployments.models import Environment
from monitoring.models import Series
from monitoring.rules.values import Spans

Subject = tuple[str, Environment, Series | None]


def quiet_spans(subjects: Iterable[Subject], start: datetime, end: datetime) -> dict[str, Spans]:
    """Return by key the stretches (seconds since 1970) of maintenance that may touch `start` to `end`."""
    return {key: () for key, _, _ in subjects}
