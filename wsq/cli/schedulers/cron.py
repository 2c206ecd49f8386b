"""A line in the user's crontab. Other lines are kept byte for byte."""

from __future__ import annotations

import re
import shutil
from datetime import datetime
from itertools import takewhile

from wsq.cli.schedulers.base import Entry, Installed, reason, run, run_checked
from wsq.clock import aware
from wsq.errors import InvalidInput, WsqError

LONGEST = 998
"""Maximum bytes of a line in every cron."""

_SAFE = re.compile(r"[A-Za-z0-9_@+=:,./-]+")
_EMPTY = re.compile(rb"no crontab|no such file", re.IGNORECASE)


class Cron:
    """Runs whether or not the user is logged in; passes missed during sleep are not made up."""

    word = "cron"
    logs_to_file = True

    def hindrance(self) -> str | None:
        """Return why there is no crontab; None if there is one."""
        return None if shutil.which("crontab") else "cron is unavailable: there is no crontab command on this machine."

    def install(self, entry: Entry) -> None:
        """Add the line, replacing an older one."""
        _write(with_line(_read(), entry.name, line(entry)))

    def found(self, name: str) -> Installed | None:
        """Return the entry of the line with this name."""
        if self.hindrance():
            return None
        mine = next((each for each in _lines(_read()) if _is_of(name, each)), None)
        if mine is None:
            return None
        text = mine.decode(errors="replace").rstrip("\n")
        return Installed(self.word, name, "your crontab", _every(text), _since(text))

    def remove(self, name: str) -> None:
        """Remove the line; an empty crontab is removed."""
        rest = without(_read(), name)
        if rest.strip():
            _write(rest)
        else:
            run_checked("crontab", "-r")

    def hint(self, entry: Entry) -> str:
        """Return where the output is."""
        return f"Its output is in {entry.log}. Passes missed during sleep are not made up."


def line(entry: Entry) -> str:
    """Return the line without line break. The comment at its end, by which it is found again, is a shell comment.

    Raises:
        InvalidInput: cron cannot express the interval, or the line is too long for it.
    """
    if entry.minutes is None:
        near = [each for each in range(1, 60) if not 60 % each]
        raise InvalidInput(
            f"cron cannot run every {entry.every} minutes evenly, expected one of {', '.join(map(str, near))}."
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
    """Return `text` as a shell word in a crontab, where a bare ``%`` would end the command.

    The escaped ``%`` is outside of quotes, which works whether cron or the shell removes the backslash.
    """
    if _SAFE.fullmatch(text):
        return text
    return "'" + text.replace("'", "'\"'\"'").replace("%", "'\\%'") + "'"


def with_line(table: bytes, name: str, line: str) -> bytes:
    """Return the crontab with `line` in place of the first line of this name, else at the end."""
    lines = _lines(table)
    before = list(takewhile(lambda each: not _is_of(name, each), lines))
    if before and not before[-1].endswith(b"\n"):
        before[-1] += b"\n"
    return b"".join(before) + line.encode() + b"\n" + without(b"".join(lines[len(before) :]), name)


def without(table: bytes, name: str) -> bytes:
    """Return the crontab without lines of this name."""
    return b"".join(each for each in _lines(table) if not _is_of(name, each))


def _lines(table: bytes) -> list[bytes]:
    """Return the lines with their ends; only a line feed ends a line."""
    return re.findall(rb"[^\n]*\n|[^\n]+", table)


def _is_of(name: str, line: bytes) -> bool:
    return re.fullmatch(rb"[^#].* # " + re.escape(name.encode()) + rb" since \S+\n?", line) is not None


def _every(text: str) -> int | None:
    match = re.match(r"\*(?:/([0-9]+))? \* \* \* \* ", text)
    return int(match[1] or 1) if match else None


def _since(text: str) -> datetime | None:
    """Return when the line was installed; None if it is not an instant, since people edit their crontabs."""
    try:
        return aware(datetime.fromisoformat(text.rsplit(maxsplit=1)[-1]))
    except (ValueError, InvalidInput):
        return None


def _read() -> bytes:
    """Return the user's crontab; empty if there is none.

    Raises:
        WsqError: It cannot be read, and so must not be overwritten.
    """
    done = run("crontab", "-l")
    if done.returncode and not _EMPTY.search(done.stderr):
        raise WsqError(f"The crontab cannot be read: {reason(done)}.")
    return b"" if done.returncode else done.stdout


def _write(table: bytes) -> None:
    run_checked("crontab", "-", given=table)
