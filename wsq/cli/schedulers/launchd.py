"""An agent of macOS's launchd."""

from __future__ import annotations

import os
import plistlib
import shutil
from pathlib import Path
from typing import Any

from wsq.cli.schedulers.base import Entry, Installed, installed_at, run, run_checked
from wsq.errors import WsqError
from wsq.files import Files


class Launchd:
    """After sleep, runs one pass if any was missed."""

    word = "launchd"
    logs_to_file = True

    def hindrance(self) -> str | None:
        """Return why launchd is unavailable; None if it is available."""
        if shutil.which("launchctl") is None:
            return "launchd is unavailable: there is no launchctl command on this machine."
        return None

    def install(self, entry: Entry) -> None:
        """Write and load the agent; remove it if launchd refuses it."""
        path = _path(entry.name)
        files = Files(None)
        files.folder(path.parent, parents=True)
        run("launchctl", "bootout", _target(entry.name))  # an older one, if any
        files.write(path, agent(entry))
        try:
            run_checked("launchctl", "bootstrap", _domain(), str(path))
        except WsqError:
            path.unlink()
            raise

    def found(self, name: str) -> Installed | None:
        """Return the agent with this name."""
        return installed_at(_path(name), self.word, name, _every)

    def remove(self, name: str) -> None:
        """Unload the agent and delete its file."""
        if self.hindrance() is None:
            run("launchctl", "bootout", _target(name))
        _path(name).unlink(missing_ok=True)

    def hint(self, entry: Entry) -> str:
        """Return where the output is, and when it runs."""
        return f"Its output is in {entry.log}. It runs while you are logged in."


def agent(entry: Entry) -> bytes:
    """Return the property list. Calendar times missed during sleep are made up; intervals are not."""
    if entry.minutes is not None:
        when: dict[str, Any] = {"StartCalendarInterval": [{"Minute": minute} for minute in entry.minutes]}
    else:
        when = {"StartInterval": 60 * entry.every}
    return plistlib.dumps(
        {
            "Label": entry.name,
            "ProgramArguments": list(entry.lone_command),
            "WorkingDirectory": entry.folder,
            "StandardOutPath": entry.log,
            "StandardErrorPath": entry.log,
            "RunAtLoad": True,
            "ProcessType": "Background",
            **when,
        },
        sort_keys=False,
    )


def _every(path: Path) -> int | None:
    try:
        found = plistlib.loads(path.read_bytes())
        minutes = found.get("StartCalendarInterval")
        return 60 // len(minutes) if minutes else int(found["StartInterval"]) // 60
    except (plistlib.InvalidFileException, ValueError, KeyError, TypeError, AttributeError, OSError):
        return None


def _path(name: str) -> Path:
    try:
        return Path.home() / "Library" / "LaunchAgents" / f"{name}.plist"
    except RuntimeError as problem:
        raise WsqError("This user has no home folder for launchd agents.") from problem


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _target(name: str) -> str:
    return f"{_domain()}/{name}"
