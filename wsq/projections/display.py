"""How rows are displayed in notebooks and terminals: escaped and reproducible."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from itertools import zip_longest
from typing import Any
from unicodedata import combining, east_asian_width

MOST_ROWS = 50
"""Maximum number of rows shown of a list; the others are counted."""

LONGEST_CELL = 80
"""Maximum characters of a text in a table."""

LONGEST_COLUMN = 40
"""The same in plain text, where a long column would break every line."""

_UNSEEN: dict[int, str | None] = {
    **dict.fromkeys([*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd"),
    **dict.fromkeys([0x061C, 0x200E, 0x200F], None),
}
"""Control characters, which terminals interpret, and characters that change the text direction; its marks, which show
nothing themselves, are left out."""

_UNSEEN_IN_LINES = {sign: seen for sign, seen in _UNSEEN.items() if sign != ord("\n")}


def in_a_kernel() -> bool:
    """Whether this process runs in a notebook kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def one_line(text: str) -> str:
    """Return `text`, such as a title, as it can stand within other text and leaves that alone.

    It is on one line, and cannot change the direction of what is beside it.
    """
    return text if text.isprintable() else " ".join(text.expandtabs(1).splitlines()).translate(_UNSEEN)


def printable(text: str) -> str:
    """Return `text` with its line breaks, without characters that terminals interpret."""
    return text.expandtabs(4).translate(_UNSEEN_IN_LINES)


def shown(value: Any) -> str:
    """Return a value as plain text: instants to the second, durations in seconds, nothing as a dash."""
    if is_nothing(value):
        return "–"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g} s"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)


def interval(value: int, unit: str, starting: str | None) -> str:
    """Return an interval in words: ``4 hours from 09:00``, ``1 day at 09:00``; a first run at a date is left out."""
    words = f"{value:,} {unit if value != 1 else unit.removesuffix('s')}"
    if starting is None or "T" in starting:
        return words
    return f"{words} {'at' if unit == 'days' else 'from'} {starting}"


def length(seconds: float) -> str:
    """Return a duration as text: ``0.3 s``, ``2 min 5 s``, ``3 h 4 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def is_nothing(value: Any) -> bool:
    """Whether a value is empty: None, an empty text or tuple."""
    return value is None or value == () or value == ""


def as_card(title: str, fields: Mapping[str, Any]) -> str:
    """Return a row's fields as a two-column HTML table."""
    lines = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left;white-space:pre-wrap">{escape(shown(value))}</td></tr>\n'
        for name, value in fields.items()
    )
    return f"<table>\n<caption>{escape(title)}</caption>\n{lines}</table>"


def as_lines(title: str, fields: Mapping[str, Any]) -> str:
    """Return a row's fields as plain text, one per line."""
    width = max(map(len, fields), default=0)
    indented = "\n" + " " * (width + 4)
    texts = {name: printable(shown(value)) for name, value in fields.items()}
    lines = (f"  {name:{width}}  {text}".replace("\n", indented) for name, text in texts.items())
    return "\n".join([title, *lines])


def in_brief(kind: str, fields: Mapping[str, Any]) -> str:
    """Return a row on one line, with the fields that identify it."""
    texts = (shown(value) for value in fields.values() if not is_nothing(value))
    return f"<{kind} {' · '.join(texts)}>".replace("\n", " ").translate(_UNSEEN)


def as_table(kind: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], more: int) -> str:
    """Return rows as an HTML table, and the number of `more` rows; `kind` is their plural.

    The classes keep notebooks from rendering text between dollar signs as a formula.
    """
    head = "".join(f'<th style="text-align:left">{escape(name)}</th>' for name in columns)
    body = "".join(
        "<tr>"
        + "".join(f'<td style="text-align:left">{escape(in_a_cell(value, LONGEST_CELL))}</td>' for value in row)
        + "</tr>\n"
        for row in rows
    )
    rest = f'<tr><td colspan="{len(columns)}" style="text-align:left">{_and_more(more)}</td></tr>\n' if more else ""
    return (
        '<table class="tex2jax_ignore mathjax_ignore">\n'
        f"<caption>{escape(kind.capitalize())}: {len(rows) + more}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}{rest}</tbody>\n</table>"
    )


def as_aligned(columns: Sequence[str], rows: Sequence[Sequence[Any]], more: int) -> str:
    """Return rows as plain text with aligned columns."""
    lines = [list(columns), *([in_a_cell(value, LONGEST_COLUMN) for value in row] for row in rows)]
    widths = [max(map(_width, column)) for column in zip_longest(*lines, fillvalue="")]
    aligned = [
        "  ".join(_padded(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    ]
    return "\n".join([*aligned, _and_more(more)] if more else aligned)


def in_a_cell(value: Any, longest: int) -> str:
    """Return a value on one line of at most `longest` characters, without characters that terminals interpret."""
    text = " ".join(shown(value)[: longest * 8].split()).translate(_UNSEEN)
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _and_more(more: int) -> str:
    return f"… and {more} more"


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """Return the number of terminal columns that a text takes; wide characters take two."""
    return sum(0 if combining(sign) else 2 if east_asian_width(sign) in "WF" else 1 for sign in text)
