"""What a day's budget allows.

Spent is what the executions that began today (in the store's zone) cost and, for a store but for none of its
recurring tasks, what dry runs cost. Before each call of the model its greatest possible cost is reserved on the
execution's lease, or the dry run's row, so what runs side by side cannot exceed together what one alone may not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from wsq.commands.stores import store, workspace
from wsq.errors import NotRunnable
from wsq.events.recurring import ModelCharged
from wsq.projections import Execution, RecurringTask, StoreRow
from wsq.queries.spending import FREE, Day
from wsq.rules import budgets
from wsq.rules.budgets import Most, Spending
from wsq.store import dry_runs, leases
from wsq.store.transaction import Transaction


def today(tx: Transaction, about: StoreRow) -> Day:
    """A store's day as it is in this transaction.

    It is remembered from one transaction to the next, since adding it up takes longer than most transactions;
    `spent` and `release` keep it true.
    """
    since = budgets.day_begins(tx.now, about.timezone)
    day = tx.remembered.get((Day, about.id))
    if not isinstance(day, Day) or day.since != since or (day.good_until is not None and day.good_until <= tx.now):
        day = tx.remembered[Day, about.id] = Day(tx, about.id, since, tx.now)
    return day


def _remembered(tx: Transaction, store_id: str) -> Day | None:
    day = tx.remembered.get((Day, store_id))
    return day if isinstance(day, Day) else None


def spent(tx: Transaction, before: Execution) -> None:
    """Keep the day true after an event that charged an execution; `before` is the execution's earlier row."""
    day, row = _remembered(tx, before.store_id), tx.row("task_executions", before.id)
    if day is not None and isinstance(row, Execution) and row.started_at >= day.since:
        day.spend(row.recurring_task_id, _cost_of(row) - _cost_of(before))


def release(tx: Transaction, row: Execution, *, ended: bool = False) -> None:
    """Release what an execution has reserved; one that has `ended` has no lease any more."""
    if (day := _remembered(tx, row.store_id)) is not None:
        day.release(row.id)
    if not ended:
        leases.reserve(tx, row.id, 0.0, 0)


def _cost_of(row: Execution) -> float:
    """What an execution counts for, in US dollars: the same as `wsq.queries.spending.COUNTED_AT`."""
    if row.cost_usd is not None:
        return row.cost_usd
    if costs_nothing(row.provider_kind):
        return 0.0
    tokens = row.input_tokens + row.output_tokens + row.cache_read_tokens + row.cache_write_tokens
    return tokens / budgets.TOKENS_PER_DOLLAR


def costs_nothing(provider_kind: str | None) -> bool:
    """Whether answers of this kind of provider are free."""
    return provider_kind in FREE


def used_up(tx: Transaction, task: RecurringTask) -> str | None:
    """Why no run of this task may start any more today, as a sentence; None if one may."""
    if workspace(tx).model_provider is None:  # nothing costs anything here
        return None
    about = store(tx, task.store_id)
    mine = today(tx, about).of_task(task.id, task.budget_per_day)
    if mine.is_used_up:
        return f"{task.name!r} has spent ${mine.spent:,.2f} of its ${mine.budget:,.2f} for today."
    return _store_used_up(tx, about)


def refuse_when_used_up(tx: Transaction, store_id: str) -> None:
    """Raise `NotRunnable` when the store has spent its budget for today."""
    if over := _store_used_up(tx, store(tx, store_id)):
        raise NotRunnable(f"{over} Give it a larger budget, or wait until tomorrow.")


def _store_used_up(tx: Transaction, about: StoreRow) -> str | None:
    whole = today(tx, about).of_store(about.budget_per_day)
    if not whole.is_used_up:
        return None
    return f"The store has spent ${whole.spent:,.2f} of its ${whole.budget:,.2f} for today."


def record_dry_run(tx: Transaction, row: Execution) -> None:
    """Count what a dry run has cost against its store's day, and release what it reserved; `row` is its execution."""
    dry_runs.record(tx, row)
    tx.remembered.pop((Day, row.store_id), None)


def reserve_for_dry_run(tx: Transaction, row: Execution, most: Most, until: datetime) -> NoRoom | None:
    """Reserve the greatest cost of a dry run's next call in the store that it was forked from.

    Args:
        tx: The transaction on that store.
        row: The fork's execution; what it has cost is recorded too.
        most: The greatest cost.
        until: When the dry run has ended for sure: what is still reserved then counts as spent, as an estimate.

    Returns:
        None, or why the store's budget does not cover it; then nothing is reserved.
    """
    record_dry_run(tx, row)
    about = store(tx, row.store_id)
    no_room = _no_room(budgets.counted(most), [_of_store(_day_of(tx, about, row), about)])
    if no_room is None:
        dry_runs.reserve(tx, row, most, until)
        tx.remembered.pop((Day, row.store_id), None)
    return no_room


class NoRoom(msgspec.Struct, frozen=True, kw_only=True):
    """Why a budget does not cover a call. `for_now`: only because of what others have reserved."""

    reason: str
    for_now: bool


def reserve(tx: Transaction, row: Execution, most: Most) -> NoRoom | None:
    """Reserve the greatest cost of an execution's next call of the model.

    Args:
        tx: The transaction.
        row: The execution.
        most: The greatest cost; a model without a known price is counted by its tokens.

    Returns:
        None, or why a budget does not cover it; then nothing is reserved.
    """
    dollars = budgets.counted(most)
    about = store(tx, row.store_id)
    day = _day_of(tx, about, row)
    task = tx.row("recurring_tasks", row.recurring_task_id)
    own_budget = task.budget_per_day if isinstance(task, RecurringTask) else None
    own = ("the recurring task's", day.of_task(row.recurring_task_id, own_budget))
    if no_room := _no_room(dollars, [own, _of_store(day, about)]):
        return no_room
    today(tx, about).reserve(row.id, row.recurring_task_id, dollars)
    leases.reserve(tx, row.id, dollars, 0 if most.cost_usd is not None else most.tokens)
    return None


def _day_of(tx: Transaction, about: StoreRow, row: Execution) -> Day:
    """The day on which an execution began, for which it counts, without what it has reserved itself."""
    now = day = today(tx, about)
    now.release(row.id)
    if row.started_at < now.since:
        day = Day(tx, about.id, budgets.day_begins(row.started_at, about.timezone), tx.now, until=now.since)
        day.release(row.id)
    return day


def _of_store(day: Day, about: StoreRow) -> tuple[str, Spending]:
    return "the store's", day.of_store(about.budget_per_day)


def _no_room(dollars: float, spendings: Sequence[tuple[str, Spending]]) -> NoRoom | None:
    """Why one of these budgets does not cover so many US dollars; None if all of them do."""
    lacking = [
        NoRoom(
            reason=f"The next call of the model may cost up to ${dollars:,.2f}, and of {whose} ${spending.budget:,.2f}"
            f" for today ${spending.left:,.2f} are left.",
            for_now=dollars <= spending.budget - spending.spent,
        )
        for whose, spending in spendings
        if dollars > spending.left
    ]
    return min(lacking, key=lambda each: each.for_now, default=None)


def charge_reserved(tx: Transaction, row: Execution) -> None:
    """Charge what was reserved for a call whose worker is gone: nobody knows what it really cost."""
    lease = leases.lease(tx, row.id)
    if lease is not None and lease.reserved_usd > 0:
        dollars = None if lease.reserved_tokens else lease.reserved_usd
        charge(tx, row, estimated=True, cost_usd=dollars, input_tokens=lease.reserved_tokens)
        release(tx, row)


def charge(tx: Transaction, row: Execution, *, estimated: bool = False, cost_usd: float | None, **tokens: int) -> None:
    """Record what a call of the model cost that gave no answer."""
    tx.record(
        row.store_id,
        ModelCharged(execution_id=row.id, epoch=row.epoch, estimated=estimated, cost_usd=cost_usd, **tokens),
    )
    spent(tx, row)
