"""Long reads, which are interrupted when their engine is closed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

ENDING = 1.0
"""Maximum seconds that closing an engine waits for its long reads to end."""

AGAIN = 0.02
"""Seconds between two interrupts: the first may come between two statements."""


class LongReads:
    """The connections of the long reads in progress."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: set[duckdb.DuckDBPyConnection] = set()

    @contextmanager
    def running(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Let `interrupt` interrupt this connection, which stays open meanwhile."""
        with self._changed:
            self._running.add(connection)
        try:
            yield
        finally:
            with self._changed:
                self._running.discard(connection)
                self._changed.notify_all()

    def interrupt(self) -> None:
        """Interrupt all long reads and wait until they stop, at most `ENDING` seconds."""
        with self._changed:
            for _ in range(round(ENDING / AGAIN)):
                for connection in self._running:
                    connection.interrupt()
                if self._changed.wait_for(lambda: not self._running, AGAIN):
                    return
