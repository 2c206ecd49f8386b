"""The change counter of a server, raised by its notifications."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import monotonic, sleep

import psycopg

from wsq.store.postgres.cursor import Connection

CHANNEL = "wsq_changes"

LOOK = 0.25
"""Seconds between two checks of the listening thread whether to stop."""

SOON = 0.02
"""Seconds within which a committed write is counted as this engine's own."""

SLOWEST = 5.0
"""Maximum seconds between two attempts to reconnect."""

QUIET = 0.05
"""Minimum seconds between two notifications of one engine: each briefly blocks all commits."""

_log = logging.getLogger("wsq.store")


class Listener:
    """Counts the writes of other engines, starting with the first call of `heard`. A reconnect counts as one.

    Writers send notifications, at a limited rate (`Notices`). A writer that is killed may not have sent its last, so
    after every second without notifications the stores' write counts are read.

    Args:
        connect: Opens a connection to the server.
        me: This engine's id in notifications; its own writes are not counted.
        own: Returns how often this engine has written to any store.
    """

    def __init__(self, connect: Callable[[], Connection], me: str, own: Callable[[], int]) -> None:
        self._connect = connect
        self._me = me
        self._own = own
        self._heard = 0
        self._thread: threading.Thread | None = None
        self._has_tried = threading.Event()
        self._at_end = threading.Event()
        self._lock = threading.Lock()

    def heard(self) -> int:
        """Return the number of writes by others. The first calls wait until the listener has connected or failed to."""
        if not self._has_tried.is_set():
            with self._lock:
                if self._thread is None and not self._at_end.is_set():
                    self._thread = threading.Thread(target=self._run, name="wsq-listener", daemon=True)
                    self._thread.start()
            self._has_tried.wait(2.0)
        return self._heard

    def close(self) -> None:
        """Stop listening."""
        self._at_end.set()
        self._has_tried.set()
        if self._thread is not None:
            self._thread.join(2.0)

    def _run(self) -> None:
        pause = LOOK
        while not self._at_end.is_set():
            try:
                with self._connect() as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    self._heard += 1
                    self._has_tried.set()
                    pause = LOOK
                    self._follow(connection)
            except psycopg.Error:
                _log.debug("Listening to the server failed.", exc_info=True, extra={"action": "listening_lost"})
                self._heard += 1
                self._has_tried.set()
                self._at_end.wait(pause)
                pause = min(2 * pause, SLOWEST)

    def _follow(self, connection: Connection) -> None:
        known: int | None = self._least_written(connection)
        looked_at = monotonic()
        while not self._at_end.is_set():
            before = self._heard
            for notice in connection.notifies(timeout=LOOK):
                self._heard += notice.payload != self._me
            if self._heard != before:
                known = None
            elif monotonic() - looked_at > 1.0:
                looked_at, found = monotonic(), self._written(connection)
                if found != known:
                    found = self._least_written(connection)
                # A writer may not have sent its last notification, or a dump was restored.
                self._heard += known is None or found != known
                known = found

    def _least_written(self, connection: Connection) -> int:
        """Return how often others have written, also while this engine writes."""
        found = self._written(connection)
        for _ in range(2):
            sleep(SOON)
            found = min(found, self._written(connection))
        return found

    def _written(self, connection: Connection) -> int:
        """Return how often others have written; too many where a write of this engine is not counted as its own yet."""
        own = self._own()
        ((times,),) = connection.execute("SELECT coalesce(sum(n), 0)::BIGINT FROM touched").fetchall()
        return int(times) - own


class Notices:
    """Sends notifications of writes: at once after a quiet time, otherwise shortly later."""

    def __init__(self, send: Callable[[], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._last = 0.0
        self._timer: threading.Timer | None = None

    def is_due(self) -> bool:
        """Whether the caller sends the notification with its write; otherwise a timer sends it soon."""
        with self._lock:
            if monotonic() - self._last >= QUIET:
                self._last = monotonic()
                return True
            if self._timer is None:
                self._timer = threading.Timer(QUIET, self._send_pending)
                self._timer.daemon = True
                self._timer.start()
            return False

    def close(self) -> None:
        """Send a pending notification."""
        with self._lock:
            timer = self._timer
        if timer is not None:
            timer.cancel()
            self._send_pending()

    def _send_pending(self) -> None:
        with self._lock:
            if self._timer is None:
                return
            self._timer, self._last = None, monotonic()
        try:
            self._send()
        except Exception:  # noqa: BLE001 - listeners check by themselves every second
            _log.debug("A write notification was not sent.", exc_info=True, extra={"action": "not_noticed"})
