"""Whether samples are folded into the store's tiers; what waits in its log is safe, but slow to read."""

from monitoring import store
from postdeploy.health import Part

#: Every sample is folded within minutes; one that waits longer means that nobody folds.
FOLD_LATE_SECONDS = 900.0


def samples_waiting() -> Part:
    """How long the oldest row of the log has been waiting to be folded; for `/readyz`."""
    figures = store.figures()
    waits = figures.oldest_waiting_seconds if figures.rows_waiting else 0.0
    if waits <= 0:
        return Part("samples", True, "no samples wait to be folded", 0.0)
    detail = f"the oldest of {figures.samples_waiting:,} samples waits {waits:.0f} s to be folded"
    return Part("samples", waits <= FOLD_LATE_SECONDS, detail, waits)
