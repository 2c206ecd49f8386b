"""Corrections of what a clock that was ahead has settled.

Such a clock settles slots of the future, for months if it is months ahead. Once it is right again, `give_back` cuts
those settlements off: each slot then belongs to the settlement that it has by the right clock, and to no other.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import UNSET, structs

from wsq.errors import InvalidInput
from wsq.events import recurring as e
from wsq.projections import Execution, RecurringTask
from wsq.queries import log
from wsq.queries.ahead import settled_after
from wsq.rules import schedule
from wsq.store.transaction import Transaction


def give_back(tx: Transaction, task: RecurringTask, until: datetime) -> None:
    """Cut the task's settlements off after `until`: later slots are to be settled again, none is settled twice.

    The caller has the task go on with its first slot after `until`, in the same transaction.
    """
    for row in settled_after(tx, task.store_id, task.id, until):
        assert row.scheduled_for is not None
        kept = _slots_until(tx, row, until)
        tx.record(
            task.store_id,
            e.SettlementCorrected(
                execution_id=row.id,
                recurring_task_id=task.id,
                until=until,
                claimed=row.scheduled_for,
                scheduled_for=kept.newest if kept else None,
                slots=kept.count if kept else 0,
            ),
        )


def anchored(plan: schedule.Plan, now: datetime) -> schedule.Plan:
    """The plan, anchored anew if its anchor is of a clock that was ahead and no day that somebody has named."""
    grid = plan.grid
    anew = schedule.planned((grid.value, grid.unit), plan.starting, grid.timezone, now)
    return anew if grid.anchor > anew.grid.anchor else plan


def _slots_until(tx: Transaction, row: Execution, until: datetime) -> schedule.Slots | None:
    """The slots up to `until` of those that an execution settles, by the grid that it found."""
    assert row.first_slot is not None
    if row.first_slot > until:
        return None
    found: dict[str, Any] = {}
    for fact in log.schedules_before(tx, row.store_id, row.recurring_task_id, row.seq):
        fields = structs.asdict(fact)
        if fact.anchor is not UNSET:  # an earlier wsq recorded it alone
            found["anchor_local"] = None
        found |= {name: fields[name] for name in schedule.FIELDS if fields[name] is not UNSET}
    grid = schedule.from_fields(**found)
    try:
        return schedule.owed_slots(grid, row.first_slot, until)
    except InvalidInput:  # its zone is not known here
        return schedule.nearly_owed_slots(grid, row.first_slot, until)
