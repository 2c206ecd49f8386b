"""An agent of macOS's launchd."""

from __future__ import annotations

import os
import plistlib
import shutil
from pathlib import Path
from typing import Any

from wsq.cli.schedulers.base import Entry, Installed, ask, changed_at, tell
from wsq.errors import WsqError


class Launchd:
    """Makes up for what the machine slept through, with one pass when it wakes."""

    word = "launchd"
    logs_to_file = True

    def hindrance(self) -> str | None:
        """Whether there is a launchd."""
        if shutil.which("launchctl") is None:
            return "launchd cannot be used: there is no launchctl on this machine."
        return None

    def install(self, entry: Entry) -> None:
        """Write the agent and load it; when launchd refuses it, it is taken away again."""
        path = _path(entry.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        ask("launchctl", "bootout", _target(entry.name))  # an older one; that there was none is no matter
        path.write_bytes(agent(entry))
        try:
            tell("launchctl", "bootstrap", _domain(), str(path))
        except WsqError:
            path.unlink()
            raise

    def found(self, name: str) -> Installed | None:
        """The agent of that name."""
        path = _path(name)
        if not path.exists():
            return None
        return Installed(self.word, name, str(path), _every(path), changed_at(path))

    def remove(self, name: str) -> None:
        """Unload the agent and delete its file."""
        if self.hindrance() is None:
            ask("launchctl", "bootout", _target(name))
        _path(name).unlink(missing_ok=True)

    def hint(self, entry: Entry) -> str:
        """Where to read what it prints, and when it runs."""
        return f"What it prints is in {entry.log}. It runs while you are logged in."


def agent(entry: Entry) -> bytes:
    """The property list. What is due by the clock is made up for after sleep; by an interval it would not be."""
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
        raise WsqError("This user has no home folder, and so nowhere to keep agents of launchd.") from problem


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _target(name: str) -> str:
    return f"{_domain()}/{name}"
