"""Flags of a command without subcommands, read by hand: argparse would cost an idle pass a tenth of its time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wsq.errors import InvalidInput

WIDTH = 100
_COLUMN = 26


class Flag(NamedTuple):
    """A flag: its name with dashes, what it does, and the word for its value; None when it takes none."""

    name: str
    help: str
    value: str | None = None

    @property
    def shown(self) -> str:
        """The flag as it stands in a help text."""
        return f"{self.name} {self.value}" if self.value else self.name


def parse(arguments: Sequence[str], flags: Sequence[Flag]) -> dict[str, str | bool]:
    """The flags that are given, by name: their values, True for those that take none.

    ``--flag value`` and ``--flag=value`` mean the same, and of a flag given twice the last one holds.

    Raises:
        InvalidInput: A flag is not known, or its value is missing or too much.
    """
    known = {flag.name: flag for flag in flags}
    given: dict[str, str | bool] = {}
    rest = iter(arguments)
    for argument in rest:
        name, separator, value = argument.partition("=")
        flag = known.get(name)
        if flag is None:
            raise InvalidInput(_unknown(argument, known))
        if flag.value is None:
            if separator:
                raise InvalidInput(f"{name} takes no value, and was given {value!r}.")
            given[name] = True
            continue
        if not separator:
            following = next(rest, None)
            if following is None or following.split("=")[0] in known:
                raise InvalidInput(f"{name} needs a value: {flag.shown}.")
            value = following
        given[name] = value
    return given


def help_text(program: str, about: str, flags: Sequence[Flag], after: str = "") -> str:
    """What ``--help`` shows."""
    from textwrap import wrap

    usage = wrap(
        f"usage: {program} " + " ".join(f"[{flag.shown}]" for flag in flags),
        WIDTH,
        subsequent_indent=" " * (len(program) + 8),
        break_on_hyphens=False,
    )
    lines = [*usage, "", *wrap(about, WIDTH), "", "options:"]
    for flag in flags:
        first, *others = wrap(flag.help, WIDTH - _COLUMN)
        lines += [f"  {flag.shown:<{_COLUMN - 2}}{first}", *(" " * _COLUMN + line for line in others)]
    return "\n".join([*lines, *(["", *wrap(after, WIDTH)] if after else [])])


def _unknown(argument: str, known: dict[str, Flag]) -> str:
    if not argument.startswith("-"):
        return f"{argument!r} is one word too many; what is given here begins with a flag such as --watch."
    from wsq.rules.values import nearest

    near = nearest(argument.partition("=")[0], known)
    return f"There is no flag {argument!r}{f'; the nearest is {near}' if near else ''}."
