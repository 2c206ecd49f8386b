"""Copies of the database file: private ones for what takes long, and backups.

Whoever copies has the lease alone: nobody else writes, and this process has the file not attached, so
that opening it here cannot drop DuckDB's lock on it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
import threading
from dataclasses import dataclass
from pathlib import Path

from wsq.errors import InvalidInput
from wsq.store.duckdb import instance

_LOGS = (".wal", ".wal.checkpoint", ".wal.recovery")
"""What may lie beside a DuckDB file and belongs to it."""

_OWNER = "owner"
"""The file in a process's folder that it locks for as long as it lives."""


@dataclass(slots=True)
class Snapshot:
    """A copy of the file as it was when the change counter had `value`."""

    path: Path
    value: int
    users: int = 0


class Snapshots:
    """This process's copies, in a folder of its own. The last one is used again while nothing changes."""

    def __init__(self, path: Path, side: Path) -> None:
        self._path = path
        self._homes = side / "private"
        self.forget()

    def forget(self) -> None:
        """Begin anew, leaving alone what is there: after a fork it is the parent's."""
        lock = getattr(self, "_home_lock", None)
        if lock is not None:
            os.close(lock)
        self._mutex = threading.Lock()
        self._home: Path | None = None
        self._home_lock: int | None = None
        self._last: Snapshot | None = None
        self._made = 0

    def borrow(self, value: int) -> Snapshot | None:
        """The last copy, if it was made when the counter had `value`; `give_back` it afterwards."""
        with self._mutex:
            last = self._last
            if last is None or last.value != value or not last.path.exists():
                return None
            last.users += 1
            return last

    def make(self, value: int) -> Snapshot:
        """A new copy, borrowed already. Needs the lease, alone."""
        home = self._own_home()
        with self._mutex:
            self._made += 1
            made = Snapshot(home / f"{self._made}.duckdb", value, users=1)
        copy_database(self._path, made.path)
        with self._mutex:
            last, self._last = self._last, made
        if last is not None and not last.users:
            remove_database(last.path)
        return made

    def give_back(self, snapshot: Snapshot) -> None:
        """Done with it; a copy that is no longer the last one goes with its last user."""
        with self._mutex:
            snapshot.users -= 1
            gone = not snapshot.users and snapshot is not self._last
        if gone:
            remove_database(snapshot.path)

    def back_up_as(self, target: Path) -> None:
        """Copy the file to `target` in place of what is there. Needs the lease, with the file detached."""
        part = part_of(target)
        try:
            copy_database(self._path, part)
            settle(part)
            part.replace(target)
        finally:
            remove_database(part)

    def remove_all(self) -> None:
        """Remove the copies of all processes; whoever reads one goes on. Needs the lease, alone."""
        with self._mutex:
            self._last = None
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
        """This process's folder, which it locks for as long as it lives. Needs the lease."""
        if self._home is None or not self._home.is_dir():
            self._home, self._last = None, None
            self._homes.mkdir(exist_ok=True)
            self._remove_what_the_dead_left()
            home = self._homes / f"{os.getpid()}-{secrets.token_hex(4)}"
            home.mkdir(mode=0o700)
            self._home_lock = os.open(home / _OWNER, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._home_lock, fcntl.LOCK_EX)
            self._home = home
        return self._home

    def _remove_what_the_dead_left(self) -> None:
        for home in self._homes.iterdir():
            if not _somebody_lives_in(home):
                shutil.rmtree(home, ignore_errors=True)


def copy_database(source: Path, target: Path) -> None:
    """Copy a database file and its log, in the kernel; nothing is left of a copy that fails."""
    try:
        _copy(source, target)
        for log in _LOGS:
            if Path(f"{source}{log}").exists():
                _copy(Path(f"{source}{log}"), Path(f"{target}{log}"))
    except BaseException:
        remove_database(target)
        raise


def remove_database(path: Path) -> None:
    """Remove a database file and its log; fine when they are not there."""
    for end in ("", *_LOGS):
        Path(f"{path}{end}").unlink(missing_ok=True)


def settle(copy: Path) -> None:
    """Fold a copy's log into it, so that it is one file, and see it safely on the disk."""
    if Path(f"{copy}.wal").exists():
        connection = instance.connect(1)
        try:
            connection.execute(f"ATTACH {instance.quoted(copy)} AS copy (TYPE duckdb)")
            connection.execute("CHECKPOINT copy")
            connection.execute("DETACH copy")
        finally:
            connection.close()
    file = os.open(copy, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def rewrite(path: Path, fresh: Path) -> None:
    """Put a database file in its own place that holds its rows and nothing else; `fresh` is where it is made.

    Needs the lease, with the file detached. The file's log is folded into it before, so that none is left beside
    the new one, whenever this is killed.
    """
    remove_database(fresh)
    try:
        connection = instance.connect(1, spill=fresh.parent / "spill")
        try:
            connection.execute(f"ATTACH {instance.quoted(path)} AS old (TYPE duckdb)")
            connection.execute("CHECKPOINT old")
            connection.execute(f"ATTACH {instance.quoted(fresh)} AS anew (TYPE duckdb)")
            connection.execute("COPY FROM DATABASE old TO anew")
            connection.execute("CHECKPOINT anew")
            connection.execute("DETACH anew")
            connection.execute("DETACH old")
        finally:
            connection.close()
        fresh.chmod(stat.S_IMODE(path.stat().st_mode))
        settle(fresh)
        for log in _LOGS:
            Path(f"{path}{log}").unlink(missing_ok=True)
        fresh.replace(path)
    finally:
        remove_database(fresh)
        shutil.rmtree(fresh.parent / "spill", ignore_errors=True)


def publish(part: Path, target: Path) -> None:
    """Give a finished copy its name, unless something has that name by now."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise not_overwritten(target) from None
    except OSError:  # A file system without hard links.
        if target.exists():
            raise not_overwritten(target) from None
        part.rename(target)


def part_of(target: Path) -> Path:
    """Where a copy is made before it gets its name: beside it, on the same disk."""
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")


def not_overwritten(target: Path) -> InvalidInput:
    """There is something already."""
    return InvalidInput(f"{target} is there already, and is not overwritten: name another file.")


def _copy(source: Path, target: Path) -> None:
    into = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        out_of = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _pour(out_of, into)
        finally:
            os.close(out_of)
    finally:
        os.close(into)


def _pour(out_of: int, into: int) -> None:
    """Copy in the kernel, where a file system that can share blocks does; by hand where it cannot."""
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


def _somebody_lives_in(home: Path) -> bool:
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
