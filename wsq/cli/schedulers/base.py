"""What the schedulers share: one entry per workspace."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from wsq.errors import InvalidInput, WsqError

TIMEOUT = 30.0
"""Seconds that a system program may take."""


class Entry(NamedTuple):
    """A pass every `every` minutes, 1 to 59. Paths are absolute; output goes to `log` or the system journal.

    `folder` is the working directory, whose ``wsq.toml`` applies, since there is no shell environment. `since` is the
    time of installation.
    """

    name: str
    program: str
    database: str
    folder: str
    log: str
    every: int
    since: datetime

    @property
    def command(self) -> tuple[str, ...]:
        """The command of a pass, as a list of arguments."""
        return (self.program, "--quiet", "--database", self.database)

    @property
    def lone_command(self) -> tuple[str, ...]:
        """The command for schedulers that never run two passes at once: it checks for due tasks while it runs."""
        return (*self.command, "--meanwhile", str(60 * self.every))

    @property
    def about(self) -> str:
        """A line of description for people."""
        return f"Passes of wsq's scheduler over {self.database}"

    @property
    def minutes(self) -> range | None:
        """The minutes of each hour at which it runs; None if they differ between hours."""
        return None if 60 % self.every else range(0, 60, self.every)


class Installed(NamedTuple):
    """An installed entry. `every` and `since` are None if it was edited beyond recognition."""

    by: str
    name: str
    where: str
    every: int | None
    since: datetime | None


class Scheduling(Protocol):
    """A scheduler that runs a command periodically."""

    word: str
    """Its name for `--with`."""

    logs_to_file: bool
    """Whether output goes to the entry's `log`; otherwise to a journal."""

    def hindrance(self) -> str | None:
        """Return why it is unavailable, as a sentence; None if it is available."""

    def install(self, entry: Entry) -> None:
        """Create the entry, or replace the one with its name."""

    def found(self, name: str) -> Installed | None:
        """Return the entry with this name; None if there is none."""

    def remove(self, name: str) -> None:
        """Remove what `install` created."""

    def hint(self, entry: Entry) -> str:
        """Return sentences about where its output is, and what else to know."""


def name_for(database: str) -> str:
    """Return the name of a workspace's entry: the same for every path to the file, and unique per file."""
    path = Path(database).resolve()
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-")[:40]
    return f"wsq-{stem or 'workspace'}-{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def checked(entry: Entry) -> Entry:
    """Return the entry, if its paths can be written in every scheduler's format.

    Raises:
        InvalidInput: A path has a character that cannot be escaped in some of them.
    """
    for path in (*entry.command, entry.folder, entry.log):
        if "\\" in path or not path.isprintable():
            raise InvalidInput(f"{path!r} has a backslash or a control character, which schedules do not support.")
    return entry


def run(program: str, *arguments: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run a system program to its end.

    Raises:
        WsqError: It does not exist, or takes too long.
    """
    path = shutil.which(program)
    if path is None:
        raise WsqError(f"There is no {program} on this machine.")
    try:
        return subprocess.run(  # noqa: S603 - found on the PATH, with a list of arguments
            [path, *arguments],
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise WsqError(f"{program} did not answer within {TIMEOUT:g} seconds.") from late


def run_checked(program: str, *arguments: str, given: bytes | None = None) -> bytes:
    """Like `run`, but the program must succeed; returns its output.

    Raises:
        WsqError: It failed; with the program's reason.
    """
    done = run(program, *arguments, given=given)
    if done.returncode:
        raise WsqError(f"{program} {' '.join(arguments)} failed: {reason(done)}.")
    return done.stdout


def reason(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return a failed program's error message, on one line."""
    said = " ".join((done.stderr or done.stdout).decode(errors="replace").split()).rstrip(".")
    return said or f"exit status {done.returncode}"


def installed_at(path: Path, by: str, name: str, every: Callable[[Path], int | None]) -> Installed | None:
    """Return the entry that a file is; None if there is none. It was installed when the file was last written."""
    if not path.exists():
        return None
    return Installed(by, name, str(path), every(path), datetime.fromtimestamp(path.stat().st_mtime, UTC))
