"""What a pass of the scheduler finds to do.

Free of asyncio and of the agent: a pass that finds nothing to do loads neither.
"""

from __future__ import annotations

from datetime import datetime
from itertools import zip_longest

import msgspec

from wsq.commands.recurring import owed
from wsq.projections import RecurringTask, WorkspaceRow
from wsq.queries import boards
from wsq.queries import executions as queries
from wsq.queries.executions import DueTask
from wsq.rules import values
from wsq.runner.report import WouldRun
from wsq.store.engine import Cursor
from wsq.store.folding import unreadable


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What a pass found: due tasks (stores in turn), abandoned executions, and what it cannot serve.

    `ahead` are executions, of any store, whose lease ends in the future, since a clock was ahead.
    `unserved` is by store; `unplanned` are due tasks whose zones are not known here, by id, each with the reason.
    `about` is the workspace's own row, on which it depends whether the workspace may be served.
    """

    about: WorkspaceRow
    stores: int
    ahead: list[queries.Abandoned] = []
    due: list[DueTask]
    abandoned: list[queries.Abandoned]
    unserved: dict[str, str]
    unplanned: dict[str, str]

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to start, to skip or to take over."""
        return not self.due and not self.abandoned


def look(cursor: Cursor, now: datetime, stores: tuple[str, ...] | None = None) -> Work:
    """What is due and what lies abandoned at `now`; `NotFound` for an unknown store."""
    known = boards.count_stores(cursor)
    if stores is not None:
        for unknown in queries.unknown_stores(cursor, stores):
            boards.store(cursor, unknown)
        known = len(stores)
    due = queries.due(cursor, now, stores)
    abandoned, ahead = queries.abandoned(cursor, now, stores), queries.leases_ahead(cursor, now)
    own = [each for each in ahead if stores is None or each.store_id in stores]
    involved = sorted({each.store_id for each in due} | {each.store_id for each in (*abandoned, *own)})
    unserved = unreadable(cursor, involved) if involved else {}
    served = [each for each in due if each.store_id not in unserved]
    unplanned = {each.recurring_task_id: values.unknown_zone(repr(each.name), each.timezone) for each in served}
    return Work(
        about=boards.workspace(cursor),
        stores=known,
        ahead=ahead,
        due=_fair([each for each in served if unplanned[each.recurring_task_id] is None]),
        abandoned=[each for each in abandoned if each.store_id not in unserved],
        unserved=unserved,
        unplanned={task_id: sentence for task_id, sentence in unplanned.items() if sentence is not None},
    )


def would_run(cursor: Cursor, work: Work) -> list[WouldRun]:
    """What a pass would run or skip of this work."""
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


def _fair(due: list[DueTask]) -> list[DueTask]:
    """One task of each store in turn, each store's oldest slot first."""
    by_store: dict[str, list[DueTask]] = {}
    for each in due:
        by_store.setdefault(each.store_id, []).append(each)
    return [task for turn in zip_longest(*by_store.values()) for task in turn if task is not None]
