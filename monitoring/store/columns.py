"""PURE: samples of many series as three columns, and of one series as two: sorted, without repeats, cut up."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from monitoring.store.shapes import Floats, Ints, Microseconds

_LARGEST = 1 << 62


class Line(NamedTuple):
    """Samples of one series; of two at one time the first counts."""

    times: Microseconds
    values: Floats


class Table(NamedTuple):
    """Samples of many series."""

    series: Ints
    times: Microseconds
    values: Floats

    def pick(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice) -> "Table":
        """Return some of the rows."""
        return Table(self.series[which], self.times[which], self.values[which])


NO_LINE = Line(np.empty(0, np.int64), np.empty(0))
NO_TABLE = Table(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def joined(tables: Sequence[Table]) -> Table:
    """Return all rows of `tables`, one after the other."""
    if len(tables) == 1:
        return tables[0]
    return Table(*(np.concatenate(column) for column in zip(*tables, strict=True))) if tables else NO_TABLE


def tidy_line(parts: Sequence[Line]) -> Line:
    """Return the samples of `parts` in the order of time; where two have one time, that of the earlier part."""
    if not parts:
        return NO_LINE
    times, values = parts[0] if len(parts) == 1 else (np.concatenate(column) for column in zip(*parts, strict=True))
    if (times[1:] > times[:-1]).all():
        return Line(times, values)
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    is_new = np.concatenate([[True], times[1:] != times[:-1]])
    return Line(times[is_new], values[is_new])


def tidy_table(table: Table) -> Table:
    """Return the rows in the order of series and time; where two are of one series and time, the first of them."""
    if not len(table.series):
        return table
    table = table.pick(_order(table))
    is_new = np.empty(len(table.series), bool)
    is_new[0] = True
    is_new[1:] = (table.times[1:] != table.times[:-1]) | (table.series[1:] != table.series[:-1])
    return table if is_new.all() else table.pick(is_new)


def pieces(table: Table, *keys: Ints) -> Iterator[Table]:
    """Cut a table wherever one of `keys`, columns as long as it, changes from one row to the next."""
    if not len(table.series):
        return
    changes = np.zeros(len(table.series) - 1, bool)
    for key in keys:
        changes |= key[1:] != key[:-1]
    cuts = [0, *(np.flatnonzero(changes) + 1).tolist(), len(table.series)]
    for begin, end in itertools.pairwise(cuts):
        yield table.pick(slice(begin, end))


def lines(table: Table) -> dict[int, Line]:
    """Return the samples of each series of a tidy table."""
    return {int(piece.series[0]): Line(piece.times, piece.values) for piece in pieces(table, table.series)}


def _order(table: Table) -> npt.NDArray[np.intp]:
    """The stable order by series and time; by one key where both fit into it, which is twice as fast."""
    least, earliest = int(table.series.min()), int(table.times.min())
    span = int(table.times.max()) - earliest + 1
    if (int(table.series.max()) - least + 1) * span < _LARGEST:
        return np.argsort((table.series - least) * span + (table.times - earliest), kind="stable")
    return np.lexsort((table.times, table.series))
