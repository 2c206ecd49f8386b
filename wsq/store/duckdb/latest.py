"""Progress notes beside the database. They need no transaction and may be lost."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

FORGOTTEN = 3600.0
"""Seconds after which a note that is not renewed is removed: its process was killed."""


class Latest:
    """One short note per name; names are ids created by wsq."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, name: str, note: bytes) -> None:
        """Write or replace the note of `name`."""
        self._directory.mkdir(parents=True, exist_ok=True)
        target = self._directory / name
        fresh = self._directory / f"new-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            fresh.write_bytes(note)
            if not target.exists():
                self._remove_older_than(fresh.stat().st_mtime - FORGOTTEN)
            fresh.rename(target)
        finally:
            fresh.unlink(missing_ok=True)

    def drop(self, name: str) -> None:
        """Remove the note, if there is one."""
        (self._directory / name).unlink(missing_ok=True)

    def get(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the notes of these names; those without one are left out."""
        found = {}
        for name in names:
            try:
                found[name] = (self._directory / name).read_bytes()
            except FileNotFoundError:
                continue
        return found

    def _remove_older_than(self, instant: float) -> None:
        for path in self._directory.iterdir():
            try:
                if path.stat().st_mtime < instant:
                    path.unlink()
            except FileNotFoundError:  # Another process removed it.
                continue
