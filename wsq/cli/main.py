"""`wsq`, for people. Exit status 0: done. 1: what was asked for failed or is not healthy. 2: refused."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from importlib import import_module

from wsq import settings as configuration
from wsq.cli.output import complain, confess, ready
from wsq.cli.parser import PROGRAM, parser
from wsq.cli.signals import Stopped, stoppable
from wsq.errors import WsqError

_ROOMS = {
    **dict.fromkeys(("add", "list", "show", "run", "history", "enable", "disable", "delete"), "recurring"),
    **dict.fromkeys(("init", "sql", "backup", "rebuild", "verify"), "workspace"),
    **dict.fromkeys(("copy", "export", "import"), "archive"),
    **dict.fromkeys(("pause", "resume", "since"), "stillness"),
    **{name: name for name in ("demo", "doctor", "lab", "forget", "schedule", "serve", "user")},
}
"""Where each command lives: a module of this package, loaded when it is asked for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `wsq` with `arguments`, else those of the command line; returns the exit status."""
    ready()
    try:
        with stoppable():
            return _answer(sys.argv[1:] if arguments is None else arguments)
    except Stopped as stop:
        complain(PROGRAM, stop)
        return stop.status


def _answer(arguments: Sequence[str]) -> int:
    try:
        given = parser().parse_args(arguments)
        if getattr(given, "database", None) is not None:
            configuration.load(database=given.database, flags=True)  # a refusal names what was typed
        return command(given.command)(given)
    except (WsqError, OSError) as error:
        complain(PROGRAM, error)
    except Exception as error:  # noqa: BLE001 - Python's own status would say that an execution failed
        confess(PROGRAM, error)
    except SystemExit as end:  # how argparse ends after --help and --version
        return int(end.code or 0)
    return 2


def command(name: str) -> Callable[[Namespace], int]:
    """What carries a command out: a function of its arguments that returns the exit status."""
    room = import_module(f"wsq.cli.{_ROOMS[name]}")
    carry_out: Callable[[Namespace], int] = getattr(room, f"{name}_command")
    return carry_out


if __name__ == "__main__":
    sys.exit(main())
