"""Threads that carry out what pages ask for, and hold up nobody who wants to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

log = logging.getLogger(__name__)


class Workers:
    """At most so many threads, started when there is work for them; what is submitted begins in its order.

    Not an executor of the standard library's: a process waits for every thread of such a one when it ends, and a
    count of millions, or a wait for another process's write, may have long to go. These end with the process.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._waiting: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._threads = 0

    def submit(self, act: Callable[..., object], *given: Any) -> None:
        """Have `act` carried out with what is `given`; what it raises is logged, and nobody else is told."""
        self._waiting.put(lambda: act(*given))
        if self._idle.acquire(blocking=False):
            return
        with self._lock:
            if self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._work, name=f"{self._name}-{self._threads}", daemon=True).start()

    def _work(self) -> None:
        while True:
            act = self._waiting.get()
            try:
                act()
            except BaseException:  # a thread that ended would be missed: nobody starts another one in its place
                log.exception("What a page asked for failed", extra={"action": "page.work"})
            del act  # what it was about may go, though this thread waits for long
            self._idle.release()
