"""How a workspace's file comes to be, is known as one, and is brought to a newer version."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from wsq.errors import NotAWorkspace
from wsq.store.cursor import DuckCursor
from wsq.store.engine import Schema, WritingCursor
from wsq.store.faults import explained
from wsq.store.instance import ALIAS, quoted
from wsq.store.tally import Tally

_SMALLEST = 3 * 4096
"""Bytes of a DuckDB file's three headers."""

_FRESH = "fresh"


def refuse_what_is_no_database(path: Path) -> None:
    """Say so when what stands at `path` cannot be a DuckDB file; nothing there is fine.

    Only a glance: opening the file here would, on closing, drop the lock of whoever in this process has it.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise explained(error, str(path)) from error
    if not stat.S_ISREG(found.st_mode):
        kind = "folder" if stat.S_ISDIR(found.st_mode) else "device or pipe"
        raise NotAWorkspace(f"{path} is a {kind}; a workspace is a file.")
    if found.st_size < _SMALLEST:
        what = "too short to be one" if found.st_size else "empty"
        raise NotAWorkspace(f"{path} is no wsq workspace: the file is {what}, and was left as it is.")


def refuse_what_duckdb_reads_otherwise(path: Path) -> None:
    """Refuse what DuckDB opens under one name and logs under another: it takes a backslash for a slash, too.

    Raises:
        NotAWorkspace: One of them is in the path.
    """
    for character, name in {"?": "question mark", "\\": "backslash"}.items():
        if character in str(path):
            raise NotAWorkspace(f"{path} cannot be a workspace: DuckDB takes no path with a {name} in it.")


def make(root: duckdb.DuckDBPyConnection, path: Path, side: Path, schema: Schema) -> None:
    """Make the file with everything that belongs in it. Needs the lock.

    It is made aside and renamed, so that nobody ever meets half of it; what a killed process left
    behind is thrown away.
    """
    log = Path(f"{path}.wal")
    if log.exists():
        raise NotAWorkspace(
            f"{path} is missing, but its write-ahead log {log} is there: put the file back, or remove the log."
        )
    fresh = side / "new.duckdb"
    _throw_away(fresh)
    try:
        with _attached(root, fresh):
            _transact(root.cursor(), _FRESH, schema.create, schema.version, first=True)
            root.execute(f"CHECKPOINT {_FRESH}")
        _to_disk(fresh)
        fresh.rename(path)
        _to_disk(path.parent)
    finally:
        _throw_away(fresh)


def version_of(root: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Which version the attached file says it has."""
    try:
        found = root.execute(f"SELECT max(version) FROM {ALIAS}.main.schema_version").fetchall()  # noqa: S608 - a constant
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise NotAWorkspace(f"{path} is a DuckDB database, but no wsq workspace; it was left as it is.") from error
    version = found[0][0]
    if not isinstance(version, int):
        raise NotAWorkspace(f"{path} does not say which version of a wsq workspace it is; it was left as it is.")
    return version


def upgrade(root: duckdb.DuckDBPyConnection, tally: Tally, schema: Schema, version: int) -> None:
    """Bring the attached file from an older `version` to the schema's, in one transaction."""
    tally.before_commit()
    try:
        _transact(root.cursor(), ALIAS, lambda cursor: schema.upgrade(cursor, version), schema.version)
    finally:
        tally.after_commit()


def _transact(
    connection: duckdb.DuckDBPyConnection,
    alias: str,
    change: Callable[[WritingCursor], None],
    version: int,
    *,
    first: bool = False,
) -> None:
    try:
        cursor = DuckCursor(connection, alias)
        connection.execute(f"USE {alias}")
        connection.execute("BEGIN")
        change(cursor)
        if first:
            cursor.query("CREATE TABLE schema_version (version INTEGER NOT NULL)")
            cursor.query("INSERT INTO schema_version VALUES ($1)", (version,))
        else:
            cursor.query("UPDATE schema_version SET version = $1", (version,))
        cursor.be_whole()
        connection.execute("COMMIT")
    finally:
        connection.close()  # which rolls back what is still open


@contextmanager
def _attached(root: duckdb.DuckDBPyConnection, file: Path) -> Iterator[None]:
    root.execute(f"ATTACH {quoted(file)} AS {_FRESH} (TYPE duckdb)")
    try:
        yield
    finally:
        root.execute(f"DETACH DATABASE IF EXISTS {_FRESH}")


def _throw_away(fresh: Path) -> None:
    for leftover in fresh.parent.glob(f"{fresh.name}*"):
        leftover.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
