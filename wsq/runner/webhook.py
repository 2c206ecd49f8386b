"""HTTP requests to webhooks and ping services, on background threads with short timeouts.

Passes and executions never wait for them. A request that fails is logged as one warning.
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

TIMEOUT = 5.0
"""Seconds that one attempt may take, from connecting to the response status."""

CLOSE_TIMEOUT = 5.0
"""Seconds that a process waits at its end for pending requests."""

PAUSE = 0.2
"""Seconds before the second attempt."""

START_TIMEOUT = 1.0
"""Seconds that the ping of a pass's end waits for that of its start to be answered."""


class NotSent(Exception):
    """A request failed; the message names the host and the reason, without the URL's secrets.

    `is_lasting`: a retry would fail as well.
    """

    def __init__(self, why: str, *, is_lasting: bool = False) -> None:
        super().__init__(why)
        self.is_lasting = is_lasting


class Cancellation:
    """Cancels requests from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Any = None
        self.is_cancelled = False

    def hold(self, connection: Any) -> None:
        """Hold the open connection of a request that is about to be sent.

        Raises:
            NotSent: They are cancelled already.
        """
        with self._lock:
            if self.is_cancelled:
                raise NotSent("The request was given up.", is_lasting=True)
            self._connection = connection

    def cancel(self) -> None:
        """Cancel the request that is being sent, and every later one."""
        with self._lock:
            self.is_cancelled = True
            if self._connection is not None:
                _shut_down(self._connection)


def send(url: str, body: bytes, headers: Mapping[str, str], cancellation: Cancellation | None = None) -> None:
    """POST to `url`, with one retry. Redirects are not followed, since `body` is meant for this host only.

    Raises:
        NotSent: The request failed; the last attempt's reason.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_fixed

    passing = retry_if_exception(lambda error: isinstance(error, NotSent) and not error.is_lasting)
    trying = Retrying(retry=passing, stop=stop_after_attempt(2), wait=wait_fixed(PAUSE), reraise=True)
    trying(_send_once, url, body, headers, cancellation or Cancellation())


def _send_once(url: str, body: bytes, headers: Mapping[str, str], cancellation: Cancellation) -> None:
    import http.client

    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme.lower() == "https" else http.client.HTTPConnection
    place = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    given = {"User-Agent": f"wsq/{VERSION}", "Connection": "close", **_login(parts.username, parts.password), **headers}
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
        end = threading.Timer(TIMEOUT, _shut_down, [connection])  # a socket's timeout restarts with every byte
        end.daemon = True
        end.start()
        try:
            connection.connect()
            cancellation.hold(connection)
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


def _shut_down(connection: Any) -> None:
    """Shut down a connection whose time is up, while another thread reads from it."""
    import socket

    if connection.sock is not None:
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # already closed


def _login(user: str | None, password: str | None) -> dict[str, str]:
    if user is None:
        return {}
    from base64 import b64encode
    from urllib.parse import unquote

    secret = f"{unquote(user)}:{unquote(password or '')}".encode()
    return {"Authorization": f"Basic {b64encode(secret).decode()}"}


class BackgroundQueue:
    """Runs functions one after another on a thread that starts with the first one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._abandoned = False
        self._last_report: str | None = None

    def put(self, work: Callable[[], None]) -> None:
        """Queue a function; ignored after `close`."""
        with self._lock:
            if self._closed:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._waiting.put(work)

    def close(self, timeout: float | None = None) -> None:
        """Wait at most `timeout` seconds (`CLOSE_TIMEOUT` by default) for queued functions.

        The remaining ones are dropped, which is logged.
        """
        with self._lock:
            self._closed = True
            self._waiting.put(None)
        if self._thread is None or self._thread is threading.current_thread():
            return
        self._thread.join(max(CLOSE_TIMEOUT if timeout is None else timeout, 0.1))
        if self._thread.is_alive():
            self._abandoned = True
            self._drop_all()
            warn("Notifications were not sent in time, and this process has ended.")

    def report(self, sentence: str) -> None:
        """Log an error once, until something succeeds or another error occurs."""
        if sentence != self._last_report:
            warn(sentence)
        self._last_report = sentence

    def _drop_all(self) -> None:
        try:
            while True:
                self._waiting.get_nowait()
        except Empty:
            self._waiting.put(None)

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            try:
                work()
                self._last_report = None
            except (NotSent, WsqError, OSError) as error:
                if not self._abandoned:
                    self.report(str(error))
            except Exception:
                if not self._abandoned:
                    logger.exception("A notification failed.", extra={"action": "not_sent"})


class Pings:
    """Pings a service such as healthchecks.io when a pass begins (``/start``), succeeds, or fails (``/fail``).

    With ``--watch``, starts are not pinged, and successes at most once a minute. The ping of an end waits for that of
    the start, so that they arrive in this order, but no longer than `START_TIMEOUT`: then the start is given up.
    """

    EVERY = 60.0

    def __init__(self, url: str, *, watching: bool) -> None:
        self._url = url
        self._watching = watching
        self._queue = BackgroundQueue("wsq-pings")
        self._start_cancellation = Cancellation()
        self._start_is_over = threading.Event()
        self._start_is_over.set()
        self._succeeded_at: float | None = None

    def begin(self) -> None:
        """Ping that a pass begins."""
        if not self._watching:
            self._start_is_over.clear()
            threading.Thread(target=self._send_start, name="wsq-ping-start", daemon=True).start()

    def end(self, status: int, text: str) -> None:
        """Ping that a pass has ended with exit code `status`."""
        if status:
            self._succeeded_at = None
            self._queue.put(lambda: self._send_end("/fail", text))
        elif not self._watching or self._succeeded_at is None or monotonic() - self._succeeded_at >= self.EVERY:
            self._succeeded_at = monotonic()
            self._queue.put(lambda: self._send_end("", text))

    def close(self, timeout: float | None = None) -> None:
        """Wait at most `timeout` seconds (`CLOSE_TIMEOUT` by default) for pending pings."""
        self._queue.close(timeout)

    def _send_start(self) -> None:
        try:
            self._send("/start", "", self._start_cancellation)
        except NotSent as error:
            if not self._start_cancellation.is_cancelled:
                self._queue.report(str(error))
        finally:
            self._start_is_over.set()

    def _send_end(self, what: str, text: str) -> None:
        if not self._start_is_over.wait(START_TIMEOUT):
            self._start_cancellation.cancel()
        self._send(what, text)

    def _send(self, what: str, text: str, cancellation: Cancellation | None = None) -> None:
        parts = urlsplit(self._url)
        url = parts._replace(path=parts.path.rstrip("/") + what).geturl()
        body = text[:1000].encode("utf-8", "replace")
        send(url, body, {"Content-Type": "text/plain; charset=utf-8"}, cancellation)


def warn(sentence: str) -> None:
    """Log that a notification was not sent."""
    logger.warning("%s", sentence, extra={"action": "not_sent"})
