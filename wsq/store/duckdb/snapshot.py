"""Copies of the database file: private ones for long reads, and backups.

Copying needs the exclusive lease: nobody writes, and the file is not attached in this process, so that opening it
here cannot drop DuckDB's lock on it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from wsq.errors import InvalidInput
from wsq.files import PRIVATE, Files, open_own, private_folder, settle
from wsq.store.duckdb import instance
from wsq.store.folders import unfinished

_HEADER = 4096
"""Bytes of a DuckDB file's first header, which never changes; the version of the format is in bytes 12 to 19."""

ALONE, ANEW, FRESH, RESTORED = "alone", "anew", "fresh", "restored"
"""Private folders beside a file, for copies of it that are made; what killed processes have left there is removed."""

_OWNER = "owner"
"""The file in a process's folder that it locks during its lifetime."""


@dataclass(slots=True)
class Snapshot:
    """A copy of the file at change counter `value`."""

    path: Path
    value: int
    users: int = 0


class Snapshots:
    """This process's copies, in its own folder. The last one is reused until something changes."""

    def __init__(self, path: Path, side: Path, files: Files) -> None:
        self._path = path
        self._files = files
        self._homes = side / "private"
        self.forget()

    def forget(self) -> None:
        """Start over without deleting anything: after a fork the files belong to the parent."""
        lock = getattr(self, "_home_lock", None)
        if lock is not None:
            os.close(lock)
        self._mutex = threading.Lock()
        self._home: Path | None = None
        self._home_lock: int | None = None
        self._last: Snapshot | None = None
        self._made = 0

    def borrow(self, value: int) -> Snapshot | None:
        """Return the last copy if it was made at counter `value`. End with `release`."""
        with self._mutex:
            last = self._last
            if last is None or last.value != value or not last.path.exists():
                return None
            last.users += 1
            return last

    def make(self, value: int) -> Snapshot:
        """Make and borrow a new copy. Needs the exclusive lease."""
        home = self._own_home()
        with self._mutex:
            self._made += 1
            made = Snapshot(home / f"{self._made}.duckdb", value, users=1)
        copy_database(self._path, made.path, self._files, PRIVATE)
        with self._mutex:
            last, self._last = self._last, made
        if last is not None and not last.users:
            remove_database(last.path)
        return made

    def release(self, snapshot: Snapshot) -> None:
        """Stop using a copy; an outdated copy is deleted with its last user."""
        with self._mutex:
            snapshot.users -= 1
            gone = not snapshot.users and snapshot is not self._last
        if gone:
            remove_database(snapshot.path)

    def back_up_as(self, target: Path) -> None:
        """Copy the file to `target`, replacing what is there. Needs the lease, with the file detached."""
        with unfinished(target.parent) as folder:
            part = folder / target.name
            copy_database(self._path, part, self._files)
            finalize(part)
            part.replace(target)

    def remove_all(self) -> None:
        """Remove the copies of all processes; open ones stay readable. Needs the exclusive lease."""
        with self._mutex:
            self._last = None
        for name in (ALONE, ANEW, FRESH, RESTORED):
            shutil.rmtree(self._homes.with_name(name), ignore_errors=True)
        for home in self._homes.glob("*/"):
            for file in home.iterdir():
                if file.name != _OWNER and not file.is_dir():
                    file.unlink(missing_ok=True)

    def dispose(self) -> None:
        """Remove every copy of this process."""
        home, lock = self._home, self._home_lock
        self._home = self._home_lock = self._last = None
        if home is not None:
            shutil.rmtree(home, ignore_errors=True)
        if lock is not None:
            os.close(lock)

    def _own_home(self) -> Path:
        """Return this process's folder, created and locked on first use. Needs the lease."""
        if self._home is None or not self._home.is_dir():
            self._home, self._last = None, None
            self._files.folder(self._homes)
            self._remove_orphans()
            home = self._homes / f"{os.getpid()}-{secrets.token_hex(4)}"
            for folder in (home, home / "spill"):  # DuckDB would create the latter as the umask says
                self._files.folder(folder, PRIVATE)
            self._home_lock = self._files.create(home / _OWNER, PRIVATE)
            fcntl.flock(self._home_lock, fcntl.LOCK_EX)
            self._home = home
        return self._home

    def _remove_orphans(self) -> None:
        for home in self._homes.iterdir():
            if not _is_in_use(home):
                shutil.rmtree(home, ignore_errors=True)


def copy_database(source: Path, target: Path, files: Files, mode: int | None = None) -> None:
    """Copy a database file and its log, in the kernel if possible. A failed copy is removed.

    `mode` None: with the permissions of a new database.
    """
    mode = files.mode if mode is None else mode
    try:
        copy_file(source, target, files, mode)
        for log in instance.LOGS:
            if Path(f"{source}{log}").exists():
                copy_file(Path(f"{source}{log}"), Path(f"{target}{log}"), files, mode)
    except BaseException:
        remove_database(target)
        raise


def remove_database(path: Path) -> None:
    """Remove a database file and its log, if they exist."""
    path.unlink(missing_ok=True)
    remove_logs(path)


def remove_logs(path: Path) -> None:
    """Remove the logs of a database file, if they exist."""
    for log in instance.LOGS:
        Path(f"{path}{log}").unlink(missing_ok=True)


def finalize(copy: Path, mode: int | None = None, owner: os.stat_result | None = None) -> None:
    """Checkpoint a copy, so that it is one file, give it an identity of its own, and flush it to disk.

    It is in a private folder; `mode` and `owner` as `to_disk` says.
    """
    empty = Path(f"{copy}.empty")
    connection = instance.connect(1, [copy, empty])
    try:
        if Path(f"{copy}.wal").exists():
            connection.execute(f"ATTACH {instance.quoted(copy)} AS copy (TYPE duckdb)")
            connection.execute("CHECKPOINT copy")
            connection.execute("DETACH copy")
        _renew_identity(connection, copy, empty)
        connection.execute(f"ATTACH {instance.quoted(copy)} AS copy (TYPE duckdb, READ_ONLY)")  # it can be opened
    finally:
        connection.close()
    to_disk(copy, mode, owner)


def _renew_identity(connection: duckdb.DuckDBPyConnection, copy: Path, empty: Path) -> None:
    """Give a copy the identity of a new file, so that DuckDB does not apply the log of the original to it.

    The first header holds nothing else of one file, so the header of an empty one takes its place.
    """
    try:
        connection.execute(f"ATTACH {instance.quoted(empty)} AS empty (TYPE duckdb); DETACH empty")
        header = empty.read_bytes()[:_HEADER]
    finally:
        remove_database(empty)
    file = open_own(copy, os.O_RDWR)
    try:
        if os.pread(file, 8, 12) == header[12:20]:
            os.pwrite(file, header, 0)
    finally:
        os.close(file)


def to_disk(path: Path, mode: int | None = None, owner: os.stat_result | None = None) -> None:
    """Flush a file or a folder to disk; one that this process created in a private folder gets its mode and owner."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC) if mode is None else open_own(path, os.O_RDONLY)
    try:
        if mode is not None:
            settle(file, path, mode, owner)
        os.fsync(file)
    finally:
        os.close(file)


def rewrite(path: Path, folder: Path) -> None:
    """Replace a database file with a new one that holds only its rows; `folder` is a temporary path.

    Needs the lease, with the file detached. The file is checkpointed first, so that no log is left beside the new
    file if the process is killed.
    """
    with private_folder(folder):
        fresh = folder / path.name
        connection = instance.connect(1, [path, fresh], spill=folder / "spill")
        try:
            connection.execute(f"ATTACH {instance.quoted(path)} AS old (TYPE duckdb)")
            connection.execute("CHECKPOINT old")
            connection.execute(f"ATTACH {instance.quoted(fresh)} AS fresh (TYPE duckdb)")
            connection.execute("COPY FROM DATABASE old TO fresh")
            connection.execute("CHECKPOINT fresh")
            connection.execute("DETACH fresh")
            connection.execute("DETACH old")
        finally:
            connection.close()
        found = path.stat()
        finalize(fresh, stat.S_IMODE(found.st_mode), found)
        remove_logs(path)
        fresh.replace(path)


@contextmanager
def published(target: Path, files: Files) -> Iterator[Path]:
    """Give the path at which to write a file that gets the name `target` when the block ends without an error.

    It is written in a private folder beside the target, which the next call removes if this process is killed. Creates
    missing folders.

    Raises:
        InvalidInput: `target` exists.
    """
    if target.exists() or target.is_symlink():
        raise _not_overwritten(target)
    files.folder(target.parent, files.mode, parents=True)
    with unfinished(target.parent) as folder:
        part = folder / target.name
        yield part
        _publish(part, target)


def _publish(part: Path, target: Path) -> None:
    """Give a finished copy its name, unless that exists by now."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise _not_overwritten(target) from None
    except OSError:  # A file system without hard links.
        if target.exists():
            raise _not_overwritten(target) from None
        part.rename(target)


def _not_overwritten(target: Path) -> InvalidInput:
    return InvalidInput(f"{target} already exists and is not overwritten. Choose another file.")


def copy_file(source: Path, target: Path, files: Files, mode: int) -> None:
    """Copy a file to one that does not exist yet, in the kernel if possible."""
    into = files.create(target, mode)
    try:
        out_of = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _copy_bytes(out_of, into)
        finally:
            os.close(out_of)
    finally:
        os.close(into)


def _copy_bytes(out_of: int, into: int) -> None:
    """Copy in the kernel, which may share blocks; fall back to reading and writing."""
    try:
        while os.copy_file_range(out_of, into, 1 << 30):
            pass
    except (AttributeError, OSError):
        os.lseek(out_of, 0, os.SEEK_SET)
        os.lseek(into, 0, os.SEEK_SET)
        while piece := os.read(out_of, 1 << 20):
            _write_all(into, piece)


def _write_all(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def _is_in_use(home: Path) -> bool:
    try:
        lock = os.open(home / _OWNER, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(lock)
