"""Questions to the log itself."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Self

import msgspec

from wsq.events import Fact, Recorded, decode
from wsq.events.codec import LOOSE, has_unusable_figures
from wsq.events.recurring import RecurringTaskCreated, RecurringTaskUpdated
from wsq.events.stores import WorkspaceRepaired
from wsq.store.engine import Cursor, ReadingCursor
from wsq.store.folding import log_rows, read_log, recorded

REACH = 10_000
"""How many events `last_edit` looks back."""


AT_ONCE = 5_000
"""Events that are decoded at a time."""


class Position(NamedTuple):
    """An event up to which a log was read. A log that was restored from a backup may not have it any more."""

    seq: int
    event_id: str

    @classmethod
    def of(cls, event: Recorded) -> Self:
        """The position of an event."""
        return cls(event.seq, event.event_id)


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody changed a row."""

    actor: str
    at: datetime


def events(cursor: Cursor, store_id: str, after: int = 0, until: int | None = None) -> list[Recorded]:
    """The store's events whose seq is greater than `after` and not greater than `until`, in their order."""
    where = "WHERE store_id = $1 AND seq > $2 AND ($3::BIGINT IS NULL OR seq <= $3)"
    return list(read_log(cursor, where, (store_id, after, until)))


def events_since(cursor: Cursor, store_id: str, last: Position | None) -> list[Recorded] | None:
    """The store's events after `last`, all if that is None; None if the log does not have it any more."""
    if last is None:
        return events(cursor, store_id)
    found = log_rows(cursor, "WHERE store_id = $1 AND seq >= $2", (store_id, last.seq))
    return list(recorded(found[1:])) if found and found[0][2] == last.event_id else None


def newest(cursor: Cursor, store_id: str) -> Position | None:
    """The store's newest event, None when it has none."""
    found = cursor.query(
        "SELECT seq, event_id FROM events WHERE store_id = $1 AND seq = $2", [store_id, head(cursor, store_id)]
    )
    return Position(*found[0]) if found else None


def head(cursor: Cursor, store_id: str) -> int:
    """The seq of the store's newest event, 0 when it has none."""
    found = cursor.query("SELECT seq FROM heads WHERE store_id = $1", [store_id])
    return int(found[0][0]) if found else 0


def facts_by_others(
    cursor: Cursor, store_id: str, after: int, execution_id: str, recurring_task_id: str, limit: int
) -> list[Fact]:
    """What others than an execution did to a store's board, or to one recurring task by editing it.

    Of the events whose seq is greater than `after` the first `limit`, in their order.
    """
    found = cursor.query(
        """SELECT name, version, args FROM events WHERE store_id = $1 AND seq > $2
        AND (cause IS NULL OR NOT starts_with(cause, $3))
        AND (split_part(name, '.', 1) IN ('task', 'project', 'document', 'contact')
            OR (name = 'recurring_task.update' AND contains(args, $4)))
        ORDER BY seq LIMIT $5""",
        [store_id, after, f"{execution_id}:", f'"{recurring_task_id}"', limit],
    )
    return [decode(*event) for event in found]


def schedules_before(
    cursor: Cursor, store_id: str, recurring_task_id: str, seq: int
) -> list[RecurringTaskCreated | RecurringTaskUpdated]:
    """How a recurring task was made and edited before the event `seq`, in order."""
    found = cursor.query(
        """SELECT name, version, args FROM events WHERE store_id = $1 AND seq < $2 AND contains(args, $3)
        AND name IN ('recurring_task.create', 'recurring_task.update') ORDER BY seq""",
        [store_id, seq, f'"recurring_task_id":"{recurring_task_id}"'],
    )
    facts = [decode(*event) for event in found]
    return [fact for fact in facts if isinstance(fact, RecurringTaskCreated | RecurringTaskUpdated)]


def last_edit(cursor: Cursor, store_id: str, kind: str, row_id: str) -> Edit | None:
    """Who changed a row last, and when; None when that is more than `REACH` events ago.

    `kind` is ``task``, ``recurring_task``, ``project``, ``contact`` or ``document``. Running a recurring task is no
    edit of it.
    """
    found = cursor.query(
        """SELECT actor, recorded_at FROM events
        WHERE store_id = $1 AND seq > $2 AND contains(args, $3)
        AND starts_with(name, $4) AND name NOT IN ('recurring_task.execute', 'recurring_task.replan')
        ORDER BY seq DESC LIMIT 1""",
        [store_id, head(cursor, store_id) - REACH, f'"{kind}_id":"{row_id}"', f"{kind}."],
    )
    return Edit(actor=found[0][0], at=found[0][1]) if found else None


def unusable_figures(cursor: ReadingCursor) -> int:
    """How many events of the log hold figures that are read as unknown."""
    names = ", ".join(f"('{name}', {version})" for name, version in LOOSE)
    loose = f"SELECT name, version, args FROM events WHERE (name, version) IN ({names})"  # noqa: S608 - wsq's names
    return sum(has_unusable_figures(*row) for rows in cursor.batches(loose, AT_ONCE) for row in rows)


def last_repair(cursor: Cursor) -> WorkspaceRepaired | None:
    """What the last repair of the workspace found, None if there was none."""
    found = cursor.query(
        "SELECT version, args FROM events WHERE name = $1 ORDER BY seq DESC LIMIT 1", [WorkspaceRepaired.stored_name]
    )
    facts = [decode(WorkspaceRepaired.stored_name, version, args) for version, args in found]
    return next((fact for fact in facts if isinstance(fact, WorkspaceRepaired)), None)
