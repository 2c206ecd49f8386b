"""Sending what is told to people and machines outside: on threads of its own, for no longer than it may take.

Nothing here is waited for by a pass or an execution. What cannot be sent is one warning in the log.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from wsq.errors import WsqError
from wsq.settings import host_of
from wsq.version import VERSION

logger = logging.getLogger(__name__)

LONGEST = 5.0
"""Seconds that one try to send something may take, from the connection to the answer's status."""

PATIENCE = 5.0
"""Seconds that a process waits at its end for what is still being sent."""

PAUSE = 0.2
"""Seconds before something is tried again."""


class NotSent(Exception):
    """Something could not be sent; the message says to which host and why, without the URL's secrets.

    `is_lasting`: it would be refused again.
    """

    def __init__(self, why: str, *, is_lasting: bool = False) -> None:
        super().__init__(why)
        self.is_lasting = is_lasting


def send(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """POST to `url`, trying again once; a redirect is not followed, since `body` is meant for nobody else.

    Raises:
        NotSent: Nobody took it; the last try's reason.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_fixed

    passing = retry_if_exception(lambda error: isinstance(error, NotSent) and not error.is_lasting)
    trying = Retrying(retry=passing, stop=stop_after_attempt(2), wait=wait_fixed(PAUSE), reraise=True)
    trying(_send_once, url, body, headers)


def _send_once(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    import http.client

    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme.lower() == "https" else http.client.HTTPConnection
    place = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    given = {"User-Agent": f"wsq/{VERSION}", "Connection": "close", **_login(parts.username, parts.password), **headers}
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=LONGEST)
        end = threading.Timer(LONGEST, _cut, [connection])  # a socket's time-out begins anew with every byte
        end.daemon = True
        end.start()
        try:
            connection.request("POST", place, body=body, headers=given)
            status = connection.getresponse().status
        finally:
            end.cancel()
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = str(error).strip() or type(error).__name__
        raise NotSent(f"{host_of(url)} could not be reached: {why}.") from error
    if not 200 <= status < 300:
        lasting = status < 500 and status not in (408, 429)
        raise NotSent(f"{host_of(url)} answered with status {status}.", is_lasting=lasting)


def _cut(connection: Any) -> None:
    """End a connection whose time is over, also under a thread that reads from it."""
    import socket

    if connection.sock is not None:
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended by itself


def _login(user: str | None, password: str | None) -> dict[str, str]:
    if user is None:
        return {}
    from base64 import b64encode
    from urllib.parse import unquote

    secret = f"{unquote(user)}:{unquote(password or '')}".encode()
    return {"Authorization": f"Basic {b64encode(secret).decode()}"}


class Lane:
    """A thread that does one thing after another for whoever does not wait; it begins with the first of them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._door = threading.Lock()
        self._closed = False
        self._given_up = False
        self._complaint: str | None = None

    def put(self, work: Callable[[], None]) -> None:
        """Have something done; after the end nothing is."""
        with self._door:
            if self._closed:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._go, name=self._name, daemon=True)
                self._thread.start()
            self._waiting.put(work)

    def close(self, patience: float | None = None) -> None:
        """Wait at most `patience` seconds (`PATIENCE` unless given) for what was put.

        What is left then is not done, and that is logged.
        """
        with self._door:
            self._closed = True
            self._waiting.put(None)
        if self._thread is None or self._thread is threading.current_thread():
            return
        self._thread.join(max(PATIENCE if patience is None else patience, 0.1))
        if self._thread.is_alive():
            self._given_up = True
            self._forget()
            warn("What was to be told outside was not sent in time, and this process has ended.")

    def complain(self, sentence: str) -> None:
        """Log it once, until something got through."""
        if sentence != self._complaint:
            warn(sentence)
        self._complaint = sentence

    def _forget(self) -> None:
        try:
            while True:
                self._waiting.get_nowait()
        except Empty:
            self._waiting.put(None)

    def _go(self) -> None:
        while (work := self._waiting.get()) is not None:
            try:
                work()
                self._complaint = None
            except (NotSent, WsqError, OSError) as error:
                if not self._given_up:
                    self.complain(str(error))
            except Exception:
                if not self._given_up:
                    logger.exception("Something could not be told outside.", extra={"action": "not_told"})


class Pings:
    """Tells a service in the manner of healthchecks.io that passes begin (``/start``), end well, or ``/fail``.

    Under a watch passes have no beginning of interest, and one that ended well is told once a minute.
    """

    EVERY = 60.0

    def __init__(self, url: str, *, watching: bool) -> None:
        self._url = url
        self._watching = watching
        self._lane = Lane("wsq-pings")
        self._well_at: float | None = None

    def begin(self) -> None:
        """A pass begins."""
        if not self._watching:
            self._ping("/start", "")

    def end(self, status: int, told: str) -> None:
        """A pass has ended with what the command exits with, or would."""
        if status:
            self._well_at = None
            self._ping("/fail", told)
        elif not self._watching or self._well_at is None or monotonic() - self._well_at >= self.EVERY:
            self._well_at = monotonic()
            self._ping("", told)

    def close(self, patience: float | None = None) -> None:
        """Wait at most `patience` seconds (`PATIENCE` unless given) for what is being sent."""
        self._lane.close(patience)

    def _ping(self, what: str, told: str) -> None:
        parts = urlsplit(self._url)
        url = parts._replace(path=parts.path.rstrip("/") + what).geturl()
        body = told[:1000].encode("utf-8", "replace")
        self._lane.put(lambda: send(url, body, {"Content-Type": "text/plain; charset=utf-8"}))


def warn(sentence: str) -> None:
    """Log that something could not be told."""
    logger.warning("%s", sentence, extra={"action": "not_told"})
