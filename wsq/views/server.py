"""The web server: the pages, their headers, health, and an end when it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Sequence
from typing import Any

import panel as pn
from bokeh.server.server import Server
from tornado.httputil import HTTPHeaders
from tornado.ioloop import IOLoop
from tornado.web import ErrorHandler, OutputTransform, RedirectHandler, RequestHandler

from wsq.views.door.door import Door
from wsq.views.door.fitting import Lock, fitted, secure
from wsq.views.hub import forget, hub_of
from wsq.views.live import pool
from wsq.views.pages import admin_page, board_page, library_page, since_page, statistics_page, titled
from wsq.views.ports import Workspace

log = logging.getLogger(__name__)

SOURCES = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "connect-src": "'self' blob: ws: wss:",
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'self'",
    "form-action": "'self'",
}
"""What a page may load and where it may send: keeps foreign loads out. Panel's own scripts need the rest."""

HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in SOURCES.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

NOT_SERVED = [(r"/components/.*", ErrorHandler, {"status_code": 404})]
"""What Panel would answer and no page of ours asks for: it imports whichever module an address names, also one that
runs something, or ends the process, when it is imported; and a link of any site could name one."""

LARGEST_MESSAGE = 10_000_000
"""Bytes of a message from a browser. A document of a million characters has up to four bytes for each, and more where
JSON, in which it is wrapped twice, escapes them; a larger message would end the session without a word."""


class Headers(OutputTransform):  # type: ignore[misc]  # Tornado is not typed here
    """Puts the security headers on every answer, whoever wrote it."""

    def __init__(self, request: Any) -> None:
        super().__init__(request)

    def transform_first_chunk(
        self,
        status_code: int,
        headers: HTTPHeaders,
        chunk: bytes,
        finishing: bool,  # noqa: FBT001 - Tornado's signature
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Add ours to what is there."""
        del finishing
        for name, value in HEADERS.items():
            headers[name] = value
        return status_code, headers, chunk


class Health(RequestHandler):  # type: ignore[misc]  # Tornado is not typed here
    """Says that the server answers; needs no login and asks no database."""

    def get(self) -> None:
        """``{"status": "ok"}``."""
        self.write({"status": "ok"})


def serve(
    workspace: Workspace,
    *,
    port: int = 5006,
    address: str = "127.0.0.1",
    show: bool = False,
    notice: str | None = None,
    origins: Sequence[str] = (),
    on_up: Callable[[str], None] | None = None,
    door: Door | None = None,
) -> None:
    """Serve the pages until SIGTERM or SIGINT; blocks, and ends soon after the signal, whatever is being counted.

    The process is expected to end then: what it has in memory is not looked through for garbage any more.

    Args:
        workspace: Shown and acted upon; it stays open when this returns.
        port: 0 takes a free one.
        address: The interface to listen on.
        show: Open a browser.
        notice: A sentence that every page shows on top.
        origins: Further ``host:port`` under which browsers may reach it, as behind a proxy.
        on_up: Told the address when it is up; without it the address is printed.
        door: Who may come in; without one everybody who reaches the address may do everything.
    """
    hub_of(workspace).notice = notice
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}  # Panel takes one
    server = _build(workspace, port, address, origins, door)
    url = f"http://{_spoken(address)}:{server.port}"
    loop = server.io_loop
    _stop_on_signals(loop, former)
    server.start()
    pool.submit(workspace.make_ready)
    (on_up or _announce)(url)
    if show:
        loop.add_callback(lambda: server.show("/"))
    try:
        loop.start()
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        if door is not None:
            door.close()
        _stop(server, workspace)


def _build(workspace: Workspace, port: int, address: str, origins: Sequence[str], door: Door | None = None) -> Server:
    pn.config.browser_info = False
    asyncio.set_event_loop(asyncio.new_event_loop())
    loop = IOLoop.current()
    pages: dict[str, Any] = {
        "/board": lambda: board_page(workspace, door),
        "/library": lambda: library_page(workspace, door),
        "/statistics": lambda: statistics_page(workspace, door),
        "/since": lambda: since_page(workspace, door),
        "/admin": lambda: admin_page(workspace, door),
    }
    lock = fitted(door) if door is not None else Lock({}, [])
    server = pn.io.server.get_server(
        pages,
        port=port,
        address=address,
        loop=loop,
        title={path: titled(path.strip("/")) for path in pages},
        location=False,
        websocket_origin=None,
        use_index=False,
        extra_patterns=[
            (r"/", RedirectHandler, {"url": "/board", "permanent": False}),
            (r"/health", Health),
            *NOT_SERVED,
            *lock.patterns,
        ],
        websocket_max_message_size=LARGEST_MESSAGE,
        unused_session_lifetime=30_000,
        compress_response=True,
        **lock.options,
    )
    # Only now is the port known, when a free one was asked for.
    allowed = {f"{host}:{server.port}" for host in ("localhost", "127.0.0.1", _spoken(address))}
    server._tornado.websocket_origins.update(allowed | set(origins))
    server._tornado.add_transform(Headers)
    if door is not None:
        secure(server._tornado, door, allowed | set(origins))
    return server


def _stop_on_signals(loop: IOLoop, former: dict[signal.Signals, Any]) -> None:
    def stop(number: int, _frame: object) -> None:
        log.info("Stopping on signal %s", number, extra={"action": "server.stop"})
        loop.asyncio_loop.call_soon_threadsafe(loop.stop)

    for number, handler in former.items():
        ignored = number == signal.SIGINT and handler == signal.SIG_IGN  # as in a script's background
        signal.signal(number, signal.SIG_IGN if ignored else stop)


def _stop(server: Server, workspace: Workspace) -> None:
    """Close the pages before the workspace's owner closes the workspace, and let the process end soon."""
    forget(workspace)
    server.stop(wait=False)
    gc.freeze()  # else the interpreter looks once more, when it ends, through all that Panel and Bokeh are made of


def _spoken(address: str) -> str:
    """An address as it stands in a URL; one that means every interface is spoken of as localhost."""
    if address in ("", "0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "localhost"
    return f"[{address}]" if ":" in address else address


def _announce(url: str) -> None:
    print(f"wsq is up at {url}", flush=True)
