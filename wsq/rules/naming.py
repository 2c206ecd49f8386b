"""What the user calls things, and how something that is not there is spoken of."""

from __future__ import annotations

from collections.abc import Sequence

from wsq.errors import NotFound
from wsq.rules import values

_TABLES = {
    "projects": ("project", "name", "created_at"),
    "contacts": ("contact", "name", "created_at"),
    "documents": ("document", "title", "created_at"),
    "tasks": ("task", "title", "created_at"),
    "recurring_tasks": ("recurring task", "name", "created_at"),
    "task_executions": ("execution", "status", "started_at"),
}
WORDS = {table: word for table, (word, _, _) in _TABLES.items()}
"""What the user calls a row of each table."""

TITLES = {table: columns for table, (_, *columns) in _TABLES.items()}
"""The column that names a row, and the one by which rows are sorted, newest first."""


_FEW = 3


def can_be_an_id(value: object) -> bool:
    """Whether a database can be asked for `value`: what is no text, or holds a lone surrogate, is no id."""
    return isinstance(value, str) and value.isprintable()


def no_store(store_id: str, there: Sequence[str]) -> NotFound:
    """That there is no such store among those that are `there`: names the nearest or, if none is near, up to three."""
    nearest = values.nearest(store_id, there) if can_be_an_id(store_id) else None
    few = ", ".join(map(repr, there[:_FEW])) + (", …" if len(there) > _FEW else "")
    hint = f"; the nearest is {nearest!r}" if nearest else f"; there is {few}" if there else ""
    return NotFound(f"There is no store {values.shown(store_id)}{hint}.")


def not_found(table: str, store_id: str, row_id: str, there: dict[str, str]) -> NotFound:
    """That `row_id` is not among what is there (titles by id), naming the nearest."""
    by_title = {title: other for other, title in there.items()}
    nearest = values.nearest(row_id, [*there, *by_title]) if can_be_an_id(row_id) else None
    near = by_title.get(nearest, nearest) if nearest else None
    hint = f"; the nearest is {near!r} ({there[near]})" if near else ""
    return NotFound(f"There is no {WORDS[table]} {values.shown(row_id)} in store {store_id!r}{hint}.")
