"""A query that comes with every request is planned once for each connection: planning may cost more than the answer."""

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from django.db import InterfaceError, OperationalError, ProgrammingError, connection

# What is prepared on each of psycopg2's own connections; they come and go below Django's.
INVALID_STATEMENT_NAME = "26000"
_prepared: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


class Prepared:
    """A query with places $1, $2 …; `name` is its own among all."""

    def __init__(self, name: str, types: Sequence[str], query: str) -> None:
        self.name = name
        self._prepare = f"PREPARE {name}({', '.join(types)}) AS {query}"
        self._execute = f"EXECUTE {name}({', '.join(['%s'] * len(types))})"

    def first_row(self, arguments: Sequence[Any]) -> tuple[Any, ...] | None:
        """Return the first row of the answer, None when there is none.

        The query itself finds out whether the connection still lives; outside a transaction it is then made anew, and
        so is a statement that somebody between us and the database has forgotten.
        """
        connection.health_check_done = True  # type: ignore[attr-defined]
        for is_last in (connection.in_atomic_block, True):
            try:
                return self._ask(arguments)
            except (OperationalError, InterfaceError):
                if is_last:
                    raise
                connection.close()
            except ProgrammingError as error:
                if is_last or getattr(error.__cause__, "pgcode", "") != INVALID_STATEMENT_NAME:
                    raise
                _prepared.clear()
        return None

    def _ask(self, arguments: Sequence[Any]) -> tuple[Any, ...] | None:
        with connection.cursor() as cursor:
            known = _prepared.setdefault(connection.connection, set())
            if self.name not in known:
                cursor.execute(self._prepare)
                known.add(self.name)
            cursor.execute(self._execute, arguments)
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row
