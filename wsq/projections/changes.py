"""Differences of a board between two moments: each changed row, before and after.

Looking back and dry runs both report changes this way.
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
"""The compared tables: the name of one row, its title field, and its creation field."""

THINGS = ("projects", "contacts", "documents", "tasks")
"""Tables that people and agents edit directly."""

_NEVER_SHOWN = frozenset(("id", "store_id", "created_at", "updated_at", "version"))
"""Fields that carry no information, or follow from the change itself."""

LONGEST_VALUE = 24
"""Maximum characters of a value in a change's line."""

Rooms = Mapping[str, Mapping[Any, Row]]
"""Rows of some tables, by key."""


class Change(Row, frozen=True, kw_only=True):
    """The change of one row.

    `what` is ``created``, ``changed``, ``archived``, ``unarchived`` or ``deleted``; `kind` is the kind of row
    (``task``, ``document``, …); `id` and `name` are the row's. `before` and `after` map the names of differing fields
    to values: `before` is empty for created rows, `after` for deleted ones. A task's `rank` is included only if nothing
    else differs: it was moved within its lane.
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
        """The changed fields as text, such as ``status: todo → doing``; for new or deleted rows the non-empty ones."""
        texts = (_in_words(name, self.before, self.after) for name in {**self.before, **self.after})
        return "; ".join(text for text in texts if text)


def changes(before: Rooms, after: Rooms, tables: Collection[str] = TITLES.keys()) -> Rows[Change]:
    """Return the changes of the rows of these tables, without unchanged rows.

    Ordered by table, then by age, oldest first.
    """
    found: list[Change] = []
    for table in TITLES:
        if table in tables:
            found += _of_table(table, before.get(table, {}), after.get(table, {}), {**before, **after})
    return Rows(found, kind=Change)


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
    """Return the change of a row; None if no visible field differs."""
    row = was if is_ is None else is_
    hidden = _NEVER_SHOWN | row._machinery | {*TABLES[table].counted}
    fields = [name for name in row.__struct_fields__ if name not in hidden]
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
    """Return the name of a row for people; for an execution its recurring task's, if that is among the rows."""
    if isinstance(row, Execution):
        task = all_.get("recurring_tasks", {}).get((row.recurring_task_id,))
        return task.name if isinstance(task, RecurringTask) else ""
    return str(getattr(row, TITLES[table][1]))


def _in_words(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return a field's change as text; for ids, which mean nothing to people, only that it changed."""
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
