"""Tables as CSV (RFC 4180) that a spreadsheet opens as numbers and text, never as formulas."""

import csv
import io
from collections.abc import Iterable, Sequence

#: A cell that begins so is taken for a formula by spreadsheets (OWASP, CSV injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe(cell: object) -> object:
    """Return a text that could be a formula with an apostrophe before it; numbers and harmless texts as they are."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def to_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as text; None is an empty cell, numbers are written in full."""
    page = io.StringIO()
    writer = csv.writer(page)
    writer.writerow([safe(cell) for cell in header])
    writer.writerows([[safe(cell) for cell in row] for row in rows])
    return page.getvalue()
