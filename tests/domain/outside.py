"""A peer to which wsq tells things: a real HTTP server on loopback that may behave in any way."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Peer:
    """What came is in `heard`: paths and bodies, in their order. `answer` is what it does with a request."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.answer: Callable[[BaseHTTPRequestHandler], None] = status(200)
        self.over = threading.Event()
        self.url = ""

    def messages(self) -> list[dict[str, Any]]:
        """The bodies as JSON."""
        return [json.loads(body) for _, body in self.heard]

    def texts(self) -> list[str]:
        """What each message says to Discord, which escapes nothing."""
        return [message["content"] for message in self.messages()]

    def eventually(self, count: int, within: float = 8.0) -> list[dict[str, Any]]:
        """The messages once there are `count` of them."""
        until = time.monotonic() + within
        while len(self.heard) < count and time.monotonic() < until:
            time.sleep(0.01)
        assert len(self.heard) == count, self.texts()
        return self.messages()


def status(code: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answers at once."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def garbage(request: BaseHTTPRequestHandler) -> None:
    """Answers in no protocol at all."""
    request.wfile.write(b"\x00\xffwho knows\r\n\r\n")


def dripping(peer: Peer) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answers a byte at a time, so that no single read waits long."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        try:
            request.wfile.write(b"HTTP/1.1 2")
            while not peer.over.wait(0.05):
                request.wfile.write(b"0")
        except OSError:
            return

    return answer


def hanging(peer: Peer) -> Callable[[BaseHTTPRequestHandler], None]:
    """Never answers."""
    return lambda _request: peer.over.wait(30) and None


@contextmanager
def listening() -> Iterator[Peer]:
    """A peer that listens until the end of the block."""
    peer = Peer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            peer.heard.append((self.path, body))
            peer.answer(self)

        def log_message(self, *_: object) -> None:
            """Nothing is to be seen of it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    peer.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        peer.over.set()
        server.shutdown()
        server.server_close()
