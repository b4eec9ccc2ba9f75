"""PURE: what is measured: the metrics the process names, under which names they arrive, and guesses for all others."""

from monitoring.catalogue.guessing import Guess, guess
from monitoring.catalogue.known import APPLICATION, BY_KEY, CATALOGUE, PROCESS, TECHNICAL, USER, Alias, Known
from monitoring.catalogue.landing import Landing, factor, landing, mean_of

__all__ = [
    "APPLICATION",
    "BY_KEY",
    "CATALOGUE",
    "PROCESS",
    "TECHNICAL",
    "USER",
    "Alias",
    "Guess",
    "Known",
    "Landing",
    "factor",
    "guess",
    "landing",
    "mean_of",
]
