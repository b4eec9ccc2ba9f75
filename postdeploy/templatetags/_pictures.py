"""Pictures drawn on the server as SVG: no script, no style attribute, and the finding in words as their label."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from postdeploy.lib import words
from postdeploy.templatetags._looks import GLYPH_PATHS, state_look

SPLIT, GAP = 38.0, 1.0  # the initial segment of a watch track takes 38 %, then a gap of 1 %
SPARK_WIDTH, SPARK_HEIGHT, SPARK_MARGIN = 200, 44, 4
BEATS, BEAT_STEP, BEAT_HEIGHT = 90, 5, 28
PLACEBO_WIDTH, PLACEBO_FOOT, PLACEBO_TOP = 236.0, 62.0, 17.0

Point = float | None


# --- watch track and bars ---------------------------------------------------------------------------------------------


def track_svg(*, tone: str, initial: float, extended: float | None, running: float | None, label: str) -> SafeString:
    """Draw the two segments: `initial` and `extended` are done shares, None is later.

    `running` is the share of the segment that now passes, for the needle; None when the watch has ended.
    """
    later = f'<rect class="later" x="{SPLIT + GAP}%" width="{100 - SPLIT - GAP}%" height="8" rx="4"/>'
    parts = [_segment(0, SPLIT, initial)]
    parts.append(later if extended is None else _segment(SPLIT + GAP, 100 - SPLIT - GAP, extended))
    if running is not None:
        start, width = (0.0, SPLIT) if extended is None else (SPLIT + GAP, 100 - SPLIT - GAP)
        parts.append(_needle(start + width * _clamp(running)))
    return _track(tone, "".join(parts), label)


def bar_svg(*, tone: str, done: float, has_needle: bool, label: str) -> SafeString:
    """Draw one segment that fills."""
    needle = _needle(100 * _clamp(done)) if has_needle and 0 < done < 1 else ""
    return _track(tone, _segment(0, 100, done) + needle, label)


def _track(tone: str, inner: str, label: str) -> SafeString:
    name = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html('<svg class="track is-{}" {}>{}</svg>', tone, name, SafeString(inner))


def _segment(start: float, width: float, done: float) -> str:
    filled = width * _clamp(done)
    back = f'<rect class="rail-bg" x="{start:g}%" width="{width:g}%" height="8" rx="4"/>'
    return back + (f'<rect class="done" x="{start:g}%" width="{filled:.4g}%" height="8" rx="4"/>' if filled else "")


def _needle(at: float) -> str:
    return f'<rect class="now" x="{at:.4g}%" y="-4" width="2" height="16" rx="1"/>'


# --- spark ------------------------------------------------------------------------------------------------------------


def spark_svg(points: Sequence[Point], band: Any, marks: Iterable[Any], label: str) -> SafeString:
    """Draw evenly spaced values over their expected band; None is a gap.

    `band` is (low, high), or a (low, high) per point, or None. `marks` are positions 0 to 1, or (position, "rollback").
    """
    bands = _band_per_point(band, len(points))
    scale = _scale([*points, *(edge for pair in bands if pair for edge in pair)])
    steps = [index * SPARK_WIDTH / max(len(points) - 1, 1) for index in range(len(points))]
    parts = [
        _spark_band(steps, bands, scale),
        *(_spark_mark(mark) for mark in marks),
        _spark_line(steps, points, scale),
    ]
    return format_html(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        SPARK_WIDTH, SPARK_HEIGHT, label, SafeString("".join(parts)),
    )  # fmt: skip


def _band_per_point(band: Any, count: int) -> list[tuple[float, float] | None]:
    if not band:
        return [None] * count
    if isinstance(band[0], int | float):
        return [(band[0], band[1])] * count
    return [None if pair is None or None in pair else (pair[0], pair[1]) for pair in band[:count]]


def _scale(values: Iterable[Point]) -> Any:
    known = [value for value in values if value is not None] or [0.0]
    low, high = min(known), max(known)
    room = SPARK_HEIGHT - 2 * SPARK_MARGIN
    if high == low:
        return lambda value: SPARK_HEIGHT / 2
    return lambda value: SPARK_HEIGHT - SPARK_MARGIN - (value - low) / (high - low) * room


def _spark_band(steps: list[float], bands: list[tuple[float, float] | None], scale: Any) -> str:
    known = [(x, pair) for x, pair in zip(steps, bands, strict=False) if pair]
    if not known:
        return ""
    upper = [f"{x:.1f},{scale(high):.1f}" for x, (_, high) in known]
    lower = [f"{x:.1f},{scale(low):.1f}" for x, (low, _) in reversed(known)]
    return f'<polygon class="band" points="{" ".join(upper + lower)}"/>'


def _spark_mark(mark: Any) -> str:
    at, kind = (mark, "deploy") if isinstance(mark, int | float) else mark
    x = _clamp(float(at)) * SPARK_WIDTH
    style = "dep dep--rollback" if kind == "rollback" else "dep"
    return f'<line class="{style}" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{SPARK_HEIGHT}"/>'


def _spark_line(steps: list[float], points: Sequence[Point], scale: Any) -> str:
    runs: list[list[str]] = [[]]
    for x, value in zip(steps, points, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{x:.1f} {scale(value):.1f}")
    paths = (f"M{run[0]}" + ("".join(f"L{point}" for point in run[1:]) or "h0") for run in runs if run)
    return "".join(f'<path class="line" d="{path}"/>' for path in paths)


# --- heartbeat --------------------------------------------------------------------------------------------------------


def heartbeat_svg(beats: Sequence[Mapping[str, Any]], marks: Iterable[int], label: str) -> SafeString:
    """Draw the latest 90 readings, newest right: low = up, tall = slow, full and broken = down, hollow foot = none.

    Each beat has `state` (up, slow, down, none), `height` 0 to 1 and `title`; `marks` are indices of `beats`.
    """
    shown = list(beats)[-BEATS:]
    first = BEATS - len(shown)
    cut = len(beats) - len(shown)
    bars = format_html_join("", "{}", ((_beat(first + index, beat),) for index, beat in enumerate(shown)))
    lines = "".join(
        f'<rect class="dep" x="{(first + mark - cut) * BEAT_STEP - 0.5:g}" y="0" width="1.4" height="{BEAT_HEIGHT}"/>'
        for mark in marks
        if mark >= cut
    )
    return format_html(
        '<svg class="beats" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}{}</svg>',
        BEATS * BEAT_STEP, BEAT_HEIGHT, label, bars, SafeString(lines),
    )  # fmt: skip


def _beat(slot: int, beat: Mapping[str, Any]) -> SafeString:
    x, state, height = slot * BEAT_STEP + 0.5, str(beat.get("state", "none")), _clamp(float(beat.get("height") or 0))
    title = format_html("<title>{}</title>", beat["title"]) if beat.get("title") else SafeString("")
    if state == "down":
        boxes = _box("down", x, 0, 18, title) + _box("down", x, 21, 7, title)
    elif state in {"up", "slow"}:
        tall = 4 + 11 * height if state == "up" else 17 + 9 * height
        boxes = _box(state, x, BEAT_HEIGHT - tall, tall, title)
    else:
        boxes = _box("none", x + 0.4, 20.5, 7, title, width=2.6)
    return boxes


def _box(state: str, x: float, y: float, height: float, title: SafeString, width: float = 3.4) -> SafeString:
    return format_html(
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}">{}</rect>',
        state, f"{x:g}", f"{y:.3g}", f"{width:g}", f"{height:.3g}", title,
    )  # fmt: skip


# --- placebo ----------------------------------------------------------------------------------------------------------


def placebo_svg(
    counts: Sequence[float], low: float, high: float, value: float, tone: str, label: str, unit: str = "", alt: str = ""
) -> SafeString:
    """Draw how often each size of change happened at ordinary moments, and this change as a pin with its figure.

    `alt` is the picture in words, the figure alone without it.
    """
    width = PLACEBO_WIDTH / max(len(counts), 1)
    top = max(counts, default=0) or 1
    bars = "".join(_placebo_bar(index * width, width, count / top) for index, count in enumerate(counts) if count)
    x = _clamp((value - low) / (high - low) if high > low else 0.5) * PLACEBO_WIDTH
    side, text_x = ("start", x + 7) if x < PLACEBO_WIDTH / 2 else ("end", x - 7)
    pin = f'<line class="this" x1="{x:.1f}" x2="{x:.1f}" y1="12" y2="62" stroke-width="2"/>'
    pin += f'<path class="this" d="M{x - 4:.1f} 8h8l-4 6z"/>'
    return format_html(
        '<svg class="placebo is-{}" viewBox="0 0 236 86" role="img" aria-label="{}">{}{}'
        '<text class="lbl" x="{}" y="16" text-anchor="{}">{}</text>{}</svg>',
        tone, alt or label, SafeString(bars + '<line class="axis" x1="0" x2="236" y1="62" y2="62"/>'), SafeString(pin),
        f"{text_x:.1f}", side, label, _placebo_ticks(low, high, unit),
    )  # fmt: skip


def _placebo_bar(x: float, width: float, share: float) -> str:
    tall, wide = max(share * (PLACEBO_FOOT - PLACEBO_TOP), 1.5), max(width - 1, 0.5)
    y = PLACEBO_FOOT - tall
    return f'<rect class="bar" x="{x + 0.5:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}"/>'


def _placebo_ticks(low: float, high: float, unit: str) -> SafeString:
    """Both ends, the right one with the unit, and 0 where there is room for it."""
    ticks = [("0", words.signed(low), "start"), (f"{PLACEBO_WIDTH:g}", words.signed(high, unit), "end")]
    middle = -low / (high - low) if high > low else 0.0
    if 0.22 < middle < 0.7:
        ticks.insert(1, (f"{middle * PLACEBO_WIDTH:.1f}", "0", "middle"))
    return format_html_join(
        "", '<text x="{}" y="77" text-anchor="{}">{}</text>', ((x, anchor, text) for x, text, anchor in ticks)
    )


# --- lane -------------------------------------------------------------------------------------------------------------


def lane_svg(segments: Iterable[Mapping[str, Any]], label: str) -> SafeString:
    """Draw which version was live when: segments with `state`, `start` and `end` (shares 0 to 1), `text`, `so_far`."""
    parts = format_html_join("", "{}", ((_lane_segment(segment),) for segment in segments))
    return format_html('<svg class="lane" role="img" aria-label="{}">{}</svg>', label, parts)


def _lane_segment(segment: Mapping[str, Any]) -> SafeString:
    look = state_look(segment["state"], so_far=bool(segment.get("so_far")))
    start, end = _clamp(segment["start"]) * 100, _clamp(segment["end"]) * 100
    width = max(end - start - 0.25, 0.4)
    glyph = mark_safe(GLYPH_PATHS[look.glyph])  # noqa: S308 - a constant
    return format_html(
        '<g class="is-{}"><rect x="{x}%" y="5" width="{w}%" height="24" rx="4"/>'
        '<svg x="{x}%" y="5" width="{w}%" height="24" overflow="hidden">'
        '<g class="glyph" transform="translate(8 5) scale(.85)">{}</g>'
        '<text class="hide-s" x="28" y="16">{}</text></svg></g>',
        look.tone, glyph, segment.get("text", ""), x=f"{start:.4g}", w=f"{width:.4g}",
    )  # fmt: skip


def _clamp(share: float) -> float:
    return min(max(share, 0.0), 1.0)
