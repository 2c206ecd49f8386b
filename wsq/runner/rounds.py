"""The executions of one pass, from their start to the pass's report and heartbeat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import structs

from wsq.clock import Clock
from wsq.errors import WorkspaceError, WsqError
from wsq.projections import Execution
from wsq.runner import heartbeat, pruning
from wsq.runner.report import ProcessReport
from wsq.store.log import Log


class Round:
    """What one pass started; it is over when all of it has ended. `on_end` is called with each ended execution."""

    def __init__(self, on_end: Callable[[Execution], None] | None = None) -> None:
        self.ended: list[Execution] = []
        self.resumed = 0
        self.open = 0
        self.errors: list[BaseException] = []
        self.unserved: dict[str, str] = {}
        self.over = asyncio.Event()
        self._on_end = on_end

    def began(self, count: int = 1) -> None:
        """Count something more that has to end."""
        self.open += count

    def done(self, row: Execution | None = None) -> None:
        """Count one end; `row` is the ended execution, if one came of it."""
        self.open -= 1
        if row is not None:
            self.ended.append(row)
            if self._on_end is not None:
                try:
                    self._on_end(row)
                except Exception as error:  # noqa: BLE001 - raised to whoever waits for the round
                    self.errors.append(error)
        if self.open == 0:
            self.over.set()

    def failed(self, store_id: str, error: BaseException) -> None:
        """Note an error: one of the store in `unserved`, one of the workspace itself to be raised."""
        if isinstance(error, WsqError) and not isinstance(error, WorkspaceError):
            self.unserved.setdefault(store_id, f"Store {store_id!r} could not be served: {error}")
        else:
            self.errors.append(error)


def finished(
    log: Log, report: ProcessReport, this: Round, clock: Clock, interval: float | None, *, is_noted: bool = True
) -> ProcessReport:
    """The report of a pass whose executions have all ended; if `is_noted`, its heartbeat is recorded too."""
    rows = sorted(this.ended, key=lambda row: (row.started_at, row.id))
    counts = {
        status: sum(row.status == status for row in rows) for status in ("completed", "failed", "skipped", "cancelled")
    }
    done = structs.replace(
        report,
        finished_at=clock.now(),
        resumed=this.resumed,
        executions=rows,
        unserved=report.unserved | this.unserved,
        **counts,
    )
    noted = {name: getattr(done, name) for name in ("due", "completed", "failed", "skipped", "resumed")}
    pruning.prune(log, clock, rounds=1)
    if is_noted:
        heartbeat.note(log.engine, done.started_at, done.finished_at, interval=interval, **noted)
    return done
