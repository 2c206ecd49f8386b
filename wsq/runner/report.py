"""What one pass of the scheduler did."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from wsq.projections import Execution


class WouldRun(msgspec.Struct, frozen=True, kw_only=True):
    """A task that a dry run found due. `scheduled_for` is its newest due slot, `slots` how many are due."""

    store_id: str
    recurring_task_id: str
    name: str
    scheduled_for: datetime
    slots: int


class ProcessReport(msgspec.Struct, frozen=True, kw_only=True):
    """One pass: `due` counts tasks that had an unsettled slot, the others what became of executions.

    `executions` are those that this pass settled or took up again, in the order of their start.
    `unserved` tells, by store id, in one sentence why a store could not be served.
    """

    started_at: datetime
    finished_at: datetime
    stores: int
    due: int = 0
    completed: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0
    resumed: int = 0
    executions: list[Execution] = []
    would_run: list[WouldRun] = []
    unserved: dict[str, str] = {}

    def to_json(self) -> str:
        """One JSON object on one line; instants with offset, durations in seconds."""
        return as_json(self)


def as_json(value: Any) -> str:
    """Any of wsq's values as JSON: instants in ISO 8601 with offset, durations in seconds."""
    return msgspec.json.encode(to_plain(value)).decode()


def to_plain(value: Any) -> Any:
    """The same, as dictionaries, lists and plain values."""
    return msgspec.to_builtins(_seconds(value))


def _seconds(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, msgspec.Struct):
        return {name: _seconds(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {key: _seconds(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_seconds(each) for each in value]
    return value
