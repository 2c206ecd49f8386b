"""Translate errors of DuckDB and the operating system into messages that users can act on."""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import suppress
from pathlib import Path

import duckdb

from wsq.errors import (
    Conflict,
    NewerWorkspace,
    NotAWorkspace,
    UnreadableLog,
    WorkspaceBusy,
    WorkspaceError,
    WorkspaceUnwritable,
)
from wsq.files import user_name
from wsq.projections import TABLES

_TOO_LARGE = "File too large"
_FULL = ("No space left on device", "Disk quota exceeded")
_FORBIDDEN = ("Read-only file system", "Permission denied", "Operation not permitted")
_DAMAGED = (
    "not a valid DuckDB database file",
    "orrupt",
    "Could not read enough bytes",
    "Failure while replaying WAL",
    "WAL checkpoint iteration",
    "Serialization Error",
    "Is a directory",
)
_LOST = "has been invalidated"
_TAKEN = ("unique constraint", "primary key")
_TAKEN_SEQ = re.compile(r'Duplicate key "store_id: (?P<store>[^,"]+), seq: (?P<seq>\d+)"')
_NO_TABLE = re.compile(r"Table with name (?P<table>\w+) does not exist")
_OPENED = re.compile(r'(?:file|directory) "(?P<file>[^"]+)"')
_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")


def explained(error: BaseException, place: str) -> BaseException:
    """Return the error to raise instead of `error`, for the workspace `place`; `error` itself if it is clear enough."""
    if isinstance(error, OSError):
        return _of_the_system(error, place)
    if isinstance(error, duckdb.Error):
        return _of_duckdb(error, place)
    if isinstance(error, RuntimeError) and "Query interrupted" in str(error):
        # DuckDB raises this for any exception of a signal handler.
        return KeyboardInterrupt()
    return error


def _full(place: str) -> WorkspaceUnwritable:
    return WorkspaceUnwritable(f"{place} cannot be written to: its disk is full. What was saved before is safe.")


def _too_large(place: str) -> WorkspaceUnwritable:
    return WorkspaceUnwritable(
        f"{place} cannot be written to: the file would exceed the size limit of this process (see `ulimit -f`). "
        "What was saved before is safe."
    )


def _forbidden(place: str, reason: str, file: str | None) -> WorkspaceUnwritable:
    """Name the file at fault, and whose it is: often another user's command has left it."""
    fault, owner = _at_fault(Path(file or place))
    return WorkspaceUnwritable(
        f"{fault} cannot be written to ({reason.lower()}){owner}. wsq needs write access to {place}, the files beside "
        "it and their folder."
    )


def _at_fault(file: Path) -> tuple[Path, str]:
    """Return the file, or else the nearest folder on its path, and what to say of its owner if that is another user."""
    for path in (file, *file.parents):
        with suppress(OSError):
            found = path.stat()
            if found.st_uid == os.geteuid():
                return path, ""
            owner, me = user_name(found.st_uid), user_name(os.geteuid())
            return path, f": it belongs to {owner}, has mode {stat.S_IMODE(found.st_mode):04o}, and this is {me}"
    return file, ""


def _damaged(place: str, reason: str) -> NotAWorkspace:
    return NotAWorkspace(f"{place} is damaged or not a wsq workspace: {reason}. It was not changed.")


def _of_the_system(error: OSError, place: str) -> BaseException:
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(place)
    if error.errno == errno.EFBIG:
        return _too_large(place)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return _forbidden(place, reason, error.filename)
    if error.filename and Path(error.filename).is_symlink():
        return WorkspaceUnwritable(
            f"{place} cannot be used: {error.filename} is a symbolic link, which is not followed there. Remove it."
        )
    where = f" ({error.filename})" if error.filename else ""
    return WorkspaceUnwritable(f"{place} cannot be used: {reason.lower()}{where}.")


def _of_duckdb(error: Exception, place: str) -> BaseException:
    text = str(error)
    if any(sign in text for sign in _FULL):
        return _full(place)
    if _TOO_LARGE in text:
        return _too_large(place)
    for sign in _FORBIDDEN:
        if sign in text:
            opened = _OPENED.search(text)
            return _forbidden(place, sign, opened["file"] if opened else None)
    if "Could not set lock on file" in text:
        return _held(text, place)
    if "already attached" in text:
        return WorkspaceBusy(
            f"{place} is already open in this process outside of wsq: through DuckDB itself, or since before a fork. "
            "Close it there."
        )
    if (taken := _TAKEN_SEQ.search(text)) is not None:
        return UnreadableLog(
            f"The log of store {taken['store']!r} already has an event {taken['seq']}, which its head does not count: "
            "it was probably inserted by hand. Nothing was written. `wsq verify` shows the differences."
        )
    if (lacking := _NO_TABLE.search(text)) is not None:
        return _incomplete(lacking["table"], place)
    if any(sign in text.lower() for sign in _TAKEN):
        return Conflict(f"A row with this key already exists: {_first_line(text)}.")
    if "read-only mode" in text:
        return WorkspaceError(f"{place} is open for reading here; changes need a write transaction.")
    if "version number" in text:
        return NewerWorkspace(f"{place} was written by a version of DuckDB other than {duckdb.__version__}.")
    if any(sign in text for sign in _DAMAGED):
        return _damaged(place, _first_line(text))
    if isinstance(error, duckdb.FatalException | duckdb.IOException | duckdb.OutOfMemoryException) or _LOST in text:
        return WorkspaceError(f"{place} is unavailable: {_first_line(text)}.")
    return error


def _incomplete(table: str, place: str) -> WorkspaceError:
    if table in TABLES:
        return WorkspaceError(f"{place} has no table {table!r}. Run `wsq rebuild` to create it from the log.")
    return _damaged(place, f"the table {table!r} is missing and cannot be rebuilt")


def _held(text: str, place: str) -> WorkspaceBusy:
    found = _HOLDER.search(text)
    who = f"process {found['pid']} ({found['program']})" if found else "another program"
    return WorkspaceBusy(f"{place} is open in {who}, which locks out all others. Close it there.")


def _first_line(text: str) -> str:
    line = text.splitlines()[0] if text else "no reason given"
    return re.sub(r"^[\w ]*(Error|Exception): ", "", line).rstrip(" .")
