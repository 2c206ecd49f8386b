"""Heartbeats of the scheduler: each pass leaves a note, even if it had nothing to do."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from wsq import zone_rules
from wsq.clock import AHEAD
from wsq.store.engine import Engine
from wsq.version import VERSION

USUAL = timedelta(minutes=5)
"""The assumed interval between passes until two have been seen."""

GAP = timedelta(days=1)
"""How far a clock may be from what was known of the time, before a pass says so."""

LATE = 3
"""Number of usual intervals without a heartbeat after which the scheduler counts as missing."""


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """The note of one pass; `interval` is the seconds between passes with ``--watch``, else None.

    `zone_rules` is the version of the rules of time zones by which it planned. `refused` is why the pass could settle
    nothing; empty if it could.
    """

    started_at: datetime
    finished_at: datetime
    host: str
    pid: int
    version: str
    interval: float | None = None
    due: int = 0
    completed: int = 0
    failed: int = 0
    skipped: int = 0
    resumed: int = 0
    zone_rules: str = ""
    refused: str = ""


class Scheduler(msgspec.Struct, frozen=True, kw_only=True):
    """The scheduler's state according to the newest heartbeats.

    `usual` is the usual interval between passes in seconds. `expected_at` is when the next pass is due; `missed` is
    True if none came for three times the usual interval. `refused` is why passes settle nothing: the newest two were
    refused, not just one that somebody has made by hand; empty if they were not.
    """

    last: Heartbeat
    usual: float
    expected_at: datetime
    missed: bool
    refused: str = ""


_decoder = msgspec.json.Decoder(Heartbeat)


def note(
    engine: Engine,
    started_at: datetime,
    finished_at: datetime,
    *,
    interval: float | None = None,
    refused: str = "",
    **counts: int,
) -> None:
    """Add the heartbeat of a pass."""
    beat = Heartbeat(
        started_at=started_at,
        finished_at=finished_at,
        host=socket.gethostname(),
        pid=os.getpid(),
        version=VERSION,
        interval=interval,
        zone_rules=zone_rules.version(),
        refused=refused,
        **counts,
    )
    engine.note_pass(msgspec.json.encode(beat))


def newest_rules(engine: Engine) -> str:
    """Return the newest version of zone rules by which a pass has planned; empty if none is known."""
    return max((_decoder.decode(note).zone_rules for note in engine.passes()), default="")


def scheduler(engine: Engine, now: datetime) -> Scheduler | None:
    """Return the scheduler's state at `now`; None if it was never seen."""
    beats = [_decoder.decode(note) for note in engine.passes()]
    seen = [beat for beat in beats if beat.started_at <= now + AHEAD]  # not by a clock that was ahead
    if not seen:
        return None
    last = max(seen, key=lambda beat: beat.started_at)
    usual = _usual(seen, last)
    missed = now - max(last.started_at, last.finished_at) > LATE * usual
    newest = sorted(seen, key=lambda beat: beat.started_at)[-2:]
    return Scheduler(
        last=last,
        usual=usual.total_seconds(),
        expected_at=last.started_at + usual,
        missed=missed,
        refused=last.refused if all(beat.refused for beat in newest) and not missed else "",
    )


def refusal(scheduler: Scheduler) -> str | None:
    """Return that a scheduler refuses every pass, where and why; None if it does not, or has stopped."""
    host, refused = scheduler.last.host, scheduler.refused
    return f"The scheduler on {host} refuses every pass. {refused}" if refused else None


def gap(engine: Engine, now: datetime) -> timedelta | None:
    """How far `now` is beyond the newest heartbeat, if that is more than `GAP`: the clock may be ahead."""
    beats = engine.passes()
    since = now - _decoder.decode(beats[-1]).finished_at if beats else timedelta()
    return since if since > GAP else None


def _usual(beats: list[Heartbeat], last: Heartbeat) -> timedelta:
    """Return the interval of ``--watch``, else the median interval between single passes.

    Of several watching schedulers the fastest counts, even if the last pass was cron's: otherwise the result would
    change with every pass.
    """
    watching = [(timedelta(seconds=beat.interval), beat.started_at) for beat in beats if beat.interval is not None]
    alive = [interval for interval, seen_at in watching if last.started_at - seen_at <= LATE * interval]
    if alive:
        return min(alive)
    starts = sorted(beat.started_at for beat in beats if beat.interval is None)
    apart = sorted(b - a for a, b in pairwise(starts))
    return max(apart[len(apart) // 2], timedelta(minutes=1)) if apart else USUAL
