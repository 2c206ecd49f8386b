"""The server's time, by which leases are decided: clocks of machines differ, and jump."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from wsq.clock import Clock, SystemClock

KEPT = 30.0
"""Seconds for which what was told of the server's time is trusted."""

JUMP = 1.0
"""Seconds by which this machine's clock may stray from its own pace before the server is asked anew."""

PAUSE = 2.0
"""Seconds between two times that the server is asked, also where it does not answer."""

STRANGE = 5.0
"""Seconds from which on a difference between the two clocks is worth a warning."""

_log = logging.getLogger("wsq.store")


class ServerClock(SystemClock):
    """Shows the server's time, by this machine's pace from when it was last heard.

    Args:
        ask: Asks the server for its time; what it raises is not told, and the last answer is trusted on.
        here: This machine's clock.
        pace: Seconds that have passed on this machine since some time, however its clock is set; while it was
            suspended they may have stood still.
    """

    def __init__(
        self, ask: Callable[[], datetime], *, here: Clock | None = None, pace: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._here = here or SystemClock()
        self._elapsed = pace
        self._lock = threading.Lock()
        self._ahead = timedelta(0)
        self._heard = threading.Event()
        self._next_at = self._not_before = float("-inf")
        self._pace = 0.0
        self._warned = False

    @property
    def ahead(self) -> timedelta:
        """How far the server's clock is ahead of this machine's; negative when it is behind."""
        self.now()
        return self._ahead

    def now(self) -> datetime:
        """The instant it is on the server."""
        if self._is_due() and self._lock.acquire(blocking=not self._heard.is_set()):
            try:
                if self._is_due():
                    self._hear()
            finally:
                self._lock.release()
        return self._here.now() + self._ahead

    def _is_due(self) -> bool:
        elapsed = self._elapsed()
        if elapsed >= self._next_at:
            return True
        strayed = abs(self._here.now().timestamp() - elapsed - self._pace)
        return strayed > JUMP and elapsed >= self._not_before

    def _hear(self) -> None:
        try:
            told, took = self._told()
        except Exception:  # noqa: BLE001 - whoever needs the server is told soon enough
            self._next_at = self._not_before = self._elapsed() + PAUSE
            return
        finally:
            self._heard.set()
        here, after = self._here.now(), self._elapsed()
        self._ahead = told + timedelta(seconds=took / 2) - here
        self._next_at, self._not_before, self._pace = after + KEPT, after + PAUSE, here.timestamp() - after
        if abs(self._ahead.total_seconds()) >= STRANGE and not self._warned:
            self._warned = True
            behind = self._ahead.total_seconds()
            _log.warning(
                "This machine's clock is %.0f s %s the database server's, by which everything goes; set it right.",
                abs(behind),
                "behind" if behind > 0 else "ahead of",
                extra={"action": "clock_differs", "seconds": round(behind, 1)},
            )

    def _told(self) -> tuple[datetime, float]:
        """The server's time and the seconds that the answer took; asked once more if those were many."""
        for _ in range(2):
            before = self._elapsed()
            told = self._ask()
            took = self._elapsed() - before
            if took < JUMP:
                break
        return told, took
