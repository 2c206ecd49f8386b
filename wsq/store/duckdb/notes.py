"""Heartbeats beside the database, in small files: a pass with nothing to do does not write to the log."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

KEPT = 20
"""How many are kept; the older ones go."""


class Notes:
    """A short row of notes that many processes add to without a lock.

    Numbers order them; of those added at the same moment, any may come first.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def add(self, note: bytes) -> None:
        """Leave a note after all that are there."""
        self._directory.mkdir(parents=True, exist_ok=True)
        unique = f"{os.getpid()}-{secrets.token_hex(4)}"
        fresh = self._directory / f"new-{unique}"
        try:
            fresh.write_bytes(note)
            newest = self._numbered()[-1:]
            number = int(newest[0].name.split("-")[0]) + 1 if newest else 1
            fresh.rename(self._directory / f"{number:012d}-{unique}")
        finally:
            fresh.unlink(missing_ok=True)
        for old in self._numbered()[:-KEPT]:
            old.unlink(missing_ok=True)

    def all(self) -> list[bytes]:
        """What is kept, oldest first."""
        found = []
        for path in self._numbered():
            try:
                found.append(path.read_bytes())
            except FileNotFoundError:  # Somebody has just added one and thrown this one away.
                continue
        return found

    def _numbered(self) -> list[Path]:
        try:
            return sorted(path for path in self._directory.iterdir() if path.name[:1].isdigit())
        except FileNotFoundError:
            return []


class SharedNote:
    """A note of which one process at a time has charge."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def charge(self) -> Iterator[Self | None]:
        """Have charge of it; None when another process, or another thread of this one, has."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_name(f"{self._path.name}.lock").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
                return
            yield self

    def read(self) -> bytes | None:
        """What it says; None when there is none."""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None

    def write(self, note: bytes, *, anew: bool = False) -> None:
        """Replace what it says, whole or not at all; when it says that already, nothing is written but `anew`."""
        if not anew and note == self.read():
            return
        fresh = self._path.with_name(f"{self._path.name}.new")
        fresh.write_bytes(note)
        fresh.replace(self._path)
