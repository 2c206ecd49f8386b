"""What a store has spent on a day, and what its running executions have reserved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from wsq.projections import RecurringTask, StoreRow
from wsq.rules import budgets
from wsq.rules.budgets import Spending
from wsq.store.engine import Cursor

FREE = ("offline", "scripted")
"""Kinds of providers whose answers cost nothing."""

A_DAY = "INTERVAL '2 days'"
"""What no day is longer than, in SQL: what began later began by a clock that was ahead, and is not of that day."""

_TOKENS = "(input_tokens + output_tokens + cache_read_tokens + cache_write_tokens)"
_BY_TOKENS = f"{_TOKENS} / {budgets.TOKENS_PER_DOLLAR}.0"

COUNTED_AT = f"coalesce(cost_usd, CASE WHEN provider_kind IN {FREE} THEN 0 ELSE {_BY_TOKENS} END)"
"""What an execution counts for, in US dollars, as an SQL expression of its columns."""

UNPRICED = f"(cost_usd IS NULL AND provider_kind NOT IN {FREE} AND {_TOKENS} > 0)"
"""Whether an execution used tokens of a model without a known price, as an SQL expression of its columns."""

TRIED_AT = f"coalesce(cost_usd, {_BY_TOKENS})"
"""What a dry run counts for: the same. While it calls the model, this includes what is reserved for that call."""

HELD = "CASE WHEN reserved_until > {now} THEN reserved_usd ELSE 0 END"
"""How much of that is reserved at `now`, an SQL expression; what was reserved for longer counts as spent."""

_WITHIN = f"store_id = $1 AND started_at >= $2 AND started_at < coalesce($3::TIMESTAMPTZ, $2::TIMESTAMPTZ + {A_DAY})"

_SPENT = f"""SELECT recurring_task_id, sum({COUNTED_AT})::DOUBLE PRECISION FROM task_executions WHERE {_WITHIN}
    GROUP BY recurring_task_id"""  # noqa: S608

_TRIED = f"""SELECT coalesce(sum({TRIED_AT} - {HELD.format(now="$4")}), 0)::DOUBLE PRECISION FROM dry_runs
    WHERE {_WITHIN}"""  # noqa: S608

_HELD = "SELECT id, reserved_usd, reserved_until FROM dry_runs WHERE store_id = $1 AND reserved_until > $2"

_RESERVED = """SELECT e.recurring_task_id, l.execution_id, l.reserved_usd FROM leases l
    JOIN task_executions e ON e.id = l.execution_id WHERE l.store_id = $1 AND l.reserved_usd > 0"""


class Day:
    """A store's day: what its recurring tasks have spent so far and what is reserved, in US dollars.

    Args:
        cursor: Where it is read.
        store_id: The store.
        since: The day's first instant.
        now: The present: what dry runs have reserved until then counts as spent.
        until: The first instant after the day; None while it lasts.

    Attributes:
        good_until: The instant from which another of these reservations counts as spent; None if there is none.
    """

    def __init__(
        self, cursor: Cursor, store_id: str, since: datetime, now: datetime, until: datetime | None = None
    ) -> None:
        self.since = since
        held = cursor.query(_HELD, [store_id, now])
        self.good_until: datetime | None = min((until for *_, until in held), default=None)
        self._spent: dict[str, float] = dict(cursor.query(_SPENT, [store_id, since, until]))
        ((self._tried,),) = cursor.query(_TRIED, [store_id, since, until, now])
        self._reserved: dict[str, tuple[str | None, float]] = {
            execution_id: (task_id, dollars) for task_id, execution_id, dollars in cursor.query(_RESERVED, [store_id])
        } | {dry_run_id: (None, dollars) for dry_run_id, dollars, _ in held}

    def spend(self, task_id: str, dollars: float) -> None:
        """Add to what a recurring task has spent."""
        self._spent[task_id] = self._spent.get(task_id, 0.0) + dollars

    def reserve(self, execution_id: str, task_id: str, dollars: float) -> None:
        """Replace what an execution has reserved."""
        self._reserved[execution_id] = (task_id, dollars)

    def release(self, execution_id: str) -> None:
        """Drop what an execution has reserved."""
        self._reserved.pop(execution_id, None)

    def of_task(self, task_id: str, budget: float | None) -> Spending:
        """What one recurring task has spent of its budget; None is the default budget."""
        return Spending(
            since=self.since,
            budget=budgets.TASK_PER_DAY if budget is None else budget,
            spent=self._spent.get(task_id, 0.0),
            reserved=sum(dollars for task, dollars in self._reserved.values() if task == task_id),
        )

    def of_store(self, budget: float | None) -> Spending:
        """What the whole store has spent of its budget; None is the default budget."""
        return Spending(
            since=self.since,
            budget=budgets.STORE_PER_DAY if budget is None else budget,
            spent=sum(self._spent.values()) + self._tried,
            reserved=sum(dollars for _, dollars in self._reserved.values()),
        )


def day(cursor: Cursor, about: StoreRow, now: datetime) -> Day:
    """The store's day at `now`, in its time zone."""
    return Day(cursor, about.id, budgets.day_begins(now, about.timezone), now)


def spending(cursor: Cursor, about: StoreRow, task: RecurringTask | None, now: datetime) -> Spending:
    """What a store, or one of its recurring tasks, has spent of its budget on the day of `now`."""
    today = day(cursor, about, now)
    return today.of_store(about.budget_per_day) if task is None else today.of_task(task.id, task.budget_per_day)


def by_task(cursor: Cursor, about: StoreRow, tasks: Sequence[RecurringTask], now: datetime) -> dict[str, Spending]:
    """What each of these tasks of a store has spent on the day of `now`, by its id."""
    today = day(cursor, about, now)
    return {task.id: today.of_task(task.id, task.budget_per_day) for task in tasks}
