"""The still picture of a chart: what is there before a script draws it, and all there is where none runs."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from postdeploy.lib import words

WIDTH, HEIGHT, TOP = 800.0, 150.0, 8.0
#: A still picture has so many points; more make the page heavy and the line no finer.
POINTS = 240
_DAY = 86_400

Point = float | None


def still_svg(data: Mapping[str, Any]) -> SafeString:
    """Draw a chart's data (its shape stands in `static/js/charts.js`); beneath it stands in words what it spans.

    Its label is its holder's.
    """
    times = [float(at) for at in data.get("times") or ()]
    if not times:
        return SafeString("")
    lines = list(_lines(data))
    start, end = data.get("window") or (times[0], times[-1])
    limit = data.get("limit")
    highest = [*(values for _, values in lines), data.get("high") or ()]
    top = max([value for values in highest for value in values if value is not None] or [1.0])
    foot = min([value for _, values in lines for value in values if value is not None] or [0.0])
    foot = min(foot, 0.0)
    top = max(top, limit["value"] if limit else 0.0) * 1.12 or (0.0 if foot else 1.0)

    def x(at: float) -> float:
        return (at - start) / ((end - start) or 1.0) * WIDTH

    def y(value: float) -> float:
        return HEIGHT - max(value - foot, 0.0) / (top - foot) * (HEIGHT - TOP)

    parts = [_span(x(max(part["from"], start)), x(min(part["to"], end))) for part in data.get("spans") or ()]
    parts += [_band([x(at) for at in times], data, y)] if data.get("low") and data.get("high") else []
    parts += [_mark(mark, x(mark["at"])) for mark in data.get("marks") or () if start <= mark["at"] <= end]
    parts += [f'<line class="limit" x1="0" x2="{WIDTH:g}" y1="{y(limit["value"]):.1f}" y2="{y(limit["value"]):.1f}"/>'
              ] if limit else []  # fmt: skip
    parts += [f'<path class="{css}" d="{_path([x(at) for at in times], values, y)}"/>' for css, values in lines]
    unit = str(data.get("unit") or "")
    return format_html(
        '<svg class="still" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
        '<div class="beats-l" aria-hidden="true"><span>{}</span><span>{} to {}</span><span>{}</span></div>',
        f"{WIDTH:g}", f"{HEIGHT:g}", SafeString("".join(parts)),
        _moment(start, start, end, data), words.quantity(foot, unit), words.quantity(top, unit),
        _moment(end, start, end, data),
    )  # fmt: skip


def _moment(at: float, start: float, end: float, data: Mapping[str, Any]) -> str:
    """A time at the edge of a picture: of a long one with its day, of one since a release how long after it."""
    if data.get("relative"):
        return f"+{words.duration(at)}"
    local = timezone.localtime(datetime.fromtimestamp(at, UTC))
    return f"{local.day} {local:%b %H:%M}" if end - start > _DAY else f"{local:%H:%M}"


def _lines(data: Mapping[str, Any]) -> Iterable[tuple[str, Sequence[Point]]]:
    if data.get("ghost"):
        yield "ghost", data["ghost"]["values"]
    for number, line in enumerate(data.get("lines") or ()):
        yield f"line l{number % 4 + 1}", line["values"]
    phases = [phase["values"] for phase in data.get("phases") or ()]
    if phases:
        yield "line", [None if None in column else sum(column) for column in zip(*phases, strict=True)]
    elif data.get("values"):
        yield "line", data["values"]


def _span(left: float, right: float) -> str:
    return f'<rect class="span" x="{left:.1f}" y="0" width="{max(right - left, 0.0):.1f}" height="{HEIGHT:g}"/>'


def _band(steps: Sequence[float], data: Mapping[str, Any], scale: Any) -> str:
    """What was expected, between both edges; where one is missing it ends."""
    size = math.ceil(len(steps) / POINTS)
    edges = list(zip(steps, data["low"], data["high"], strict=True))[::size]
    known = [(x, low, high) for x, low, high in edges if low is not None and high is not None]
    corners = [f"{x:.1f},{scale(high):.1f}" for x, _, high in known]
    corners += [f"{x:.1f},{scale(low):.1f}" for x, low, _ in reversed(known)]
    return f'<polygon class="band" points="{" ".join(corners)}"/>' if known else ""


def _mark(mark: Mapping[str, Any], x: float) -> str:
    style = {"rollback": " mark--rollback", "configuration": " mark--configuration"}.get(mark.get("kind", ""), "")
    return f'<line class="mark{style}" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{HEIGHT:g}"/>'


def _path(steps: Sequence[float], values: Sequence[Point], scale: Any) -> str:
    """A line that breaks at gaps, with the greatest of each few points when there are many."""
    size = math.ceil(len(values) / POINTS)
    path, pen = [], "M"
    for first in range(0, len(values), size):
        known = [value for value in values[first : first + size] if value is not None]
        if not known:
            pen = "M"
            continue
        path.append(f"{pen}{steps[first]:.1f} {scale(max(known)):.1f}")
        pen = "L"
    return "".join(path)
