"""How a pass ends: its report is made and its heartbeat left."""

from __future__ import annotations

from msgspec import structs

from wsq.clock import Clock
from wsq.runner import heartbeat, pruning
from wsq.runner.executor import Round
from wsq.runner.report import ProcessReport
from wsq.store.log import Log


def finished(
    log: Log, report: ProcessReport, this: Round, clock: Clock, interval: float | None, *, is_noted: bool = True
) -> ProcessReport:
    """The report of a pass all of whose executions have ended; if `is_noted`, in the workspace as well."""
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
