"""The table of all recurring tasks as browsers see it: read once for all pages."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

from wsq.api import Workspace
from wsq.projections.display import one_line
from wsq.statistics.overview import TaskOverview
from wsq.views.page import words
from wsq.vocabulary import STATUS_LABELS

Line = tuple[Any, ...]

COLUMNS = (
    "id", "store", "name", "project", "enabled", "why", "running", "every", "next", "last_id", "last_status",
    "last_word", "last_what", "last_at", "rate_7", "ran_7", "rate_30", "ran_30", "cost", "unpriced", "failures",
    "notify",
)  # fmt: skip
"""The fields of a line, in order: with thousands of lines, field names would be most of the data. Instants are
milliseconds since 1970."""

FRESH = timedelta(minutes=1)
"""How long the table is kept if nothing is written; its time spans move on."""


class TaskTable:
    """The recurring tasks of all stores."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._seen = -1
        self._read_at: datetime | None = None
        self._lines: dict[str, Line] = {}

    def lines(self) -> dict[str, Line]:
        """Return a line per recurring task, by id; read again after a write, or after a minute."""
        with self._lock:
            changes, now = self._workspace.changes(), self._workspace.clock.now()
            if changes != self._seen or self._read_at is None or not timedelta() <= now - self._read_at < FRESH:
                self._lines = {row.recurring_task_id: line(row) for row in self._workspace.overview()}
                self._seen, self._read_at = changes, now
            return self._lines


def line(row: TaskOverview) -> Line:
    """Return a recurring task as a line of the table; see `COLUMNS`."""
    return (
        row.recurring_task_id,
        row.store_id,
        one_line(row.name),
        row.project_name and one_line(row.project_name),
        row.enabled,
        row.disabled_reason,
        row.running_execution_id,
        words.interval(row.interval_value, row.interval_unit, row.starting),
        _milliseconds(row.next_execution_at),
        row.last_execution_id,
        row.last_status,
        STATUS_LABELS.get(row.last_status or "", row.last_status),
        _outcome(row),
        _milliseconds(row.last_started_at),
        row.success_rate_7_days,
        row.completed_7_days + row.failed_7_days,
        row.success_rate_30_days,
        row.completed_30_days + row.failed_30_days,
        round(row.cost_this_month, 6),
        row.unpriced_this_month,
        row.failures_in_row,
        [one_line(each) for each in row.notify],
    )


def _milliseconds(instant: datetime | None) -> int | None:
    """Return milliseconds, as JavaScript uses, twenty times faster than a text."""
    return None if instant is None else round(instant.timestamp() * 1000)


def _outcome(row: TaskOverview) -> str | None:
    """Return the outcome of the last execution, beyond its status."""
    if row.last_status is None:
        return None
    return words.verdict(row.last_status, row.last_verdict) or words.reason(row.last_reason)
