"""Create, recognize and upgrade a workspace's file."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from wsq.errors import NewerWorkspace, NotAWorkspace
from wsq.files import private_folder
from wsq.store.duckdb.change_counter import ChangeCounter
from wsq.store.duckdb.cursor import DuckCursor
from wsq.store.duckdb.faults import explained
from wsq.store.duckdb.instance import ALIAS, quoted
from wsq.store.duckdb.snapshot import FRESH, to_disk
from wsq.store.engine import Schema, WritingCursor

_SMALLEST = 3 * 4096
"""Bytes of a DuckDB file's three headers."""

_MOUNTS = Path("/proc/self/mountinfo")


def refuse_what_is_no_database(path: Path) -> None:
    """Raise if the file at `path` cannot be a DuckDB file. A missing file is fine.

    Does not open the file: closing it again would drop the lock of another thread of this process.
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
        raise NotAWorkspace(f"{path} is not a wsq workspace: the file is {what}. It was not changed.")


def refuse_what_has_other_names(path: Path) -> None:
    """Refuse a file that can be reached in another folder too: its log and its locks would be others there.

    `path` has no symbolic links. A missing file is fine.

    Raises:
        NotAWorkspace: The file has hard links, or is mounted by itself, as into a container.
    """
    try:
        found = path.stat()
        if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
            raise NotAWorkspace(
                f"{path} has {found.st_nlink} names (hard links): opened by another one it would have another log and"
                " other locks, and what is written would be lost. Copy it with `cp`, and use the copy."
            )
        if _is_mounted(path, found):
            raise NotAWorkspace(
                f"{path} is mounted by itself, without its folder, where its log and its locks are. Mount the folder."
            )
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            raise explained(error, str(path)) from error


def _is_mounted(path: Path, found: os.stat_result) -> bool:
    """Whether a file is a mount point.

    Linux says so. Comparing devices would not do there: a bind mount has the same one, and in a container's own layers
    a file and its folder may have different ones.
    """
    try:
        mounts = _MOUNTS.read_bytes().splitlines()
    except OSError:
        return found.st_dev != path.parent.stat().st_dev
    point = re.sub(rb"[ \t\n\\]", lambda each: b"\\%03o" % each[0][0], os.fsencode(path))
    return any(line.split(b" ")[4] == point for line in mounts)


def refuse_what_duckdb_reads_otherwise(path: Path) -> None:
    """Refuse what DuckDB opens under one name and logs under another: it takes a backslash for a slash, too.

    Raises:
        NotAWorkspace: One of them is in the path.
    """
    for character, name in {"?": "question mark", "\\": "backslash"}.items():
        if character in str(path):
            raise NotAWorkspace(f"{path} cannot be a workspace: DuckDB takes no path with a {name} in it.")


def fresh_file(path: Path, side: Path) -> Path:
    """Return the name under which the file at `path` is created."""
    return side / FRESH / path.name


def make(root: duckdb.DuckDBPyConnection, path: Path, side: Path, mode: int, schema: Schema) -> None:
    """Create the file with all its tables. Needs the lock.

    It is created in a private folder and then renamed, so that a partial file is never visible, and nobody else reads
    what DuckDB writes before its permissions are set. Remains of a killed process are deleted.
    """
    log = Path(f"{path}.wal")
    if log.exists():
        raise NotAWorkspace(
            f"{path} is missing, but its write-ahead log {log} exists. Restore the file, or remove the log."
        )
    fresh = fresh_file(path, side)
    with private_folder(fresh.parent):
        with _attached(root, fresh):
            _transact(root.cursor(), FRESH, schema.create, schema.version, first=True)
            root.execute(f"CHECKPOINT {FRESH}")
        to_disk(fresh, mode)
        fresh.rename(path)
    to_disk(path.parent)


def version_of(root: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Return the schema version of the attached file."""
    try:
        found = root.execute(f"SELECT max(version) FROM {ALIAS}.main.schema_version").fetchall()  # noqa: S608 - a constant
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise NotAWorkspace(f"{path} is a DuckDB database but not a wsq workspace. It was not changed.") from error
    version = found[0][0]
    if not isinstance(version, int):
        raise NotAWorkspace(f"{path} has no wsq schema version. It was not changed.")
    return version


def refuse_newer(path: Path, version: int, schema: Schema) -> None:
    """Raise if the file at `path` has a newer `version` than the schema's."""
    if version > schema.version:
        raise NewerWorkspace(
            f"{path} was written by a newer wsq (schema version {version}, this wsq supports {schema.version}): "
            "update wsq."
        )


def upgrade(root: duckdb.DuckDBPyConnection, counter: ChangeCounter, schema: Schema, version: int) -> None:
    """Upgrade the attached file from an older `version` to the schema's, in one transaction."""
    counter.before_commit()
    try:
        _transact(root.cursor(), ALIAS, lambda cursor: schema.upgrade(cursor, version), schema.version)
    finally:
        counter.after_commit()


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
        cursor.raise_if_failed()
        connection.execute("COMMIT")
    finally:
        connection.close()  # rolls back an open transaction


@contextmanager
def _attached(root: duckdb.DuckDBPyConnection, file: Path) -> Iterator[None]:
    root.execute(f"ATTACH {quoted(file)} AS {FRESH} (TYPE duckdb)")
    try:
        yield
    finally:
        root.execute(f"DETACH DATABASE IF EXISTS {FRESH}")
