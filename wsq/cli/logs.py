"""Logging of the commands: lines on standard error with time, level, action word and text."""

from __future__ import annotations

import logging

from wsq.cli.output import plain
from wsq.errors import WsqError

logger = logging.getLogger("wsq.cli")


class _Sentence(logging.Formatter):
    """Shows wsq's own errors as their message; unexpected ones with a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        action = getattr(record, "action", None) or record.name
        line = f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S%z')} {record.levelname.lower()} {action}: "
        line += plain(record.getMessage())
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, WsqError):
            return f"{line} {plain(str(error))}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info and error else line


def set_up() -> None:
    """Write wsq's log to standard error. Calling it twice is fine."""
    root = logging.getLogger("wsq")
    if not root.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(_Sentence())
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        root.propagate = False


def warn(action: str, sentence: object) -> None:
    """Log a problem that is handled or retried."""
    set_up()
    logger.warning("%s", sentence, extra={"action": action})


def note(action: str, sentence: str) -> None:
    """Log an information."""
    set_up()
    logger.info("%s", sentence, extra={"action": action})
