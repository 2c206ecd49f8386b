"""The log of a command: sentences on standard error, each with its instant and a stable action word."""

from __future__ import annotations

import logging

from wsq.cli.output import plain
from wsq.errors import WsqError

logger = logging.getLogger("wsq.cli")


class _Sentence(logging.Formatter):
    """An error of wsq's own is told by its sentence; a traceback is for what nobody foresaw."""

    def format(self, record: logging.LogRecord) -> str:
        action = getattr(record, "action", None) or record.name
        line = f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S%z')} {record.levelname.lower()} {action}: "
        line += plain(record.getMessage())
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, WsqError):
            return f"{line} {plain(str(error))}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info and error else line


def keep() -> None:
    """Have what wsq logs written on standard error; doing it twice changes nothing."""
    root = logging.getLogger("wsq")
    if not root.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(_Sentence())
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        root.propagate = False


def warn(action: str, sentence: object) -> None:
    """Log something that went wrong and is tried again."""
    keep()
    logger.warning("%s", sentence, extra={"action": action})


def note(action: str, sentence: str) -> None:
    """Log something worth knowing."""
    keep()
    logger.info("%s", sentence, extra={"action": action})
