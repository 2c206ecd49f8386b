"""Copies of a workspace on a server in DuckDB files: for questions that take long, for SQL of people's own, to keep.

Texts travel as CSV, which both read and write at full speed; what CSV has no shape for is spelled so that each side
makes the same of it.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import duckdb

from wsq.errors import WorkspaceError
from wsq.store.duckdb import instance
from wsq.store.duckdb.cursor import DuckCursor
from wsq.store.duckdb.snapshot import not_overwritten, part_of, publish, remove_database, settle
from wsq.store.engine import Parameters, ReadingCursor, Schema
from wsq.store.postgres.cursor import Connection

View = Callable[[], AbstractContextManager[tuple[Connection, int]]]
"""Gives a view of everything that is committed, and the number of the last change that it shows."""

_SENT = {
    "VARCHAR[]": "array_to_json({})::TEXT",
    "INTERVAL": "(extract(epoch FROM {}) * 1000000)::BIGINT",
    "BLOB": "encode({}, 'hex')",
    "TIMESTAMP WITH TIME ZONE": "epoch_us({})",
}
"""How a column is spelled by the server, by its type, where it is not as it is."""

_READ = {
    "VARCHAR[]": ("VARCHAR", "CAST(CAST({} AS JSON) AS VARCHAR[])"),
    "INTERVAL": ("BIGINT", "to_microseconds({})"),
    "BLOB": ("VARCHAR", "unhex({})"),
    "TIMESTAMP WITH TIME ZONE": ("BIGINT", "make_timestamptz({})"),
}
"""And as what DuckDB reads it, and makes of it what it was."""

_NAME = re.compile(r"[a-z_]+")

_ALL = re.compile(r"(?:SELECT|DISTINCT|,|\.)\s*\*|^\s*FROM", re.IGNORECASE)
"""What asks for all columns without naming them."""

_CHANGED = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|(?:ALTER|DROP) TABLE(?: IF EXISTS)?) (\w+)")
"""What changes a table; a study may make some for itself."""

_HOME = "wsq-copies-"
"""How the folders of copies are called, among those that the system keeps for what is temporary."""

_AT_ONCE = 64 << 20
"""Bytes that DuckDB reads at a time, in which a row must fit: texts have a million characters at the most."""


class Copies:
    """One engine's copies, in a folder that goes with it. The last ones are used again while nothing changes."""

    def __init__(self, view: View, schema: Schema) -> None:
        self._view = view
        self._schema = schema
        self._lock = threading.Lock()
        self._home: _Home | None = None
        self._made = 0
        self._study: _Study | None = None
        self._whole: _Whole | None = None

    @contextmanager
    def at_present(self) -> Iterator[ReadingCursor]:
        """A view in DuckDB, to which each table is brought when a question first names it."""
        with self._view() as (connection, last):
            with self._lock:
                if self._study is None or self._study.last != last:
                    _let_go(self._study)
                    self._study = _Study(self._fresh(), last, self._schema)
                study = self._study
                study.users += 1
            try:
                with study.lock:
                    cursor = _StudyCursor(study, connection)
                    try:
                        yield cursor
                    finally:
                        cursor.end()
            finally:
                with self._lock:
                    study.users -= 1
                    if study is not self._study:
                        _let_go(study)

    @contextmanager
    def whole(self) -> Iterator[Path]:
        """A file with everything, that can be attached and opened as a workspace."""
        with self._view() as (connection, last), self._lock:
            if self._whole is None or self._whole.last != last:
                path = self._fresh()
                _write_whole(connection, path, self._schema)
                _let_go(self._whole)
                self._whole = _Whole(path, last)
            whole = self._whole
            whole.users += 1
        try:
            yield whole.path
        finally:
            with self._lock:
                whole.users -= 1
                if whole is not self._whole:
                    _let_go(whole)

    def write_to(self, target: Path) -> None:
        """The same at `target`, which must not be there yet."""
        if target.exists() or target.is_symlink():
            raise not_overwritten(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = part_of(target)
        try:
            with self._view() as (connection, _):
                _write_whole(connection, part, self._schema)
            settle(part)
            publish(part, target)
        finally:
            remove_database(part)

    def forget(self) -> None:
        """Remove every copy that nobody uses, and the others as soon as nobody does."""
        remove_what_was_left()
        with self._lock:
            _let_go(self._study)
            _let_go(self._whole)
            self._study = self._whole = None

    def dispose(self) -> None:
        """Remove every copy."""
        with self._lock:
            _let_go(self._study)
            self._study = self._whole = None
            if self._home is not None:
                self._home.remove()
                self._home = None

    def _fresh(self) -> Path:
        if self._home is None:
            remove_what_was_left()
            self._home = _Home()
        self._made += 1
        return self._home.path / f"{self._made}.duckdb"


class _Home:
    """A folder that is locked as long as its process lives, so that others know when nobody needs it any more."""

    def __init__(self) -> None:
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=_HOME))
            with suppress(FileNotFoundError):  # somebody has taken it for left, before it was locked
                self._held = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
                fcntl.flock(self._held, fcntl.LOCK_EX)
                if self.path.exists():
                    return
                os.close(self._held)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._held)


def remove_what_was_left() -> None:
    """Remove the copies of this user's processes that were killed: they hold what people may want forgotten."""
    for home in Path(tempfile.gettempdir()).glob(f"{_HOME}*"):
        with suppress(OSError):  # another user's, or gone by now
            held = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(held).st_uid == os.geteuid():
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(home, ignore_errors=True)
            finally:
                os.close(held)


class _Whole:
    def __init__(self, path: Path, last: int) -> None:
        self.path, self.last, self.users = path, last, 0

    def close(self) -> None:
        remove_database(self.path)


class _Study:
    """A DuckDB file of tables as they were after one change."""

    def __init__(self, path: Path, last: int, schema: Schema) -> None:
        self.path, self.last, self.users = path, last, 0
        self.lock = threading.RLock()
        self.connection = instance.connect(instance.THREADS, spill=path.parent / "spill")
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


class _StudyCursor:
    """Asks the study, and brings from the server those columns of tables that are missing.

    They stand there without keys: to make those of a million rows takes longer than to bring the rows.
    """

    def __init__(self, study: _Study, connection: Connection) -> None:
        self._study = study
        self._connection = connection
        self._cursor = DuckCursor(study.connection, "a copy of the workspace")

    def query(self, sql: str, parameters: Parameters = ()) -> list[tuple[object, ...]]:
        """All rows of one statement."""
        self._bring(sql)
        return self._cursor.query(sql, parameters)

    def batches(self, sql: str, size: int) -> Iterator[list[tuple[object, ...]]]:
        """The rows of one statement, `size` at a time."""
        self._bring(sql)
        return self._cursor.batches(sql, size)

    def end(self) -> None:
        """Answer no more."""
        self._cursor.end()

    def _bring(self, sql: str) -> None:
        changed = _CHANGED.match(sql)
        if changed is not None and changed[1] in self._study.tables:
            raise WorkspaceError("A study is only being read; what changes the workspace belongs into a write.")
        words = set(_NAME.findall(sql))
        for table in sorted(self._study.tables.keys() & words):
            kinds, there = self._study.tables[table], self._study.there.get(table, set())
            named = set(kinds) if _ALL.search(sql) else {next(iter(kinds)), *(kinds.keys() & words)}
            if named <= there:
                continue
            wanted = {column: kind for column, kind in kinds.items() if column in named | there}
            with _sent(self._connection, table, wanted, self._study.path.parent) as rows:
                self._study.connection.execute(f"CREATE OR REPLACE TABLE {table} AS {rows}")
            self._study.there[table] = set(wanted)


def _let_go(copy: _Study | _Whole | None) -> None:
    if copy is not None and not copy.users:
        copy.close()


def _make(duck: duckdb.DuckDBPyConnection, schema: Schema) -> None:
    """Make the tables, with nothing in them."""
    schema.create(DuckCursor(duck, "a copy"))
    duck.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
    for table in _columns(duck):
        duck.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of our own schema


def _write_whole(connection: Connection, path: Path, schema: Schema) -> None:
    """Make the DuckDB file of a workspace, with everything in it."""
    duck = instance.connect(instance.THREADS, spill=path.parent)
    try:
        duck.execute(f"ATTACH {instance.quoted(path)} AS {instance.ALIAS} (TYPE duckdb)")
        duck.execute(f"USE {instance.ALIAS}")
        _make(duck, schema)
        _fill(connection, duck, _columns(duck), path.parent)
        duck.execute(f"CHECKPOINT {instance.ALIAS}")
        duck.execute("USE memory")
        duck.execute(f"DETACH {instance.ALIAS}")
    finally:
        duck.close()


def _fill(
    connection: Connection, duck: duckdb.DuckDBPyConnection, tables: dict[str, dict[str, str]], folder: Path
) -> None:
    """Bring these tables, given with the types of their columns."""
    for table, columns in tables.items():
        with _sent(connection, table, columns, folder) as rows:
            duck.execute(f"INSERT INTO {table} ({', '.join(columns)}) {rows}")


@contextmanager
def _sent(connection: Connection, table: str, columns: dict[str, str], folder: Path) -> Iterator[str]:
    """These columns of a table in a file, as a query that DuckDB answers from it."""
    sent = ", ".join(f"{_SENT.get(kind, '{}').format(name)} AS {name}" for name, kind in columns.items())
    told = {name: _READ.get(kind, (kind, "{}")) for name, kind in columns.items()}
    texts = ", ".join(name for name, (kind, _) in told.items() if kind == "VARCHAR")
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".csv") as file:
        with connection.cursor().copy(
            f"COPY (SELECT {sent} FROM {table}) TO STDOUT (FORMAT csv, NULL '\\N'"  # noqa: S608
            f"{f', FORCE_QUOTE ({texts})' if texts else ''})"
        ) as copy:
            for chunk in copy:
                file.write(chunk)
        file.flush()
        room = max(1 << 16, min(file.tell() + 1, _AT_ONCE))
        read = ", ".join(f"{back.format(name)} AS {name}" for name, (_, back) in told.items())
        kinds = ", ".join(f"'{name}': '{kind}'" for name, (kind, _) in told.items())
        yield f"""SELECT {read} FROM read_csv(
            {instance.quoted(file.name)}, columns={{{kinds}}}, header=false, delim=',', quote='"', escape='"',
            nullstr='\\N', allow_quoted_nulls=false, auto_detect=false, parallel=false,
            new_line='\\n', max_line_size={room - 1}, buffer_size={room})"""  # noqa: S608


def _columns(duck: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """The types of all columns of all tables of the copy."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in duck.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = $1"
        " ORDER BY table_name, column_index",
        [instance.ALIAS],
    ).fetchall():
        found.setdefault(table, {})[column] = kind
    return found
