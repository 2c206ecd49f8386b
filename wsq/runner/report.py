"""The report of one pass of the scheduler."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from wsq.projections import Execution


class WouldRun(msgspec.Struct, frozen=True, kw_only=True):
    """A task that a dry run found due. `scheduled_for` is its newest due slot, `slots` the number of due slots."""

    store_id: str
    recurring_task_id: str
    name: str
    scheduled_for: datetime
    slots: int


class ProcessReport(msgspec.Struct, frozen=True, kw_only=True):
    """One pass. `due` counts tasks with unsettled slots; the other counts are outcomes of executions.

    `executions` are those that this pass settled or resumed, in the order of their start. `unserved` maps the id of
    each store that could not be served to the reason, `unplanned` that of each due task whose time zone is not known on
    this machine.
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
    unplanned: dict[str, str] = {}

    def to_json(self) -> str:
        """Return one JSON object on one line; instants with offset, durations in seconds."""
        return as_json(self)


def as_json(value: Any) -> str:
    """Return a value as JSON: instants in ISO 8601 with offset, durations in seconds."""
    return msgspec.json.encode(to_plain(value)).decode()


def to_plain(value: Any) -> Any:
    """Return a value as dictionaries, lists and plain values."""
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
