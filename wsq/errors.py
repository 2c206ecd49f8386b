"""What can go wrong, as one tree. A message is one sentence that a user can act on.

WsqError
├── InvalidInput            a value that cannot be accepted
├── NotFound                an id or a store that is not there
├── Conflict                someone else was faster
├── AlreadyRunning          one execution of a task at a time
├── NotRunnable             the task may not be run now (disabled, over its budget)
├── NotAllowed              the user's role does not reach that far
├── LoggedOut               the user's session is over
├── SettingError            a setting that cannot be understood
├── MissingCredentials      a model was used here before, and now none can be reached
├── LeaseLost               another worker has taken this execution over, or it was cancelled
├── WorkspaceError          the workspace's database cannot be used
│   ├── NotAWorkspace       the file is damaged, or is something else
│   ├── NewerWorkspace      a newer wsq has written it
│   ├── WorkspaceBusy       another process held it for too long
│   ├── WorkspaceLost       the connection to its server was lost, and nothing was written
│   └── WorkspaceUnwritable read-only, or no room left
├── UnreadableLog           an event that this wsq does not know
└── BrokenArchive           an exported file that was cut, damaged or edited
"""

from __future__ import annotations


class WsqError(Exception):
    """Something that wsq was asked for cannot be done."""


class InvalidInput(WsqError, ValueError):
    """A value cannot be accepted; the message names it and what was expected."""


class NotFound(WsqError, LookupError):
    """There is nothing by that id; the message names the nearest one."""


class Conflict(WsqError):
    """Someone else changed it first: look at it again, then decide anew."""


class AlreadyRunning(WsqError):
    """The task is being carried out already; ``execution_id`` tells by which execution."""

    def __init__(self, message: str, *, execution_id: str) -> None:
        super().__init__(message)
        self.execution_id = execution_id


class NotRunnable(WsqError):
    """The task may not be run now; the message says what stands in the way."""


class NotAllowed(WsqError):
    """The role of who has logged in does not allow it; the message says what would."""


class LoggedOut(WsqError):
    """The session of who had logged in is over."""


class SettingError(WsqError):
    """A setting cannot be understood; the message names it, its value and what was expected."""


class MissingCredentials(WsqError):
    """This workspace has been used with a model, and the credentials for one are missing."""


class LeaseLost(WsqError):
    """The execution no longer belongs to this worker: it was taken over or cancelled."""


class WorkspaceError(WsqError):
    """The workspace's database cannot be used; the message says why."""


class NotAWorkspace(WorkspaceError):
    """The file is damaged, or is no workspace at all."""


class NewerWorkspace(WorkspaceError):
    """A newer version of wsq has written this workspace."""


class WorkspaceBusy(WorkspaceError):
    """Another process held the workspace for longer than this one would wait."""


class WorkspaceLost(WorkspaceError):
    """The connection to the workspace's server was lost, and nothing was written: the same can be tried again."""


class WorkspaceUnwritable(WorkspaceError):
    """The workspace cannot be written to: it is read-only, or there is no room left."""


class UnreadableLog(WsqError):
    """The log holds an event that this version of wsq does not know."""


class BrokenArchive(WsqError):
    """The exported file is not whole: it was cut, damaged or edited, or is something else."""
