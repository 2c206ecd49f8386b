"""Threads that handle the requests of pages, and hardly delay the end of the process."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable
from queue import Queue
from typing import Any

log = logging.getLogger(__name__)

ENDING = 0.5
"""Maximum seconds that the end of the process waits for work in progress."""


class Workers:
    """A limited number of threads, started on demand; work starts in the order of submission.

    Unlike the standard library's executors, they delay the end of the process by at most `ENDING` seconds; a count of
    millions of rows or a wait for another process's write could take any time. A read that was interrupted needs some
    of it: a thread that ends with the interpreter while DuckDB frees its memory aborts the process.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._waiting: Queue[Callable[[], object]] = Queue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._threads = 0
        atexit.register(self._wait)

    def submit(self, act: Callable[..., object], *given: Any) -> None:
        """Run `act` with `given`; its errors are logged."""
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
            except BaseException:  # the thread must go on: it would not be replaced
                log.exception("A page's request failed", extra={"action": "page.work"})
            del act  # frees its data while the thread waits
            self._waiting.task_done()
            self._idle.release()

    def _wait(self) -> None:
        with self._waiting.all_tasks_done:
            self._waiting.all_tasks_done.wait_for(lambda: not self._waiting.unfinished_tasks, ENDING)
