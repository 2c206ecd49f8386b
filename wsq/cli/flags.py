"""A minimal parser for flags: argparse would take a tenth of an idle pass's time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wsq.errors import InvalidInput

WIDTH = 100
_COLUMN = 26


class Flag(NamedTuple):
    """A flag: its name with dashes, its help, and a word for its value; None if it takes none."""

    name: str
    help: str
    value: str | None = None

    @property
    def shown(self) -> str:
        """The flag as shown in help texts."""
        return f"{self.name} {self.value}" if self.value else self.name


def parse(arguments: Sequence[str], flags: Sequence[Flag]) -> dict[str, str | bool]:
    """Return the given flags by name, with their values; True for flags without a value.

    ``--flag value`` and ``--flag=value`` are equivalent; the last occurrence of a flag wins.

    Raises:
        InvalidInput: A flag is unknown, or its value is missing or not allowed.
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
                raise InvalidInput(f"{name} takes no value, got {value!r}.")
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
    """Return the text of ``--help``."""
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
        return f"Unexpected argument {argument!r}; expected a flag such as --watch."
    from wsq.rules.values import nearest

    near = nearest(argument.partition("=")[0], known)
    return f"Unknown flag {argument!r}{f'; the nearest is {near}' if near else ''}."
