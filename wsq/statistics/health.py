"""Alerts: what is wrong right now. Pages, `wsq doctor` and notifications share these definitions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import msgspec

from wsq.clock import AHEAD
from wsq.commands.executions import WINDOW
from wsq.projections import Row, Rows, StoreRow
from wsq.queries import boards
from wsq.queries.ahead import tasks_ahead
from wsq.queries.spending import A_DAY, COUNTED_AT, HELD, TRIED_AT
from wsq.rules import budgets
from wsq.rules.pauses import Pausable, holds
from wsq.rules.values import unknown_zone, zone
from wsq.store.engine import Cursor

MANY_FAILURES = 5
"""Number of failures in a row at which a task needs attention; it has been disabled by then."""

LATE = 3
"""Number of the scheduler's usual intervals after which a due slot is late.

A slot is never late before `WINDOW` has passed: until then it runs as if on time, however often the scheduler passes.
"""

KINDS = {
    "no_credentials": "problem",
    "scheduler": "problem",
    "failed_repeatedly": "problem",
    "failing": "problem",
    "never_ran": "problem",
    "late": "problem",
    "unknown_zone": "problem",  # a warning for a store's
    "lease_expired": "problem",
    "schedule_ahead": "problem",
    "lease_ahead": "problem",
    "over_budget": "problem",  # a warning until the budget is used up
    "paused": "information",
}
"""Every kind of alert in display order, and its level."""

_LEVELS = ("problem", "warning", "information")
_LONGEST_ERROR = 200


class Alert(Row, frozen=True, kw_only=True):
    """A condition that somebody should know of, while it lasts.

    `level` is ``problem``, ``warning`` or ``information``. `kind` is a key of `KINDS`. `store_id`, `recurring_task_id`
    and `execution_id` say where to look, and are None if the alert concerns more than that. `since` is when it began,
    as far as known. `key` identifies the alert for as long as it lasts.
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


class SchedulerHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The last pass's instant and host, and the usual seconds between two passes.

    `missed` is True if none came for three times the usual interval. `last_at` is None if none was ever seen.
    `refused` is why nothing can run; None if it can.
    """

    usual: float
    missed: bool = False
    last_at: datetime | None = None
    host: str = ""
    refused: str | None = None


def alerts(cursor: Cursor, now: datetime, scheduler: SchedulerHealth, timezone: str) -> Rows[Alert]:
    """Return all alerts at `now` of all stores that are not archived, the most severe first.

    Args:
        cursor: A view of the workspace.
        now: The current instant.
        scheduler: The scheduler's state, from its heartbeats.
        timezone: The zone of times in sentences.
    """
    seen = _Seen(cursor, now, scheduler, zone(timezone))
    found = [*_scheduler(seen), *_failures(seen), *_slots(seen), *_zones(seen), *_leases(seen)]
    found += [*_ahead(seen), *_budgets(seen), *_pauses(seen)]
    order = list(KINDS)
    found.sort(key=lambda alert: (_LEVELS.index(alert.level), order.index(alert.kind), alert.since or now, alert.key))
    return Rows(found, kind=Alert)


class _Seen:
    """What all kinds use: a view, the instant, the unarchived stores, the ids of paused ones.

    `unknown` says of each enabled task, by its id, that its time zone is not known here, and of which store it is.
    """

    def __init__(self, cursor: Cursor, now: datetime, scheduler: SchedulerHealth, zone: ZoneInfo) -> None:
        self.cursor, self.now, self.scheduler, self.zone = cursor, now, scheduler, zone
        self.workspace = boards.workspace(cursor)
        self.stores: dict[str, StoreRow] = {row.id: row for row in boards.stores(cursor)}
        all_paused = holds(self.workspace, now)
        self.unknown = _unknown_zones(cursor)
        self.paused = {row.id for row in self.stores.values() if all_paused or holds(row, now)}

    def query(self, sql: str, *given: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.cursor.query(sql, given)

    def clock(self, instant: datetime) -> str:
        """Return an instant as text."""
        return f"{instant.astimezone(self.zone):%Y-%m-%d %H:%M %Z}"


def alert(kind: str, sentence: str, *where: str | None, level: str | None = None, **given: Any) -> Alert:
    """Return an alert whose key is made of its kind, its store and task, and `level` if that is given."""
    store_id, task_id = (*where, None, None)[:2]
    key = ":".join((kind, *(each or "*" for each in where), *([level] if level else [])))
    grave = level or KINDS[kind]
    return Alert(
        kind=kind, level=grave, store_id=store_id, recurring_task_id=task_id, sentence=sentence, key=key, **given
    )


def _scheduler(seen: _Seen) -> Iterator[Alert]:
    if seen.scheduler.refused:
        yield alert("no_credentials", seen.scheduler.refused)
    last, host = seen.scheduler.last_at, seen.scheduler.host
    if seen.scheduler.missed and last is not None:
        text = f"The scheduler has stopped: its last pass was at {seen.clock(last)} on {host}; usually one runs every"
        text += f" {_length(seen.scheduler.usual)}. Check wsq serve, or run wsq schedule status."
        yield alert("scheduler", text, since=last)
    elif last is None:
        waiting = "SELECT min(created_at) FROM recurring_tasks WHERE next_execution_at IS NOT NULL"
        ((since,),) = seen.query(f"{waiting} AND {_ALIVE}")
        if since is not None:
            text = "No scheduler has run yet, and recurring tasks are waiting."
            yield alert("scheduler", f"{text} Run wsq serve, or wsq schedule install.", since=since)


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
"""Failures since a task last completed or was enabled are counted on its row; cancelled executions do not count.

The newest execution of a task is the one with the highest seq: they are all in one store's log.
"""


def _failures(seen: _Seen) -> Iterator[Alert]:
    for store_id, task_id, name, times, execution_id, ended_at, reason, error in seen.query(_FAILED):
        why = _short(error) or str(reason or "no reason").replace("_", " ")
        where = {"execution_id": execution_id, "since": ended_at}
        if times >= MANY_FAILURES:
            text = f"{name!r} failed {times} times in a row and is disabled. Last error: {why}"
            yield alert("failed_repeatedly", text, store_id, task_id, **where)
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
    """Tasks with late slots, and tasks that have never run: cron may pass too rarely."""
    allowed = max(LATE * timedelta(seconds=seen.scheduler.usual), WINDOW)
    for store_id, task_id, name, never, due_at, missed in seen.query(_DUE, seen.now - allowed):
        waits = due_at < seen.now - allowed
        if store_id in seen.paused or task_id in seen.unknown:
            continue
        if never and missed is not None:
            text = f"{name!r} has never run, although it has been due since {seen.clock(missed)}:"
            text += " the scheduler always ran too late."
            yield alert("never_ran", text, store_id, task_id, since=missed)
        elif never:
            text = f"{name!r} has never run, although it has been due since {seen.clock(due_at)}."
            yield alert("never_ran", text, store_id, task_id, since=due_at)
        elif waits:
            yield alert("late", f"{name!r} is late: due since {seen.clock(due_at)}.", store_id, task_id, since=due_at)


_TASKS_IN = f"""SELECT id, store_id, name, timezone FROM recurring_tasks
WHERE enabled AND timezone IN (SELECT unnest($1::VARCHAR[])) AND {_ALIVE}"""  # noqa: S608


def _unknown_zones(cursor: Cursor) -> dict[str, tuple[str, str]]:
    zones = [name for (name,) in cursor.query("SELECT DISTINCT timezone FROM recurring_tasks")]
    unknown = [name for name in zones if unknown_zone("It", name)]
    found = cursor.query(_TASKS_IN, [unknown]) if unknown else []
    return {task: (store, unknown_zone(repr(name), zone) or "") for task, store, name, zone in found}


def _zones(seen: _Seen) -> Iterator[Alert]:
    for task_id, (store_id, text) in seen.unknown.items():
        yield alert("unknown_zone", text, store_id, task_id)
    for row in seen.stores.values():
        if sentence := unknown_zone(f"Store {row.id!r}", row.timezone):
            yield alert("unknown_zone", f"{sentence} Its days are counted in UTC until then.", row.id, level="warning")


_EXPIRED = f"""SELECT l.store_id, e.recurring_task_id, l.execution_id, l.expires_at, r.name
FROM leases l JOIN task_executions e ON e.id = l.execution_id
LEFT JOIN recurring_tasks r ON r.id = e.recurring_task_id
WHERE l.expires_at <= $1 AND l.{_ALIVE}"""  # noqa: S608


def _leases(seen: _Seen) -> Iterator[Alert]:
    for store_id, task_id, execution_id, since, name in seen.query(_EXPIRED, seen.now):
        text = f"The worker of a run of {name or task_id!r} was lost at {seen.clock(since)};"
        text += " the next pass resumes it."
        yield alert("lease_expired", text, store_id, task_id, execution_id=execution_id, since=since)


_LEASES_AHEAD = f"""SELECT l.store_id, e.recurring_task_id, l.execution_id, l.expires_at, r.name
FROM leases l JOIN task_executions e ON e.id = l.execution_id
LEFT JOIN recurring_tasks r ON r.id = e.recurring_task_id
WHERE l.expires_at > $1 AND l.{_ALIVE}"""  # noqa: S608


def _ahead(seen: _Seen) -> Iterator[Alert]:
    """What lies in the future, since a clock was ahead when it was recorded."""
    for task in tasks_ahead(seen.cursor, seen.now):
        if task.store_id in seen.stores:
            until, nxt = task.settled_to, task.next_execution_at
            text = f"The scheduled runs of {task.name!r} are settled up to {seen.clock(until)}" if until else ""
            text += (" and its next run is" if until else f"The next run of {task.name!r} is") if nxt else ""
            text += f" at {seen.clock(nxt)}" if nxt else ""
            text += f", which is in the future: it is {seen.clock(seen.now)}, and a clock was ahead."
            text += " Run wsq doctor --repair, or edit its schedule, and it goes on from now."
            yield alert("schedule_ahead", text, task.store_id, task.recurring_task_id)
    for store_id, task_id, execution_id, until, name in seen.query(_LEASES_AHEAD, seen.now + AHEAD):
        text = f"The lease on a run of {name or task_id!r} ends at {seen.clock(until)}, which is in the future: it is"
        text += f" {seen.clock(seen.now)}, and its worker's clock was ahead. If the worker is lost, a pass resumes the"
        text += " run after a minute."
        yield alert("lease_ahead", text, store_id, task_id, execution_id=execution_id)


_SPENT = f"""WITH days AS (SELECT unnest($1::VARCHAR[]) AS store_id, unnest($2::TIMESTAMPTZ[]) AS since)
SELECT d.store_id, e.recurring_task_id, r.name, r.budget_per_day, sum({COUNTED_AT})::DOUBLE PRECISION
FROM task_executions e JOIN days d ON d.store_id = e.store_id AND e.started_at >= d.since
LEFT JOIN recurring_tasks r ON r.id = e.recurring_task_id
WHERE e.started_at >= $3 AND e.started_at < d.since + {A_DAY}
GROUP BY d.store_id, e.recurring_task_id, r.name, r.budget_per_day"""  # noqa: S608


_TRIED = f"""SELECT store_id, sum({TRIED_AT} - {HELD.format(now="$3")})::DOUBLE PRECISION FROM dry_runs
JOIN (SELECT unnest($1::VARCHAR[]) AS store_id, unnest($2::TIMESTAMPTZ[]) AS since) d USING (store_id)
WHERE started_at >= since AND started_at < since + {A_DAY} GROUP BY store_id"""  # noqa: S608


def _budgets(seen: _Seen) -> Iterator[Alert]:
    zones = {row.timezone for row in seen.stores.values()}
    begins = {zone: budgets.day_begins(seen.now, zone) for zone in zones}
    days = {row.id: begins[row.timezone] for row in seen.stores.values()}
    if not days:
        return
    by_store: dict[str, float] = dict(seen.query(_TRIED, list(days), list(days.values()), seen.now))
    for store_id, task_id, name, budget, spent in seen.query(
        _SPENT, list(days), list(days.values()), min(days.values())
    ):
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
    text = f"{whose} has spent ${spending.spent:,.2f} of its ${spending.budget:,.2f} for today"
    text += "; nothing more starts until tomorrow." if level == "problem" else "."
    yield alert("over_budget", text, *where, level=level, since=spending.since)


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
    """Return seconds as text: ``15 s``, ``5 min``."""
    return f"{seconds:g} s" if seconds < 120 else f"{seconds / 60:g} min"


def _short(error: str | None) -> str:
    """Return an error on one line, shortened if long."""
    text = " ".join((error or "").split())
    return text if len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR].rstrip()}…"
