"""All recurring tasks of the workspace in one table: state, next slot, success rates and cost.

An execution counts at the instant at which it began. Rates are completed ÷ (completed + failed); skipped and cancelled
executions are not included.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from wsq.projections import Row, Rows, StoreRow
from wsq.queries import boards
from wsq.rules.budgets import date_begins
from wsq.rules.pauses import Pause, pause_of
from wsq.rules.values import zone_or_utc
from wsq.store.engine import Cursor

WEEK, MONTH = timedelta(days=7), timedelta(days=30)
LONGEST_MONTH = timedelta(days=32)
"""A calendar month, plus the hour by which its clocks may be set back."""


class TaskOverview(Row, frozen=True, kw_only=True):
    """A recurring task in the administrator's table.

    `paused` is the pause that applies to it, the workspace's or its store's. The `last_` fields describe the ended
    execution that began last, skipped ones included; None if there is none. `completed_7_days` etc. count the
    executions that began in the last 7 and 30 times 24 hours. `cost_this_month` is in US dollars, for the current
    calendar month in the store's zone; `unpriced_this_month` is the number of executions left out, because their model
    has no known price. `notify` names the people notified of how it ends.
    """

    _plural: ClassVar[str] = "recurring tasks"
    _columns: ClassVar[tuple[str, ...]] = (
        "store_id", "name", "project_name", "state", "every", "next_execution_at", "last_status", "last_verdict",
        "success_rate_7_days", "success_rate_30_days", "cost_this_month", "failures_in_row",
    )  # fmt: skip
    _brief: ClassVar[tuple[str, ...]] = ("store_id", "name", "state")

    store_id: str
    store_name: str
    recurring_task_id: str
    name: str
    project_id: str | None = None
    project_name: str | None = None
    enabled: bool
    disabled_reason: str | None = None
    paused: Pause | None = None
    running_execution_id: str | None = None
    interval_value: int
    interval_unit: str
    starting: str | None = None
    next_execution_at: datetime | None = None
    last_execution_id: str | None = None
    last_status: str | None = None
    last_verdict: str | None = None
    last_reason: str | None = None
    last_started_at: datetime | None = None
    completed_7_days: int = 0
    failed_7_days: int = 0
    completed_30_days: int = 0
    failed_30_days: int = 0
    cost_this_month: float = 0.0
    unpriced_this_month: int = 0
    failures_in_row: int = 0
    notify: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """The first that applies of ``running``, ``disabled``, ``paused`` and ``enabled``."""
        if self.running_execution_id is not None:
            return "running"
        if not self.enabled:
            return "disabled"
        return "paused" if self.paused is not None else "enabled"

    @property
    def every(self) -> str:
        """The interval: ``4 hours``, ``1 day``."""
        unit = self.interval_unit.removesuffix("s") if self.interval_value == 1 else self.interval_unit
        return f"{self.interval_value} {unit}"

    @property
    def success_rate_7_days(self) -> float | None:
        """Completed ÷ (completed + failed) of the last 7 days, from 0 to 1; None without any."""
        return _rate(self.completed_7_days, self.failed_7_days)

    @property
    def success_rate_30_days(self) -> float | None:
        """Completed ÷ (completed + failed) of the last 30 days, from 0 to 1; None without any."""
        return _rate(self.completed_30_days, self.failed_30_days)


def _rate(completed: int, failed: int) -> float | None:
    return completed / (completed + failed) if completed + failed else None


# Instants come as microseconds: DuckDB creates a time zone for each instant, which costs more than the rest of
# these queries.
_TASKS = """SELECT r.id, r.store_id, r.name, r.project_id, p.name, r.enabled, r.disabled_reason, r.interval_value,
        r.interval_unit, r.starting, epoch_us(r.next_execution_at), r.failures_in_row,
        CASE WHEN len(r.notify_on) > 0 THEN r.notify END, x.execution_id
    FROM recurring_tasks r JOIN stores s ON s.id = r.store_id AND s.archived_at IS NULL
    LEFT JOIN projects p ON p.id = r.project_id LEFT JOIN running_executions x ON x.recurring_task_id = r.id
    ORDER BY s.name, s.id, r.name, r.id"""

_PLAIN = (
    "recurring_task_id", "store_id", "name", "project_id", "project_name", "enabled", "disabled_reason",
    "interval_value", "interval_unit", "starting", "next_execution_at", "failures_in_row", "notify",
    "running_execution_id",
)  # fmt: skip
"""The fields that `_TASKS` reads, in order."""

_COUNTED = (
    "completed_7_days", "failed_7_days", "completed_30_days", "failed_30_days", "cost_this_month",
    "unpriced_this_month",
)  # fmt: skip
"""The fields that `_COUNTS` reads, in order."""

_LAST_ONE = ("last_execution_id", "last_status", "last_verdict", "last_reason", "last_started_at")
"""The fields that `_LAST` reads, in order."""

_COUNTS = """SELECT e.recurring_task_id,
        count(*) FILTER (WHERE e.status = 'completed' AND e.started_at >= $2),
        count(*) FILTER (WHERE e.status = 'failed' AND e.started_at >= $2),
        count(*) FILTER (WHERE e.status = 'completed' AND e.started_at >= $3),
        count(*) FILTER (WHERE e.status = 'failed' AND e.started_at >= $3),
        coalesce(sum(e.cost_usd) FILTER (WHERE e.started_at >= m.begins), 0.0),
        count(*) FILTER (WHERE e.started_at >= m.begins AND e.cost_usd IS NULL AND e.input_tokens + e.output_tokens > 0
            AND e.provider_kind NOT IN ('offline', 'scripted'))
    FROM task_executions e
    JOIN (SELECT unnest($4::VARCHAR[]) AS store_id, unnest($5::TIMESTAMPTZ[]) AS begins) m ON m.store_id = e.store_id
    WHERE e.started_at >= $1 AND e.started_at <= $6 GROUP BY e.recurring_task_id"""

_LAST = """SELECT e.recurring_task_id, e.id, e.status, e.verdict, e.reason, epoch_us(e.started_at)
    FROM task_executions e JOIN (
        SELECT DISTINCT ON (recurring_task_id) id FROM task_executions
        WHERE status <> 'running' AND {which} ORDER BY recurring_task_id, seq DESC
    ) AS newest ON newest.id = e.id WHERE {which}"""
_LAST_LATELY = _LAST.format(which="started_at >= $1")
_LAST_BEFORE = _LAST.format(which="started_at < $1 AND recurring_task_id IN (SELECT unnest($2::VARCHAR[]))")


def overview(cursor: Cursor, now: datetime) -> Rows[TaskOverview]:
    """Return all recurring tasks of all stores that are not archived, by store name and task name.

    Takes 0.3 s for 10,000 tasks with 1,000,000 executions.
    """
    stores = {row.id: row for row in boards.stores(cursor)}
    whole = boards.workspace(cursor)
    pauses = {id_: pause_of(whole, row, now) for id_, row in stores.items()}
    tasks = cursor.query(_TASKS)
    counts = _counts(cursor, list(stores.values()), now)
    last = _last(cursor, [row[0] for row in tasks], now)
    return Rows((_row(row, stores, pauses, counts, last) for row in tasks), kind=TaskOverview)


def month_begins(now: datetime, timezone: str) -> datetime:
    """Return the first instant of the current calendar month in a zone."""
    zone = zone_or_utc(timezone)
    return date_begins(now.astimezone(zone).date().replace(day=1), zone)


def _counts(cursor: Cursor, stores: list[StoreRow], now: datetime) -> dict[str, dict[str, Any]]:
    begins = [month_begins(now, store.timezone) for store in stores]
    found = cursor.query(
        _COUNTS, [now - LONGEST_MONTH, now - WEEK, now - MONTH, [store.id for store in stores], begins, now]
    )
    return {task_id: dict(zip(_COUNTED, counted, strict=True)) for task_id, *counted in found}


def _last(cursor: Cursor, task_ids: list[str], now: datetime) -> dict[str, list[Any]]:
    """Return each task's ended execution that began last; most have one of the last week, which is fast."""
    found = {task_id: rest for task_id, *rest in cursor.query(_LAST_LATELY, [now - WEEK])}
    missing = [task_id for task_id in task_ids if task_id not in found]
    if missing:
        found |= {task_id: rest for task_id, *rest in cursor.query(_LAST_BEFORE, [now - WEEK, missing])}
    return found


def _row(
    task: tuple[Any, ...],
    stores: dict[str, StoreRow],
    pauses: dict[str, Pause | None],
    counts: dict[str, dict[str, Any]],
    last: dict[str, list[Any]],
) -> TaskOverview:
    row = dict(zip(_PLAIN, task, strict=True))
    row |= counts.get(task[0], {}) | dict(zip(_LAST_ONE, last.get(task[0], ()), strict=False))
    for name in ("next_execution_at", "last_started_at"):
        row[name] = _instant(row.get(name))
    row["notify"] = tuple(row["notify"] or ())
    store_id = row["store_id"]
    return TaskOverview(store_name=stores[store_id].name, paused=pauses[store_id], **row)


def _instant(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else datetime.fromtimestamp(microseconds / 1e6, UTC)
