"""The change counter: raised by what the server tells whoever listens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import monotonic

import psycopg

from wsq.store.postgres.cursor import Connection

CHANNEL = "wsq_changes"

LOOK = 0.25
"""Seconds after which the listening thread looks whether it is to end."""

SLOWEST = 5.0
"""Seconds between two tries to reach a server that is gone, at the most."""

QUIET = 0.05
"""Seconds between two notices of one engine: each makes the commits of all wait for each other for a moment."""

_log = logging.getLogger("wsq.store")


class Listener:
    """Counts the writes of others, from when it is first asked; a connection lost and had again counts as one.

    Who writes tells it, at most so often (`Notices`). Somebody who was killed in between has not told: so every
    second in which nothing was told, how often the stores were written to is asked.

    Args:
        connect: Makes a connection of its own to the server.
        me: What this engine signs its own writes with, which are not counted.
        own: How often this engine itself has written to any store.
    """

    def __init__(self, connect: Callable[[], Connection], me: str, own: Callable[[], int]) -> None:
        self._connect = connect
        self._me = me
        self._own = own
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
                    self._follow(connection)
            except psycopg.Error:
                _log.debug("The server cannot be listened to.", exc_info=True, extra={"action": "listening_lost"})
                self._heard += 1
                self._at_end.wait(pause)
                pause = min(2 * pause, SLOWEST)

    def _follow(self, connection: Connection) -> None:
        known: int | None = self._written(connection)
        looked_at = monotonic()
        while not self._at_end.is_set():
            before = self._heard
            for told in connection.notifies(timeout=LOOK):
                self._heard += told.payload != self._me
            if self._heard != before:
                known = None
            elif monotonic() - looked_at > 1.0:
                looked_at, found = monotonic(), self._written(connection)
                self._heard += found != known  # also after others were heard: one of them may not have told its last
                known = found

    def _written(self, connection: Connection) -> int:
        """How often others have written."""
        own = self._own()
        ((times,),) = connection.execute("SELECT coalesce(sum(n), 0)::BIGINT FROM touched").fetchall()
        return int(times) - own


class Notices:
    """Tells those who listen that something was written: at once when it was quiet, else a moment later."""

    def __init__(self, send: Callable[[], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._last = 0.0
        self._timer: threading.Timer | None = None

    def is_due(self) -> bool:
        """Whether a write that is made now is told with it; otherwise it is told soon."""
        with self._lock:
            if monotonic() - self._last >= QUIET:
                self._last = monotonic()
                return True
            if self._timer is None:
                self._timer = threading.Timer(QUIET, self._tell)
                self._timer.daemon = True
                self._timer.start()
            return False

    def close(self) -> None:
        """Tell what is still to be told."""
        with self._lock:
            timer = self._timer
        if timer is not None:
            timer.cancel()
            self._tell()

    def _tell(self) -> None:
        with self._lock:
            if self._timer is None:
                return
            self._timer, self._last = None, monotonic()
        try:
            self._send()
        except Exception:  # noqa: BLE001 - who listens asks by itself every second
            _log.debug("A write was not told.", exc_info=True, extra={"action": "not_noticed"})
