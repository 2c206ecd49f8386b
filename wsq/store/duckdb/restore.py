"""Put a backup in the place of a database file, whatever state that is in."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import duckdb

from wsq.errors import InvalidInput, WorkspaceBusy
from wsq.files import PRIVATE, Files, private_folder
from wsq.store.cursors import translating_errors
from wsq.store.duckdb import instance
from wsq.store.duckdb.change_counter import ChangeCounter, mark
from wsq.store.duckdb.content import refuse_other_content
from wsq.store.duckdb.create import (
    refuse_newer,
    refuse_what_duckdb_reads_otherwise,
    refuse_what_has_other_names,
    refuse_what_is_no_database,
    version_of,
)
from wsq.store.duckdb.faults import explained
from wsq.store.duckdb.process_lock import ProcessLock
from wsq.store.duckdb.snapshot import RESTORED, copy_database, finalize, remove_logs, to_disk
from wsq.store.duckdb.write_ahead_log import free_name, inconsistency, is_anothers, move_logs, refuse_mixed, warn_of_log
from wsq.store.engine import Schema


def restore(backup: Path, database: Path, schema: Schema, *, mode: int = PRIVATE, timeout: float = 30.0) -> Path | None:
    """Replace the file at `database` with a copy of `backup`, in one step.

    Processes that use the workspace go on with the restored one. Returns the new name of the former file and its log,
    None if there was none.

    Args:
        backup: A file that `wsq backup` made, or any other workspace's; it is not changed.
        database: The workspace's file.
        schema: The schema of this wsq; an older backup is upgraded when it is opened.
        mode: Permissions of the file if there was none; else those of the former one stay.
        timeout: Maximum seconds to wait for other users of either file.

    Raises:
        InvalidInput: `backup` does not exist, cannot be read, or is the workspace itself.
        NotAWorkspace: `backup` is something else or damaged, or `database` cannot be the path of a workspace.
        NewerWorkspace: A newer wsq wrote `backup`.
        WorkspaceError: One of them cannot be used; nothing was changed.
    """
    for path in (backup, database):
        refuse_what_duckdb_reads_otherwise(path.expanduser().resolve())
    source, target = backup.expanduser().resolve(), database.expanduser().resolve()
    if not os.access(source, os.R_OK):
        raise InvalidInput(f"There is no backup that can be read at {backup}.")
    if target.exists() and source.samefile(target):
        raise InvalidInput(f"{backup} is the workspace itself.")
    refuse_what_is_no_database(source)
    refuse_what_has_other_names(target)
    files, of_backup = Files(target, mode), Files(source)
    side, beside_source = _side_of(target), _side_of(source)
    with (
        translating_errors(explained, str(database)),
        _locked(side, files, database, timeout),
        private_folder(side / RESTORED) as folder,
    ):
        fresh = folder / target.name
        # Where its folder of locks is missing or not writable, no process of wsq uses the backup.
        is_used = os.access(beside_source, os.W_OK)
        with (
            _locked(beside_source, of_backup, backup, timeout) if is_used else nullcontext(),
            translating_errors(explained, str(backup)),
        ):
            copy_database(source, fresh, files, PRIVATE)
        _check(fresh, source, schema, files)
        return _replace(target, fresh, files)


def _side_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.wsq")


@contextmanager
def _locked(side: Path, files: Files, place: Path, timeout: float) -> Iterator[None]:
    """Keep other processes of wsq from a file meanwhile."""
    lock = ProcessLock(side, files)
    try:
        try:
            lock.acquire(timeout)
        except TimeoutError:
            raise WorkspaceBusy(f"{place} was in use by {lock.holder()} for longer than {timeout:g} seconds.") from None
        yield
    finally:
        lock.release()


def _check(copy: Path, backup: Path, schema: Schema, files: Files) -> None:
    """Refuse a copy of a backup that is not a workspace; messages name the backup."""
    root = instance.connect(1, [copy])
    try:
        attach = f"ATTACH {instance.quoted(copy)} AS {instance.ALIAS} (TYPE duckdb)"
        with translating_errors(explained, str(backup)):
            try:
                root.execute(attach)
            except duckdb.Error as error:
                if not is_anothers(error):
                    raise
                remove_logs(copy)
                warn_of_log(backup, f"{backup}.wal")
                root.execute(attach)
            refuse_other_content(root, backup, schema)
            refuse_newer(backup, version_of(root, backup), schema)
            found = inconsistency(root, schema)
    finally:
        root.close()
    if found is not None and Path(f"{copy}.wal").exists():
        refuse_mixed(copy, found, copy.parent, schema, files, backup)


def _replace(target: Path, fresh: Path, files: Files) -> Path | None:
    """Give `fresh` the target's name, which that is never without, and what was there another one. Needs the lock.

    The former file and its log are copied before, so that they are whole under their new name whatever happens.
    """
    aside = free_name(target)
    if target.exists():
        _refuse_if_open(target)
        former, status = fresh.parent / "former", target.stat()
        mode = stat.S_IMODE(status.st_mode)
        finalize(fresh, mode, status)
        copy_database(target, former, files, mode)
        _refuse_if_open(target)  # again, for copying takes a while
        for end in ("", *instance.LOGS):
            if Path(f"{former}{end}").exists():
                to_disk(Path(f"{former}{end}"))
                Path(f"{former}{end}").rename(f"{aside}{end}")
        to_disk(target.parent)
        fresh.replace(target)
        remove_logs(target)
    else:
        finalize(fresh, files.mode, files.owner())
        fresh.replace(target)
        move_logs(target, aside)
    to_disk(target.parent)
    ChangeCounter(_side_of(target) / "counter", files).on_attach(mark(target))
    return aside if any(Path(f"{aside}{end}").exists() for end in ("", *instance.LOGS)) else None


def _refuse_if_open(path: Path) -> None:
    """Refuse if another program has the file open in DuckDB: it would go on writing to the former file and its log."""
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise WorkspaceBusy(f"{path} is open in another program, which locks out all others. Close it there.") from None
    finally:
        os.close(file)
