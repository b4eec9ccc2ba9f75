"""Tags and filters of every page; built in, so no {% load %} is needed.

Signs     {% icon "rocket" %}  {% state "healthy" so_far=True size="xl" label="…" %}  {% finding_result "REGRESSED" %}
          {% severity "CRITICAL" %}  {% status "ASSIGNED" %}  {% tier "L2" %}  {% person user %}
Time      {% when at %}  {% when at rel=True %}  {% clock started_at due_at now "to L3" %}
Pictures  {% watch_track track %}  {% bar share %}  {% spark points band marks label %}  {% heartbeat beats label %}
          {% placebo counts low high value tone label %}  {% lane segments label %}  {% chart "id" data "label" %}
Forms     {{ field|control }}  {{ field|is_tick }}  {{ field|is_group }}  {% crumbs "Issues" url "SHOP-142" "" %}
Words     |duration |coarse |period |progress:total |ago:now |moment:now |exact |quantity:unit |signed:unit
          |change:before |counted:"issue"

Filters answer "" for None, so that a template needs no {% if %} around them.
"""

import math
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from django import forms, template
from django.conf import settings
from django.forms import BoundField
from django.utils import timezone
from django.utils.html import format_html, format_html_join, json_script
from django.utils.safestring import SafeString

from postdeploy.lib import words
from postdeploy.templatetags import _charts, _looks, _phases, _pictures

register = template.Library()

ICONS = Path(__file__).resolve().parents[2] / "static" / "icons"
RING = 37.7  # circumference of the clock's circle, radius 6
SIZES = {"": "state state--chip", "plain": "state", "xl": "state state--xl"}
Context = template.Context


# --- signs ------------------------------------------------------------------------------------------------------------


@cache
def _icon(name: str) -> SafeString:
    path = ICONS / f"{name}.svg"
    if "/" in name or not path.is_file():
        raise ValueError(f"unknown icon {name!r}: it is not in static/icons")
    lines = (line.strip() for line in path.read_text().splitlines())
    shapes = [line for line in lines if line.startswith("<path d=")]
    return SafeString(
        '<svg class="i" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-linecap="round"'
        f' stroke-linejoin="round" aria-hidden="true">{"".join(shapes)}</svg>'
    )


@register.simple_tag
def icon(name: str) -> SafeString:
    """Inline a Tabler icon of static/icons; an unknown name is an error."""
    return _icon(name)


@register.simple_tag
def glyph(name: str) -> SafeString:
    """Inline one of our own state glyphs: circle, triangle, octagon, diamond, ring, pie, waiting, done."""
    return _looks.GLYPHS[name]


@register.simple_tag
def state(value: str, *, so_far: bool = False, size: str = "", label: str | None = None) -> SafeString:
    """Show a state as glyph and word. Filled is final, outlined is so far; size is "" (chip), "plain" or "xl"."""
    look = _looks.state_look(value, so_far=so_far)
    is_open = so_far or look is _looks.WATCHING
    suffix = " so far" if so_far and look is not _looks.WATCHING else ""
    css = SIZES[size] + (" state--so-far" if is_open and not size else "")
    return _sign(css, look, label or look.word + suffix)


@register.simple_tag
def finding_result(value: str, *, size: str = "") -> SafeString:
    """Show the result of one finding; UNCHANGED has neither glyph nor colour."""
    name = str(value).upper()
    if name == "UNCHANGED":
        return SafeString('<span class="meta">Unchanged</span>')
    look = _looks.FINDINGS[name]
    return _sign(SIZES[size], look, look.word)


def _sign(css: str, look: _looks.Look, word: str) -> SafeString:
    return format_html('<span class="{} is-{}">{}{}</span>', css, look.tone, _looks.GLYPHS[look.glyph], word)


@register.simple_tag
def severity(value: str, label: str = "") -> SafeString:
    """Show a severity as three bars and its word."""
    tone, bars, word = _looks.SEVERITIES[str(value).upper()]
    return format_html('<span class="sev is-{}">{}{}</span>', tone, bars, label or word)


@register.simple_tag
def status(value: str) -> SafeString:
    """Show an issue's status as a pie that fills, and its word."""
    name = str(value).upper()
    pie, word = _looks.STATUSES[name]
    return format_html('<span class="st st--{}">{}{}</span>', name.lower(), pie, word)


@register.simple_tag
def tier(value: str) -> SafeString:
    """Show a support tier: a small outlined box."""
    return format_html('<span class="tier">{}</span>', value)


@register.simple_tag
def person(user: Any, *, short: bool = False, nobody: str = "nobody") -> SafeString:
    """Show a person: badge and name, or the badge alone with the name read aloud. `user` is a user, a name or None."""
    if not user:
        return format_html('<span class="quiet">{}</span>', nobody)
    name = str(getattr(user, "display_name", "") or user)
    initials = "".join(word[0] for word in name.split()[:2]).upper()
    badge = format_html('<span class="person" aria-hidden="true">{}</span>', initials)
    if short:
        return format_html('<span class="who">{}<span class="visually-hidden">{}</span></span>', badge, name)
    return format_html('<span class="who">{}{}</span>', badge, name)


# --- time -------------------------------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def when(
    context: Context, at: datetime | None, *, rel: bool = False, seconds: bool = False, empty: str = ""
) -> SafeString | str:
    """Show a moment in the reader's zone, its exact time as title; `rel` shows its distance, kept fresh by app.js."""
    return empty if at is None else _time(at, _now(context), rel=rel, seconds=seconds)


@register.simple_tag
def clock(
    started_at: datetime | None,
    due_at: datetime | None,
    now: datetime,
    label: str,
    *,
    proof: bool = False,
    brief: bool = False,
) -> SafeString | str:
    """Show a clock that runs out: a ring that empties and "to L3 at 12:20, in 11 min".

    `proof` counts towards something good: the ring fills, in blue. `brief` leaves the time of day away. Amber in the
    last quarter, red when run out.
    """
    if due_at is None:
        return ""
    left = _share_left(started_at, due_at, now)
    tone = "watch" if proof else "failed" if left <= 0 else "degraded" if left <= 0.25 else ""
    dash = f"{RING * ((1 - left) if proof else left):.1f} {RING}"
    return format_html(
        '<span class="clock{}"><svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6"/>'
        '<circle cx="8" cy="8" r="6" stroke-dasharray="{}" transform="rotate(-90 8 8)"/></svg>'
        "<span>{} {}</span></span>",
        f" is-{tone}" if tone else "", dash, label, _due(due_at, now, brief=brief),
    )  # fmt: skip


def _share_left(started_at: datetime | None, due_at: datetime, now: datetime) -> float:
    whole = (due_at - (started_at or now)).total_seconds()
    return min(max((due_at - now).total_seconds() / whole, 0.0), 1.0) if whole > 0 else float(due_at > now)


def _due(due_at: datetime, now: datetime, *, brief: bool) -> SafeString:
    distance = _time(due_at, now, rel=True)
    if now >= due_at:
        return format_html("ran out {}", distance)
    if brief and due_at - now < timedelta(hours=12):
        return distance
    is_today = timezone.localtime(due_at).date() == timezone.localtime(now).date()
    at = format_html("at {}", _time(due_at, now)) if is_today else _time(due_at, now)
    return at if brief else format_html("{}, {}", at, distance)


def _time(at: datetime, now: datetime, *, rel: bool = False, seconds: bool = False) -> SafeString:
    local, here = timezone.localtime(at), timezone.localtime(now)
    text = words.ago(local, here) if rel else words.moment(local, here, seconds=seconds)
    return format_html(
        '<time datetime="{}" title="{}"{}>{}</time>',
        local.isoformat(timespec="seconds"), words.exact(local), SafeString(" data-rel") if rel else "", text,
    )  # fmt: skip


def _now(context: Context) -> datetime:
    given = context.get("now")
    return given if isinstance(given, datetime) else timezone.now()


# --- pictures ---------------------------------------------------------------------------------------------------------


@register.simple_tag
def watch_track(track: Any) -> SafeString:
    """Show both segments of a watch with their words below.

    `track` (dict or object): `tone`, `initial` and `extended` with `share` (0 to 1; extended None = later) and `label`
    (escaped unless safe), `now_share` (share of the running segment, None when the watch has ended), `aria`.
    """
    initial, extended = _get(track, "initial"), _get(track, "extended")
    share = _get(extended, "share") if extended else None
    svg = _pictures.track_svg(
        tone=_tone(_get(track, "tone")),
        initial=float(_get(initial, "share") or 0),
        extended=None if share is None else float(share),
        running=_get(track, "now_share"),
        label=str(_get(track, "aria") or ""),
    )
    labels = [_get(initial, "label"), _get(extended, "label") if extended else ""]
    spans = format_html_join("", "<span>{}</span>", ((label,) for label in labels if label))
    return format_html('{}<div class="track-l">{}</div>', svg, spans)


@register.simple_tag
def bar(share: float, *, tone: str = "watch", label: str = "", needle: bool = True) -> SafeString:
    """Show one bar that fills to `share` (0 to 1), with a needle while it runs."""
    return _pictures.bar_svg(tone=_tone(tone), done=float(share), has_needle=needle, label=label)


@register.simple_tag
def spark(points: Any, band: Any = None, marks: Any = (), label: str = "") -> SafeString:
    """Show a small line over its expected band; see `_pictures.spark_svg` for the shapes."""
    return _pictures.spark_svg([_finite(point) for point in points], _finite(band), marks or (), label)


@register.simple_tag
def phases(timings: Any) -> SafeString:
    """Show where the time of one reading went; see `_phases.phases_bar`."""
    return _phases.phases_bar(timings)


@register.simple_tag
def heartbeat(beats: Any, label: str, *, marks: Any = ()) -> SafeString:
    """Show up to 90 readings as bars; see `_pictures.heartbeat_svg`."""
    return _pictures.heartbeat_svg(beats, marks, label)


@register.simple_tag
def placebo(
    counts: Any, low: float, high: float, value: float, tone: str, label: str, *, unit: str = "", alt: str = ""
) -> SafeString:
    """Show a change among the changes at ordinary moments; `label` is its figure, "+45 %", `alt` all of it in words."""
    return _pictures.placebo_svg(counts, low, high, value, _tone(tone), label, unit, alt)


@register.simple_tag
def lane(segments: Any, label: str) -> SafeString:
    """Show which version was live when; see `_pictures.lane_svg`."""
    return _pictures.lane_svg(segments, label)


@register.simple_tag
def chart(
    name: str, data: Any, label: str, *, height: int = 190, sync: str = "page", zoom: bool = False, src: str = ""
) -> SafeString:
    """Write a chart, its readout and its data (shape: charts.js). `name` is unique on the page, `label` the finding.

    `zoom`: the page obeys `from` and `to` in its address. `src`: the data is fetched from there; what is given is only
    the still picture's.
    """
    finite = _finite(data)
    source = format_html('<script type="application/json" id="{}" data-src="{}"></script>', name, src)
    return format_html(
        '<div class="readout" id="{name}-readout" data-morph-keep></div>'
        '<div class="chart" id="{name}-chart" data-chart="{name}" data-readout="{name}-readout" data-height="{height}"'
        ' data-sync="{sync}"{zoom} data-morph-keep role="img" aria-label="{label}">{still}</div>{data}',
        name=name, height=height, sync=sync, label=label, zoom=SafeString(" data-zoom") if zoom else "",
        still=_charts.still_svg(finite), data=source if src else json_script(finite, name),
    )  # fmt: skip


def _get(source: Any, name: str) -> Any:
    return source.get(name) if isinstance(source, dict) else getattr(source, name, None)


def _tone(tone: Any) -> str:
    name = str(tone or "plain")
    if name not in _looks.TONES:
        raise ValueError(f"unknown tone {name!r}; one of {', '.join(sorted(_looks.TONES))}")
    return name


def _finite(data: Any) -> Any:
    """Replace NaN and infinities by None: they are no JSON, and a gap is what they mean."""
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


# --- forms and paths --------------------------------------------------------------------------------------------------


@register.filter
def control(field: BoundField) -> SafeString:
    """Render the widget of a bound field with our classes; Django adds aria-describedby and aria-invalid itself."""
    widget = field.field.widget
    if isinstance(widget, forms.CheckboxInput):
        css = "form-check-input"
    elif isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple):
        css = ""
    else:
        css = "form-select" if isinstance(widget, forms.Select) else "form-control"
    given = widget.attrs.get("class", "")
    return field.as_widget(attrs={"class": f"{css} {given}".strip()} if css or given else {})


@register.filter
def is_tick(field: BoundField) -> bool:
    """Tell whether a field is one check box, whose label stands beside it."""
    return isinstance(field.field.widget, forms.CheckboxInput)


@register.filter
def is_group(field: BoundField) -> bool:
    """Tell whether a field is a group of radio buttons or check boxes, which needs a legend instead of a label."""
    return bool(field.use_fieldset)


@register.simple_tag
def crumbs(*parts: str) -> SafeString:
    """Show the path to this page: pairs of name and address, an empty address for a part that is no link."""
    if len(parts) % 2:
        raise ValueError("crumbs wants pairs of name and address")
    pairs = zip(parts[::2], parts[1::2], strict=True)
    links = (
        format_html('<a href="{}">{}</a>', url, name) if url else format_html("<span>{}</span>", name)
        for name, url in pairs
    )
    inner = format_html_join(SafeString('<span aria-hidden="true">/</span>'), "{}", ((link,) for link in links))
    return format_html('<nav class="crumb" aria-label="Path">{}</nav>', inner)


@register.simple_tag
def csrf_cookie_name() -> str:
    """Name of the cookie that live.js takes the CSRF token from."""
    return settings.CSRF_COOKIE_NAME


# --- words ------------------------------------------------------------------------------------------------------------


@register.filter
def duration(value: words.Seconds | None) -> str:
    """1 h 29 min."""
    return "" if value is None else words.duration(value)


@register.filter
def coarse(value: words.Seconds | None) -> str:
    """38 min, for a duration that still grows."""
    return "" if value is None else words.duration(value, coarse=True)


@register.filter
def period(value: words.Seconds | None) -> str:
    """72 h."""
    return "" if value is None else words.period(value)


@register.filter
def progress(done: words.Seconds | None, total: words.Seconds) -> str:
    """38 of 60 min."""
    return "" if done is None else words.progress(done, total)


@register.filter
def ago(at: datetime | None, now: datetime | None = None) -> str:
    """17 min ago; prefer {% when at rel=True %}, which stays fresh."""
    return "" if at is None else words.ago(at, now or timezone.now())


@register.filter
def moment(at: datetime | None, now: datetime | None = None) -> str:
    """12:09, Wed 16:40, 12 Nov 15:47; prefer {% when at %}, which has the exact time as its title."""
    return "" if at is None else words.moment(at, timezone.localtime(now))


@register.filter
def exact(at: datetime | None) -> str:
    """19 November 2026, 09:58:12 (UTC+1)."""
    return "" if at is None else words.exact(timezone.localtime(at))


@register.filter
def quantity(value: float | None, unit: str = "") -> str:
    """450 ms; None is "no data"."""
    return words.quantity(value, unit)


@register.filter
def change(after: float | None, before: float | None) -> str:
    """{{ after|change:before }}: +45 %."""
    return "" if after is None or before is None else words.change(before, after)


@register.filter
def signed(value: float | None, unit: str = "") -> str:
    """+0.71 points."""
    return "" if value is None else words.signed(value, unit)


@register.filter
def counted(count: int, noun: str) -> str:
    """{{ 3|counted:"issue" }}: 3 issues; irregular ones as "reply,replies"."""
    singular, _, plural_form = noun.partition(",")
    return words.plural(count, singular, plural_form or None)
