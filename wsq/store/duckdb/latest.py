"""The latest word on things that are under way, beside the database: it costs no transaction, and may be lost."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

FORGOTTEN = 3600.0
"""Seconds after which a note that nobody renews goes: whoever left it was killed."""


class Latest:
    """One short note for each name, overwritten by the next; names are ids of our own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, name: str, note: bytes) -> None:
        """Leave `note` in the place of what stands under `name`."""
        self._directory.mkdir(parents=True, exist_ok=True)
        target = self._directory / name
        fresh = self._directory / f"new-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            fresh.write_bytes(note)
            if not target.exists():
                self._forget_what_is_older(fresh.stat().st_mtime - FORGOTTEN)
            fresh.rename(target)
        finally:
            fresh.unlink(missing_ok=True)

    def drop(self, name: str) -> None:
        """Take the note away, if there is one."""
        (self._directory / name).unlink(missing_ok=True)

    def get(self, names: Iterable[str]) -> dict[str, bytes]:
        """What stands under these names; those without a note are left out."""
        found = {}
        for name in names:
            try:
                found[name] = (self._directory / name).read_bytes()
            except FileNotFoundError:
                continue
        return found

    def _forget_what_is_older(self, instant: float) -> None:
        for path in self._directory.iterdir():
            try:
                if path.stat().st_mtime < instant:
                    path.unlink()
            except FileNotFoundError:  # Somebody else has just taken it away.
                continue
