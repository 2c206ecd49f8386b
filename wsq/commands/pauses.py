"""Commands that keep everything still for a while: a store or the whole workspace.

Nothing starts meanwhile, and slots that fall due are settled as skipped, ``paused``. No task is disabled and
no grid is moved, so resuming has nothing to restore. What runs already ends normally.
"""

from __future__ import annotations

from datetime import datetime

from wsq.commands import recurring, stores
from wsq.events.stores import StorePaused, StoreResumed, WorkspacePaused, WorkspaceResumed
from wsq.projections import RecurringTask, StoreRow, WorkspaceRow
from wsq.queries import executions
from wsq.rules import pauses, values
from wsq.store.transaction import Transaction


def pause_store(
    tx: Transaction, store_id: str, *, until: datetime | None = None, reason: str | None = None
) -> StoreRow:
    """Start nothing in the store, until an instant (exclusive) or until it is resumed.

    What runs already ends normally. Slots that fall due meanwhile are settled as skipped, ``paused``. No task is
    disabled and no schedule moves. Pausing again with another end or reason records these.

    Raises:
        InvalidInput: `until` is in the past, or is no datetime with a time zone.
    """
    row = stores.store(tx, store_id)
    end, why = pauses.ends(until, tx.now), _reason(reason)
    if not (pauses.holds(row, tx.now) and (row.paused_until, row.paused_reason) == (end, why)):
        _settle(tx, store_id, row)
        tx.record(store_id, StorePaused(since=_since(row, tx.now), until=end, reason=why))
    return stores.store(tx, store_id)


def resume_store(tx: Transaction, store_id: str) -> StoreRow:
    """End the store's pause; slots that fell due in it are settled as skipped. Without a pause nothing changes."""
    row = stores.store(tx, store_id)
    if pauses.holds(row, tx.now):
        _settle(tx, store_id, row)
        tx.record(store_id, StoreResumed())
    return stores.store(tx, store_id)


def pause_workspace(tx: Transaction, *, until: datetime | None = None, reason: str | None = None) -> WorkspaceRow:
    """Let nothing start in any store; the same otherwise as `pause_store`."""
    row = stores.workspace(tx)
    end, why = pauses.ends(until, tx.now), _reason(reason)
    if not (pauses.holds(row, tx.now) and (row.paused_until, row.paused_reason) == (end, why)):
        _settle(tx, None, row)
        tx.record(stores.WORKSPACE, WorkspacePaused(since=_since(row, tx.now), until=end, reason=why))
    return stores.workspace(tx)


def resume_workspace(tx: Transaction) -> WorkspaceRow:
    """Let the workspace go on; a store that is paused itself stays so. Without a pause nothing changes."""
    row = stores.workspace(tx)
    if pauses.holds(row, tx.now):
        _settle(tx, None, row)
        tx.record(stores.WORKSPACE, WorkspaceResumed())
    return stores.workspace(tx)


def pause_of(tx: Transaction, store_id: str, at: datetime) -> pauses.Pause | None:
    """The pause that keeps a store still at an instant."""
    row = tx.row("stores", store_id)
    return pauses.pause_of(stores.workspace(tx), row if isinstance(row, StoreRow) else None, at)


def _since(row: StoreRow | WorkspaceRow, now: datetime) -> datetime:
    """When the pause began: one that is only prolonged goes on."""
    return row.paused_at if row.paused_at is not None and pauses.holds(row, now) else now


def _reason(reason: str | None) -> str | None:
    return values.text(reason, "reason").strip() or None if reason is not None else None


def _settle(tx: Transaction, store_id: str | None, paused: StoreRow | WorkspaceRow) -> None:
    """Settle what is due and fell into a pause that is about to be forgotten, whether it holds or has run out.

    Else the first pass afterwards would take it for missed or late. A slot from before the pause is left to it.
    """
    if paused.paused_at is None:
        return
    stores_ = None if store_id is None else (store_id,)
    due = [each.recurring_task_id for each in executions.due(tx, tx.now, stores_)]
    tx.fetch("recurring_tasks", [(task_id,) for task_id in due])
    for task_id in due:
        row = tx.row("recurring_tasks", task_id)
        assert isinstance(row, RecurringTask)
        slots = recurring.owed(row, tx.now)
        if slots is not None and pauses.holds(paused, slots.newest):
            recurring.record_skip(tx, row, slots, "paused", nxt=slots.next)
