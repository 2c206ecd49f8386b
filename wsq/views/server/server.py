"""The web server: pages, security headers, health check, and shutdown on a signal."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Sequence
from typing import Any

import panel as pn
from bokeh.server.server import Server
from bokeh.settings import settings
from tornado.httputil import HTTPHeaders
from tornado.ioloop import IOLoop
from tornado.web import ErrorHandler, OutputTransform, RedirectHandler, RequestHandler

from wsq.api import Workspace
from wsq.views.auth.authenticator import Authenticator
from wsq.views.auth.redirects import relative
from wsq.views.auth.routes import ServerParts, secure, server_parts
from wsq.views.live.component import pool
from wsq.views.live.hub import forget, hub_of
from wsq.views.server.origins import refuse_other_hosts
from wsq.views.server.pages import admin_page, board_page, library_page, since_page, statistics_page, titled
from wsq.views.server.unopened import UNOPENED, Unopened

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
"""What pages may load, and where they may send data. Panel's scripts need the exceptions."""

HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in SOURCES.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

NOT_SERVED = [(r"/components/.*", ErrorHandler, {"status_code": 404})]
"""A route of Panel's that wsq does not use: it imports any module that an address names, also ones that run code or end
the process on import; any site could link to it."""

WITHOUT_SLASH = (r"/(\w+)/", RedirectHandler, {"url": "../{0}", "permanent": False})
"""A slash after a page's name: Bokeh would serve the page, whose scripts would not be found."""

LARGEST_MESSAGE = 10_000_000
"""Bytes of a message from a browser. A document of a million characters has up to four bytes per character, and more
with JSON escapes, twice; a larger message would end the session without an error."""


class Headers(OutputTransform):  # type: ignore[misc]  # Tornado is not typed here
    """Adds the security headers to every response."""

    def transform_first_chunk(
        self,
        status_code: int,
        headers: HTTPHeaders,
        chunk: bytes,
        finishing: bool,  # noqa: FBT001 - Tornado's signature
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Add the headers."""
        del finishing
        for name, value in HEADERS.items():
            headers[name] = value
        return status_code, headers, chunk


class Health(RequestHandler):  # type: ignore[misc]  # Tornado is not typed here
    """The health check; needs no login and does not use the database."""

    def get(self) -> None:
        """Return ``{"status": "ok"}``."""
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
    auth: Authenticator | None = None,
) -> None:
    """Serve the pages until SIGTERM or SIGINT. Ends soon after the signal, even if statistics are being counted.

    The process is expected to end after that: garbage collection is turned off.

    Args:
        workspace: The workspace; it stays open when this returns.
        port: 0 for a free one.
        address: The interface to listen on.
        show: Open a browser.
        notice: A sentence shown on top of every page.
        origins: Further ``host:port`` under which browsers reach the server, such as behind a proxy.
        on_up: Called with the URL when the server is up; by default the URL is printed.
        auth: The login; without one, everybody who reaches the address may do everything.
    """
    hub_of(workspace).notice = notice
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}  # Panel takes one
    server = _build(workspace, port, address, origins, auth)
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
        if auth is not None:
            auth.close()
        _stop(server, workspace)


def _build(
    workspace: Workspace, port: int, address: str, origins: Sequence[str], auth: Authenticator | None = None
) -> Server:
    pn.config.browser_info = False
    settings.resources = "server"  # whatever BOKEH_RESOURCES says: pages load nothing from a CDN
    asyncio.set_event_loop(asyncio.new_event_loop())
    loop = IOLoop.current()
    pages: dict[str, Any] = {
        "/board": lambda: board_page(workspace, auth),
        "/library": lambda: library_page(workspace, auth),
        "/statistics": lambda: statistics_page(workspace, auth),
        "/since": lambda: since_page(workspace, auth),
        "/admin": lambda: admin_page(workspace, auth),
    }
    parts = server_parts(auth) if auth is not None else ServerParts({}, [])
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
            (r"/", RedirectHandler, {"url": relative("/", "/board"), "permanent": False}),
            (r"/health", Health),
            *NOT_SERVED,
            *parts.patterns,
        ],
        websocket_max_message_size=LARGEST_MESSAGE,
        unused_session_lifetime=30_000,
        compress_response=True,
        **parts.options,
    )
    # The port is only known now, if a free one was requested.
    allowed = {f"{host}:{server.port}" for host in ("localhost", "127.0.0.1", _spoken(address))}
    server._tornado.websocket_origins.update(allowed | set(origins))
    server._tornado.add_transform(Headers)
    server._tornado.add_handlers(".*", [WITHOUT_SLASH, (UNOPENED, Unopened)])
    if auth is not None:
        secure(server._tornado, auth, allowed | set(origins))
    else:
        refuse_other_hosts(server._tornado)
    return server


def _stop_on_signals(loop: IOLoop, former: dict[signal.Signals, Any]) -> None:
    def stop(number: int, _frame: object) -> None:
        log.info("Stopping on signal %s", number, extra={"action": "server.stop"})
        loop.asyncio_loop.call_soon_threadsafe(loop.stop)

    for number, handler in former.items():
        ignored = number == signal.SIGINT and handler == signal.SIG_IGN  # as in a script's background
        signal.signal(number, signal.SIG_IGN if ignored else stop)


def _stop(server: Server, workspace: Workspace) -> None:
    """Close the pages before the workspace is closed, and let the process end soon."""
    forget(workspace)
    server.stop(wait=False)
    gc.freeze()  # otherwise a final collection would visit all of Panel and Bokeh


def _spoken(address: str) -> str:
    """Return an address for a URL; localhost for all interfaces."""
    if address in ("", "0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "localhost"
    return f"[{address}]" if ":" in address else address


def _announce(url: str) -> None:
    print(f"wsq is up at {url}", flush=True)
