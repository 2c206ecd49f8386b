"""What has become of a board between two moments: of each row that differs, what it was and what it is.

Looking back at two instants and trying a prompt out tell of it in the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, ClassVar

from wsq.projections.display import shown
from wsq.projections.rows import TABLES, Execution, RecurringTask, Row, Rows

TITLES = {
    "stores": ("store", "name", "created_at"),
    "projects": ("project", "name", "created_at"),
    "contacts": ("contact", "name", "created_at"),
    "documents": ("document", "title", "created_at"),
    "tasks": ("task", "title", "created_at"),
    "recurring_tasks": ("recurring task", "name", "created_at"),
    "task_executions": ("execution", "id", "started_at"),
}
"""The tables that are compared: what a row of each is called, is known by, and since when it is there."""

THINGS = ("projects", "contacts", "documents", "tasks")
"""What people and agents keep on a board, as against what happens to it by itself."""

_NEVER_TOLD = frozenset(("id", "store_id", "created_at", "updated_at", "version"))
"""Fields that tell nothing, or that follow from there being a change."""

LONGEST_VALUE = 24
"""Characters of a value in a change's one line."""

Rooms = Mapping[str, Mapping[Any, Row]]
"""Rows of some tables by their keys."""


class Change(Row, frozen=True, kw_only=True):
    """What became of one row.

    `what` is ``created``, ``changed``, ``archived``, ``unarchived`` or ``deleted``; `kind` is what the row is
    (``task``, ``document``, …), `id` and `name` are its own. `before` and `after` hold the fields that differ, by
    name: `before` is empty for what was created, `after` for what was deleted. Only where nothing else differs, a
    task's `rank` is among them: it was moved within its lane.
    """

    _plural: ClassVar[str] = "changes"
    _columns: ClassVar[tuple[str, ...]] = ("what", "kind", "name", "difference")
    _brief: ClassVar[tuple[str, ...]] = ("what", "kind", "name")

    what: str
    kind: str
    id: str
    name: str
    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def difference(self) -> str:
        """The fields in words: ``status: todo → doing``; of what is new or gone, those that hold something."""
        told = (_told(name, self.before, self.after) for name in {**self.before, **self.after})
        return "; ".join(text for text in told if text)


def changes(before: Rooms, after: Rooms, tables: Collection[str] = TITLES.keys()) -> Rows[Change]:
    """What became of the rows of these tables; a row that is alike in both is left out.

    They come by table, those that have been there for longer first.
    """
    told: list[Change] = []
    for table in TITLES:
        if table in tables:
            told += _of_table(table, before.get(table, {}), after.get(table, {}), {**before, **after})
    return Rows(told, kind=Change)


def _of_table(table: str, before: Mapping[Any, Row], after: Mapping[Any, Row], all_: Rooms) -> list[Change]:
    _, title, since = TITLES[table]
    differing = [
        (was, is_)
        for key in {**before, **after}
        if (was := before.get(key)) is not (is_ := after.get(key)) and was != is_
    ]
    found = [(change, is_ or was) for was, is_ in differing if (change := _change(table, was, is_, all_))]

    def place(each: tuple[Change, Any]) -> tuple[datetime, str, str]:
        return getattr(each[1], since), str(getattr(each[1], title)), each[0].id

    return [change for change, _ in sorted(found, key=place)]


def _change(table: str, was: Any, is_: Any, all_: Rooms) -> Change | None:
    """What became of a row; None when nothing that is told differs."""
    row = was if is_ is None else is_
    untold = _NEVER_TOLD | row._machinery | {*TABLES[table].counted}
    fields = [name for name in row.__struct_fields__ if name not in untold]
    if was is not None and is_ is not None:
        fields = [name for name in fields if getattr(was, name) != getattr(is_, name)]
        if not fields and getattr(was, "rank", None) != getattr(is_, "rank", None):
            fields = ["rank"]
        if not fields:
            return None
    return Change(
        what=_what(was, is_),
        kind=TITLES[table][0],
        id=row.id,
        name=_name(table, row, all_),
        before={} if was is None else {name: getattr(was, name) for name in fields},
        after={} if is_ is None else {name: getattr(is_, name) for name in fields},
    )


def _what(was: Any, is_: Any) -> str:
    if was is None or is_ is None:
        return "created" if was is None else "deleted"
    before, after = getattr(was, "archived_at", None), getattr(is_, "archived_at", None)
    if (before is None) == (after is None):
        return "changed"
    return "archived" if before is None else "unarchived"


def _name(table: str, row: Any, all_: Rooms) -> str:
    """What people know a row by: an execution by its recurring task, as far as that is among the rows."""
    if isinstance(row, Execution):
        task = all_.get("recurring_tasks", {}).get((row.recurring_task_id,))
        return task.name if isinstance(task, RecurringTask) else ""
    return str(getattr(row, TITLES[table][1]))


def _told(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """A field in words; of ids, which say nothing to people and are others each time, only that they differ."""
    if name.endswith(("_id", "_ids", "rank")):
        return f"{name} changed" if name in before and name in after else ""
    if name in before and name in after:
        return f"{name}: {_short(before[name])} → {_short(after[name])}"
    value = (before if name in before else after)[name]
    empty = value is None or value in ("", (), 0, False)
    return "" if empty or name in ("name", "title") else f"{name}: {_short(value)}"


def _short(value: Any) -> str:
    text = " ".join(shown(value).split())
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1].rstrip()}…"
