"""What is installed, whoever runs it: one entry for each workspace."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from wsq.errors import InvalidInput, WsqError

PATIENCE = 30.0
"""Seconds that one of the system's programs has for an answer."""


class Entry(NamedTuple):
    """A pass every `every` minutes, 1 to 59. The paths are absolute; what is printed goes to `log` or a journal.

    `folder` is the working directory: the one whose ``wsq.toml`` holds, since no shell's environment does.
    `since` is when it is installed.
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
        """The pass, as a list of arguments."""
        return (self.program, "--quiet", "--database", self.database)

    @property
    def lone_command(self) -> tuple[str, ...]:
        """The same for what starts no second pass beside one that runs: it looks for itself what else comes due."""
        return (*self.command, "--meanwhile", str(60 * self.every))

    @property
    def about(self) -> str:
        """One line for people who find it on their machine."""
        return f"Passes of wsq's scheduler over {self.database}"

    @property
    def minutes(self) -> range | None:
        """The minutes of each hour at which it comes; None when it does not come at the same ones in every hour."""
        return None if 60 % self.every else range(0, 60, self.every)


class Installed(NamedTuple):
    """An entry as it was found. `every` and `since` are None when somebody has changed them beyond recognition."""

    by: str
    name: str
    where: str
    every: int | None
    since: datetime | None


class Scheduling(Protocol):
    """Something that runs a command again and again."""

    @property
    def word(self) -> str:
        """What `--with` calls it."""
        ...

    @property
    def logs_to_file(self) -> bool:
        """Whether what a pass prints goes to the entry's `log`; else it goes to a journal of its own."""
        ...

    def hindrance(self) -> str | None:
        """Why it cannot be used here, as a sentence; None when it can."""
        ...

    def install(self, entry: Entry) -> None:
        """Make the entry, or replace the one of its name."""
        ...

    def found(self, name: str) -> Installed | None:
        """The entry of that name; None when there is none."""
        ...

    def remove(self, name: str) -> None:
        """Take out what `install` made."""
        ...

    def hint(self, entry: Entry) -> str:
        """Where what it prints can be read, and what else is worth knowing, in sentences."""
        ...


def name_for(database: str) -> str:
    """The name of a workspace's entry: the same by whatever path the file is reached, another for every file."""
    path = Path(database).resolve()
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-")[:40]
    return f"wsq-{stem or 'workspace'}-{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def checked(entry: Entry) -> Entry:
    """The entry, if all who may have to run it can be told its paths.

    Raises:
        InvalidInput: A path has a character that some of them take for something else and no escape helps.
    """
    for path in (*entry.command, entry.folder, entry.log):
        if "\\" in path or not path.isprintable():
            raise InvalidInput(f"{path!r} has a backslash or a control character, which no schedule can name for sure.")
    return entry


def ask(program: str, *arguments: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run one of the system's programs to its end.

    Raises:
        WsqError: It is not there, or gives no answer.
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
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise WsqError(f"{program} gave no answer in {PATIENCE:g} seconds.") from late


def tell(program: str, *arguments: str, given: bytes | None = None) -> bytes:
    """Like `ask`, for what must go well; returns what was printed.

    Raises:
        WsqError: It did not, for the reason that the program says.
    """
    done = ask(program, *arguments, given=given)
    if done.returncode:
        raise WsqError(f"{program} {' '.join(arguments)} was refused: {reason(done)}.")
    return done.stdout


def reason(done: subprocess.CompletedProcess[bytes]) -> str:
    """What a program that failed has to say, on one line."""
    said = " ".join((done.stderr or done.stdout).decode(errors="replace").split()).rstrip(".")
    return said or f"exit status {done.returncode}"


def changed_at(path: Path) -> datetime:
    """When a file was written last."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
