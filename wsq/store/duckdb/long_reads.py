"""Long questions, which must not outlast the engine that they were put to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

ENDING = 1.0
"""Seconds that an engine waits, when it is closed, for its studies to have ended."""

AGAIN = 0.02
"""Seconds after which what goes on is interrupted once more: it may have been between two questions."""


class Studies:
    """The connections on which something is studied just now."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._going_on: set[duckdb.DuckDBPyConnection] = set()

    @contextmanager
    def going_on(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Be interrupted by `end` as long as this lasts; the connection stays open meanwhile."""
        with self._changed:
            self._going_on.add(connection)
        try:
            yield
        finally:
            with self._changed:
                self._going_on.discard(connection)
                self._changed.notify_all()

    def end(self) -> None:
        """Interrupt all that goes on, and wait until it has stopped, at most `ENDING` seconds."""
        with self._changed:
            for _ in range(round(ENDING / AGAIN)):
                for connection in self._going_on:
                    connection.interrupt()
                if self._changed.wait_for(lambda: not self._going_on, AGAIN):
                    return
