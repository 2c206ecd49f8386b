"""Write-ahead logs beside a database file that were not written for it.

That happens when somebody copies a backup over the file and leaves its log where it is. DuckDB refuses the log of
another file, and of this one if it was checkpointed more or less often. But it takes the log of a copy that has the
same identity and was checkpointed as often, and mixes the two. The copies that wsq makes have identities of their own;
of others, heads and events show it.
"""

from __future__ import annotations

import logging
from itertools import count
from pathlib import Path

import duckdb

from wsq.errors import NotAWorkspace
from wsq.files import PRIVATE, Files, private_folder
from wsq.store.duckdb import instance
from wsq.store.duckdb.cursor import DuckCursor
from wsq.store.duckdb.snapshot import ALONE, copy_file, to_disk
from wsq.store.engine import Schema

_ANOTHERS = ("WAL does not match database file", "WAL checkpoint iteration does not match")

_log = logging.getLogger("wsq.store")


def is_anothers(error: duckdb.Error) -> bool:
    """Whether attaching failed as the log is proven to be of another file, or of another state of this one."""
    return any(sign in str(error) for sign in _ANOTHERS)


def set_aside(path: Path) -> None:
    """Rename the log beside a file that it is not of. Needs the lock, with the file detached."""
    aside = free_name(path)
    move_logs(path, aside)
    to_disk(path.parent)
    warn_of_log(path, f"{aside}.wal")


def warn_of_log(path: Path, kept: str) -> None:
    """Say that the log beside a file is not of it, and where it is kept."""
    _log.warning(
        "%s.wal was not written for the state in which %s is, as after copying a backup over the file. It was not"
        " applied, and is kept as %s.",
        path, path.name, kept, extra={"action": "log_set_aside"},
    )  # fmt: skip


def free_name(path: Path) -> Path:
    """Return a path beside the file under which neither a file nor a log exists."""
    names = (path.with_name(f"{path.name}.aside-{number}") for number in count(1))
    return next(name for name in names if not any(Path(f"{name}{end}").exists() for end in ("", *instance.LOGS)))


def move_logs(path: Path, target: Path) -> None:
    """Rename the logs of the file at `path` to those of a file at `target`."""
    for log in instance.LOGS:
        if Path(f"{path}{log}").exists():
            Path(f"{path}{log}").rename(f"{target}{log}")


def inconsistency(root: duckdb.DuckDBPyConnection, schema: Schema) -> str | None:
    """Return why wsq alone cannot have written the attached file and its log, None if it can."""
    connection = root.cursor()
    try:
        connection.execute(f"USE {instance.ALIAS}")
        return schema.inconsistency(DuckCursor(connection, instance.ALIAS))
    finally:
        connection.close()


def refuse_mixed(path: Path, found: str, folder: Path, schema: Schema, files: Files, place: Path | None = None) -> None:
    """Raise unless the file has an inconsistency, which was found with its log, without the log too.

    Needs the lock, with the file detached; its copy is made in `folder`. Messages name it as `place`.

    Raises:
        NotAWorkspace: The log was written for another state of the file.
    """
    with private_folder(folder / ALONE) as own:
        alone = own / path.name
        root = instance.connect(1, [alone])
        try:
            copy_file(path, alone, files, PRIVATE)
            root.execute(f"ATTACH {instance.quoted(alone)} AS {instance.ALIAS} (TYPE duckdb, READ_ONLY)")
            if inconsistency(root, schema) is not None:
                return
        finally:
            root.close()
    place = place or path
    raise NotAWorkspace(
        f"{place}.wal was not written for the state in which {place.name} is, as after copying a backup over the file: "
        f"with it, {found}. Nothing was changed. Run `wsq restore` with a backup."
    )
