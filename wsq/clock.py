"""Time comes in through here, and through nothing else."""

from __future__ import annotations

import heapq
import itertools
import reprlib
import threading
from datetime import UTC, datetime, timedelta
from typing import Protocol

from wsq.errors import InvalidInput


class Clock(Protocol):
    """Tells the time; one that also has ``async sleep(seconds)`` is waited by as well."""

    def now(self) -> datetime:
        """The instant it is, timezone-aware."""
        ...


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """The instant it is."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        await _sleep(seconds)


class ShiftedClock:
    """Shows `start` when it is made and runs on with `base` (real time) from there."""

    def __init__(self, start: datetime, base: Clock | None = None) -> None:
        self._base = base or SystemClock()
        self._shift = aware(start) - self._base.now()

    def now(self) -> datetime:
        """The shifted instant."""
        return self._base.now() + self._shift

    async def sleep(self, seconds: float) -> None:
        """Wait by the clock that it runs on with."""
        await sleep(self._base, seconds)


class ManualClock:
    """Stands still until it is moved. For tests, simulations and notebooks whose outputs repeat.

    Whoever sleeps by it moves it: of all sleepers the one that is due first wakes, and the clock
    then shows its instant. So an hour of simulated work takes a moment.
    """

    def __init__(self, start: datetime) -> None:
        self._now = aware(start).astimezone(UTC)
        self._lock = threading.Lock()
        self._sleepers: list[tuple[datetime, int]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        """The instant it was last moved to."""
        return self._now

    def advance(self, by: timedelta | float) -> datetime:
        """Move on by a timedelta or by seconds; returns the new instant."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        with self._lock:
            self._now += step
            return self._now

    def move_to(self, instant: datetime) -> datetime:
        """Stand at `instant`, which may also lie in the past."""
        with self._lock:
            self._now = aware(instant).astimezone(UTC)
            return self._now

    async def sleep(self, seconds: float) -> None:
        """Return when the clock has come to `seconds` from now, moving it there if nobody else does."""
        with self._lock:
            mine = (self._now + timedelta(seconds=max(0.0, seconds)), next(self._order))
            heapq.heappush(self._sleepers, mine)
        try:
            while self._now < mine[0]:
                await _sleep(0.001)
                with self._lock:
                    if self._sleepers[0] == mine:
                        self._now = max(self._now, mine[0])
        finally:
            with self._lock:
                self._sleepers.remove(mine)
                heapq.heapify(self._sleepers)


async def sleep(clock: Clock, seconds: float) -> None:
    """Wait by `clock` where it can sleep, else in real time."""
    waiting = getattr(clock, "sleep", None) or _sleep
    await waiting(seconds)


async def _sleep(seconds: float) -> None:
    """Wait in real time; loaded when first waited, since a pass with nothing to do never waits."""
    import asyncio

    await asyncio.sleep(seconds)


def aware(instant: datetime) -> datetime:
    """`instant` itself, or `InvalidInput` when it is no datetime or says no time zone."""
    if not isinstance(instant, datetime):
        raise InvalidInput(f"{reprlib.repr(instant)} is no instant, expected a datetime with a time zone.")
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise InvalidInput(f"{instant.isoformat()} names no time zone; an instant needs one.")
    return instant
