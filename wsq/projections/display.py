"""How rows show themselves in a notebook and on a terminal: everything escaped, the same each time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from html import escape
from typing import Any


def shown(value: Any) -> str:
    """A field's value as plain text: instants to the second, durations in words, nothing as a dash."""
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


def is_nothing(value: Any) -> bool:
    """Whether a field holds nothing: None, no text, no names."""
    return value is None or value == () or value == ""


def as_card(title: str, fields: Mapping[str, Any]) -> str:
    """A two-column table of a row's fields."""
    lines = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left;white-space:pre-wrap">{escape(shown(value))}</td></tr>\n'
        for name, value in fields.items()
    )
    return f"<table>\n<caption>{escape(title)}</caption>\n{lines}</table>"


def as_lines(title: str, fields: Mapping[str, Any]) -> str:
    """The same as plain text, a field on a line."""
    width = max(map(len, fields), default=0)
    indented = "\n" + " " * (width + 4)
    lines = (f"  {name:{width}}  {shown(value)}".replace("\n", indented) for name, value in fields.items())
    return "\n".join([title, *lines])


def in_brief(kind: str, fields: Mapping[str, Any]) -> str:
    """A row among others, on one line: what it is and what tells it from them."""
    told = (shown(value) for value in fields.values() if not is_nothing(value))
    return f"<{kind} {' · '.join(told)}>".replace("\n", " ")
