"""PURE: what one fetch brought, in figures and in words."""

from dataclasses import dataclass

from monitoring.formats.batch import Batch
from postdeploy.lib.http import Outcome


@dataclass(frozen=True, slots=True)
class Pulled:
    """`batch` is what is to be stored; `offered` and `dropped` count samples before and without the rules.

    `problem` is a sentence when something went wrong, with or without a batch beside it. `is_answered` is False when
    nothing came at all: then the same stretch of time is worth asking for again.
    """

    batch: Batch | None = None
    offered: int = 0
    dropped: int = 0
    problem: str = ""
    is_answered: bool = False


def fetch_problem(outcome: Outcome) -> str:
    """Return why there is no usable answer, as a sentence; empty when there is one."""
    if outcome.failure is not None:
        return f"Nothing came: {outcome.detail}."
    status = outcome.status or 0
    if status == 401:
        return "The target wants somebody to sign in (401): enter a token, or a user and a password."
    if status == 403:
        return "The target refuses this sign-in (403)."
    if status == 404:
        return "There is nothing at this address (404)."
    if 300 <= status < 400:
        return f"The target sends us elsewhere ({status}): enter the address it leads to."
    return "" if 200 <= status < 300 else f"The target answered {status}."
