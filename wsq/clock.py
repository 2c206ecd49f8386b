"""Clocks. All code gets the current time from here."""

from __future__ import annotations

import heapq
import itertools
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol

from wsq.errors import InvalidInput, shown

AHEAD = timedelta(minutes=10)
"""How far after now something recorded may lie, since clocks differ; beyond that, the clock that wrote it was ahead."""


class Clock(Protocol):
    """Returns the time. If it also has ``async sleep(seconds)``, that is used for waiting."""

    def now(self) -> datetime:
        """Return the current instant, timezone-aware."""


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """Return the current instant."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        await _sleep(seconds)


class ShiftedClock:
    """Starts at `start` and runs on with `base`, by default in real time."""

    def __init__(self, start: datetime, base: Clock | None = None) -> None:
        self._base = base or SystemClock()
        self._shift = aware(start) - self._base.now()

    def now(self) -> datetime:
        """Return the shifted instant."""
        return self._base.now() + self._shift

    async def sleep(self, seconds: float) -> None:
        """Wait by the base clock."""
        await sleep(self._base, seconds)


class ManualClock:
    """A clock that only moves when it is set or slept on, for tests, simulations and reproducible notebooks.

    Sleeping moves it: of all sleepers the one that is due first wakes, and the clock then shows that instant. So an
    hour of simulated work takes a moment.
    """

    def __init__(self, start: datetime) -> None:
        self._now = aware(start).astimezone(UTC)
        self._lock = threading.Lock()
        self._sleepers: list[tuple[datetime, int]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        """Return the current instant."""
        return self._now

    def advance(self, by: timedelta | float) -> datetime:
        """Advance by a timedelta or by seconds; return the new instant."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        with self._lock:
            self._now += step
            return self._now

    def move_to(self, instant: datetime) -> datetime:
        """Set the clock to `instant`, which may also be in the past."""
        with self._lock:
            self._now = aware(instant).astimezone(UTC)
            return self._now

    async def sleep(self, seconds: float) -> None:
        """Return when the clock is `seconds` later, moving it there if nothing else does."""
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
    """Wait with `clock` if it can sleep, else in real time."""
    waiting = getattr(clock, "sleep", None) or _sleep
    await waiting(seconds)


async def _sleep(seconds: float) -> None:
    """Wait in real time. Imports asyncio late: a pass with nothing to do never waits."""
    import asyncio

    await asyncio.sleep(seconds)


def aware(instant: datetime) -> datetime:
    """Return `instant`; raise `InvalidInput` if it is not a datetime with a time zone, of the years 2 to 9998."""
    if not isinstance(instant, datetime):
        raise InvalidInput(f"{shown(instant)} is not an instant; expected a datetime with a time zone.")
    offset = None
    with suppress(Exception):  # its zone may be anybody's
        offset = instant.utcoffset()
    if offset is None:
        raise InvalidInput(f"{shown(instant)} has no time zone; an instant needs one.")
    if instant.year in (1, 9999):
        raise InvalidInput(f"{instant.isoformat()} is not an instant of the years 2 to 9998.")
    return instant
