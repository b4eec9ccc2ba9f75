"""What each state looks like: a tone, a glyph and a word. The word is first, the glyph's shape second, colour third."""

from typing import NamedTuple

from django.utils.safestring import SafeString


class Look(NamedTuple):
    """How one state is shown: tone is the CSS class without "is-", glyph a key of GLYPHS."""

    tone: str
    glyph: str
    word: str


def _glyph(inner: str) -> SafeString:
    return SafeString(f'<svg class="g" viewBox="0 0 16 16" aria-hidden="true">{inner}</svg>')


def _bars(filled: int) -> SafeString:
    solid, hollow = 'fill="currentColor"', 'fill="none" stroke="currentColor" stroke-opacity=".55"'
    sizes = ((1, 10, 5), (6, 6, 9), (11, 2, 13))
    return _glyph(
        "".join(
            f'<rect x="{x}" y="{y}" width="3.6" height="{height}" rx="1" {solid if index < filled else hollow}/>'
            for index, (x, y, height) in enumerate(sizes)
        )
    )


def _pie(slice_path: str, *, dashed: bool = False) -> SafeString:
    dash = ' stroke-dasharray="2 2"' if dashed else ""
    ring = f'<circle cx="8" cy="8" r="6.4" fill="none" stroke="currentColor" stroke-width="1.6"{dash}/>'
    return _glyph(ring + (f'<path d="{slice_path}" fill="currentColor"/>' if slice_path else ""))


GLYPH_PATHS = {
    "circle": '<circle cx="8" cy="8" r="7.2" fill="currentColor"/><path class="k" d="M4.7 8.3l2.2 2.2 4.4-4.7"/>',
    "triangle": (
        '<path d="M8 1.2 15.3 14.4H.7z" fill="currentColor" stroke="currentColor" stroke-linejoin="round"/>'
        '<path class="k" d="M8 6v3.6M8 12.2v.05"/>'
    ),
    "octagon": (
        '<path d="M4.9.8h6.2l4.1 4.1v6.2l-4.1 4.1H4.9L.8 11.1V4.9z" fill="currentColor"/>'
        '<path class="k" d="M5.5 5.5l5 5M10.5 5.5l-5 5"/>'
    ),
    "diamond": (
        '<path d="M8 .4 15.6 8 8 15.6.4 8z" fill="currentColor"/>'
        '<path class="k" d="M6.2 6.3a1.8 1.8 0 1 1 2.7 1.5c-.6.4-.9.7-.9 1.4M8 11.5v.05"/>'
    ),
    "ring": (
        '<circle cx="8" cy="8" r="6.4" fill="none" stroke="currentColor" stroke-width="1.7"'
        ' stroke-dasharray="2.6 2.2"/>'
        '<path d="M3 13 13 3" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round"/>'
    ),
    "pie": (
        '<circle cx="8" cy="8" r="6.6" fill="none" stroke="currentColor" stroke-width="1.6"/>'
        '<path d="M8 8V3.6A4.4 4.4 0 1 1 4.2 10.2z" fill="currentColor"/>'
    ),
    "waiting": (
        '<circle cx="8" cy="8" r="6.6" fill="none" stroke="currentColor" stroke-width="1.6"/>'
        '<path d="M8 4.4V8l2.4 1.6" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"/>'
    ),
    "passed": (
        '<circle cx="8" cy="8" r="6.6" fill="none" stroke="currentColor" stroke-width="1.6"/>'
        '<path d="M5 8h5.4M8.2 5.6 10.6 8l-2.4 2.4" fill="none" stroke="currentColor" stroke-width="1.5"/>'
    ),
    "stopped": (
        '<circle cx="8" cy="8" r="6.6" fill="none" stroke="currentColor" stroke-width="1.6"/>'
        '<path d="M5.2 8h5.6" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"/>'
    ),
    "done": (
        '<circle cx="8" cy="8" r="6.6" fill="none" stroke="currentColor" stroke-width="1.6"/>'
        '<path d="M5.2 8.2l2 2 3.7-4" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"/>'
    ),
}
GLYPHS = {name: _glyph(inner) for name, inner in GLYPH_PATHS.items()}

WATCHING = Look("watch", "pie", "Watching")
STATES = {
    "HEALTHY": Look("healthy", "circle", "Healthy"),
    "DEGRADED": Look("degraded", "triangle", "Degraded"),
    "FAILED": Look("failed", "octagon", "Failed"),
    "INCONCLUSIVE": Look("unsure", "diamond", "Inconclusive"),
    "BLIND": Look("blind", "ring", "Blind"),
    "WATCHING": WATCHING,
    "PENDING": Look("plain", "waiting", "Pending"),
    "SUPERSEDED": Look("plain", "passed", "Superseded"),
    "CANCELLED": Look("plain", "stopped", "Cancelled"),
    "NOT_DEPLOYED": Look("plain", "stopped", "Not deployed"),
    "NOT_WATCHED": Look("blind", "ring", "Not watched"),
    "RUNNING": Look("watch", "pie", "Running"),
    "SUCCEEDED": Look("plain", "done", "Succeeded"),
    "UP": Look("healthy", "circle", "Up"),
    "SLOW": Look("degraded", "triangle", "Slow"),
    "DOWN": Look("failed", "octagon", "Down"),
    "UNKNOWN": Look("blind", "ring", "Unknown"),
    "PAUSED": Look("blind", "ring", "Paused"),
    "FIRING": Look("failed", "octagon", "Firing"),
    "QUIET": Look("healthy", "circle", "Quiet"),
    "NO_DATA": Look("blind", "ring", "No data"),
    "BROKEN": Look("unsure", "diamond", "Cannot be judged"),
    "NEW": Look("plain", "waiting", "Not judged yet"),
    "RESOLVED": Look("plain", "done", "Resolved"),
}
FINDINGS = {
    "FAILED": STATES["FAILED"],
    "REGRESSED": Look("degraded", "triangle", "Regressed"),
    "IMPROVED": Look("healthy", "circle", "Improved"),
    "INCONCLUSIVE": STATES["INCONCLUSIVE"],
    "NO_DATA": Look("blind", "ring", "Not watched"),
}
SEVERITIES = {
    "CRITICAL": ("failed", _bars(3), "Critical"),
    "MAJOR": ("degraded", _bars(2), "Major"),
    "MINOR": ("plain", _bars(1), "Minor"),
}
STATUSES = {
    "IDENTIFIED": (_pie("", dashed=True), "Identified"),
    "ASSESSED": (_pie("M8 8V4a4 4 0 0 1 4 4z"), "Assessed"),
    "ASSIGNED": (_pie("M8 4a4 4 0 0 1 0 8z"), "Assigned"),
    "RESOLVED": (_pie("M8 8V4a4 4 0 1 1-4 4z"), "Resolved"),
    "VERIFIED": (GLYPHS["circle"], "Verified"),
}
TONES = frozenset({"healthy", "degraded", "failed", "unsure", "blind", "watch", "plain"})


def state_look(value: str, *, so_far: bool) -> Look:
    """Return the look of a state in either case; a state so far is never shown as healthy, only as being watched."""
    name = str(value).upper()
    if name not in STATES:
        raise ValueError(f"unknown state {value!r}; one of {', '.join(STATES).lower()}")
    return WATCHING if so_far and name == "HEALTHY" else STATES[name]
