"""Turns for checking passwords, so that a flood of logins does not keep others waiting."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from wsq.errors import WsqError

MOST_WAITING = 100
"""Maximum number of passwords from unknown browsers that wait, and of those from known ones."""

Lane = tuple[str, ...]


class Busy(WsqError):
    """Too many logins are waiting."""


class _Waiting(NamedTuple):
    turn: asyncio.Future[None]
    is_wanted: Callable[[], bool]


_Ring = OrderedDict[Lane, "deque[_Waiting]"]


class Turns:
    """Gives at most `places` turns at a time. For one event loop.

    Whoever waits is in a lane, that of their network or of the user whom their browser knows. Lanes take turns, and so
    do known browsers and unknown ones. When too many wait, the longest lane gives up its newest.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._rings: dict[bool, _Ring] = {True: OrderedDict(), False: OrderedDict()}  # known browsers, and unknown ones
        self._is_for_known = True

    @asynccontextmanager
    async def turn(self, lane: Lane, *, known: bool, is_wanted: Callable[[], bool]) -> AsyncIterator[None]:
        """Wait for a turn, which lasts as long as the context. `is_wanted` is asked when it begins.

        Raises:
            Busy: Too many are waiting, or it is not wanted any more.
        """
        mine = _Waiting(asyncio.get_running_loop().create_future(), is_wanted)
        self._enter(self._rings[known], lane, mine)
        self._give()
        try:
            await mine.turn
            yield
        finally:
            if not mine.turn.cancelled() and mine.turn.done() and mine.turn.exception() is None:
                self._free += 1
                self._give()

    def waiting(self) -> int:
        """Return how many are waiting."""
        return sum(map(_length, self._rings.values()))

    def _enter(self, ring: _Ring, lane: Lane, mine: _Waiting) -> None:
        if _length(ring) >= MOST_WAITING:
            longest = max(ring.values(), key=len)
            if len(longest) <= len(ring.get(lane, ())) + 1:
                raise _busy()
            longest.pop().turn.set_exception(_busy())
        ring.setdefault(lane, deque()).append(mine)

    def _give(self) -> None:
        """Begin the turns for which there is a place."""
        while self._free and any(self._rings.values()):
            ring = self._rings[self._is_for_known] or self._rings[not self._is_for_known]
            self._is_for_known = not self._is_for_known
            lane, waiting = ring.popitem(last=False)
            first = waiting.popleft()
            if waiting:
                ring[lane] = waiting  # after all other lanes
            if first.turn.done():
                continue
            if first.is_wanted():
                self._free -= 1
                first.turn.set_result(None)
            else:
                first.turn.set_exception(_busy())


def _length(ring: _Ring) -> int:
    return sum(map(len, ring.values()))


def _busy() -> Busy:
    return Busy("Too many people are logging in right now. Try again in a few seconds.")
