"""The table of all recurring tasks as browsers know it: read once for all who look at it."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

from wsq.api import Workspace
from wsq.statistics.overview import TaskOverview
from wsq.views.page import words
from wsq.vocabulary import STATUS_LABELS

Line = tuple[Any, ...]

COLUMNS = (
    "id", "store", "name", "project", "enabled", "why", "running", "every", "next", "last_id", "last_status",
    "last_word", "last_what", "last_at", "rate_7", "ran_7", "rate_30", "ran_30", "cost", "unpriced", "failures",
    "told",
)  # fmt: skip
"""What a line holds, in this order: with thousands of lines, their names would be most of what is sent. Instants are
milliseconds since the beginning of 1970."""

FRESH = timedelta(minutes=1)
"""How long the table is as it was while nobody writes; the spans that it counts over move on."""


class Survey:
    """What is known of all stores' recurring tasks."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._seen = -1
        self._read_at: datetime | None = None
        self._lines: dict[str, Line] = {}

    def lines(self) -> dict[str, Line]:
        """A line for each recurring task, by its id; read anew when anybody has written since, or a minute is over."""
        with self._lock:
            changes, now = self._workspace.changes(), self._workspace.clock.now()
            if changes != self._seen or self._read_at is None or not timedelta() <= now - self._read_at < FRESH:
                self._lines = {row.recurring_task_id: line(row) for row in self._workspace.overview()}
                self._seen, self._read_at = changes, now
            return self._lines


def line(row: TaskOverview) -> Line:
    """A recurring task as the table shows it, see `COLUMNS`."""
    return (
        row.recurring_task_id,
        row.store_id,
        row.name,
        row.project_name,
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
        list(row.notify),
    )


def _milliseconds(instant: datetime | None) -> int | None:
    """As browsers count, and twenty times as quick as a text."""
    return None if instant is None else round(instant.timestamp() * 1000)


def _outcome(row: TaskOverview) -> str | None:
    """What came of the last execution, beyond its status."""
    if row.last_status is None:
        return None
    return words.verdict(row.last_status, row.last_verdict) or words.reason(row.last_reason)
