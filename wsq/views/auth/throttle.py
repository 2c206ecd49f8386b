"""How long somebody who guesses passwords is made to wait: longer each time, and never for ever."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

MOST_KEPT = 20_000
"""Names and addresses that are remembered; who has been quiet for longest is forgotten first."""

FORGOTTEN = 900.0
"""Seconds without a try after which nothing is held against anybody."""

LONGEST_WAIT = 60.0
"""Seconds between two tries at the most: who has forgotten their password waits, and is not locked out."""

Key = tuple[str, ...]


class Limit(NamedTuple):
    """What is counted under one key, and how many tries are free."""

    key: Key
    free: int


class _Tries(NamedTuple):
    number: int
    last: float
    allowed: float


class Patience:
    """Counts tries in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tries: OrderedDict[Key, _Tries] = OrderedDict()

    def take(self, limits: Sequence[Limit], now: float) -> float:
        """Count a try, before it is known how it ends; 0.0, or for how many seconds it may not be made.

        A try that may not be made counts for nothing, so that nobody else can keep a wait from ending. `now` is in
        seconds of a clock that never goes back.
        """
        with self._lock:
            known = {limit.key: self._known(limit.key, now) for limit in limits}
            wait = max((tries.allowed - now for tries in known.values()), default=0.0)
            if wait > 0:
                return wait
            for limit in limits:
                count = known[limit.key].number + 1
                self._tries[limit.key] = _Tries(count, now, now + _wait(count - limit.free))
                self._tries.move_to_end(limit.key)
            while len(self._tries) > MOST_KEPT:
                self._tries.popitem(last=False)
            return 0.0

    def forgive(self, keys: Sequence[Key]) -> None:
        """Forget the tries under these keys: one of them was right."""
        with self._lock:
            for each in keys:
                self._tries.pop(each, None)

    def take_back(self, limits: Sequence[Limit]) -> None:
        """Let one try, which was right, not have been made; those before it stay counted."""
        with self._lock:
            for key, free in limits:
                tries = self._tries.get(key)
                if tries is not None:
                    count = tries.number - 1
                    self._tries[key] = _Tries(count, tries.last, tries.last + _wait(count - free))

    def kept(self) -> int:
        """How many names and addresses are remembered."""
        return len(self._tries)

    def _known(self, which: Key, now: float) -> _Tries:
        tries = self._tries.get(which)
        return _Tries(0, now, now) if tries is None or now - tries.last > FORGOTTEN else tries


def _wait(beyond: int) -> float:
    """Seconds until the next try, after as many tries beyond the free ones: 1, 2, 4, … 60."""
    return 0.0 if beyond < 0 else min(LONGEST_WAIT, 2.0 ** min(beyond, 10))
