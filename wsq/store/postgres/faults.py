"""Translate errors of PostgreSQL and the connection into messages that users can act on."""

from __future__ import annotations

import re

import psycopg
from psycopg import errors
from psycopg_pool import PoolClosed, PoolTimeout

from wsq.errors import (
    Conflict,
    UnreadableLog,
    WorkspaceBusy,
    WorkspaceError,
    WorkspaceLost,
    WorkspaceUnwritable,
)

_ENDED = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.IdleInTransactionSessionTimeout,
    errors.TooManyConnections,
)
"""The server ends or refuses a session, and would accept another one later."""

_YIELDED = (errors.DeadlockDetected, errors.SerializationFailure)
"""The server ends a transaction in favour of another; a retry succeeds."""

_TAKEN_SEQ = re.compile(r"\(store_id, seq\)=\((?P<store>[^,)]+), (?P<seq>\d+)\)")
_SECRET = re.compile(r"(?i)(password=)('[^']*'|\S+)|(://[^:/@\s]*:)[^@\s]*@")

_BEYOND_NAME, _OPTIONS = re.compile("[:/?#]"), re.compile("[?#]")

_IN_VAIN = re.compile(
    r"authentication failed|no password supplied|does not exist|no pg_hba\.conf entry|not support SSL|certificate"
    r"|not permitted|permission denied|could not translate|resolve host|invalid .*value"
)
"""Connection errors without a code that a retry would not fix."""


def without_password(url: str) -> str:
    """Return the URL without its password and options, to be shown."""
    scheme, _, rest = url.partition("://")
    login, at, host = rest.rpartition("@")  # the last: the password may contain an unescaped @
    return f"{scheme}://{_BEYOND_NAME.split(login)[0]}{at}{_OPTIONS.split(host)[0]}"


def explained(error: BaseException, place: str) -> BaseException:
    """Return the error to raise instead of `error`, for the workspace `place`; `error` itself if it is clear enough."""
    if isinstance(error, PoolTimeout | PoolClosed):
        return WorkspaceBusy(f"{place} provided no connection in time: {_in_one_line(error)}.")
    if not isinstance(error, psycopg.Error):
        return error
    if isinstance(error, errors.UniqueViolation):
        return _taken(error)
    if isinstance(error, errors.LockNotAvailable):
        return WorkspaceBusy(f"{place} was locked by other writers for too long. Try again.")
    if isinstance(error, errors.UndefinedTable | errors.InvalidSchemaName):
        return WorkspaceError(
            f"{place} has a missing table ({_in_one_line(error)}). Run `wsq rebuild` to create tables from the log."
        )
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return WorkspaceError(f"{place} is open for reading here; changes need a write transaction.")
    if isinstance(error, errors.DiskFull):
        return WorkspaceUnwritable(
            f"{place} cannot be written to: its server's disk is full. What was saved before is safe."
        )
    if isinstance(error, errors.InsufficientPrivilege):
        return WorkspaceUnwritable(f"This user of the server lacks privileges on {place}: {_in_one_line(error)}.")
    if isinstance(error, _YIELDED):
        return WorkspaceLost(
            f"{place} gave way to another transaction, and nothing was written: {_in_one_line(error)}."
        )
    if is_lost(error):
        return WorkspaceLost(f"{place} cannot be reached: {_in_one_line(error)}.")
    if isinstance(error, psycopg.OperationalError) and not error.sqlstate:
        return WorkspaceError(f"Cannot connect to {place}: {_in_one_line(error)}.")
    if isinstance(error, psycopg.OperationalError):
        return WorkspaceError(f"{place} is unavailable: {_in_one_line(error)}.")
    return error


def is_lost(error: BaseException) -> bool:
    """Whether the connection is lost or could not be made, and a retry may help."""
    if isinstance(error, PoolTimeout | PoolClosed):
        return False
    if isinstance(error, _ENDED):
        return True
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) or error.sqlstate:
        return False
    return not _IN_VAIN.search(str(error))


def _taken(error: psycopg.Error) -> BaseException:
    detail = error.diag.message_detail or _in_one_line(error)
    taken = _TAKEN_SEQ.search(detail) if error.diag.table_name == "events" else None
    if taken is not None:
        return UnreadableLog(
            f"The log of store {taken['store']!r} already has an event {taken['seq']}, which its head does not count: "
            "it was probably inserted by hand. Nothing was written. `wsq verify` shows the differences."
        )
    return Conflict(f"A row with this key already exists: {detail.rstrip('.')}.")


def _in_one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return _SECRET.sub(lambda found: f"{found[1] or found[3]}…{'@' if found[3] else ''}", text).rstrip(" .")[:500]
