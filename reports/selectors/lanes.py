"""Which version was live when, environment by environment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from deployments.models import Deployment, Environment, Project
from monitoring.selectors import watch_states
from monitoring.selectors.watch import WatchStates
from postdeploy.lib import words
from reports import sentences

LANE_ROWS = 60
#: The share of a lane that a version takes at least, so that its sign can be seen.
NARROWEST = 0.03
LANE_SPAN, SHORTEST_LANE = timedelta(days=10), timedelta(minutes=10)


@dataclass(frozen=True)
class Lane:
    """Which versions an environment ran: the shape of {% lane %}."""

    name: str
    segments: list[dict[str, Any]]
    label: str


def environment_lanes(
    project: Project, environments: Sequence[Environment], now: datetime
) -> tuple[list[Lane], datetime | None]:
    """Return which version each environment ran in the last days, and when the picture begins."""
    live = (
        Deployment.objects.of(project).succeeded().filter(finished_at__lte=now).order_by("-finished_at", "-reported_at")
    )
    rows: list[Deployment] = list(live[:LANE_ROWS])[::-1]
    if not rows:
        return [], None
    recent = [row.finished_at for row in rows if row.finished_at and row.finished_at > now - LANE_SPAN]
    start = min([*recent, now - SHORTEST_LANE]) if recent else now - LANE_SPAN
    states = watch_states(rows, now)
    lanes = []
    for environment in environments:
        own = [row for row in rows if row.environment_id == environment.pk]
        if own:
            lanes.append(_lane(environment, own, states, start, now))
    return lanes, start


def _lane(
    environment: Environment, rows: Sequence[Deployment], states: WatchStates, start: datetime, now: datetime
) -> Lane:
    segments: list[dict[str, Any]] = []
    told = []
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        begin, end = row.finished_at or now, (following.finished_at if following else None) or now
        if end < start:
            continue
        sign = sentences.sign_of(states[row.pk])
        share = (end - max(begin, start)) / (now - start)
        segments.append({"state": sign.value, "so_far": sign.so_far, "share": share, "text": row.version})
        lasted = words.duration(end - begin, coarse=True)
        told.append(f"{row.version} {sign.value}{' so far' if sign.so_far else ''} for {lasted}")
    _place_segments(segments, empty=max(1 - sum(segment["share"] for segment in segments), 0.0))
    return Lane(environment.name, segments, f"{environment.name}: {', '.join(told)}")


def _place_segments(segments: list[dict[str, Any]], *, empty: float) -> None:
    """Give each segment its start and end; a short one is drawn wide enough to be seen, at the cost of the others."""
    least = min(NARROWEST, 0.5 / max(len(segments), 1))
    widths = [max(segment["share"], least) for segment in segments]
    scale = (1 - empty) / sum(widths) if widths else 1.0
    place = empty
    for segment, width in zip(segments, widths, strict=True):
        segment["start"], place = round(place, 3), place + width * scale
        segment["end"] = round(place, 3)
