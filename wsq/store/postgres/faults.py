"""What PostgreSQL and the way to it complain of, as sentences that a user can act on."""

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
"""With these the server ends a session or does not begin one, and would another time."""

_YIELDED = (errors.DeadlockDetected, errors.SerializationFailure)
"""With these the server ends a transaction for the sake of another; tried anew it has its turn."""

_TAKEN_SEQ = re.compile(r"\(store_id, seq\)=\((?P<store>[^,)]+), (?P<seq>\d+)\)")
_SECRET = re.compile(r"(?i)(password=)('[^']*'|\S+)|(://[^:/@\s]*:)[^@\s]*@")

_BEYOND_NAME, _OPTIONS = re.compile("[:/?#]"), re.compile("[?#]")

_IN_VAIN = re.compile(
    r"authentication failed|no password supplied|does not exist|no pg_hba\.conf entry|not support SSL|certificate"
    r"|not permitted|permission denied|could not translate|resolve host|invalid .*value"
)
"""What libpq tells, without a code, of what it would tell the next time too."""


def without_password(url: str) -> str:
    """The URL as it may be shown: neither its password nor its options stand in it."""
    scheme, _, rest = url.partition("://")
    login, at, host = rest.rpartition("@")  # the last: a password may hold what belongs escaped
    return f"{scheme}://{_BEYOND_NAME.split(login)[0]}{at}{_OPTIONS.split(host)[0]}"


def explained(error: BaseException, place: str) -> BaseException:
    """What to raise instead of `error`, met at the workspace `place`; `error` itself if it says enough."""
    if isinstance(error, PoolTimeout | PoolClosed):
        return WorkspaceBusy(f"{place} gave no connection in time: {_in_one_line(error)}.")
    if not isinstance(error, psycopg.Error):
        return error
    if isinstance(error, errors.UniqueViolation):
        return _taken(error)
    if isinstance(error, errors.LockNotAvailable):
        return WorkspaceBusy(f"{place} is being written by others for too long; try again.")
    if isinstance(error, errors.UndefinedTable | errors.InvalidSchemaName):
        return WorkspaceError(
            f"{place} lacks a table ({_in_one_line(error)}): `wsq rebuild` makes those anew that follow from the log."
        )
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return WorkspaceError(f"{place} is only being read here; what changes it belongs into a write.")
    if isinstance(error, errors.DiskFull):
        return WorkspaceUnwritable(
            f"{place} cannot be written to: there is no room left on its server; what was saved before is safe."
        )
    if isinstance(error, errors.InsufficientPrivilege):
        return WorkspaceUnwritable(f"{place} cannot be used by this user of the server: {_in_one_line(error)}.")
    if isinstance(error, _YIELDED):
        return WorkspaceLost(f"{place} let another go first, and nothing was written: {_in_one_line(error)}.")
    if is_lost(error):
        return WorkspaceLost(f"{place} cannot be reached: {_in_one_line(error)}.")
    if isinstance(error, psycopg.OperationalError) and not error.sqlstate:
        return WorkspaceError(f"{place} cannot be used as it is told: {_in_one_line(error)}.")
    if isinstance(error, psycopg.OperationalError):
        return WorkspaceError(f"{place} could not be used just now: {_in_one_line(error)}.")
    return error


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, or could not be had, in a way that may pass."""
    if isinstance(error, PoolTimeout | PoolClosed):
        return False
    if isinstance(error, _ENDED):
        return True
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) or error.sqlstate:
        return False
    return not _IN_VAIN.search(str(error))


def _taken(error: psycopg.Error) -> BaseException:
    told = error.diag.message_detail or _in_one_line(error)
    taken = _TAKEN_SEQ.search(told) if error.diag.table_name == "events" else None
    if taken is not None:
        return UnreadableLog(
            f"The log of store {taken['store']!r} has an event {taken['seq']} already, which its head does not count: "
            "somebody has written it by hand. Nothing was written now; `wsq verify` shows where they differ."
        )
    return Conflict(f"Something like this is there already: {told.rstrip('.')}.")


def _in_one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return _SECRET.sub(lambda found: f"{found[1] or found[3]}…{'@' if found[3] else ''}", text).rstrip(" .")[:500]
