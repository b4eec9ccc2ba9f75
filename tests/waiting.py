"""Waiting in tests: for a condition with a deadline, never for a time."""

import time


def until(condition, seconds=30.0, what="the condition"):
    """Return the first true value of `condition()`; fail with `what` if it takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.02)
    return value
