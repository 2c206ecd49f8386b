"""The HTTP server: Tornado's, with limits on connections and on the time of everything that is waited for."""

from __future__ import annotations

import logging
import resource
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPMessageDelegate, RequestStartLine
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.iostream import IOStream

from wsq.views.auth.proxies import Proxies, network_of
from wsq.views.page.rarely import Rarely

log = logging.getLogger(__name__)

Phase = Literal["head", "body", "answer", "idle"]

LIMITS: dict[Phase, float] = {"head": 10, "body": 30, "answer": 300, "idle": 120}
"""Seconds that a connection may take for the head of a request, for its body (a form, at most 100 kB), to take our
answer, and until the next request; the last one exceeds the timeouts of proxies, which would otherwise lose requests.
Websockets have no limit."""

MOST = 1_000
"""Maximum number of open connections; fewer if the process may not open that many files."""

MOST_OF_ONE = 200
"""Maximum number of open connections of one address; at most half of all. It can be a whole office."""

OTHER_FILES = 128
"""Files that the process needs besides connections."""

EVICTABLE = 60
"""Seconds after which a connection that does not take its answer makes room for a new one, if there is none left."""

MOST_UNREAD = 64_000_000
"""Bytes that may wait for a browser that does not read them; a page that lost its connection gets everything anew."""

REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

AT_ONCE = 128
"""Connections that are accepted before other work has its turn."""

PAUSE = 1.0
"""Seconds without accepting when the system has no file or memory left for a connection, as asyncio does it."""


class Connection:
    """An open connection: who opened it, and what it is waited for since when."""

    def __init__(self, stream: IOStream, peer: str, client: str | None, now: float) -> None:
        self.stream = stream
        self.peer = peer
        self.client = client  # the network that it counts for; None for a trusted proxy
        self.phase: Phase = "head"
        self.since = now
        self.request: HTTPConnection | None = None

    def enter(self, phase: Phase, now: float) -> None:
        """Begin a phase."""
        self.phase, self.since = phase, now

    @property
    def is_socket(self) -> bool:
        """Whether it has become a websocket, which Tornado detaches."""
        return self.request is not None and self.request.stream is None

    def is_over(self, now: float) -> bool:
        """Whether it took longer than it may, or too much waits for it."""
        if self.phase == "idle" and self.stream._read_buffer_size:
            self.enter("head", now)
        late = not self.is_socket and now - self.since > LIMITS[self.phase]
        return late or len(self.stream._write_buffer) > MOST_UNREAD

    def is_evictable(self, now: float) -> bool:
        """Whether nobody loses anything but time if it is closed."""
        return not self.is_socket and (self.phase != "answer" or now - self.since > EVICTABLE)


class LimitedServer(HTTPServer):  # type: ignore[misc]  # Tornado is not typed here
    """Closes connections that take too long, and refuses those beyond the limits.

    If all places are taken, the connection that has been waited for longest makes room for a new one: so requests that
    never end, whoever sends them, keep nobody out.
    """

    def initialize(self, request_callback: Any, *, proxies: Proxies, **given: Any) -> None:
        """Receive Tornado's arguments."""
        super().initialize(request_callback, **given)
        self.proxies = proxies
        self.most = most_connections()
        self.most_of_one = min(MOST_OF_ONE, self.most // 2)
        self._loop = IOLoop.current()
        self._open: dict[IOStream, Connection] = {}
        self._rarely = Rarely(log, "server.connections")
        self._sweeping = PeriodicCallback(self._sweep, 1_000)

    # Listening

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept connections on these sockets."""
        for listening in sockets:
            self._sockets[listening.fileno()] = listening
            self._handlers[listening.fileno()] = self._listen(listening)
        self._sweeping.start()

    def stop(self) -> None:
        """Accept no connections any more."""
        self._sweeping.stop()
        super().stop()

    def _listen(self, listening: socket.socket) -> Callable[[], None]:
        """Accept connections until the returned function is called.

        Tornado's own way logs a traceback for each time that accepting fails, thousands in a second.
        """
        is_over = False

        def accept(*_: object) -> None:
            for _time in range(AT_ONCE):
                try:
                    connection, address = listening.accept()
                except BlockingIOError:
                    return
                except ConnectionError:  # it was closed before it was accepted
                    continue
                except OSError as error:
                    self._rarely.warn(self._loop.time(), "No connection can be accepted: %s.", error.strerror or error)
                    self._loop.remove_handler(listening)
                    self._loop.call_later(PAUSE, resume)
                    return
                self._handle_connection(connection, address)

        def resume() -> None:
            if not is_over:
                self._loop.add_handler(listening, accept, IOLoop.READ)

        def end() -> None:
            nonlocal is_over
            is_over = True
            self._loop.remove_handler(listening)

        resume()
        return end

    # Connections

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        """Serve a new connection, if there is room for it."""
        now, peer = self._loop.time(), str(address[0])
        client = None if self.proxies.trusts(peer) else network_of(peer)
        if self._has_too_many(client):
            self._rarely.warn(now, "Refused a connection: %s has %d already.", client, self.most_of_one)
            stream.close()
        elif self._has_room(now):
            self._open[stream] = Connection(stream, peer, client, now)
            super().handle_stream(stream, address)
        else:
            self._rarely.warn(now, "Refused a connection: all %d are in use.", self.most)
            stream.close()

    def start_request(self, server_conn: Any, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Wait for the next request of a connection."""
        delegate = super().start_request(server_conn, request_conn)
        connection = self._open.get(server_conn.stream)
        if connection is None:  # closed meanwhile
            return delegate
        if connection.request is not None:
            connection.enter("idle", self._loop.time())
            connection.client = None if self.proxies.trusts(connection.peer) else network_of(connection.peer)
        connection.request = request_conn
        return _Request(delegate, connection, partial(self._begin, connection, request_conn), self._loop)

    def _begin(self, connection: Connection, request_conn: Any, headers: HTTPHeaders) -> bool:
        """Begin a request whose head has arrived; False if its client has too many."""
        connection.enter("body", self._loop.time())
        sender = self.proxies.sender(connection.peer, headers)
        request_conn.context.remote_ip, request_conn.context.protocol = sender
        if connection.client is not None or self.proxies.trusts(sender.address):
            return True
        client = network_of(sender.address)
        if self._has_too_many(client):
            self._rarely.warn(connection.since, "Refused a request: %s has %d already.", client, self.most_of_one)
            return False
        connection.client = client
        return True

    def _has_too_many(self, client: str | None) -> bool:
        if client is None or len(self._open) < self.most_of_one:
            return False
        self._forget_closed()
        return sum(connection.client == client for connection in self._open.values()) >= self.most_of_one

    def _has_room(self, now: float) -> bool:
        """Whether there is room for a connection, after another was closed if need be."""
        if len(self._open) >= self.most:
            self._forget_closed()
        if len(self._open) < self.most:
            return True
        evictable = [connection for connection in self._open.values() if connection.is_evictable(now)]
        if not evictable:
            return False
        self._close(min(evictable, key=lambda connection: connection.since))
        self._rarely.warn(now, "All %d connections are in use: the one waited for longest was closed.", self.most)
        return True

    def _sweep(self) -> None:
        now = self._loop.time()
        self._forget_closed()
        for connection in [connection for connection in self._open.values() if connection.is_over(now)]:
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        connection.stream.close()
        self._open.pop(connection.stream, None)

    def _forget_closed(self) -> None:
        for stream in [stream for stream in self._open if stream.closed()]:
            del self._open[stream]


class _Request(HTTPMessageDelegate):  # type: ignore[misc]  # Tornado is not typed here
    """Notes how far a request has come, and passes everything on unless it is refused."""

    def __init__(
        self, inner: HTTPMessageDelegate, connection: Connection, begin: Callable[[HTTPHeaders], bool], loop: IOLoop
    ) -> None:
        self._inner: HTTPMessageDelegate | None = inner
        self._connection = connection
        self._begin = begin
        self._loop = loop

    def headers_received(self, start_line: RequestStartLine, headers: HTTPHeaders) -> Any:
        if self._inner is not None and self._begin(headers):
            return self._inner.headers_received(start_line, headers)
        self._inner = None
        self._connection.stream.write(REFUSAL)
        self._connection.stream.close()
        return None

    def data_received(self, chunk: bytes) -> Any:
        return self._inner.data_received(chunk) if self._inner is not None else None

    def finish(self) -> Any:
        self._connection.enter("answer", self._loop.time())
        return self._inner.finish() if self._inner is not None else None

    def on_connection_close(self) -> None:
        if self._inner is not None:
            self._inner.on_connection_close()


def most_connections() -> int:
    """Return how many connections this process may have open."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if files == resource.RLIM_INFINITY else max(16, min(MOST, files - OTHER_FILES))


@contextmanager
def our_connections() -> Iterator[None]:
    """Let a server that is built meanwhile have these limits: Bokeh builds it of the class that Tornado is set to."""
    HTTPServer.configure(LimitedServer)
    try:
        yield
    finally:
        HTTPServer.configure(None)
