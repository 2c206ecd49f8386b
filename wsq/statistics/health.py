"""What is not as it should be, now: told on pages, by `wsq doctor` and outside, by this one definition of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import msgspec

from wsq.commands.executions import WINDOW
from wsq.projections import Row, Rows, StoreRow
from wsq.queries import boards
from wsq.queries.spending import COUNTED_AT, TRIED_AT
from wsq.rules import budgets
from wsq.rules.pauses import Pausable, holds
from wsq.store.engine import Cursor

MANY_FAILURES = 5
"""Failures in a row from which on a task needs somebody to look at it; by then it has been disabled."""

LATE = 3
"""A slot that is due for more than so many of the scheduler's usual intervals should have been settled.

It never is before it has been due for `WINDOW`: until then it is carried out as if it were in time, however often
the scheduler looks, and may have to wait for its turn.
"""

KINDS = {
    "scheduler": "problem",
    "failed_repeatedly": "problem",
    "failing": "problem",
    "never_ran": "problem",
    "late": "problem",
    "lease_expired": "problem",
    "over_budget": "problem",  # a warning until all of it is spent
    "paused": "information",
}
"""Every kind of alert in the order in which they are told, and how grave it is."""

_LEVELS = ("problem", "warning", "information")
_LONGEST_ERROR = 200


class Alert(Row, frozen=True, kw_only=True):
    """Something that somebody should know of, as long as it is so.

    `level` is ``problem``, ``warning`` or ``information``. `kind` is a word of `KINDS`. `store_id`,
    `recurring_task_id` and `execution_id` say where to look and are None where it concerns more than that.
    `since` is when it began, as far as is known. `key` stays the same for as long as it is the same alert.
    """

    _plural: ClassVar[str] = "alerts"
    _columns: ClassVar[tuple[str, ...]] = ("level", "kind", "store_id", "since", "sentence")
    _brief: ClassVar[tuple[str, ...]] = ("kind", "sentence")
    _machinery: ClassVar[frozenset[str]] = frozenset(("key",))

    kind: str
    level: str
    store_id: str | None = None
    recurring_task_id: str | None = None
    execution_id: str | None = None
    since: datetime | None = None
    sentence: str
    key: str

    @property
    def is_problem(self) -> bool:
        """Whether somebody has to do something about it."""
        return self.level == "problem"


class Passing(msgspec.Struct, frozen=True, kw_only=True):
    """How the scheduler's passes come: the last one's instant and host, and the usual seconds between two.

    `missed`: none has come for three times that. `last_at` is None when none was ever seen.
    """

    usual: float
    missed: bool = False
    last_at: datetime | None = None
    host: str = ""


def alerts(cursor: Cursor, now: datetime, passing: Passing, timezone: str) -> Rows[Alert]:
    """Everything that is not as it should be at `now` in any store that is not archived, the gravest first.

    Args:
        cursor: A view of the workspace.
        now: The instant that is asked about.
        passing: What is known of the scheduler, which leaves its notes beside the database.
        timezone: The zone in which sentences tell times.
    """
    seen = _Seen(cursor, now, passing, ZoneInfo(timezone))
    found = [*_scheduler(seen), *_failures(seen), *_slots(seen), *_leases(seen), *_budgets(seen), *_pauses(seen)]
    order = list(KINDS)
    found.sort(key=lambda alert: (_LEVELS.index(alert.level), order.index(alert.kind), alert.since or now, alert.key))
    return Rows(found, kind=Alert)


class _Seen:
    """What all kinds look at: a view, the instant, the stores that are not archived, and which of them are paused."""

    def __init__(self, cursor: Cursor, now: datetime, passing: Passing, zone: ZoneInfo) -> None:
        self.cursor, self.now, self.passing, self.zone = cursor, now, passing, zone
        self.workspace = boards.workspace(cursor)
        self.stores: dict[str, StoreRow] = {row.id: row for row in boards.stores(cursor)}
        still = holds(self.workspace, now)
        self.paused = {row.id for row in self.stores.values() if still or holds(row, now)}

    def ask(self, sql: str, *given: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.cursor.query(sql, given)

    def clock(self, instant: datetime) -> str:
        """An instant as a sentence tells it."""
        return f"{instant.astimezone(self.zone):%Y-%m-%d %H:%M %Z}"


def alert(kind: str, sentence: str, *where: str | None, level: str | None = None, **given: Any) -> Alert:
    """An alert whose key is its kind and where it is, the store and the task, and its level when that is told."""
    store_id, task_id = (*where, None, None)[:2]
    key = ":".join((kind, *(each or "*" for each in where), *([level] if level else [])))
    grave = level or KINDS[kind]
    return Alert(
        kind=kind, level=grave, store_id=store_id, recurring_task_id=task_id, sentence=sentence, key=key, **given
    )


def _scheduler(seen: _Seen) -> Iterator[Alert]:
    last, host = seen.passing.last_at, seen.passing.host
    if seen.passing.missed and last is not None:
        told = f"The scheduler stands still: its last pass was at {seen.clock(last)} on {host}, and usually one comes"
        told += f" every {_length(seen.passing.usual)}. See to wsq serve, or to what wsq schedule status tells."
        yield alert("scheduler", told, since=last)
    elif last is None:
        waiting = "SELECT min(created_at) FROM recurring_tasks WHERE next_execution_at IS NOT NULL"
        ((since,),) = seen.ask(f"{waiting} AND {_ALIVE}")
        if since is not None:
            told = "No pass of a scheduler was ever seen, and recurring tasks wait for one."
            yield alert("scheduler", f"{told} Run wsq serve, or wsq schedule install.", since=since)


_ALIVE = "store_id NOT IN (SELECT id FROM stores WHERE archived_at IS NOT NULL)"

_FAILED = f"""WITH failing AS (
    SELECT id, store_id, name, failures_in_row, enabled FROM recurring_tasks
    WHERE failures_in_row > 0 AND (enabled OR failures_in_row >= {MANY_FAILURES}) AND {_ALIVE}
), newest AS (
    SELECT recurring_task_id, max(seq) AS seq FROM task_executions
    WHERE status = 'failed' AND recurring_task_id IN (SELECT id FROM failing) GROUP BY recurring_task_id
)
SELECT f.store_id, f.id, f.name, f.failures_in_row, e.id, e.completed_at, e.reason, left(e.error, {_LONGEST_ERROR + 1})
FROM failing f JOIN newest n ON n.recurring_task_id = f.id
JOIN task_executions e ON e.recurring_task_id = f.id AND e.seq = n.seq AND e.status = 'failed'"""  # noqa: S608
"""A task's failures since it last completed or was enabled are counted on its row; a cancelled one says nothing.

The newest of a task's executions is that with the highest seq: they all stand in one store's log.
"""


def _failures(seen: _Seen) -> Iterator[Alert]:
    for store_id, task_id, name, times, execution_id, ended_at, reason, error in seen.ask(_FAILED):
        why = _short(error) or str(reason or "no reason").replace("_", " ")
        where = {"execution_id": execution_id, "since": ended_at}
        if times >= MANY_FAILURES:
            told = f"{name!r} failed {times} times in a row and is disabled, the last time: {why}"
            yield alert("failed_repeatedly", told, store_id, task_id, **where)
        else:
            yield alert("failing", f"{name!r} failed: {why}", store_id, task_id, **where)


_DUE = f"""WITH missed AS (
    SELECT recurring_task_id, min(first_slot) AS since FROM task_executions
    WHERE status = 'skipped' AND reason = 'missed' GROUP BY recurring_task_id
)
SELECT r.store_id, r.id, r.name, r.last_executed_at IS NULL, r.next_execution_at, m.since
FROM recurring_tasks r LEFT JOIN missed m ON m.recurring_task_id = r.id
WHERE r.enabled AND r.{_ALIVE}
AND (r.next_execution_at < $1 OR (r.last_executed_at IS NULL AND m.since IS NOT NULL))"""  # noqa: S608


def _slots(seen: _Seen) -> Iterator[Alert]:
    """Tasks whose slots nobody settles, and those that nobody was ever there for: cron may come too seldom."""
    patience = max(LATE * timedelta(seconds=seen.passing.usual), WINDOW)
    for store_id, task_id, name, never, due_at, missed in seen.ask(_DUE, seen.now - patience):
        waits = due_at < seen.now - patience
        if store_id in seen.paused:
            continue
        if never and missed is not None:
            told = f"{name!r} has never run, though it has been due since {seen.clock(missed)}:"
            told += " the scheduler came too late for its slots."
            yield alert("never_ran", told, store_id, task_id, since=missed)
        elif never:
            told = f"{name!r} has never run, though it has been due since {seen.clock(due_at)}."
            yield alert("never_ran", told, store_id, task_id, since=due_at)
        elif waits:
            yield alert("late", f"{name!r} is late: due since {seen.clock(due_at)}.", store_id, task_id, since=due_at)


_EXPIRED = f"""SELECT l.store_id, e.recurring_task_id, l.execution_id, l.expires_at, r.name
FROM leases l JOIN task_executions e ON e.id = l.execution_id
LEFT JOIN recurring_tasks r ON r.id = e.recurring_task_id
WHERE l.expires_at <= $1 AND l.{_ALIVE}"""  # noqa: S608


def _leases(seen: _Seen) -> Iterator[Alert]:
    for store_id, task_id, execution_id, since, name in seen.ask(_EXPIRED, seen.now):
        told = f"An execution of {name or task_id!r} was left by its worker at {seen.clock(since)};"
        told += " the next pass takes it up again."
        yield alert("lease_expired", told, store_id, task_id, execution_id=execution_id, since=since)


_SPENT = f"""WITH days AS (SELECT unnest($1::VARCHAR[]) AS store_id, unnest($2::TIMESTAMPTZ[]) AS since)
SELECT d.store_id, e.recurring_task_id, r.name, r.budget_per_day, sum({COUNTED_AT})::DOUBLE PRECISION
FROM task_executions e JOIN days d ON d.store_id = e.store_id AND e.started_at >= d.since
LEFT JOIN recurring_tasks r ON r.id = e.recurring_task_id
WHERE e.started_at >= $3 GROUP BY d.store_id, e.recurring_task_id, r.name, r.budget_per_day"""  # noqa: S608


_TRIED = f"""SELECT store_id, sum({TRIED_AT})::DOUBLE PRECISION FROM dry_runs
JOIN (SELECT unnest($1::VARCHAR[]) AS store_id, unnest($2::TIMESTAMPTZ[]) AS since) d USING (store_id)
WHERE started_at >= since GROUP BY store_id"""  # noqa: S608


def _budgets(seen: _Seen) -> Iterator[Alert]:
    zones = {row.timezone for row in seen.stores.values()}
    begins = {zone: budgets.day_begins(seen.now, zone) for zone in zones}
    days = {row.id: begins[row.timezone] for row in seen.stores.values()}
    if not days:
        return
    by_store: dict[str, float] = dict(seen.ask(_TRIED, list(days), list(days.values())))
    for store_id, task_id, name, budget, spent in seen.ask(_SPENT, list(days), list(days.values()), min(days.values())):
        by_store[store_id] = by_store.get(store_id, 0.0) + spent
        if name is not None:
            usual = budgets.TASK_PER_DAY if budget is None else budget
            spending = budgets.Spending(since=days[store_id], budget=usual, spent=spent)
            yield from _spending(repr(name), spending, store_id, task_id)
    for store_id, spent in by_store.items():
        own = seen.stores[store_id].budget_per_day
        usual = budgets.STORE_PER_DAY if own is None else own
        spending = budgets.Spending(since=days[store_id], budget=usual, spent=spent)
        yield from _spending(f"Store {store_id!r}", spending, store_id)


def _spending(whose: str, spending: budgets.Spending, *where: str) -> Iterator[Alert]:
    if spending.spent <= 0 or not spending.is_warning:
        return
    level = "problem" if spending.is_used_up else "warning"
    told = f"{whose} has spent ${spending.spent:,.2f} of its ${spending.budget:,.2f} for today"
    told += "; nothing more starts until tomorrow." if level == "problem" else "."
    yield alert("over_budget", told, *where, level=level, since=spending.since)


def _pauses(seen: _Seen) -> Iterator[Alert]:
    if holds(seen.workspace, seen.now):
        yield _paused(seen, "The workspace", seen.workspace, None)
    for row in seen.stores.values():
        if holds(row, seen.now):
            yield _paused(seen, f"Store {row.id!r}", row, row.id)


def _paused(seen: _Seen, what: str, paused: Pausable, store_id: str | None) -> Alert:
    until = f" until {seen.clock(paused.paused_until)}" if paused.paused_until else " until it is resumed"
    why = f": {paused.paused_reason}" if paused.paused_reason else "."
    return alert("paused", f"{what} is paused{until}{why}", store_id, since=paused.paused_at)


def _length(seconds: float) -> str:
    """A number of seconds in words: ``15 s``, ``5 min``."""
    return f"{seconds:g} s" if seconds < 120 else f"{seconds / 60:g} min"


def _short(error: str | None) -> str:
    """An error on one line, its beginning where it is long."""
    text = " ".join((error or "").split())
    return text if len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR].rstrip()}…"
