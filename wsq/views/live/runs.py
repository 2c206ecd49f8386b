"""Group runs as `recent_runs` does, for a board that follows the log without reading them again."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from wsq.projections import Execution
from wsq.queries.executions import LOOKED_AT, Run


def newest(runs: Iterable[Run], groups: int) -> list[Run]:
    """Return a task's runs, newest first, as `recent_runs` groups them.

    `runs` are those of the last result and all that began since.
    """
    kept: list[Run] = []
    shown, room = 0, LOOKED_AT
    for run in _together(runs):
        if shown < groups and room:
            kept.append(structs.replace(run, settled=run.settled[:room]))
            shown, room = shown + 1, room - kept[-1].count
        elif run.execution.status == "running":
            kept.append(run)
    return kept


def _together(runs: Iterable[Run]) -> list[Run]:
    together: list[Run] = []
    for run in runs:
        if together and _same_skip(together[-1].execution, run.execution):
            together[-1] = structs.replace(together[-1], settled=together[-1].settled + run.settled)
        else:
            together.append(run)
    return together


def _same_skip(newer: Execution, older: Execution) -> bool:
    return newer.status == older.status == "skipped" and newer.reason == older.reason
