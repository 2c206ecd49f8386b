"""What a day's budget allows.

Spent is what the executions that began today (in the store's zone) cost and, for a store but for none of its
recurring tasks, what dry runs cost. Before each call of the model its greatest possible cost is reserved on the
execution's lease, so executions that run side by side cannot exceed together what one alone may not.
"""

from __future__ import annotations

import msgspec

from wsq.commands.stores import store, workspace
from wsq.errors import NotRunnable
from wsq.events.recurring import ModelCharged
from wsq.projections import Execution, RecurringTask, StoreRow
from wsq.queries.spending import FREE, Day
from wsq.rules import budgets
from wsq.rules.budgets import Most
from wsq.store import dry_runs, leases
from wsq.store.transaction import Transaction


def today(tx: Transaction, about: StoreRow) -> Day:
    """A store's day as it is in this transaction.

    It is remembered from one transaction to the next, since adding it up takes longer than most transactions;
    `spent` and `release` keep it true.
    """
    since = budgets.day_begins(tx.now, about.timezone)
    day = tx.remembered.get((Day, about.id))
    if not isinstance(day, Day) or day.since != since:
        day = tx.remembered[Day, about.id] = Day(tx, about.id, since)
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
    """Count what a dry run cost against its store's day; `row` is how its execution ended."""
    dry_runs.record(tx, row)
    day = _remembered(tx, row.store_id)
    if day is not None and row.started_at >= day.since:
        day.spend_on_dry_run(_cost_of(row))


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
    dollars = most.tokens / budgets.TOKENS_PER_DOLLAR if most.cost_usd is None else most.cost_usd
    about = store(tx, row.store_id)
    now = day = today(tx, about)
    now.release(row.id)
    if row.started_at < now.since:  # it counts for the day on which it began
        day = Day(tx, about.id, budgets.day_begins(row.started_at, about.timezone), until=now.since)
        day.release(row.id)
    task = tx.row("recurring_tasks", row.recurring_task_id)
    own_budget = task.budget_per_day if isinstance(task, RecurringTask) else None
    spendings = (
        ("the recurring task's", day.of_task(row.recurring_task_id, own_budget)),
        ("the store's", day.of_store(about.budget_per_day)),
    )
    lacking = [
        NoRoom(
            reason=f"The next call of the model may cost up to ${dollars:,.2f}, and of {whose} ${spending.budget:,.2f}"
            f" for today ${spending.left:,.2f} are left.",
            for_now=dollars <= spending.budget - spending.spent,
        )
        for whose, spending in spendings
        if dollars > spending.left
    ]
    if lacking:
        return min(lacking, key=lambda each: each.for_now)
    now.reserve(row.id, row.recurring_task_id, dollars)
    leases.reserve(tx, row.id, dollars, 0 if most.cost_usd is not None else most.tokens)
    return None


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
