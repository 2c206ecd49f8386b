"""What a command says: lines and tables on standard output, sentences on standard error."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TextIO
from zoneinfo import ZoneInfo

from wsq.vocabulary import phrase

if TYPE_CHECKING:
    from wsq.projections import Execution, RecurringTask


def ready() -> None:
    """Make what is written survive any terminal: characters that it cannot show are written as escapes.

    A standard stream that was closed before the program began leads nowhere from here on. Its descriptor
    would go to the next file that is opened, which may be the workspace, and who writes to standard error
    without asking Python would write into that.
    """
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Write a line on standard output. When nobody reads it any more the work goes on unheard."""
    _write(sys.stdout, text)


def _open_what_is_closed() -> None:
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which gets the lowest descriptor that is free: this one


def complain(program: str, sentence: object) -> None:
    """Write what went wrong on standard error, on one line."""
    _write(sys.stderr, f"{program}: {plain(_of_the_system(sentence) or str(sentence))}")


def _of_the_system(error: object) -> str | None:
    """What the operating system complains of, as a sentence; None for anything else."""
    if not isinstance(error, OSError) or error.strerror is None:
        return None
    what = f"{error.filename} cannot be used" if error.filename else "The system refuses"
    return f"{what}: {error.strerror.lower()}."


def confess(program: str, error: Exception) -> None:
    """Write an error that nobody foresaw on standard error: with its traceback, it is to be reported."""
    from traceback import print_exception

    print_exception(error)
    complain(program, f"It stopped on something unforeseen, {type(error).__name__}: {error}")


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # the descriptor was closed before the program began
        return
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except OSError:  # a broken pipe, or a full disk behind it; ValueError would be a bug of ours
        _mute(stream)


def _mute(stream: TextIO) -> None:
    """Let go of a stream that cannot be written, so that the interpreter does not complain at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)


def plain(text: str) -> str:
    """`text` on one line and without what would steer a terminal: names and answers come from anyone."""
    return "".join(c if c.isprintable() else " " if c in "\n\t\r" else ascii(c)[1:-1] for c in text)


def paragraphs(text: str) -> str:
    """`text` with its line breaks, and without what would steer a terminal."""
    return "\n".join(plain(line) for line in text.splitlines())


def local(instant: datetime | None, zone: str) -> str:
    """An instant as the clock on the wall shows it in `zone`, with the zone's short name."""
    return f"{instant.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S %Z}" if instant else "–"


def seconds(duration: timedelta | None) -> str:
    """A duration: ``0.3 s``, ``2 min 5 s``."""
    if duration is None:
        return "–"
    total = duration.total_seconds()
    if total < 60:
        return f"{total:.1f} s"
    minutes, rest = divmod(round(total), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def count(number: int, what: str, plural: str | None = None) -> str:
    """``1 task``, ``2 tasks``, ``1,000 tasks``."""
    return f"{number:,} {what if number == 1 else plural or what + 's'}"


def every(task: RecurringTask) -> str:
    """``4 hours``, ``1 day at 09:00``."""
    words = count(task.interval_value, task.interval_unit.removesuffix("s"))
    return f"{words} at {task.starting}" if task.starting and "T" not in task.starting else words


def outcome(execution: Execution) -> str:
    """The agent's verdict where there is one, else why it ended or was skipped."""
    unknown = "running" if execution.status == "running" else "verdict unknown"
    return phrase(execution.verdict or execution.reason or unknown)


def created(execution: Execution) -> str:
    """``2 tasks created``; empty when it created none."""
    made = len(execution.created_task_ids)
    return f"{count(made, 'task')} created" if made else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Columns as wide as their widest cell, under their heads."""
    lines = [list(heads), *([plain(str(cell)) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
