"""What a day's budget lets happen.

Spent is what stands on the executions that began today, in the store's zone, and, of a store but of none
of its recurring tasks, what dry runs took. Before each call of the
model its greatest possible cost is reserved on the execution's lease: executions side by side cannot
together exceed what one alone may not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from wsq.commands.stores import store, workspace
from wsq.errors import NotRunnable
from wsq.events.recurring import ModelCharged
from wsq.projections import Execution, RecurringTask, StoreRow
from wsq.rules import budgets
from wsq.rules.budgets import Most, Spending
from wsq.store.engine import Cursor
from wsq.store.transaction import Transaction

_SET_ASIDE = """UPDATE leases SET reserved_usd = v.usd, reserved_tokens = v.tokens
    FROM (SELECT unnest($1::VARCHAR[]) AS id, unnest($2::DOUBLE PRECISION[]) AS usd, unnest($3::BIGINT[]) AS tokens) v
    WHERE leases.execution_id = v.id"""

_FREE = ("offline", "scripted")
"""Kinds of providers whose answers cost nothing."""

COUNTED_AT = f"""coalesce(cost_usd, CASE WHEN provider_kind IN {_FREE} THEN 0
        ELSE (input_tokens + output_tokens + cache_read_tokens + cache_write_tokens)
            / {budgets.TOKENS_PER_DOLLAR}.0 END)"""
"""What an execution is counted at, in US dollars, as an SQL expression of its columns."""

UNPRICED = f"""(cost_usd IS NULL AND provider_kind NOT IN {_FREE}
        AND input_tokens + output_tokens + cache_read_tokens + cache_write_tokens > 0)"""
"""Whether an execution has taken tokens of a model without a known price, as an SQL expression of its columns."""

_SPENT = f"""SELECT recurring_task_id, sum({COUNTED_AT})::DOUBLE PRECISION
    FROM task_executions WHERE store_id = $1 AND started_at >= $2 AND ($3::TIMESTAMPTZ IS NULL OR started_at < $3)
    GROUP BY recurring_task_id"""  # noqa: S608

TRIED_AT = f"""coalesce(cost_usd, (input_tokens + output_tokens + cache_read_tokens + cache_write_tokens)
        / {budgets.TOKENS_PER_DOLLAR}.0)"""
"""What a dry run is counted at: the same."""

_TRIED = f"""SELECT coalesce(sum({TRIED_AT}), 0)::DOUBLE PRECISION
    FROM dry_runs WHERE store_id = $1 AND started_at >= $2 AND ($3::TIMESTAMPTZ IS NULL OR started_at < $3)"""  # noqa: S608

_RESERVED = """SELECT e.recurring_task_id, l.execution_id, l.reserved_usd FROM leases l
    JOIN task_executions e ON e.id = l.execution_id WHERE l.store_id = $1 AND l.reserved_usd > 0"""


class Day:
    """A store's day: what its recurring tasks have spent so far and what is reserved, in US dollars.

    Args:
        since: The day's first instant.
        until: The first one after it; None while it lasts.
    """

    def __init__(self, cursor: Cursor, store_id: str, since: datetime, until: datetime | None = None) -> None:
        self.since = since
        self._spent: dict[str, float] = dict(cursor.query(_SPENT, [store_id, since, until]))
        ((self._tried,),) = cursor.query(_TRIED, [store_id, since, until])
        self._reserved: dict[str, tuple[str, float]] = {
            execution_id: (task_id, dollars) for task_id, execution_id, dollars in cursor.query(_RESERVED, [store_id])
        }

    def spend(self, task_id: str, dollars: float) -> None:
        """Count what a recurring task has spent more."""
        self._spent[task_id] = self._spent.get(task_id, 0.0) + dollars

    def spend_trying(self, dollars: float) -> None:
        """Count what a dry run has spent more."""
        self._tried += dollars

    def set_aside(self, execution_id: str, task_id: str, dollars: float) -> None:
        """Count what an execution has set aside, in the place of what it had."""
        self._reserved[execution_id] = (task_id, dollars)

    def release(self, execution_id: str) -> None:
        """Count nothing as set aside by an execution."""
        self._reserved.pop(execution_id, None)

    def of_task(self, task_id: str, budget: float | None) -> Spending:
        """What one recurring task has spent of its budget; None is the usual one."""
        return Spending(
            since=self.since,
            budget=budgets.TASK_PER_DAY if budget is None else budget,
            spent=self._spent.get(task_id, 0.0),
            reserved=sum(dollars for task, dollars in self._reserved.values() if task == task_id),
        )

    def of_store(self, budget: float | None) -> Spending:
        """What the whole store has spent of its budget; None is the usual one."""
        return Spending(
            since=self.since,
            budget=budgets.STORE_PER_DAY if budget is None else budget,
            spent=sum(self._spent.values()) + self._tried,
            reserved=sum(dollars for _, dollars in self._reserved.values()),
        )


def today(tx: Transaction, about: StoreRow) -> Day:
    """A store's day as it is in this transaction.

    It is remembered from one to the next, since adding all of it up takes longer than most transactions;
    `spent` and `release` keep it true.
    """
    since = budgets.day_begins(tx.now, about.timezone)
    day = tx.remembered.get((Day, about.id))
    if not isinstance(day, Day) or day.since != since:
        day = tx.remembered[Day, about.id] = Day(tx, about.id, since)
    return day


def spent(tx: Transaction, before: Execution) -> None:
    """Keep the day true after an event that charged an execution; `before` is how that stood."""
    day, row = tx.remembered.get((Day, before.store_id)), tx.row("task_executions", before.id)
    if isinstance(day, Day) and isinstance(row, Execution) and row.started_at >= day.since:
        day.spend(row.recurring_task_id, _cost_of(row) - _cost_of(before))


def release(tx: Transaction, row: Execution, *, ended: bool = False) -> None:
    """Give back what an execution had set aside; one that has `ended` has no lease any more."""
    day = tx.remembered.get((Day, row.store_id))
    if isinstance(day, Day):
        day.release(row.id)
    if not ended:
        tx.after(_SET_ASIDE, row.id, 0.0, 0)


def _cost_of(row: Execution) -> float:
    """What an execution is counted at, in US dollars: the same as in `_SPENT`."""
    if row.cost_usd is not None:
        return row.cost_usd
    if row.provider_kind in _FREE:
        return 0.0
    tokens = row.input_tokens + row.output_tokens + row.cache_read_tokens + row.cache_write_tokens
    return tokens / budgets.TOKENS_PER_DOLLAR


class Purse:
    """The budgets as one transaction sees them."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._costs = workspace(tx).model_provider is not None

    def used_up(self, task: RecurringTask) -> str | None:
        """Why nothing more of this task may begin today, None when it may."""
        if not self._costs:
            return None
        about = store(self._tx, task.store_id)
        day = today(self._tx, about)
        mine, whole = day.of_task(task.id, task.budget_per_day), day.of_store(about.budget_per_day)
        if mine.is_used_up:
            return f"{task.name!r} has spent ${mine.spent:,.2f} of its ${mine.budget:,.2f} for today."
        if whole.is_used_up:
            return f"The store has spent ${whole.spent:,.2f} of its ${whole.budget:,.2f} for today."
        return None


def costs_nothing(provider_kind: str) -> bool:
    """Whether answers of this kind of provider are free."""
    return provider_kind in _FREE


def refuse_when_used_up(tx: Transaction, store_id: str) -> None:
    """Raise `NotRunnable` when the store has spent its budget for today."""
    about = store(tx, store_id)
    whole = today(tx, about).of_store(about.budget_per_day)
    if whole.is_used_up:
        raise NotRunnable(
            f"The store has spent ${whole.spent:,.2f} of its ${whole.budget:,.2f} for today."
            " Give it a larger budget, or wait until tomorrow."
        )


def record_dry_run(tx: Transaction, row: Execution) -> None:
    """Count what a dry run took against its store's day; `row` is how its execution ended, which is in no log."""
    tx.query(
        "INSERT INTO dry_runs (id, store_id, project_id, model, started_at, cost_usd, input_tokens, output_tokens,"
        " cache_read_tokens, cache_write_tokens) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        [
            *(row.id, row.store_id, row.project_id, row.model, row.started_at, row.cost_usd),
            *(row.input_tokens, row.output_tokens, row.cache_read_tokens, row.cache_write_tokens),
        ],
    )
    day = tx.remembered.get((Day, row.store_id))
    if isinstance(day, Day) and row.started_at >= day.since:
        day.spend_trying(_cost_of(row))


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


def reserve(tx: Transaction, row: Execution, most: Most) -> NoRoom | None:
    """Set aside what an execution's next call of the model may come to at the most.

    Args:
        tx: The transaction.
        row: The execution.
        most: What it may come to; a model without a known price is counted by its tokens.

    Returns:
        Why not, when a budget does not hold it; then nothing is set aside.
    """
    dollars = most.tokens / budgets.TOKENS_PER_DOLLAR if most.cost_usd is None else most.cost_usd
    about = store(tx, row.store_id)
    now = day = today(tx, about)
    now.release(row.id)
    if row.started_at < now.since:  # it is counted for the day on which it began
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
    now.set_aside(row.id, row.recurring_task_id, dollars)
    tx.after(_SET_ASIDE, row.id, dollars, 0 if most.cost_usd is not None else most.tokens)
    return None


def charge_reserved(tx: Transaction, row: Execution) -> None:
    """Count what was set aside for a call whose worker is gone: nobody knows what it came to."""
    ((dollars, tokens),) = tx.query(
        "SELECT reserved_usd, reserved_tokens FROM leases WHERE execution_id = $1", [row.id]
    ) or [(0, 0)]
    if dollars > 0:
        charge(tx, row, estimated=True, cost_usd=None if tokens else dollars, input_tokens=tokens)
        release(tx, row)


def charge(tx: Transaction, row: Execution, *, estimated: bool = False, cost_usd: float | None, **tokens: int) -> None:
    """Put on record what a call of the model took that gave no answer."""
    tx.record(
        row.store_id,
        ModelCharged(execution_id=row.id, epoch=row.epoch, estimated=estimated, cost_usd=cost_usd, **tokens),
    )
    spent(tx, row)
