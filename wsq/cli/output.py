"""Output of the commands: lines and tables on standard output, errors on standard error."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TextIO

from wsq.settings import has_password
from wsq.vocabulary import phrase

if TYPE_CHECKING:
    from wsq.projections import Execution, RecurringTask
    from wsq.settings import Settings


def prepare_streams() -> None:
    """Prepare the standard streams: characters that a terminal cannot show are escaped.

    Standard streams that were closed before the program began are opened to nowhere. Otherwise the next opened file,
    perhaps the workspace, would get their descriptor, and code that writes to standard error directly would write into
    it.
    """
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Write a line to standard output. If nobody reads it any more, the work goes on."""
    _write(sys.stdout, text)


def _open_what_is_closed() -> None:
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free descriptor: this one


def print_error(program: str, sentence: object) -> None:
    """Write an error to standard error, on one line."""
    _write(sys.stderr, f"{program}: {plain(_of_the_system(sentence) or str(sentence))}")


def _of_the_system(error: object) -> str | None:
    """Return an error of the operating system as a sentence; None for anything else."""
    if not isinstance(error, OSError) or error.strerror is None:
        return None
    what = f"{error.filename} cannot be used" if error.filename else "The operating system reports an error"
    return f"{what}: {error.strerror.lower()}."


def warn_of_exposure(program: str, settings: Settings | None = None) -> None:
    """Warn of secrets that other people could read: of a password in the command line, and of those in the settings."""
    if any("://" in word and has_password(word) for word in sys.argv[1:]):
        print_error(
            program,
            "The database's password is in the command line, where other users of this machine can read it. Use "
            "WSQ_DATABASE, or a password file (PGPASSFILE).",
        )
    for sentence in settings.exposed if settings else ():
        print_error(program, sentence)


def print_unexpected(program: str, error: Exception) -> None:
    """Write an unexpected error to standard error, with its traceback."""
    from traceback import print_exception

    print_exception(error)
    print_error(program, f"Unexpected error, please report it: {type(error).__name__}: {error}")


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # the descriptor was closed before the program began
        return
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except OSError:  # a broken pipe or a full disk; a ValueError would be a bug
        _mute(stream)


def _mute(stream: TextIO) -> None:
    """Redirect a stream that cannot be written to nowhere, so that the interpreter's exit does not fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)


def plain(text: str) -> str:
    """Return `text` on one line without terminal control characters: names and outputs come from anyone."""
    return "".join(c if c.isprintable() else " " if c in "\n\t\r" else ascii(c)[1:-1] for c in text)


def paragraphs(text: str) -> str:
    """Return `text` with its line breaks, without terminal control characters."""
    return "\n".join(plain(line) for line in text.splitlines())


def local(instant: datetime | None, zone: str) -> str:
    """Return an instant as local time in `zone`, with the zone's abbreviation."""
    from wsq.zone_rules import zone as rules

    return f"{instant.astimezone(rules(zone)):%Y-%m-%d %H:%M:%S %Z}" if instant else "–"


def seconds(duration: timedelta | None) -> str:
    """Return a duration as text: ``0.3 s``, ``2 min 5 s``."""
    from wsq.projections.display import length

    return "–" if duration is None else length(duration.total_seconds())


def count(number: int, what: str, plural: str | None = None) -> str:
    """Return a number with its noun: ``1 task``, ``2 tasks``, ``1,000 tasks``."""
    return f"{number:,} {what if number == 1 else plural or what + 's'}"


def every(task: RecurringTask) -> str:
    """Return the interval; see `display.interval`."""
    from wsq.projections.display import interval

    return interval(task.interval_value, task.interval_unit, task.starting)


def outcome(execution: Execution) -> str:
    """Return the agent's verdict if there is one, else the reason why it ended or was skipped."""
    unknown = "running" if execution.status == "running" else "verdict unknown"
    return phrase(execution.verdict or execution.reason or unknown)


def created(execution: Execution) -> str:
    """Return the number of created tasks: ``2 tasks created``; empty if none."""
    made = len(execution.created_task_ids)
    return f"{count(made, 'task')} created" if made else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return aligned columns with headings."""
    lines = [list(heads), *([plain(str(cell)) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
