"""Recurring tasks whose schedules lie in the future, since a clock was ahead when they were settled or edited."""

from __future__ import annotations

from datetime import datetime

import msgspec

from wsq.clock import AHEAD
from wsq.projections import Execution, RecurringTask
from wsq.queries.boards import select
from wsq.rules.schedule import MOVED
from wsq.store.engine import Cursor

WALL = len("09:00")
"""Characters of a start that is a wall time; any longer one names a day."""


class TaskAhead(msgspec.Struct, frozen=True, kw_only=True):
    """A recurring task that is settled up to the future, or whose next slot is more than an interval away.

    `settled_to` is its newest settled slot if that is in the future. `next_execution_at` is None while disabled.
    """

    store_id: str
    recurring_task_id: str
    name: str
    timezone: str
    settled_to: datetime | None
    next_execution_at: datetime | None


_AHEAD = """WITH settled AS (
    SELECT task_id, max(scheduled_time) AS newest FROM processed_task_executions WHERE scheduled_time > $1
        AND ($4::VARCHAR IS NULL OR task_id = $4)
    GROUP BY task_id
)
SELECT r.store_id, r.id, r.name, r.timezone, s.newest, r.next_execution_at
FROM recurring_tasks r LEFT JOIN settled s ON s.task_id = r.id
WHERE ($4::VARCHAR IS NULL OR r.id = $4)
AND (s.newest IS NOT NULL OR CASE
    WHEN r.next_execution_at = r.anchor AND r.starting IS NOT NULL THEN length(r.starting) <= $5
        AND epoch_us(r.next_execution_at) - greatest(r.interval_hours, 24) * 3600000000.0 > epoch_us($2::TIMESTAMPTZ)
    WHEN r.interval_unit = 'days'
        THEN epoch_us(r.next_execution_at) - r.interval_hours * 3600000000.0 > epoch_us($2::TIMESTAMPTZ)
    ELSE epoch_us(r.next_execution_at) - r.interval_hours * 3600000000.0 > epoch_us($3::TIMESTAMPTZ) END)
ORDER BY r.store_id, r.id"""
"""The first slot of a schedule that starts on a day that somebody named may be as far away as they like.

That of one that starts at a time of day is at most a day away, or an interval if that is longer. Any other slot is at
most an interval away. Other rules for its zone may move one of days, or at a time of day, by hours.
"""


def tasks_ahead(cursor: Cursor, now: datetime, recurring_task_id: str | None = None) -> list[TaskAhead]:
    """The recurring tasks whose schedule is ahead of `now`, by store and id; or that one, if it is."""
    later = now + AHEAD
    found = cursor.query(_AHEAD, [later, later + 2 * MOVED, later, recurring_task_id, WALL])
    return [
        TaskAhead(
            store_id=store, recurring_task_id=task, name=name, timezone=zone, settled_to=newest, next_execution_at=nxt
        )
        for store, task, name, zone, newest, nxt in found
    ]


def furthest(task: RecurringTask) -> float | None:
    """How many seconds its next slot may be away; None if as many as one likes. `tasks_ahead` judges by the same."""
    is_first = task.starting is not None and task.next_execution_at == task.anchor
    if is_first and len(task.starting or "") > WALL:
        return None
    room = AHEAD + 2 * MOVED if is_first or task.interval_unit == "days" else AHEAD
    return max(task.interval_hours, 24 if is_first else 0) * 3600 + room.total_seconds()


def is_ahead(cursor: Cursor, recurring_task_id: str, now: datetime) -> bool:
    """Whether the recurring task's schedule is ahead of `now`."""
    return bool(tasks_ahead(cursor, now, recurring_task_id))


def settled_after(cursor: Cursor, store_id: str, recurring_task_id: str, instant: datetime) -> list[Execution]:
    """The task's executions that settle slots after `instant`, oldest first."""
    rest = "WHERE store_id = $1 AND recurring_task_id = $2 AND scheduled_for > $3 ORDER BY seq"
    return select(cursor, "task_executions", Execution, rest, [store_id, recurring_task_id, instant])
