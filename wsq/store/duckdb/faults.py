"""What DuckDB and the operating system complain of, as sentences that a user can act on."""

from __future__ import annotations

import errno
import re

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
_TAKEN = ("unique constraint", "primary key")
_TAKEN_SEQ = re.compile(r'Duplicate key "store_id: (?P<store>[^,"]+), seq: (?P<seq>\d+)"')
_NO_TABLE = re.compile(r"Table with name (?P<table>\w+) does not exist")
_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")


def explained(error: BaseException, place: str) -> BaseException:
    """What to raise instead of `error`, met at the workspace `place`; `error` itself if it says enough."""
    if isinstance(error, OSError):
        return _of_the_system(error, place)
    if isinstance(error, duckdb.Error):
        return _of_duckdb(error, place)
    if isinstance(error, RuntimeError) and "Query interrupted" in str(error):
        # What DuckDB makes of whatever a signal's handler raised while it worked.
        return KeyboardInterrupt()
    return error


def full(place: str) -> WorkspaceUnwritable:
    """There is no room."""
    return WorkspaceUnwritable(
        f"{place} cannot be written to: there is no room left on its disk; what was saved before is safe."
    )


def too_large(place: str) -> WorkspaceUnwritable:
    """The file has grown to what this process may write."""
    return WorkspaceUnwritable(
        f"{place} cannot be written to: the file would become larger than is allowed here (see `ulimit -f`); "
        "what was saved before is safe."
    )


def forbidden(place: str, reason: str) -> WorkspaceUnwritable:
    """It may not be written to, for a reason that the system gave."""
    return WorkspaceUnwritable(
        f"{place} cannot be written to ({reason.lower()}): wsq needs to write the file and its folder."
    )


def damaged(place: str, reason: str) -> NotAWorkspace:
    """It is there and cannot be read."""
    return NotAWorkspace(f"{place} is damaged or no wsq workspace, and was left as it is: {reason}.")


def _of_the_system(error: OSError, place: str) -> BaseException:
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return full(place)
    if error.errno == errno.EFBIG:
        return too_large(place)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return forbidden(place, reason)
    return WorkspaceUnwritable(f"{place} cannot be used: {reason.lower()}{_where(error)}.")


def _where(error: OSError) -> str:
    return f" ({error.filename})" if error.filename else ""


def _of_duckdb(error: Exception, place: str) -> BaseException:
    text = str(error)
    if any(sign in text for sign in _FULL):
        return full(place)
    if _TOO_LARGE in text:
        return too_large(place)
    for sign in _FORBIDDEN:
        if sign in text:
            return forbidden(place, sign)
    if "Could not set lock on file" in text:
        return _held(text, place)
    if "already attached" in text:
        return WorkspaceBusy(
            f"{place} is open in this very process outside of wsq, through DuckDB itself or since before a fork: "
            "close it there."
        )
    if (taken := _TAKEN_SEQ.search(text)) is not None:
        return UnreadableLog(
            f"The log of store {taken['store']!r} has an event {taken['seq']} already, which its head does not count: "
            "somebody has written it by hand. Nothing was written now; `wsq verify` shows where they differ."
        )
    if (lacking := _NO_TABLE.search(text)) is not None:
        return _incomplete(lacking["table"], place)
    if any(sign in text.lower() for sign in _TAKEN):
        return Conflict(f"Something like this is there already: {_first_line(text)}.")
    if "read-only mode" in text:
        return WorkspaceError(f"{place} is only being read here; what changes it belongs into a write.")
    if "version number" in text:
        return NewerWorkspace(f"{place} was written by another version of DuckDB than {duckdb.__version__}.")
    if any(sign in text for sign in _DAMAGED):
        return damaged(place, _first_line(text))
    if isinstance(error, duckdb.FatalException | duckdb.IOException | duckdb.OutOfMemoryException) or _lost(text):
        return WorkspaceError(f"{place} could not be used just now: {_first_line(text)}.")
    return error


def _lost(text: str) -> bool:
    return "has been invalidated" in text


def _incomplete(table: str, place: str) -> WorkspaceError:
    if table in TABLES:
        return WorkspaceError(f"{place} lacks the table {table!r}: `wsq rebuild` makes it anew from the log.")
    return damaged(place, f"it lacks the table {table!r}, which nothing else can stand in for")


def _held(text: str, place: str) -> WorkspaceBusy:
    found = _HOLDER.search(text)
    who = f"process {found['pid']} ({found['program']})" if found else "another program"
    return WorkspaceBusy(f"{place} is open in {who}, which keeps everybody else out: close it there.")


def _first_line(text: str) -> str:
    line = text.splitlines()[0] if text else "no reason given"
    return re.sub(r"^[\w ]*(Error|Exception): ", "", line).rstrip(" .")
