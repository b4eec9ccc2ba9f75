"""PURE: what is known of a watch, in the words and shares that pages show."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from monitoring.watch import BAD, Period, WatchState
from postdeploy.lib import words

_TONES = {
    "healthy": "healthy",
    "degraded": "degraded",
    "failed": "failed",
    "inconclusive": "unsure",
    "blind": "blind",
    "watching": "watch",
}
_NOT_SURE = {"inconclusive", "blind"}


@dataclass(frozen=True, slots=True)
class Sign:
    """How a state is shown: the chip's word, outlined if it is only so far, and its longer label."""

    value: str
    so_far: bool = False
    label: str | None = None

    @property
    def tone(self) -> str:
        """The colour, third after word and shape."""
        return _TONES.get(self.value, "plain")


def sign_of(watch: WatchState, status: str = "") -> Sign:
    """Return how the state of a deployment is shown; only a final HEALTHY is green."""
    if watch.state == "pending":
        return Sign("running" if status == "RUNNING" else "pending")
    if watch.state == "watching":
        leaning = watch.so_far or ""
        if leaning.upper() in BAD:
            return Sign(leaning, so_far=True)
        return Sign("watching", label=f"Watching: {_said(watch)}")
    return Sign(watch.state, so_far=watch.is_watching and watch.state in _NOT_SURE)


def _said(watch: WatchState) -> str:
    """What the latest look says in short: "nothing worse so far", "nothing has been looked at yet"."""
    if watch.waiting:
        return "over, its verdict waits"
    opening = watch.sentence.partition(":")[0].strip(" .")
    if opening == "Nothing is worse so far":
        return "nothing worse so far"
    return opening[:1].lower() + opening[1:]


def progress(watch: WatchState, now: datetime) -> str:
    """Return how far the watch is: "38 of 60 min", "complete, 72 h", "ended by v1.42.1 after 1 h 29 min"."""
    running = next((period for period in _periods(watch) if _is_running(period, now)), None)
    if running:
        return words.progress(now - running.opens_at, running.closes_at - running.opens_at)
    if not watch.initial:
        return {"pending": "not finished yet", "watching": "about to begin"}.get(watch.state, "not watched")
    if watch.superseded_by and watch.ended_at:
        lasted = words.duration(watch.ended_at - watch.initial.opens_at, coarse=True)
        return f"ended by {watch.superseded_by} after {lasted}"
    last = watch.extended or watch.initial
    if watch.ended_at:
        return f"complete, {words.period(last.closes_at - watch.initial.opens_at)}"
    return "over, its verdict waits" if watch.waiting else "about to go on"


def share(period: Period, now: datetime) -> float:
    """Return how much of a period has passed, 0 to 1 in hundredths; of one that was ended, how much it got."""
    until = min(period.ended_at or now, period.closes_at)
    passed = (until - period.opens_at) / (period.closes_at - period.opens_at)
    return round(min(max(passed, 0.0), 1.0), 2)


def needle(watch: WatchState, now: datetime) -> float | None:
    """Return where the period under way stands; None when none is."""
    running = next((period for period in _periods(watch) if _is_running(period, now)), None)
    return share(running, now) if running else None


def has_begun(period: Period, now: datetime) -> bool:
    """Tell whether a period has begun, and was not ended before it could."""
    return period.opens_at <= now and (period.ended_at is None or period.ended_at > period.opens_at)


def track_label(watch: WatchState, now: datetime) -> str:
    """Return the watch track in words, for those who do not see it."""
    told = [_told(period, now) for period in _periods(watch)]
    return " ".join(told) or "Not watched."


def _told(period: Period, now: datetime) -> str:
    name, whole = period.stage.capitalize(), words.period(period.closes_at - period.opens_at)
    if not has_begun(period, now):
        return f"{name} watch of {whole} {'never began' if period.ended_at else 'follows'}."
    until = min(period.ended_at or now, period.closes_at)
    done = words.progress(until - period.opens_at, period.closes_at - period.opens_at)
    return f"{name} watch: {done}{' done' if _is_running(period, now) else ''}."


def _periods(watch: WatchState) -> Sequence[Period]:
    return [period for period in (watch.initial, watch.extended) if period]


def _is_running(period: Period, now: datetime) -> bool:
    return period.is_open and period.opens_at <= now < period.closes_at


@dataclass(frozen=True, slots=True)
class Place:
    """One environment as the headline sees it."""

    name: str
    version: str
    kind: str
    watch: WatchState | None
    down: Sequence[str] = ()
    is_production: bool = False


def headline(places: Sequence[Place]) -> str:
    """Return the sentence that answers "is production healthy?", in one breath."""
    if not places:
        return "Nothing has been deployed yet."
    place = next((place for place in places if place.is_production), places[0])
    name = place.name[:1].upper() + place.name[1:]
    if place.down:
        return f"{name} is not well: {_down(place.down)}."
    if place.watch is None:
        return f"Nothing has been deployed to {place.name} yet."
    return _state_sentence(name, place, place.watch)


def _down(names: Sequence[str]) -> str:
    return (
        f"{names[0]} is down" if len(names) == 1 else f"{names[0]} and {words.plural(len(names) - 1, 'other')} are down"
    )


def _state_sentence(name: str, place: Place, watch: WatchState) -> str:
    what = "a rollback" if place.kind == "ROLLBACK" else place.version
    if watch.state == "watching":
        return f"{name} is being watched after {what}. {_leaning(watch)}"
    sentences = {
        "healthy": f"{name} is healthy after {what}.",
        "degraded": f"{name} got worse with {what}.",
        "failed": f"{name} failed its watch after {what}.",
        "inconclusive": f"{name} could not be judged after {what}: too little was measured.",
        "blind": f"{name} was not measured after {what}: nobody knows how it is.",
        "superseded": f"{name} runs {place.version}, which was replaced before it could be judged.",
        "not_watched": f"{name} runs {place.version}, which was reported too late to be watched.",
    }
    sentence = sentences.get(watch.state, f"{name} runs {place.version}.")
    return f"{sentence} The watch goes on." if watch.is_watching else sentence


def _leaning(watch: WatchState) -> str:
    sentences = {"degraded": "It looks worse so far.", "failed": "It looks bad so far."}
    opening = watch.sentence.partition(":")[0].strip(" .")
    return sentences.get(watch.so_far or "", f"{opening}.")
