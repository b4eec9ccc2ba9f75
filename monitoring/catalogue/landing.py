"""PURE: in which metric of the catalogue a name lands, and what a number is in another unit."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from monitoring.catalogue.known import CATALOGUE, Alias, Known

SUM, COUNT = "_sum", "_count"

# Units, each with the one that it is measured in and how many of those it is.
_UNITS = {
    "ns": ("s", 1e-9), "us": ("s", 1e-6), "µs": ("s", 1e-6), "ms": ("s", 1e-3), "s": ("s", 1.0),
    "min": ("s", 60.0), "h": ("s", 3600.0),
    "bytes": ("bytes", 1.0), "By": ("bytes", 1.0), "B": ("bytes", 1.0),
    "kB": ("bytes", 1e3), "MB": ("bytes", 1e6), "GB": ("bytes", 1e9),
    "KiB": ("bytes", 1024.0), "MiB": ("bytes", 1024.0**2), "GiB": ("bytes", 1024.0**3),
    "1": ("1", 1.0), "%": ("1", 0.01), "percent": ("1", 0.01),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Landing:
    """Where a name lands: in `known`, by `alias`."""

    known: Known
    alias: Alias


def landing(metric: str, labels: Mapping[str, str]) -> Landing | None:
    """Return where the samples of a series belong in the catalogue; None when it is a metric of its own."""
    return next((found for found in _BY_NAME.get(metric, ()) if found.alias.fits(labels)), None)


def mean_of(metric: str) -> tuple[str, Landing] | None:
    """Return the family of a histogram's `_count` or `_sum` with where its average lands; None for anything else."""
    for end in (COUNT, SUM):
        family = metric.removesuffix(end)
        if family != metric and (found := _MEANS.get(family)):
            return family, found
    return None


def factor(unit: str, wanted: str) -> float | None:
    """Return what a number in `unit` is to be multiplied by to be in `wanted`; None when there is no such number."""
    if unit == wanted:
        return 1.0
    (base, size), (wanted_base, wanted_size) = _UNITS.get(unit, ("", 1.0)), _UNITS.get(wanted, ("", 1.0))
    if not base or base != wanted_base:
        return None
    # 1 s is 1000 ms exactly, and 1 / 0.001 is not.
    times = size / wanted_size
    return round(times) if times >= 1 and abs(times - round(times)) < 1e-6 else times


def _index() -> tuple[dict[str, list[Landing]], dict[str, Landing]]:
    plain: dict[str, list[Landing]] = defaultdict(list)
    means: dict[str, Landing] = {}
    for known in CATALOGUE:
        for alias in known.aliases:
            if alias.is_mean:
                means[alias.name] = Landing(known, alias)
            else:
                plain[alias.name].append(Landing(known, alias))
    return dict(plain), means


_BY_NAME, _MEANS = _index()
