"""The `wsq` command. Exit status 0: done. 1: the run failed or the check found problems. 2: refused."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from importlib import import_module

from wsq.cli.output import warn_of_exposure
from wsq.cli.parser import PROGRAM, parser
from wsq.cli.signals import run_program

_MODULES = {
    **dict.fromkeys(("add", "list", "show", "run", "history", "enable", "disable", "delete"), "recurring"),
    **dict.fromkeys(("init", "sql", "backup", "rebuild", "verify"), "workspace"),
    **dict.fromkeys(("copy", "export", "import", "restore"), "archive"),
    **dict.fromkeys(("pause", "resume", "since"), "pauses"),
    "store": "stores",
    **{name: name for name in ("demo", "doctor", "lab", "forget", "schedule", "serve", "user")},
}
"""The module of each command in this package, imported on use."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `wsq` with `arguments`, by default those of the command line; return the exit status."""
    return run_program(PROGRAM, lambda: _answer(sys.argv[1:] if arguments is None else arguments))


def _answer(arguments: Sequence[str]) -> int:
    try:
        given = parser().parse_args(arguments)
    except SystemExit as end:  # argparse's exit after --help and --version
        return int(end.code or 0)
    status = command(given.command)(given)
    if given.command != "serve":  # which has warned when it began
        warn_of_exposure(PROGRAM)
    return status


def command(name: str) -> Callable[[Namespace], int]:
    """Return the function that runs a command; it returns the exit status."""
    module = import_module(f"wsq.cli.{_MODULES[name]}")
    run: Callable[[Namespace], int] = getattr(module, f"{name}_command")
    return run


if __name__ == "__main__":
    sys.exit(main())
