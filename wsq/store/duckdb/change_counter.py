"""The change counter: a number in a file beside the database that rises with every write."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from wsq.files import Files

Mark = tuple[int, ...]
"""Identifies the state of a database file and its write-ahead log."""

_RECORD = struct.Struct("<7q")

_CHECKED = 1
"""Part of every mark: rises when files that an earlier wsq has left are to be checked again."""


def mark(path: Path) -> Mark:
    """Return the current mark of the database file at `path`."""
    file = path.stat()
    try:
        log = Path(f"{path}.wal").stat()
    except FileNotFoundError:
        return (file.st_ino, file.st_mtime_ns, file.st_size, 0, 0, _CHECKED)
    return (file.st_ino, file.st_mtime_ns, file.st_size, log.st_mtime_ns, log.st_size, _CHECKED)


class ChangeCounter:
    """A counter in its own file. Every process reads it; only the lease holder writes it.

    It is odd while a commit is in progress. A process that acquires the lease and finds it odd knows that a
    writer died, and raises it. It also stores the mark of the file at the last detach: if the file differs,
    another program changed or replaced it, and the counter rises too. Until that file has been detached, its mark
    is stored negated: it was found, but perhaps not checked.
    """

    def __init__(self, path: Path, files: Files) -> None:
        self._path = path
        self._files = files
        self._seen = 0

    def value(self) -> int:
        """Return the counter. Needs no lock and does not touch the database."""
        found = self._load()
        if found is not None:
            self._seen = found[0]
        return self._seen

    def on_attach(self, found: Mark) -> bool:
        """Raise the counter if a writer died or the file changed since the last detach. Needs the lock.

        Returns whether the file is the one of the last detach.
        """
        record, new = self._load(), tuple(-part for part in found)
        if record is None:
            self._begin(new)
        elif record[0] % 2:
            self._overwrite(_RECORD.pack(record[0] + 1, *record[1:]))
        elif record[1:] == found:
            return True
        elif record[1:] != new:
            self._overwrite(_RECORD.pack(record[0] + 2, *new))
        return False

    def before_commit(self) -> None:
        """Raise the counter to an odd number. Needs the lock."""
        value = self.value()
        self._overwrite(struct.pack("<q", value + 1 + value % 2))

    def after_commit(self) -> int:
        """Raise the counter to an even number if it is odd, and return it. Needs the lock."""
        value = self.value()
        if value % 2:
            value += 1
            self._overwrite(struct.pack("<q", value))
        return value

    def on_detach(self, left: Mark) -> None:
        """Store the file's mark. Needs the lock."""
        record = self._load()
        if record is not None and record[1:] != left:
            self._overwrite(_RECORD.pack(record[0], *left))

    def _load(self) -> tuple[int, ...] | None:
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            content = os.pread(file, _RECORD.size, 0)
        finally:
            os.close(file)
        return _RECORD.unpack(content) if len(content) == _RECORD.size else None

    def _begin(self, found: Mark) -> None:
        """Create a lost counter. It starts above any earlier value: at the current time in microseconds."""
        fresh = self._path.with_name(f"{self._path.name}.new")
        fresh.unlink(missing_ok=True)
        file = self._files.create(fresh)
        try:
            os.pwrite(file, b"\0", 0)
            microsecond = os.fstat(file).st_mtime_ns // 1000
            value = max(self._seen + 1, microsecond)
            os.pwrite(file, _RECORD.pack(value + value % 2, *found), 0)
        finally:
            os.close(file)
        fresh.replace(self._path)

    def _overwrite(self, content: bytes) -> None:
        """Write in place, which needs no free disk space."""
        file = os.open(self._path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.pwrite(file, content, 0)
        finally:
            os.close(file)
