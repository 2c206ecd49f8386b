"""What a workspace's database holds: base tables with columns of known types, and nothing that runs by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from wsq.store.engine import Parameters, Schema

_TABLE = re.compile(r"\s*CREATE (?:UNLOGGED )?TABLE (\w+) \((.*?)\)(?:\s+WITH \([^)]*\))?\s*", re.DOTALL)
_BETWEEN_COLUMNS = re.compile(r",(?![^(]*\))")
_COLUMN = re.compile(r"\s*(\w+)\s+(.+?)\s*(?:\b(?:NOT NULL|PRIMARY KEY|DEFAULT|COLLATE)\b.*)?", re.DOTALL)
_NO_COLUMN = ("PRIMARY", "UNIQUE")

Columns = Mapping[str, str]
"""The types of a table's columns by name."""


class Found(NamedTuple):
    """A table or what stands in its place, as the database describes it: its `kind`, such as ``table`` or ``view``.

    `generated` are those of its columns that are computed.
    """

    kind: str
    columns: dict[str, str]
    generated: set[str]


class _Statements:
    """A cursor that only notes what it is to run."""

    def __init__(self) -> None:
        self.noted: list[str] = []

    def query(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:  # noqa: ARG002 - a cursor's
        self.noted.append(sql)
        return []


def tables(schema: Schema, *more: str) -> dict[str, Columns]:
    """The tables that a schema creates, and those of `more` statements; SQL types are as they are written there."""
    statements = _Statements()
    schema.create(statements)
    return dict(_table(made[1], made[2]) for sql in (*statements.noted, *more) if (made := _TABLE.fullmatch(sql)))


def _table(name: str, body: str) -> tuple[str, Columns]:
    columns = [_COLUMN.fullmatch(each) for each in _BETWEEN_COLUMNS.split(body)]
    return name, {each[1]: each[2] for each in columns if each and each[1] not in _NO_COLUMN}


def difference(found: Mapping[str, Found], expected: Mapping[str, Columns], *, is_older: bool) -> str | None:
    """What is not as expected, as the rest of a sentence; None if all is.

    Missing tables are left to whoever needs them, and tables may have more columns. One of an older version may also
    lack some.
    """
    for table, columns in expected.items():
        there = found.get(table)
        if there is not None and (lacking := _lacking(table, there, columns, is_older)) is not None:
            return lacking
    return None


def _lacking(table: str, there: Found, expected: Columns, is_older: bool) -> str | None:  # noqa: FBT001 - private
    if there.kind != "table":
        return f"{table!r} is a {there.kind}, not a table"
    for name, kind in expected.items():
        if name in there.generated:
            return f"the column {name!r} of {table!r} is generated"
        if name not in there.columns and not is_older:
            return f"the table {table!r} has no column {name!r}"
        if there.columns.get(name, kind) != kind:
            return f"the column {name!r} of {table!r} is {there.columns[name]}, not {kind}"
    return None
