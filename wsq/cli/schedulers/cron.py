"""A line in the user's crontab. Lines of others are kept byte for byte."""

from __future__ import annotations

import re
import shutil
from datetime import datetime
from itertools import takewhile

from wsq.cli.schedulers.base import Entry, Installed, ask, reason, tell
from wsq.clock import aware
from wsq.errors import InvalidInput, WsqError

LONGEST = 998
"""Bytes that every cron takes in a line."""

_SAFE = re.compile(r"[A-Za-z0-9_@+=:,./-]+")
_EMPTY = re.compile(rb"no crontab|no such file", re.IGNORECASE)


class Cron:
    """Runs on whether or not the user is logged in; what the machine sleeps through is not made up for."""

    word = "cron"
    logs_to_file = True

    def hindrance(self) -> str | None:
        """Whether there is a crontab to write to."""
        return None if shutil.which("crontab") else "cron cannot be used: there is no crontab on this machine."

    def install(self, entry: Entry) -> None:
        """Put the line in, in the place of an older one."""
        _write(with_line(_read(), entry.name, line(entry)))

    def found(self, name: str) -> Installed | None:
        """The line of that name."""
        if self.hindrance():
            return None
        mine = next((each for each in _lines(_read()) if _is_of(name, each)), None)
        if mine is None:
            return None
        text = mine.decode(errors="replace").rstrip("\n")
        return Installed(self.word, name, "your crontab", _every(text), _since(text))

    def remove(self, name: str) -> None:
        """Take the line out; a crontab without a line is removed."""
        rest = without(_read(), name)
        if rest.strip():
            _write(rest)
        else:
            tell("crontab", "-r")

    def hint(self, entry: Entry) -> str:
        """Where to read what it prints."""
        return f"What it prints is in {entry.log}. Passes that the machine sleeps through are not made up for."


def line(entry: Entry) -> str:
    """The line, without its end. The comment at its end, by which it is found again, is one to the shell.

    Raises:
        InvalidInput: cron has no way to say how often, or the line is too long for it.
    """
    if entry.minutes is None:
        near = [each for each in range(1, 60) if not 60 % each]
        raise InvalidInput(
            f"cron cannot run anything every {entry.every} minutes evenly, expected one of {', '.join(map(str, near))}."
        )
    when = "*" if entry.every == 1 else f"*/{entry.every}"
    command = " ".join(map(quoted, entry.command))
    made = (
        f"{when} * * * * cd {quoted(entry.folder)} && {command} >> {quoted(entry.log)} 2>&1"
        f" # {entry.name} since {entry.since.isoformat(timespec='seconds')}"
    )
    if len(made.encode()) > LONGEST:
        raise InvalidInput(f"The paths are too long for cron, whose lines have at most {LONGEST} bytes.")
    return made


def quoted(text: str) -> str:
    """`text` as a word of the shell in a crontab, where a bare ``%`` would end the command.

    The escaped ``%`` stands outside of quotes: so it is right with a cron that takes the backslash away
    and with one that leaves it to the shell.
    """
    if _SAFE.fullmatch(text):
        return text
    return "'" + text.replace("'", "'\"'\"'").replace("%", "'\\%'") + "'"


def with_line(table: bytes, name: str, line: str) -> bytes:
    """The crontab with `line` where the first line of that name was, else at its end."""
    lines = _lines(table)
    before = list(takewhile(lambda each: not _is_of(name, each), lines))
    if before and not before[-1].endswith(b"\n"):
        before[-1] += b"\n"
    return b"".join(before) + line.encode() + b"\n" + without(b"".join(lines[len(before) :]), name)


def without(table: bytes, name: str) -> bytes:
    """The crontab without any line of that name."""
    return b"".join(each for each in _lines(table) if not _is_of(name, each))


def _lines(table: bytes) -> list[bytes]:
    """The lines with their ends, where only a line feed ends one."""
    return re.findall(rb"[^\n]*\n|[^\n]+", table)


def _is_of(name: str, line: bytes) -> bool:
    return re.fullmatch(rb"[^#].* # " + re.escape(name.encode()) + rb" since \S+\n?", line) is not None


def _every(text: str) -> int | None:
    match = re.match(r"\*(?:/([0-9]+))? \* \* \* \* ", text)
    return int(match[1] or 1) if match else None


def _since(text: str) -> datetime | None:
    """When the line was put in; None when what it says there is no instant, since people edit their crontabs."""
    try:
        return aware(datetime.fromisoformat(text.rsplit(maxsplit=1)[-1]))
    except (ValueError, InvalidInput):
        return None


def _read() -> bytes:
    """The user's crontab, empty when there is none.

    Raises:
        WsqError: It cannot be read, and so must not be written anew.
    """
    done = ask("crontab", "-l")
    if done.returncode and not _EMPTY.search(done.stderr):
        raise WsqError(f"The crontab cannot be read: {reason(done)}.")
    return b"" if done.returncode else done.stdout


def _write(table: bytes) -> None:
    tell("crontab", "-", given=table)
