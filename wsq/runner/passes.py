"""A pass of the scheduler, up to where something is to be carried out.

Kept free of asyncio and of the agent: a pass that finds nothing to do loads neither.
"""

from __future__ import annotations

from datetime import datetime
from itertools import zip_longest

import msgspec

from wsq.commands.executions import DueTask
from wsq.commands.recurring import owed
from wsq.projections import RecurringTask, WorkspaceRow
from wsq.queries import boards
from wsq.queries import executions as queries
from wsq.runner.report import WouldRun
from wsq.store.engine import Cursor
from wsq.store.folding import unreadable


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What a pass found: due tasks (fair between stores), abandoned executions, and stores it cannot serve.

    `about` is what is known of the workspace as a whole: whether it may be served depends on it.
    """

    about: WorkspaceRow
    stores: int
    due: list[DueTask]
    abandoned: list[queries.Abandoned]
    unserved: dict[str, str]

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to carry out or to settle."""
        return not self.due and not self.abandoned


def look(cursor: Cursor, now: datetime, stores: tuple[str, ...] | None = None) -> Work:
    """What is due and what lies abandoned at `now`; `NotFound` for a store that there is not."""
    ((known,),) = cursor.query("SELECT count(*) FROM stores WHERE archived_at IS NULL")
    if stores is not None:
        for unknown in queries.unknown_stores(cursor, stores):
            boards.store(cursor, unknown)
        known = len(stores)
    due = queries.due(cursor, now, stores)
    abandoned = queries.abandoned(cursor, now, stores)
    involved = sorted({each.store_id for each in due} | {each.store_id for each in abandoned})
    unserved = unreadable(cursor, involved) if involved else {}
    return Work(
        about=boards.workspace(cursor),
        stores=known,
        due=_fair([each for each in due if each.store_id not in unserved], now),
        abandoned=[each for each in abandoned if each.store_id not in unserved],
        unserved=unserved,
    )


def would_run(cursor: Cursor, work: Work) -> list[WouldRun]:
    """What a pass would carry out or settle of this work."""
    found = []
    for each in work.due:
        row = boards.one(cursor, "recurring_tasks", RecurringTask, each.store_id, each.recurring_task_id)
        slots = owed(row, each.seen_at)
        if slots is not None:
            found.append(
                WouldRun(
                    store_id=row.store_id,
                    recurring_task_id=row.id,
                    name=row.name,
                    scheduled_for=slots.newest,
                    slots=slots.count,
                )
            )
    return found


def _fair(due: list[queries.Due], now: datetime) -> list[DueTask]:
    """One task of each store in turn, each store's oldest slot first."""
    by_store: dict[str, list[DueTask]] = {}
    for each in due:
        task = DueTask(store_id=each.store_id, recurring_task_id=each.recurring_task_id, seen_at=now)
        by_store.setdefault(each.store_id, []).append(task)
    return [task for turn in zip_longest(*by_store.values()) for task in turn if task is not None]
