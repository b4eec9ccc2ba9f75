"""A long list in sheets: the rows of one, and where it lies in the whole; for lists that are counted anyway."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Row = TypeVar("Row")


@dataclass(frozen=True)
class Sheet(Generic[Row]):
    """One sheet of a list: its rows, its number from 1 on, how many sheets and rows there are in all."""

    rows: Sequence[Row]
    number: int
    sheets: int
    total: int
    size: int

    @property
    def first(self) -> int:
        """The place of its first row in the whole list, from 1 on; 0 of an empty list."""
        return (self.number - 1) * self.size + 1 if self.total else 0

    @property
    def last(self) -> int:
        """The place of its last row."""
        return min(self.number * self.size, self.total)

    @property
    def before(self) -> int | None:
        """The number of the sheet before it."""
        return self.number - 1 if self.number > 1 else None

    @property
    def after(self) -> int | None:
        """The number of the sheet after it."""
        return self.number + 1 if self.number < self.sheets else None


def sheet_of(rows: Sequence[Row], wanted: str, size: int) -> Sheet[Row]:
    """Return the sheet of `rows` whose number somebody wrote; the nearest one there is, the first for no number."""
    sheets = max(-(-len(rows) // size), 1)
    is_number = wanted.isascii() and wanted.isdigit() and len(wanted) < 10
    number = min(max(int(wanted), 1), sheets) if is_number else 1
    return Sheet(rows[(number - 1) * size : number * size], number, sheets, len(rows), size)
