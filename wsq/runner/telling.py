"""Telling outside how it goes."""

from __future__ import annotations

from datetime import datetime

from wsq.runner import heartbeat
from wsq.statistics.health import Passing
from wsq.store.engine import Engine


def passing(engine: Engine, now: datetime) -> Passing:
    """What the notes of passes say of the scheduler at `now`."""
    seen = heartbeat.scheduler(engine, now)
    if seen is None:
        return Passing(usual=heartbeat.USUAL.total_seconds())
    return Passing(usual=seen.usual, missed=seen.missed, last_at=seen.last.started_at, host=seen.last.host)
