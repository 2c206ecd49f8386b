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
    """A key to count under, the number of free attempts (None: only counted), and the longest wait in seconds."""

    key: Key
    free: int | None
    longest: float = LONGEST_WAIT


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
                self._tries[limit.key] = _Tries(count, now, now + _wait(count, limit))
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
        """Uncount one attempt that succeeded or was not checked; earlier ones stay counted."""
        with self._lock:
            for limit in limits:
                tries = self._tries.get(limit.key)
                if tries is not None:
                    count = tries.number - 1
                    self._tries[limit.key] = _Tries(count, tries.last, tries.last + _wait(count, limit))

    def number(self, which: Key, now: float) -> int:
        """Return how many attempts are counted under a key."""
        with self._lock:
            return self._known(which, now).number

    def kept(self) -> int:
        """Return the number of remembered names and addresses."""
        return len(self._tries)

    def _known(self, which: Key, now: float) -> _Tries:
        tries = self._tries.get(which)
        return _Tries(0, now, now) if tries is None or now - tries.last > FORGOTTEN else tries


def _wait(count: int, limit: Limit) -> float:
    """Return the seconds to wait after this many attempts: 1, 2, 4, … from the last free one on."""
    if limit.free is None or count < limit.free:
        return 0.0
    return min(limit.longest, 2.0 ** min(count - limit.free, 10))
