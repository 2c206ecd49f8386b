"""Leases that end in the future, since a clock was ahead, and have not been renewed for a minute.

No clock can say when such a lease ends. Its holder renews it every half a minute, by whatever clock; so each pass
notes which of them it saw, and when by the machine's monotonic clock. One that has stood still for `STOOD` seconds has
passed. Nothing is noted while there is none.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from time import monotonic

import msgspec

from wsq.queries.executions import Abandoned
from wsq.store.engine import Engine

STOOD = 60.0
"""Seconds for which such a lease must not have changed."""

JITTER = 5.0
"""Seconds by which two passes a minute apart may look in less than a minute."""

NOTE = "leases-ahead"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A lease as a machine saw it first: `at` is in seconds of its monotonic clock, which begins with each boot."""

    machine: str
    execution_id: str
    epoch: int
    expires_at: datetime
    at: float


def unmoved(engine: Engine, ahead: Sequence[Abandoned], now: float | None = None) -> list[Abandoned]:
    """Of leases that end in the future those that this machine has seen unchanged for `STOOD` seconds.

    `ahead` are those of the whole workspace: what was noted of any other is forgotten. `now` is the monotonic clock, in
    seconds. While another process looks at them, the answer is none.
    """
    if not ahead:
        return []
    with engine.shared_note(NOTE) as note:
        if note is None:
            return []
        machine, moment = _machine(), monotonic() if now is None else now
        current = {(each.execution_id, *(each.lease or ())) for each in ahead}
        known = {
            (seen.machine, seen.execution_id, seen.epoch, seen.expires_at): seen
            for seen in _read(note.read())
            if (seen.execution_id, seen.epoch, seen.expires_at) in current
            and (seen.machine != machine or seen.at <= moment)
        }
        passed = []
        for each in ahead:
            assert each.lease is not None
            fresh = Seen(
                machine=machine,
                execution_id=each.execution_id,
                epoch=each.lease[0],
                expires_at=each.lease[1],
                at=moment,
            )
            seen = known.setdefault((machine, each.execution_id, *each.lease), fresh)
            if moment - seen.at >= STOOD - JITTER:
                passed.append(each)
        note.write(msgspec.json.encode(list(known.values())))
    return passed


def _read(note: bytes | None) -> list[Seen]:
    try:
        return msgspec.json.decode(note or b"[]", type=list[Seen])
    except msgspec.MsgspecError:  # damaged: it is seen for the first time
        return []


def _machine() -> str:
    """This machine since it was booted; of containers, whose monotonic clock is their host's, all that run there."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return socket.gethostname()
