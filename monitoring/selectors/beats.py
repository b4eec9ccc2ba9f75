"""The latest readings of a check as bars; a slot in which nobody read is a bar of its own."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TypedDict

import numpy as np
from django.utils import timezone

from deployments.models import Deployment
from monitoring.store import Samples
from postdeploy.lib import words

BEATS = 90


class Beat(TypedDict):
    """One bar of a heartbeat; `height` is 0 to 1, `at` seconds since 1970."""

    state: str
    height: float
    title: str
    at: float


def beats_of(up: Samples, response: Samples, *, interval: int, now: datetime, with_titles: bool = False) -> list[Beat]:
    """Return the bars of the latest readings, and of those that are missing until now; `with_titles` names each."""
    answered = dict(zip(response.times.tolist(), response.values.tolist(), strict=True))
    scale = 3 * float(np.median(response.values)) if len(response.values) else 0.0
    beats: list[Beat] = []
    for at, value in zip(up.times.tolist(), up.values.tolist(), strict=True):
        if beats:
            beats.extend(_missing(beats[-1]["at"], at, interval))
        beats.append(_beat(at, bool(value), answered.get(at), scale))
    if beats:
        beats.extend(_missing(beats[-1]["at"], now.timestamp(), interval))
    shown = beats[-BEATS:]
    return [{**beat, "title": _title(beat, answered.get(beat["at"]), now)} for beat in shown] if with_titles else shown


def _beat(at: float, is_up: bool, response_ms: float | None, scale: float) -> Beat:
    """A kind that has no response time, such as a heartbeat, shows that it was up by a low bar."""
    state = "up" if is_up else "down" if response_ms is None else "slow"
    return {"state": state, "height": min((response_ms or 0.0) / (scale or 1.0), 1.0), "title": "", "at": at}


def _missing(before: float, after: float, interval: int) -> list[Beat]:
    """A bar for each slot between two readings in which none was taken; one late reading is not missing."""
    count = int((after - before + 1e-3) // interval) - 1
    if count < 2:
        return []
    first = max(count - BEATS, 0)
    return [
        {"state": "none", "height": 0.0, "title": "", "at": before + (n + 1) * interval} for n in range(first, count)
    ]


def _title(beat: Beat, response_ms: float | None, now: datetime) -> str:
    at = words.moment(timezone.localtime(datetime.fromtimestamp(beat["at"], UTC)), timezone.localtime(now))
    if beat["state"] == "none":
        return f"{at}: no reading"
    if response_ms is not None:
        return f"{at}: {words.quantity(round(response_ms), 'ms')}"
    return f"{at}: {'up' if beat['state'] == 'up' else 'failed'}"


def marks_in(beats: Sequence[Beat], deployments: Iterable[Deployment]) -> list[int]:
    """Return the bar before which each deployment went live."""
    times = [beat["at"] for beat in beats]
    marks = []
    for deployment in deployments:
        at = deployment.finished_at.timestamp() if deployment.finished_at else 0.0
        if times and times[0] < at <= times[-1]:
            marks.append(next(index for index, time in enumerate(times) if time >= at))
    return marks


def label_of(name: str, beats: Sequence[Beat]) -> str:
    """Return the bars in words."""
    counts = Counter(beat["state"] for beat in beats)
    if not beats:
        return f"{name}: no readings yet"
    return (
        f"{name}, last {words.plural(len(beats), 'reading')}:"
        f" {counts['down']} down, {counts['slow']} slow, {counts['none']} missing"
    )
