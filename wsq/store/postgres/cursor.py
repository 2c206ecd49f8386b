"""The cursor on a PostgreSQL connection."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.adapt import Loader, Transformer

from wsq.store.cursors import CursorBase
from wsq.store.engine import Parameters
from wsq.store.postgres.faults import explained

if TYPE_CHECKING:
    from psycopg.abc import Buffer

Connection = psycopg.Connection[tuple[Any, ...]]

COLLATION = "pg_c_utf8"
"""Text is ordered by code point, as in DuckDB, and `lower` handles all letters."""

INDEXES = {
    "recurring_tasks": ("(next_execution_at) WHERE next_execution_at IS NOT NULL", "(store_id)"),
    "task_executions": (
        "(recurring_task_id, seq)",
        "(recurring_task_id, started_at)",
        "(store_id, seq)",
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
"""Created with a table: PostgreSQL reads rows, where DuckDB scans columns."""

READING = "LOCK TABLE schema_version IN ACCESS SHARE MODE"
"""The first statement of a read, before its view is fixed: a table that is dropped and created again during a read
would look empty, and a table in use would block the drop, a deadlock."""

_ALONE = "LOCK TABLE schema_version IN ACCESS EXCLUSIVE MODE"
"""Waits for all reads to end, and blocks new ones."""

_MADE = re.compile(r"CREATE TABLE (\w+)")
_MARK = re.compile(rb"\$(\d+)")
_TEXT = re.compile(r"\bVARCHAR\b(\[\])?")


class NumberLoader(Loader):
    """Loads sums of integers as integers, as DuckDB does, and other numerics as floats."""

    def load(self, data: Buffer) -> int | float:
        """Return the number."""
        text = bytes(data).decode()
        return float(text) if "." in text or "N" in text else int(text)


class PostgresCursor(CursorBase[Connection]):
    """Runs statements one at a time. Posted statements are sent with the next query, or with the commit."""

    def __init__(self, connection: Connection, place: str, *, undisturbed: bool = False) -> None:
        super().__init__(connection, place, explained)
        self._posted: list[tuple[str, list[Any]]] = []
        self.undisturbed = undisturbed
        self.has_written = False

    def query(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """Return all rows of one statement; instants are in UTC.

        Raises:
            Conflict: A unique constraint is violated.
            WorkspaceError: The database reports an error, or the cursor's block has ended.
        """
        with self._use() as connection:
            self._note(sql)
            posted, self._posted = self._posted, []
            statements = [*posted, *((each, list(parameters) if each == sql else []) for each in _statements(sql))]
            found = run(connection, statements)
            return found.fetchall() if found.description is not None else []

    def post(self, sql: str, parameters: Parameters = ()) -> None:
        """Queue a statement whose rows are not needed. A failure surfaces in the next query or the commit."""
        with self._use():
            self._note(sql)
            self._posted.append((sql, list(parameters)))

    def batches(self, sql: str, size: int, parameters: Parameters = ()) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of one statement, `size` at a time. Run no other meanwhile. Raises as `query` does."""
        self.query("SELECT 1")
        with self._use() as connection:
            cursor = psycopg.RawServerCursor(connection, "wsq_batches")
            cursor.execute(sql, list(parameters) or None)
        try:
            while True:
                with self._use():
                    rows = cursor.fetchmany(size)
                if not rows:
                    return
                yield rows
        finally:
            with suppress(psycopg.Error):
                cursor.close()

    def load(self, table: str, kinds: dict[str, str], columns: Sequence[Sequence[Any]]) -> None:
        """Insert many rows, given as columns. Raises as `query` does."""
        self.query("SELECT 1")
        with self._use() as connection, connection.cursor() as cursor:
            self.has_written = True
            with cursor.copy(f"COPY {table} ({', '.join(kinds)}) FROM STDIN") as copy:
                for row in zip(*columns, strict=True):
                    copy.write_row([list(value) if type(value) is tuple else value for value in row])

    def take_posted(self) -> list[tuple[str, list[Any]]]:
        """Remove and return the queued statements, for the commit."""
        posted, self._posted = self._posted, []
        return posted

    def _note(self, sql: str) -> None:
        self.has_written = self.has_written or not sql.lstrip().startswith(("SELECT", "WITH"))


def run(connection: Connection, statements: Iterable[tuple[str, list[Any]]]) -> psycopg.Cursor[tuple[Any, ...]]:
    """Run statements in one round trip, up to the first that fails; returns the last one's cursor.

    Several statements become one text with their values as literals, quoted by libpq: sending a dozen separately
    takes the client as long as a whole command, even in a pipeline.
    """
    wanted = list(statements)
    if len(wanted) == 1 and wanted[0][1]:
        return connection.execute(*wanted[0])
    spell = Transformer.from_context(connection).as_literal
    text = b"; ".join(placed(sql, spelled(spell, values)) for sql, values in wanted)
    threshold, connection.prepare_threshold = connection.prepare_threshold, None
    try:
        cursor = connection.execute(text)
    finally:  # otherwise psycopg drops all prepared statements, a writer's too, when a table is dropped
        connection.prepare_threshold = threshold
    while cursor.nextset():
        pass
    return cursor


def spelled(spell: Callable[[Any], bytes], values: Iterable[Any]) -> list[bytes]:
    """Return values as SQL literals."""
    return [b"NULL" if value is None else spell(value) for value in values]


def placed(sql: str, literals: Sequence[bytes]) -> bytes:
    """Return a statement with its ``$1``, ``$2``, … replaced by literals."""
    return _MARK.sub(lambda found: literals[int(found[1]) - 1], sql.encode()) if literals else sql.encode()


def _statements(sql: str) -> list[str]:
    """Return a schema statement in PostgreSQL's form, with its indexes; any other unchanged."""
    if sql.startswith("DROP TABLE"):
        return [_ALONE, sql]
    made = _MADE.match(sql)
    if made is None:
        return [sql]
    table = made[1]
    body = _TEXT.sub(lambda found: f"VARCHAR{found[1] or ''} COLLATE {COLLATION}", sql)
    return [body, *(f"CREATE INDEX ON {table} {columns}" for columns in INDEXES.get(table, ()))]
