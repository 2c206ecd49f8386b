"""wsq: a task board with recurring tasks that an agent runs on schedule, with every step on record.

Importing it loads neither Panel nor the Anthropic SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsq.errors import (
    AlreadyRunning,
    BrokenArchive,
    Conflict,
    InvalidInput,
    LeaseLost,
    MissingCredentials,
    MissingDatabase,
    NewerWorkspace,
    NotAWorkspace,
    NotFound,
    NotRunnable,
    SettingError,
    UnreadableLog,
    WorkspaceBusy,
    WorkspaceError,
    WorkspaceLost,
    WorkspaceUnwritable,
    WsqError,
)
from wsq.version import VERSION as __version__  # noqa: N811 - the name that tools look for

if TYPE_CHECKING:
    from wsq.api import PastStore, Store, Workspace, open  # noqa: A004 - the contract's name
    from wsq.projections import Contact, Document, Execution, Project, RecurringTask, Task
    from wsq.projections.changes import Change
    from wsq.runner.dry_run import DryRun
    from wsq.runner.report import ProcessReport

__all__ = [
    "AlreadyRunning", "BrokenArchive", "Change", "Conflict", "Contact", "Document", "DryRun", "Execution",
    "InvalidInput", "LeaseLost", "MissingCredentials", "MissingDatabase", "NewerWorkspace", "NotAWorkspace", "NotFound",
    "NotRunnable", "PastStore", "ProcessReport", "Project", "RecurringTask", "SettingError", "Store", "Task",
    "UnreadableLog", "Workspace", "WorkspaceBusy", "WorkspaceError", "WorkspaceLost", "WorkspaceUnwritable", "WsqError",
    "__version__", "open",
]  # fmt: skip

_ROOMS = {
    **dict.fromkeys(("PastStore", "Store", "Workspace", "open"), "wsq.api"),
    **dict.fromkeys(("Contact", "Document", "Execution", "Project", "RecurringTask", "Task"), "wsq.projections"),
    "Change": "wsq.projections.changes",
    "DryRun": "wsq.runner.dry_run",
    "ProcessReport": "wsq.runner.report",
}


def __getattr__(name: str) -> Any:
    """Load a room when something in it is first asked for."""
    room = _ROOMS.get(name)
    if room is None:
        raise AttributeError(f"module 'wsq' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(room), name)


def load_ipython_extension(shell: Any) -> None:
    """Bring ``%%wsql`` and ``%%recurring`` into a notebook; IPython calls it for ``%load_ext wsq``."""
    from wsq import magics

    magics.register(shell)


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS])
