"""The watch track as pages show it: the shape of {% watch_track %} and of the two bars on a deployment's page."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString

from monitoring.watch import Period, WatchState
from postdeploy.lib import words
from postdeploy.templatetags.ui import when
from reports import sentences


@dataclass(frozen=True)
class Segment:
    """One part of the track: how much of it is done (None: later), and its words."""

    share: float | None
    label: SafeString
    note: SafeString
    is_running: bool


@dataclass(frozen=True)
class Track:
    """Both parts, where the needle stands, and all of it in words."""

    tone: str
    initial: Segment
    extended: Segment | None
    now_share: float | None
    aria: str


def track_of(watch: WatchState, now: datetime) -> Track | None:
    """Return the track of a watch that has periods."""
    if watch.initial is None:
        return None
    return Track(
        tone=sentences.sign_of(watch).tone,
        initial=_segment(watch.initial, watch, now),
        extended=_segment(watch.extended, watch, now) if watch.extended else None,
        now_share=sentences.needle(watch, now),
        aria=sentences.track_label(watch, now),
    )


def _segment(period: Period, watch: WatchState, now: datetime) -> Segment:
    name, whole = period.stage.capitalize(), period.closes_at - period.opens_at
    if not sentences.has_begun(period, now):
        if period.ended_at:
            return Segment(None, format_html("{}: never began", name), SafeString(""), False)
        label = format_html("{}: {} from {}", name, words.period(whole), _at(period.opens_at, now))
        return Segment(None, label, SafeString(""), False)
    until = min(period.ended_at or now, period.closes_at)
    done = words.progress(until - period.opens_at, whole)
    return Segment(
        share=sentences.share(period, now),
        label=format_html("{} <b>{}</b>", name, done),
        note=_note(period, watch, now),
        is_running=period.is_open and now < period.closes_at,
    )


def _note(period: Period, watch: WatchState, now: datetime) -> SafeString:
    if period.status == "SUPERSEDED" and period.ended_at and period.ended_at < period.closes_at:
        return format_html("ended by {} {}", watch.superseded_by or "a newer deployment", _at(period.ended_at, now))
    if period.is_open and now < period.closes_at:
        return format_html("until {}", _at(period.closes_at, now))
    return format_html("{} to {}", _at(period.opens_at, now), _at(period.closes_at, now))


def _at(at: datetime, now: datetime) -> SafeString | str:
    return when({"now": now}, at)  # type: ignore[arg-type]
