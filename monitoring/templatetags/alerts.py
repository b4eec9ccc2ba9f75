"""Pictures of alert rules, drawn on the server: no script, no style attribute, and what they say in words as label.

{% load alerts %}   {% strip parts "label" %}   {% rule_picture line preview "label" %}   {% burn_down points "label" %}
"""

from collections.abc import Iterable, Sequence

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from monitoring.selectors.previews import Line, Part, Preview

register = template.Library()

WIDTH, HEIGHT, MARGIN = 600.0, 110.0, 5.0
STRIP_HEIGHT = 14.0
#: The narrowest stretch that can still be seen and told from its neighbour, as a share.
LEAST = 0.004
CLASSES = {"NO_DATA": "none", "PENDING": "pending", "FIRING": "firing"}
BURN_HEIGHT = 54.0


@register.simple_tag
def strip(parts: Iterable[Part], label: str) -> SafeString:
    """Show a week as a strip: hollow = nothing measured, low = pending, full and red = firing."""
    return format_html(
        '<svg class="strip" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="rail-bg" x="0" y="0" width="{}" height="{}"/>{}</svg>',
        f"{WIDTH:g}", f"{STRIP_HEIGHT:g}", label, f"{WIDTH:g}", f"{STRIP_HEIGHT:g}",
        SafeString("".join(_part(part) for part in parts)),
    )  # fmt: skip


def _part(part: Part) -> str:
    x, width = part.start * WIDTH, max(part.width, LEAST) * WIDTH
    x = min(x, WIDTH - width)
    top, tall = (STRIP_HEIGHT / 2, STRIP_HEIGHT / 2) if part.state == "PENDING" else (0.0, STRIP_HEIGHT)
    return f'<rect class="{CLASSES[part.state]}" x="{x:.1f}" y="{top:g}" width="{width:.1f}" height="{tall:g}"/>'


@register.simple_tag
def rule_picture(line: Line, preview: Preview, label: str) -> SafeString:
    """Show the value of a rule over its threshold, the stretches in which it fires shaded."""
    bounds = [preview.threshold, preview.clear]
    known = [value for _, value in line.points if value is not None]
    scale = _scale([*known, *bounds], HEIGHT)
    shaded = "".join(
        f'<rect class="firing" x="{part.start * WIDTH:.1f}" y="0" width="{max(part.width, LEAST) * WIDTH:.1f}"'
        f' height="{HEIGHT:g}"/>'
        for part in line.parts
        if part.state == "FIRING"
    )
    limits = _level("limit", scale(preview.threshold))
    if preview.clear != preview.threshold:
        limits += _level("clear", scale(preview.clear))
    drawn = _path([(x * WIDTH, None if value is None else scale(value)) for x, value in line.points])
    return format_html(
        '<svg class="rule-pic" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        f"{WIDTH:g}", f"{HEIGHT:g}", label, SafeString(shaded + limits + drawn),
    )  # fmt: skip


@register.simple_tag
def burn_down(points: Sequence[float | None], label: str) -> SafeString:
    """Show how much of an error budget was left: full at the top, nothing at the line."""
    scale = _scale([1.0, 0.0, *(value for value in points if value is not None)], BURN_HEIGHT)
    step = WIDTH / max(len(points) - 1, 1)
    drawn = _path([(place * step, None if value is None else scale(value)) for place, value in enumerate(points)])
    return format_html(
        '<svg class="burn" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        f"{WIDTH:g}", f"{BURN_HEIGHT:g}", label, SafeString(_level("limit", scale(0.0)) + drawn),
    )  # fmt: skip


class _Scale:
    """From values to heights, with a little air above and below."""

    def __init__(self, low: float, high: float, height: float) -> None:
        self.low, self.high, self.height = low, high, height

    def __call__(self, value: float) -> float:
        """Return the height of `value` from the top."""
        whole = self.high / 2 - self.low / 2  # halves: from -1e308 to 1e308 is more than a number bears
        if not whole:
            return self.height / 2
        return self.height - MARGIN - (value / 2 - self.low / 2) / whole * (self.height - 2 * MARGIN)


def _scale(values: Sequence[float], height: float) -> _Scale:
    return _Scale(min(values), max(values), height)


def _level(name: str, y: float) -> str:
    return f'<line class="{name}" x1="0" x2="{WIDTH:g}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _path(points: Iterable[tuple[float, float | None]]) -> str:
    runs: list[list[str]] = [[]]
    for x, y in points:
        if y is None:
            runs.append([])
        else:
            runs[-1].append(f"{x:.1f} {y:.1f}")
    return "".join(
        f'<path class="line" d="M{run[0]}{"".join(f"L{point}" for point in run[1:]) or "h0"}"/>' for run in runs if run
    )
