"""What a day's budget lets happen.

Spent is what stands on the executions that began today, in the store's zone. Before each call of the
model its greatest possible cost is reserved on the execution's lease: executions side by side cannot
together exceed what one alone may not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from wsq.commands.stores import store, workspace
from wsq.events.recurring import ModelCharged
from wsq.projections import Execution, RecurringTask, StoreRow
from wsq.rules import budgets
from wsq.rules.budgets import Spending
from wsq.store.engine import Cursor
from wsq.store.transaction import Transaction

RELEASE = "UPDATE leases SET reserved_usd = 0, reserved_tokens = 0 WHERE execution_id IN (SELECT unnest($1::VARCHAR[]))"

_SPENT = f"""SELECT recurring_task_id, sum(coalesce(cost_usd, CASE
        WHEN provider_kind IN ('offline', 'scripted') THEN 0
        ELSE (input_tokens + output_tokens + cache_read_tokens + cache_write_tokens)
            / {budgets.TOKENS_PER_DOLLAR}.0 END))::DOUBLE PRECISION
    FROM task_executions WHERE store_id = $1 AND started_at >= $2 GROUP BY recurring_task_id"""  # noqa: S608

_RESERVED = """SELECT e.recurring_task_id, l.execution_id, l.reserved_usd FROM leases l
    JOIN task_executions e ON e.id = l.execution_id WHERE l.store_id = $1 AND l.reserved_usd > 0"""


class Day:
    """A store's day: what its recurring tasks have spent so far and what is reserved, in US dollars.

    Args:
        since: The day's first instant.
        own: An execution whose own reservation is not counted.
    """

    def __init__(self, cursor: Cursor, store_id: str, since: datetime, own: str | None = None) -> None:
        self.since = since
        self._spent: dict[str, float] = dict(cursor.query(_SPENT, [store_id, since]))
        self._reserved: dict[str, float] = {}
        for task_id, execution_id, dollars in cursor.query(_RESERVED, [store_id]):
            if execution_id != own:
                self._reserved[task_id] = self._reserved.get(task_id, 0.0) + dollars

    def of_task(self, task_id: str, budget: float | None) -> Spending:
        """What one recurring task has spent of its budget; None is the usual one."""
        return Spending(
            since=self.since,
            budget=budgets.TASK_PER_DAY if budget is None else budget,
            spent=self._spent.get(task_id, 0.0),
            reserved=self._reserved.get(task_id, 0.0),
        )

    def of_store(self, budget: float | None) -> Spending:
        """What the whole store has spent of its budget; None is the usual one."""
        return Spending(
            since=self.since,
            budget=budgets.STORE_PER_DAY if budget is None else budget,
            spent=sum(self._spent.values()),
            reserved=sum(self._reserved.values()),
        )


class Purse:
    """The budgets as one transaction sees them; each store is looked at once."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._days: dict[str, Day] = {}
        self._costs = workspace(tx).model_provider is not None

    def used_up(self, task: RecurringTask) -> str | None:
        """Why nothing more of this task may begin today, None when it may."""
        if not self._costs:
            return None
        about = store(self._tx, task.store_id)
        if task.store_id not in self._days:
            since = budgets.day_begins(self._tx.now, about.timezone)
            self._days[task.store_id] = Day(self._tx, task.store_id, since)
        day = self._days[task.store_id]
        mine, whole = day.of_task(task.id, task.budget_per_day), day.of_store(about.budget_per_day)
        if mine.is_used_up:
            return f"{task.name!r} has spent ${mine.spent:,.2f} of its ${mine.budget:,.2f} for today."
        if whole.is_used_up:
            return f"The store has spent ${whole.spent:,.2f} of its ${whole.budget:,.2f} for today."
        return None


def spending(cursor: Cursor, about: StoreRow, task: RecurringTask | None, now: datetime) -> Spending:
    """What a store, or one of its recurring tasks, has spent of its budget on the day of `now`."""
    day = Day(cursor, about.id, budgets.day_begins(now, about.timezone))
    return day.of_store(about.budget_per_day) if task is None else day.of_task(task.id, task.budget_per_day)


def by_task(cursor: Cursor, about: StoreRow, tasks: Sequence[RecurringTask], now: datetime) -> dict[str, Spending]:
    """What each of these tasks of a store has spent on the day of `now`, by its id."""
    day = Day(cursor, about.id, budgets.day_begins(now, about.timezone))
    return {task.id: day.of_task(task.id, task.budget_per_day) for task in tasks}


class NoRoom(msgspec.Struct, frozen=True, kw_only=True):
    """Why a budget does not hold a call. `for_now`: only because of what others have set aside for theirs."""

    reason: str
    for_now: bool


def reserve(tx: Transaction, row: Execution, most: float | None, tokens: int) -> NoRoom | None:
    """Set aside what an execution's next call of the model may come to at the most.

    Args:
        tx: The transaction.
        row: The execution.
        most: US dollars; None for a model without a known price, which is counted by its tokens.
        tokens: All that the call may take, of every kind.

    Returns:
        Why not, when a budget does not hold it; then nothing is set aside.
    """
    dollars = tokens / budgets.TOKENS_PER_DOLLAR if most is None else most
    about = store(tx, row.store_id)
    day = Day(tx, row.store_id, budgets.day_begins(tx.now, about.timezone), own=row.id)
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
    tx.query(
        "UPDATE leases SET reserved_usd = $2, reserved_tokens = $3 WHERE execution_id = $1",
        [row.id, dollars, 0 if most is not None else tokens],
    )
    return None


def charge_reserved(tx: Transaction, row: Execution) -> None:
    """Count what was set aside for a call whose worker is gone: nobody knows what it came to."""
    ((dollars, tokens),) = tx.query(
        "SELECT reserved_usd, reserved_tokens FROM leases WHERE execution_id = $1", [row.id]
    ) or [(0, 0)]
    if dollars > 0:
        charge(tx, row, estimated=True, cost_usd=None if tokens else dollars, input_tokens=tokens)


def charge(tx: Transaction, row: Execution, *, estimated: bool = False, cost_usd: float | None, **tokens: int) -> None:
    """Put on record what a call of the model took that gave no answer."""
    tx.record(
        row.store_id,
        ModelCharged(execution_id=row.id, epoch=row.epoch, estimated=estimated, cost_usd=cost_usd, **tokens),
    )
