"""Throttling of failed logins: the wait grows with each attempt, up to a maximum."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

MOST_KEPT = 20_000
"""Maximum number of names and addresses remembered; the least recent are dropped first."""

FORGOTTEN = 900.0
"""Seconds without an attempt after which a count is reset."""

LONGEST_WAIT = 60.0
"""Maximum seconds between two attempts: users who forget a password wait, but are not locked out."""

Key = tuple[str, ...]


class Limit(NamedTuple):
    """A key to count under, and the number of free attempts."""

    key: Key
    free: int


class _Tries(NamedTuple):
    number: int
    last: float
    allowed: float


class Throttle:
    """Counts the attempts of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tries: OrderedDict[Key, _Tries] = OrderedDict()

    def take(self, limits: Sequence[Limit], now: float) -> float:
        """Count an attempt before its outcome is known; returns 0.0, or the seconds to wait if it is refused.

        Refused attempts are not counted, so that nobody can prolong another's wait. `now` is in seconds of a monotonic
        clock.
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
        """Reset the counts of these keys, after a success."""
        with self._lock:
            for each in keys:
                self._tries.pop(each, None)

    def take_back(self, limits: Sequence[Limit]) -> None:
        """Uncount one successful attempt; earlier ones stay counted."""
        with self._lock:
            for key, free in limits:
                tries = self._tries.get(key)
                if tries is not None:
                    count = tries.number - 1
                    self._tries[key] = _Tries(count, tries.last, tries.last + _wait(count - free))

    def kept(self) -> int:
        """Return the number of remembered names and addresses."""
        return len(self._tries)

    def _known(self, which: Key, now: float) -> _Tries:
        tries = self._tries.get(which)
        return _Tries(0, now, now) if tries is None or now - tries.last > FORGOTTEN else tries


def _wait(beyond: int) -> float:
    """Return the seconds to wait after this many attempts beyond the free ones: 1, 2, 4, … 60."""
    return 0.0 if beyond < 0 else min(LONGEST_WAIT, 2.0 ** min(beyond, 10))
