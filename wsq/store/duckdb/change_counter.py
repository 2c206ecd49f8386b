"""The change counter: a number beside the database that has risen when anybody has written."""

from __future__ import annotations

import os
import struct
from pathlib import Path

Mark = tuple[int, ...]
"""By what a file and its write-ahead log are known to be as they were left."""

_RECORD = struct.Struct("<6q")


def mark(path: Path) -> Mark:
    """The mark of the database file at `path` as it is now."""
    file = path.stat()
    try:
        log = Path(f"{path}.wal").stat()
    except FileNotFoundError:
        return (file.st_ino, file.st_mtime_ns, file.st_size, 0, 0)
    return (file.st_ino, file.st_mtime_ns, file.st_size, log.st_mtime_ns, log.st_size)


class Tally:
    """A counter in a file of its own, which everybody may read and only the lease's holder writes.

    It is odd from just before a commit until just after it. Whoever comes in and finds it odd knows that
    a writer died in between, and raises it. It also holds the mark with which the file was left: where
    the file is found otherwise, somebody else has changed or replaced it, and the counter rises too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = 0

    def value(self) -> int:
        """The number as it stands; needs no lock and does not touch the database."""
        found = self._load()
        if found is not None:
            self._seen = found[0]
        return self._seen

    def arrive(self, found: Mark) -> None:
        """Raise it if a writer died, or if the file is not as it was left. Needs the lock."""
        record = self._load()
        if record is None:
            self._begin(found)
        elif record[0] % 2:
            self._store(record[0] + 1, record[1:])
        elif record[1:] != found:
            self._store(record[0] + 2, found)

    def before_commit(self) -> None:
        """Raise it to an odd number. Needs the lock."""
        value = self.value()
        self._store_value(value + 1 + value % 2)

    def after_commit(self) -> int:
        """Raise it to an even number, if it is not; returns it. Needs the lock."""
        value = self.value()
        if value % 2:
            value += 1
            self._store_value(value)
        return value

    def leave(self, left: Mark) -> None:
        """Note how the file is left. Needs the lock."""
        record = self._load()
        if record is not None and record[1:] != left:
            self._store(record[0], left)

    def _load(self) -> tuple[int, ...] | None:
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            content = os.pread(file, _RECORD.size, 0)
        finally:
            os.close(file)
        return _RECORD.unpack(content) if len(content) == _RECORD.size else None

    def _begin(self, found: Mark) -> None:
        """A counter that was lost begins higher than it can have been: at the microsecond that it is."""
        fresh = self._path.with_name(f"{self._path.name}.new")
        file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            os.pwrite(file, b"\0", 0)
            microsecond = os.fstat(file).st_mtime_ns // 1000
            value = max(self._seen + 1, microsecond)
            os.pwrite(file, _RECORD.pack(value + value % 2, *found), 0)
        finally:
            os.close(file)
        fresh.replace(self._path)

    def _store(self, value: int, left: Mark) -> None:
        self._overwrite(_RECORD.pack(value, *left))

    def _store_value(self, value: int) -> None:
        self._overwrite(struct.pack("<q", value))

    def _overwrite(self, content: bytes) -> None:
        """In place, so that it needs no room on the disk."""
        file = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(file, content, 0)
        finally:
            os.close(file)
