"""Copies of a server's workspace in DuckDB files, for long reads, people's SQL, and backups.

Rows are transferred as CSV, which both sides handle at full speed; types that CSV cannot represent are encoded.
"""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import duckdb

from wsq.errors import WorkspaceError
from wsq.files import Files
from wsq.store.duckdb import instance
from wsq.store.duckdb.cursor import DuckCursor
from wsq.store.duckdb.snapshot import finalize, published, remove_database
from wsq.store.engine import Parameters, ReadingCursor, Schema
from wsq.store.folders import OwnFolder, remove_abandoned
from wsq.store.postgres.cursor import Connection

View = Callable[[], AbstractContextManager[tuple[Connection, str]]]
"""Gives a view of everything committed, and what stands for the last change in it."""

_SENT = {
    "VARCHAR[]": "array_to_json({})::TEXT",
    "INTERVAL": "(extract(epoch FROM {}) * 1000000)::BIGINT",
    "BLOB": "encode({}, 'hex')",
    "TIMESTAMP WITH TIME ZONE": "epoch_us({})",
}
"""SQL with which the server encodes a column, by DuckDB type."""

_READ = {
    "VARCHAR[]": ("VARCHAR", "CAST(CAST({} AS JSON) AS VARCHAR[])"),
    "INTERVAL": ("BIGINT", "to_microseconds({})"),
    "BLOB": ("VARCHAR", "unhex({})"),
    "TIMESTAMP WITH TIME ZONE": ("BIGINT", "make_timestamptz({})"),
}
"""The CSV type of an encoded column, and the SQL with which DuckDB decodes it."""

_NAME = re.compile(r"[a-z_]+")

_ALL = re.compile(r"(?:SELECT|DISTINCT|,|\.)\s*\*|^\s*FROM", re.IGNORECASE)
"""Queries all columns without naming them."""

_CHANGED = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|(?:ALTER|DROP) TABLE(?: IF EXISTS)?) (\w+)")
"""Changes a table. Temporary tables of the query's own are allowed."""

_HOME = "wsq-copies-"
"""The prefix of the copies' folders in the system's folder for temporary files."""

_AT_ONCE = 64 << 20
"""DuckDB's read buffer in bytes, which must hold a row: texts have at most a million characters."""


class Copies:
    """One engine's copies, in a folder that is deleted with it. The last ones are reused until something changes."""

    def __init__(self, view: View, schema: Schema, files: Files) -> None:
        self._files = files
        self._view = view
        self._schema = schema
        self._lock = threading.Lock()
        self._home: OwnFolder | None = None
        self._made = 0
        self._tables: _TableCopy | None = None
        self._whole: _Whole | None = None

    @contextmanager
    def tables(self) -> Iterator[ReadingCursor]:
        """A view in DuckDB; each table is copied when a query first names it."""
        with self._view() as (connection, last):
            with self._lock:
                if self._tables is None or self._tables.last != last:
                    _close_if_unused(self._tables)
                    self._tables = _TableCopy(self._fresh(), last, self._schema)
                copy = self._tables
                copy.users += 1
            try:
                with copy.lock:
                    cursor = _TableCopyCursor(copy, connection)
                    try:
                        yield cursor
                    finally:
                        cursor.end()
            finally:
                with self._lock:
                    copy.users -= 1
                    if copy is not self._tables:
                        _close_if_unused(copy)

    @contextmanager
    def whole(self) -> Iterator[Path]:
        """A file with everything, which can be attached and opened as a workspace."""
        with self._view() as (connection, last), self._lock:
            if self._whole is None or self._whole.last != last:
                path = self._fresh()
                _write_whole(connection, path, self._schema)
                _close_if_unused(self._whole)
                self._whole = _Whole(path, last)
            whole = self._whole
            whole.users += 1
        try:
            yield whole.path
        finally:
            with self._lock:
                whole.users -= 1
                if whole is not self._whole:
                    _close_if_unused(whole)

    def write_to(self, target: Path) -> None:
        """Write the same to `target`, which must not exist."""
        with published(target, self._files) as part:
            with self._view() as (connection, _):
                _write_whole(connection, part, self._schema)
            finalize(part, self._files.mode)

    def forget(self) -> None:
        """Remove every copy, those in use as soon as they are unused."""
        remove_abandoned(Path(tempfile.gettempdir()), _HOME)
        with self._lock:
            _close_if_unused(self._tables)
            _close_if_unused(self._whole)
            self._tables = self._whole = None

    def dispose(self) -> None:
        """Remove every copy."""
        with self._lock:
            _close_if_unused(self._tables)
            self._tables = self._whole = None
            if self._home is not None:
                self._home.remove()
                self._home = None

    def _fresh(self) -> Path:
        if self._home is None:
            remove_abandoned(Path(tempfile.gettempdir()), _HOME)
            self._home = OwnFolder(Path(tempfile.gettempdir()), _HOME)
        self._made += 1
        return self._home.path / f"{self._made}.duckdb"


class _Whole:
    def __init__(self, path: Path, last: str) -> None:
        self.path, self.last, self.users = path, last, 0

    def close(self) -> None:
        remove_database(self.path)


class _TableCopy:
    """A DuckDB file with tables as of one change."""

    def __init__(self, path: Path, last: str, schema: Schema) -> None:
        self.path, self.last, self.users = path, last, 0
        self.lock = threading.RLock()
        self.connection = instance.connect(instance.THREADS, spill=path.parent / "spill", folder=path.parent)
        self.connection.execute(f"ATTACH ':memory:' AS {instance.ALIAS}; USE {instance.ALIAS}")
        _make(self.connection, schema)
        self.tables = _columns(self.connection)
        self.connection.execute(f"USE memory; DETACH {instance.ALIAS}")
        self.connection.execute(f"ATTACH {instance.quoted(path)} AS {instance.ALIAS} (TYPE duckdb)")
        self.connection.execute(f"USE {instance.ALIAS}")
        self.there: dict[str, set[str]] = {}

    def close(self) -> None:
        self.connection.close()
        remove_database(self.path)


class _TableCopyCursor:
    """Queries a copy, and adds missing columns of tables from the server.

    Tables there have no keys: creating those of a million rows takes longer than copying the rows.
    """

    def __init__(self, copy: _TableCopy, connection: Connection) -> None:
        self._copy = copy
        self._connection = connection
        self._cursor = DuckCursor(copy.connection, "a copy of the workspace")

    def query(self, sql: str, parameters: Parameters = ()) -> list[tuple[object, ...]]:
        """Return all rows of one statement."""
        self._add_columns(sql)
        return self._cursor.query(sql, parameters)

    def batches(self, sql: str, size: int, parameters: Parameters = ()) -> Iterator[list[tuple[object, ...]]]:
        """Yield the rows of one statement, `size` at a time."""
        self._add_columns(sql)
        return self._cursor.batches(sql, size, parameters)

    def end(self) -> None:
        """Refuse further statements."""
        self._cursor.end()

    def _add_columns(self, sql: str) -> None:
        changed = _CHANGED.match(sql)
        if changed is not None and changed[1] in self._copy.tables:
            raise WorkspaceError("A snapshot is read-only; changes need a write transaction.")
        words = set(_NAME.findall(sql))
        for table in sorted(self._copy.tables.keys() & words):
            kinds, there = self._copy.tables[table], self._copy.there.get(table, set())
            named = set(kinds) if _ALL.search(sql) else {next(iter(kinds)), *(kinds.keys() & words)}
            if named <= there:
                continue
            wanted = {column: kind for column, kind in kinds.items() if column in named | there}
            with _sent(self._connection, table, wanted, self._copy.path.parent) as rows:
                self._copy.connection.execute(f"CREATE OR REPLACE TABLE {table} AS {rows}")
            self._copy.there[table] = set(wanted)


def _close_if_unused(copy: _TableCopy | _Whole | None) -> None:
    if copy is not None and not copy.users:
        copy.close()


def _make(duck: duckdb.DuckDBPyConnection, schema: Schema) -> None:
    """Create the tables, empty."""
    schema.create(DuckCursor(duck, "a copy"))
    duck.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
    for table in _columns(duck):
        duck.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of wsq's schema


def _write_whole(connection: Connection, path: Path, schema: Schema) -> None:
    """Create a workspace's DuckDB file, with everything in it."""
    duck = instance.connect(instance.THREADS, spill=path.parent, folder=path.parent)
    try:
        duck.execute(f"ATTACH {instance.quoted(path)} AS {instance.ALIAS} (TYPE duckdb)")
        duck.execute(f"USE {instance.ALIAS}")
        _make(duck, schema)
        for table, columns in _columns(duck).items():
            with _sent(connection, table, columns, path.parent) as rows:
                duck.execute(f"INSERT INTO {table} ({', '.join(columns)}) {rows}")
        duck.execute(f"CHECKPOINT {instance.ALIAS}")
        duck.execute("USE memory")
        duck.execute(f"DETACH {instance.ALIAS}")
    finally:
        duck.close()


@contextmanager
def _sent(connection: Connection, table: str, columns: dict[str, str], folder: Path) -> Iterator[str]:
    """Copy these columns of a table to a file; gives the DuckDB query that reads it."""
    sent = ", ".join(f"{_SENT.get(kind, '{}').format(name)} AS {name}" for name, kind in columns.items())
    decoded = {name: _READ.get(kind, (kind, "{}")) for name, kind in columns.items()}
    texts = ", ".join(name for name, (kind, _) in decoded.items() if kind == "VARCHAR")
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".csv") as file:
        with connection.cursor().copy(
            f"COPY (SELECT {sent} FROM {table}) TO STDOUT (FORMAT csv, NULL '\\N'"  # noqa: S608
            f"{f', FORCE_QUOTE ({texts})' if texts else ''})"
        ) as copy:
            for chunk in copy:
                file.write(chunk)
        file.flush()
        room = max(1 << 16, min(file.tell() + 1, _AT_ONCE))
        read = ", ".join(f"{back.format(name)} AS {name}" for name, (_, back) in decoded.items())
        kinds = ", ".join(f"'{name}': '{kind}'" for name, (kind, _) in decoded.items())
        yield f"""SELECT {read} FROM read_csv(
            {instance.quoted(file.name)}, columns={{{kinds}}}, header=false, delim=',', quote='"', escape='"',
            nullstr='\\N', allow_quoted_nulls=false, auto_detect=false, parallel=false,
            new_line='\\n', max_line_size={room - 1}, buffer_size={room})"""  # noqa: S608


def _columns(duck: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Return the column types of all tables of the copy."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in duck.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = $1"
        " ORDER BY table_name, column_index",
        [instance.ALIAS],
    ).fetchall():
        found.setdefault(table, {})[column] = kind
    return found
