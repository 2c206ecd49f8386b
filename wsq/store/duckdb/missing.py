"""Say that a workspace's file is missing, and name what is there instead."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from wsq.errors import MissingDatabase
from wsq.rules.values import nearest

_LISTED = 3
_LOOKED_AT = 10_000
"""How many entries of a folder are looked at."""


def refuse_missing(path: Path) -> None:
    """Raise `MissingDatabase` if there is no file at `path`; what else is wrong with it, opening it says."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise missing(path) from None
    except OSError:
        pass


def missing(path: Path) -> MissingDatabase:
    """Return the error for a missing file.

    Opens no file to look whether it is a database: closing it again would drop the locks that this process has on it.
    """
    return MissingDatabase(f"No database at {path}{_instead(path)}.")


def _instead(path: Path) -> str:
    if Path(f"{path}.wal").exists():
        return f", but its write-ahead log {path}.wal exists: restore the file"
    part = path
    while not part.parent.is_dir() and part.parent != part:
        part = part.parent
    if part != path:
        return f", since there is no folder {part}{_nearest_folder(part, path.relative_to(part))}"
    databases = _databases(path.parent)
    near = nearest(path.name, databases)
    if near:
        return f"; the nearest is {path.with_name(near)}"
    names = ", ".join(databases[:_LISTED]) + (", …" if len(databases) > _LISTED else "")
    return f"; its folder has {names or 'no database'}"


def _nearest_folder(part: Path, rest: Path) -> str:
    near = nearest(part.name, [name for name, is_folder in _entries(part.parent) if is_folder])
    if near is None:
        return ""
    there = part.with_name(near)
    return f"; the nearest is {there / rest if (there / rest).exists() else there}"


def _databases(folder: Path) -> list[str]:
    """Return the files that look like databases, by name: as DuckDB's are named, or with wsq's folder beside them."""
    entries = _entries(folder)
    beside = {name.removesuffix(".wsq") for name, is_folder in entries if is_folder and name.endswith(".wsq")}
    files = (name for name, is_folder in entries if not is_folder)
    return sorted(name for name in files if name in beside or name.endswith((".duckdb", ".db")))


def _entries(folder: Path) -> list[tuple[str, bool]]:
    """Return names in a folder, and whether each is a folder; none if they may not be listed."""
    try:
        with os.scandir(folder) as found:
            return [(each.name, each.is_dir()) for each in islice(found, _LOOKED_AT)]
    except OSError:
        return []
