"""Going through rows so that one bad row never stops the others."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

logger = logging.getLogger(__name__)
Row = TypeVar("Row")


def each(rows: Iterable[Row], work: Callable[[Row], bool], *, name: str) -> int:
    """Do `work` for each of `rows` and return how often it was True, which means that something was done.

    A row whose work raises is logged and left for the next run. A lost database is everybody's fault: it ends the run.
    """
    done = 0
    for row in rows:
        try:
            done += bool(work(row))
        except Exception as error:
            if isinstance(error, OperationalError | InterfaceError) and not _is_connected():
                raise
            logger.exception("%s: left for the next run: %r", name, row)
    return done


def _is_connected() -> bool:
    """Tell a lost database from one row's lock, deadlock or time-out."""
    return connection.connection is not None and connection.is_usable()
