"""The server's time, used for leases: clocks of machines differ and jump."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from wsq.clock import Clock, SystemClock

KEPT = 30.0
"""Seconds after which the server is asked again."""

JUMP = 1.0
"""Seconds by which this machine's clock may jump before the server is asked again."""

PAUSE = 2.0
"""Minimum seconds between two requests, also when the server does not answer."""

ACCURATE = 0.02
"""Seconds that an answer may take to be used at once; a slower one is followed by a second request."""

STRANGE = 5.0
"""Difference in seconds between the two clocks that causes a warning."""

_log = logging.getLogger("wsq.store")


class ServerClock(SystemClock):
    """The server's time, advanced by this machine's clock between requests.

    Args:
        ask: Returns the server's time. Its errors are ignored; the last answer stays in use.
        here: This machine's clock.
        pace: A monotonic clock in seconds; it may stop while the machine is suspended.
    """

    def __init__(
        self, ask: Callable[[], datetime], *, here: Clock | None = None, pace: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._here = here or SystemClock()
        self._elapsed = pace
        self._lock = threading.Lock()
        self._ahead = timedelta(0)
        self.is_known = False
        self._asked = threading.Event()
        self._next_at = self._not_before = float("-inf")
        self._pace = 0.0
        self._warned = False

    @property
    def ahead(self) -> timedelta:
        """How far the server's clock is ahead of this machine's; negative if behind."""
        self.now()
        return self._ahead

    def now(self) -> datetime:
        """Return the current instant on the server."""
        if self._is_due() and self._lock.acquire(blocking=not self._asked.is_set()):
            try:
                if self._is_due():
                    self._synchronize()
            finally:
                self._lock.release()
        return self._here.now() + self._ahead

    def _is_due(self) -> bool:
        elapsed = self._elapsed()
        if elapsed >= self._next_at:
            return True
        strayed = abs(self._here.now().timestamp() - elapsed - self._pace)
        return strayed > JUMP and elapsed >= self._not_before

    def _synchronize(self) -> None:
        try:
            ahead = self._measure()
        except Exception:  # noqa: BLE001 - callers that need the server get its error soon enough
            self._next_at = self._not_before = self._elapsed() + PAUSE
            return
        finally:
            self._asked.set()
        here, after = self._here.now(), self._elapsed()
        self._ahead, self.is_known = ahead, True
        self._next_at, self._not_before, self._pace = after + KEPT, after + PAUSE, here.timestamp() - after
        if abs(self._ahead.total_seconds()) >= STRANGE and not self._warned:
            self._warned = True
            behind = self._ahead.total_seconds()
            _log.warning(
                "This machine's clock is %.0f s %s the database server's, which wsq uses. Correct the clock.",
                abs(behind),
                "behind" if behind > 0 else "ahead of",
                extra={"action": "clock_differs", "seconds": round(behind, 1)},
            )

    def _measure(self) -> timedelta:
        """Return how far the server's clock is ahead, from the faster of at most two requests; the first may connect.

        The server read its clock at some moment between request and answer. What was in use stays if that is possible;
        at first the least possible is used, so that this clock may be late but never early, and no run starts before it
        is due.
        """
        answers: list[tuple[float, timedelta, timedelta]] = []
        while len(answers) < 2:
            before, requested = self._elapsed(), self._here.now()
            server = self._ask()
            took = self._elapsed() - before
            answers.append((took, server - self._here.now(), server - requested))
            if took < ACCURATE:
                break
        _, least, most = min(answers)
        return min(max(least, self._ahead), most) if self.is_known else least
