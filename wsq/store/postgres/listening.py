"""The change counter: raised by what the server tells whoever listens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import psycopg

from wsq.store.postgres.cursor import Connection

CHANNEL = "wsq_changes"

LOOK = 0.25
"""Seconds after which the listening thread looks whether it is to end."""

SLOWEST = 5.0
"""Seconds between two tries to reach a server that is gone, at the most."""

_log = logging.getLogger("wsq.store")


class Listener:
    """Counts the writes of others, from when it is first asked; a connection lost and had again counts as one.

    Args:
        connect: Makes a connection of its own to the server.
        me: What this engine signs its own writes with, which are not counted.
    """

    def __init__(self, connect: Callable[[], Connection], me: str) -> None:
        self._connect = connect
        self._me = me
        self._heard = 0
        self._thread: threading.Thread | None = None
        self._listens = threading.Event()
        self._at_end = threading.Event()
        self._lock = threading.Lock()

    def heard(self) -> int:
        """How many writes of others were heard of; the first to ask waits a moment until it is listened."""
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self._at_end.is_set():
                    self._thread = threading.Thread(target=self._run, name="wsq-listener", daemon=True)
                    self._thread.start()
            self._listens.wait(2.0)
        return self._heard

    def close(self) -> None:
        """Listen no more."""
        self._at_end.set()
        if self._thread is not None:
            self._thread.join(2.0)

    def _run(self) -> None:
        pause = LOOK
        while not self._at_end.is_set():
            try:
                with self._connect() as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    self._heard += 1
                    self._listens.set()
                    pause = LOOK
                    while not self._at_end.is_set():
                        for told in connection.notifies(timeout=LOOK):
                            self._heard += told.payload != self._me
            except psycopg.Error:
                _log.debug("The server cannot be listened to.", exc_info=True, extra={"action": "listening_lost"})
                self._heard += 1
                self._at_end.wait(pause)
                pause = min(2 * pause, SLOWEST)
