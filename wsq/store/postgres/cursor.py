"""A cursor of the port on a PostgreSQL connection."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.adapt import Loader, Transformer

from wsq.store.cursors import Asking
from wsq.store.engine import Parameters
from wsq.store.postgres.faults import explained

if TYPE_CHECKING:
    from psycopg.abc import Buffer

Connection = psycopg.Connection[tuple[Any, ...]]

COLLATION = "pg_c_utf8"
"""Texts are ordered by their code points, as DuckDB orders them, and `lower` knows all letters."""

INDEXES = {
    "recurring_tasks": ("(next_execution_at) WHERE next_execution_at IS NOT NULL", "(store_id)"),
    "task_executions": (
        "(recurring_task_id, started_at)",
        "(store_id, started_at)",
        "(started_at)",
        "(store_id, completed_at)",
    ),
    "execution_steps": ("(execution_id)",),
    "tasks": ("(store_id, status, rank, id) WHERE archived_at IS NULL", "(store_id)"),
    "documents": ("(store_id)",),
    "contacts": ("(store_id)",),
    "dry_runs": ("(store_id, started_at)",),
    "leases": ("(holder)",),
}
"""Made with a table: a server reads rows one by one, where DuckDB goes through columns."""

READING = "LOCK TABLE schema_version IN ACCESS SHARE MODE"
"""What a view begins with, before it is fixed: a table that is dropped and made anew while it is looked at would be
seen as empty, and one that was looked at would keep the other from being dropped, and so wait for each other."""

_ALONE = "LOCK TABLE schema_version IN ACCESS EXCLUSIVE MODE"
"""What waits for all views to end, and keeps others from beginning."""

_MADE = re.compile(r"CREATE TABLE (\w+)")
_MARK = re.compile(rb"\$(\d+)")
_TEXT = re.compile(r"\bVARCHAR\b(\[\])?")


class NumberLoader(Loader):
    """Sums of integers come as integers, as from DuckDB, and other exact numbers as floats."""

    def load(self, data: Buffer) -> int | float:
        """The number."""
        text = bytes(data).decode()
        return float(text) if "." in text or "N" in text else int(text)


class PostgresCursor(Asking[Connection]):
    """Asks one statement after the other; what is posted goes with the next that is asked, or with the commit."""

    def __init__(self, connection: Connection, place: str, *, undisturbed: bool = False) -> None:
        super().__init__(connection, place, explained)
        self._posted: list[tuple[str, list[Any]]] = []
        self.undisturbed = undisturbed
        self.has_written = False

    def query(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """All rows of one statement; instants come as UTC.

        Raises:
            Conflict: a unique constraint stands against it.
            WorkspaceError: the database cannot do it, or the block that the cursor belongs to has ended.
        """
        with self._asked() as connection:
            self._note(sql)
            posted, self._posted = self._posted, []
            statements = [*posted, *((each, list(parameters) if each == sql else []) for each in _statements(sql))]
            found = run(connection, statements)
            return found.fetchall() if found.description is not None else []

    def post(self, sql: str, parameters: Parameters = ()) -> None:
        """Have a statement run whose rows nobody needs; when it fails, the next one or the commit tells."""
        with self._asked():
            self._note(sql)
            self._posted.append((sql, list(parameters)))

    def batches(self, sql: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of one statement, `size` at a time; nothing else is asked meanwhile. Raises as `query` does."""
        self.query("SELECT 1")
        with self._asked() as connection:
            cursor = psycopg.RawServerCursor(connection, "wsq_batches")
            cursor.execute(sql)
        try:
            while True:
                with self._asked():
                    rows = cursor.fetchmany(size)
                if not rows:
                    return
                yield rows
        finally:
            with suppress(psycopg.Error):
                cursor.close()

    def load(self, table: str, kinds: dict[str, str], columns: Sequence[Sequence[Any]]) -> None:
        """Insert many rows, given as columns; raises as `query` does."""
        self.query("SELECT 1")
        with self._asked() as connection, connection.cursor() as cursor:
            self.has_written = True
            with cursor.copy(f"COPY {table} ({', '.join(kinds)}) FROM STDIN") as copy:
                for row in zip(*columns, strict=True):
                    copy.write_row([list(value) if type(value) is tuple else value for value in row])

    def take_posted(self) -> list[tuple[str, list[Any]]]:
        """What was posted and not sent yet, for whoever commits."""
        posted, self._posted = self._posted, []
        return posted

    def _note(self, sql: str) -> None:
        self.has_written = self.has_written or not sql.lstrip().startswith(("SELECT", "WITH"))


def run(connection: Connection, statements: Iterable[tuple[str, list[Any]]]) -> psycopg.Cursor[tuple[Any, ...]]:
    """Run statements in one trip to the server, up to the first that fails; returns the last one's cursor.

    Several are one text with their values as literals in it, which libpq quotes: to send a dozen statements apart
    takes this side as long as a whole command, also in a pipeline.
    """
    wanted = list(statements)
    if len(wanted) == 1 and wanted[0][1]:
        return connection.execute(*wanted[0])
    spell = Transformer.from_context(connection).as_literal
    text = b"; ".join(placed(sql, spelled(spell, values)) for sql, values in wanted)
    threshold, connection.prepare_threshold = connection.prepare_threshold, None
    try:
        cursor = connection.execute(text)
    finally:  # else psycopg gives up all that is prepared, also what a pen goes by, where a table is dropped
        connection.prepare_threshold = threshold
    while cursor.nextset():
        pass
    return cursor


def spelled(spell: Callable[[Any], bytes], values: Iterable[Any]) -> list[bytes]:
    """Values as literals."""
    return [b"NULL" if value is None else spell(value) for value in values]


def placed(sql: str, literals: Sequence[bytes]) -> bytes:
    """A statement with literals in the place of its ``$1``, ``$2``, …."""
    return _MARK.sub(lambda found: literals[int(found[1]) - 1], sql.encode()) if literals else sql.encode()


def _statements(sql: str) -> list[str]:
    """A statement of the schema as this server wants it, with its indexes; any other as it is."""
    if sql.startswith("DROP TABLE"):
        return [_ALONE, sql]
    made = _MADE.match(sql)
    if made is None:
        return [sql]
    table = made[1]
    body = _TEXT.sub(lambda found: f"VARCHAR{found[1] or ''} COLLATE {COLLATION}", sql)
    return [body, *(f"CREATE INDEX ON {table} {columns}" for columns in INDEXES.get(table, ()))]
