"""All errors as one tree. A message is one sentence that a user can act on.

WsqError
├── InvalidInput            an invalid value
├── NotFound                an unknown id or store
├── Conflict                someone else changed it first
├── AlreadyRunning          one execution of a task at a time
├── NotRunnable             the task cannot run now (disabled, over its budget)
├── NotAllowed              the user's role does not permit it
├── LoggedOut               the user's session has ended
├── SettingError            an invalid setting
├── MissingCredentials      a model was used before, but there are no credentials now
├── LeaseLost               another worker has taken over this execution, or it was cancelled
├── WorkspaceError          the workspace's database is unavailable
│   ├── MissingDatabase     there is none, and it is not to be created
│   ├── NotAWorkspace       the file is damaged, or something else
│   ├── NewerWorkspace      a newer wsq has written it
│   ├── WorkspaceBusy       another process held it for too long
│   ├── WorkspaceLost       the connection to its server was lost, and nothing was written
│   └── WorkspaceUnwritable read-only, or the disk is full
├── UnreadableLog           an event that this wsq does not know
├── InvalidEvent            an event that could not be read again, and is not written
└── BrokenArchive           an exported file that was truncated, damaged or edited
"""

from __future__ import annotations

import reprlib

LONGEST_SHOWN = 60
"""Characters of a value that a message shows."""

_repr = reprlib.Repr()
_repr.maxother = LONGEST_SHOWN  # whole datetimes, for instance


def shown(value: object) -> str:
    """Return `value` as a message shows it: on one line, shortened."""
    try:
        text = " ".join(_repr.repr(value).split())
    except Exception:  # noqa: BLE001 - it is refused, whatever else is wrong with it: 5,000 digits, for instance
        text = f"<{type(value).__name__}>"
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


class WsqError(Exception):
    """The base of all errors that wsq raises on purpose."""


class InvalidInput(WsqError, ValueError):
    """A value is invalid; the message names it and what was expected."""


class NotFound(WsqError, LookupError):
    """There is nothing with this id; the message names the nearest one."""


class Conflict(WsqError):
    """Someone else changed it first: read it again, then decide."""


class AlreadyRunning(WsqError):
    """The task is already running; ``execution_id`` is the running execution."""

    def __init__(self, message: str, *, execution_id: str) -> None:
        super().__init__(message)
        self.execution_id = execution_id


class NotRunnable(WsqError):
    """The task cannot run now; the message says why."""


class NotAllowed(WsqError):
    """The user's role does not permit it; the message names the role that does."""


class LoggedOut(WsqError):
    """The user's session has ended."""


class SettingError(WsqError):
    """A setting is invalid; the message names it, its value and what was expected."""


class MissingCredentials(WsqError):
    """This workspace has been used with a model, and its credentials are missing."""


class LeaseLost(WsqError):
    """This worker no longer owns the execution: it was taken over or cancelled."""


class WorkspaceError(WsqError):
    """The workspace's database is unavailable; the message says why."""


class MissingDatabase(WorkspaceError):
    """There is no database; the message names what is there instead."""


class NotAWorkspace(WorkspaceError):
    """The file is damaged, or not a workspace."""


class NewerWorkspace(WorkspaceError):
    """A newer version of wsq has written this workspace."""


class WorkspaceBusy(WorkspaceError):
    """Another process held the workspace for too long."""


class WorkspaceLost(WorkspaceError):
    """The connection to the workspace's server was lost, and nothing was written. A retry is safe."""


class WorkspaceUnwritable(WorkspaceError):
    """The workspace is read-only, or the disk is full."""


class UnreadableLog(WsqError):
    """The log contains an event that this version of wsq does not know."""


class InvalidEvent(WsqError):
    """An event that could not be read again; it is not written, nor is anything written with it."""


class BrokenArchive(WsqError):
    """The exported file was truncated, damaged or edited, or is something else."""


TEMPORARY = (WorkspaceBusy, WorkspaceLost, WorkspaceUnwritable)
"""What may pass: another program closes the file, the server comes back, somebody makes room on the disk."""
