"""Heartbeats, progress notes and shared notes in small files beside the database: no transaction, may be lost."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Self

from wsq.files import Files

KEPT = 20
"""Number of heartbeats kept."""

FORGOTTEN = 3600.0
"""Seconds after which a note that is not renewed is removed: its process was killed."""

LOOK = 60.0
"""Seconds between two looks for such notes."""


class Notes:
    """A short list of notes that many processes append to without a lock.

    Notes are ordered by number; notes added at the same moment may come in either order.
    """

    def __init__(self, directory: Path, files: Files) -> None:
        self._directory = directory
        self._files = files

    def add(self, note: bytes) -> None:
        """Append a note, and remove the oldest above `KEPT`."""
        self._files.folder(self._directory, parents=True)
        unique = f"{os.getpid()}-{secrets.token_hex(4)}"
        fresh = self._directory / f"new-{unique}"
        try:
            self._files.write(fresh, note)
            newest = self._numbered()[-1:]
            number = int(newest[0].name.split("-")[0]) + 1 if newest else 1
            fresh.rename(self._directory / f"{number:012d}-{unique}")
        finally:
            fresh.unlink(missing_ok=True)
        for old in self._numbered()[:-KEPT]:
            old.unlink(missing_ok=True)

    def all(self) -> list[bytes]:
        """Return the kept notes, oldest first."""
        found = []
        for path in self._numbered():
            with suppress(FileNotFoundError):  # another process has just removed it
                found.append(path.read_bytes())
        return found

    def _numbered(self) -> list[Path]:
        try:
            return sorted(path for path in self._directory.iterdir() if path.name[:1].isdigit())
        except FileNotFoundError:
            return []


class Latest:
    """One short note per name; names are ids created by wsq."""

    def __init__(self, directory: Path, files: Files) -> None:
        self._directory = directory
        self._files = files
        self._next_look = 0.0

    def put(self, name: str, note: bytes) -> None:
        """Write or replace the note of `name`."""
        fresh = self._directory / f"new-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            try:
                self._files.write(fresh, note)
            except FileNotFoundError:
                self._files.folder(self._directory, parents=True)
                self._files.write(fresh, note)
            if monotonic() >= self._next_look:
                self._next_look = monotonic() + LOOK
                self._remove_older_than(fresh.stat().st_mtime - FORGOTTEN)
            fresh.rename(self._directory / name)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise

    def drop(self, name: str) -> None:
        """Remove the note, if there is one."""
        (self._directory / name).unlink(missing_ok=True)

    def get(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the notes of these names; those without one are left out."""
        found = {}
        for name in names:
            with suppress(FileNotFoundError):
                found[name] = (self._directory / name).read_bytes()
        return found

    def _remove_older_than(self, instant: float) -> None:
        for path in self._directory.iterdir():
            with suppress(FileNotFoundError):  # another process has just removed it
                if path.stat().st_mtime < instant:
                    path.unlink()


class SharedNote:
    """A note that one process at a time can lock."""

    def __init__(self, path: Path, files: Files) -> None:
        self._path = path
        self._files = files

    @contextmanager
    def lock(self) -> Iterator[Self | None]:
        """Lock it; gives None if another process, or another thread of this one, holds the lock."""
        lock = self._files.open(self._path.with_name(f"{self._path.name}.lock"))
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
                return
            yield self
        finally:
            os.close(lock)

    def read(self) -> bytes | None:
        """Return its content; None if there is none."""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None

    def write(self, note: bytes, *, force: bool = False) -> None:
        """Replace the content atomically. Without `force`, unchanged content is not written again."""
        if not force and note == self.read():
            return
        fresh = self._path.with_name(f"{self._path.name}.new")
        self._files.write(fresh, note)
        fresh.replace(self._path)
