"""How rows show themselves in a notebook: static HTML, everything escaped, the same each time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from html import escape
from typing import Any


def shown(value: Any) -> str:
    """A field's value as plain text: instants to the second, durations in words, nothing as a dash."""
    if value is None or value == () or value == "":
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


def as_card(title: str, fields: Mapping[str, Any]) -> str:
    """A two-column table of a row's fields."""
    lines = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left;white-space:pre-wrap">{escape(shown(value))}</td></tr>'
        for name, value in fields.items()
    )
    return f"<table><caption>{escape(title)}</caption>{lines}</table>"
