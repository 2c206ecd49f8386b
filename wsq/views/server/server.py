"""The web server: pages, security headers, health check, and shutdown on a signal."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import panel as pn
from bokeh.server.server import Server
from bokeh.server.tornado import BokehTornado
from bokeh.settings import settings
from tornado.ioloop import IOLoop
from tornado.web import RedirectHandler, RequestHandler

from wsq.api import Workspace
from wsq.views.auth.authenticator import Authenticator
from wsq.views.auth.guard import LOGIN
from wsq.views.auth.login import LARGEST_BODY
from wsq.views.auth.proxies import Proxies
from wsq.views.auth.redirects import relative
from wsq.views.auth.routes import ServerParts, secure, server_parts
from wsq.views.live.component import pool
from wsq.views.live.hub import forget, hub_of
from wsq.views.page.policy import Headers
from wsq.views.server.answers import Missing, answer_beside_pages
from wsq.views.server.connections import our_connections
from wsq.views.server.origins import refuse_other_hosts
from wsq.views.server.pages import admin_page, board_page, library_page, since_page, statistics_page, titled
from wsq.views.server.socket import LARGEST_MESSAGE, our_sockets
from wsq.views.server.unopened import UNOPENED, Unopened

log = logging.getLogger(__name__)

NOT_SERVED = [(r"/components/.*", Missing)]
"""A route of Panel's that wsq does not use: it imports any module that an address names, also ones that run code or end
the process on import; any site could link to it."""

WITHOUT_SLASH = (r"/(\w+)/", RedirectHandler, {"url": "../{0}", "permanent": False})
"""A slash after a page's name: Bokeh would serve the page, whose scripts would not be found."""


class Health(RequestHandler):  # type: ignore[misc]  # Tornado is not typed here
    """The health check; needs no login and does not use the database."""

    def get(self) -> None:
        """Return ``{"status": "ok"}``."""
        self.write({"status": "ok"})

    head = get


class ToTheBoard(RedirectHandler):  # type: ignore[misc]  # Tornado is not typed here
    """Leads from the root to the board."""

    head = RedirectHandler.get


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
    settings.allowed_ws_origin = []  # whatever ~/.bokeh/bokeh.yaml says: other hosts are those of `origins`
    asyncio.set_event_loop(asyncio.new_event_loop())
    loop = IOLoop.current()
    pages = _pages(workspace, auth)
    parts = server_parts(auth) if auth is not None else ServerParts({}, [])
    with our_connections(), our_sockets():
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
                (r"/", ToTheBoard, {"url": relative("/", "/board"), "permanent": False}),
                (r"/health", Health),
                *NOT_SERVED,
                *parts.patterns,
            ],
            websocket_max_message_size=LARGEST_MESSAGE,
            unused_session_lifetime=30_000,
            compress_response=True,
            http_server_kwargs={
                "max_body_size": LARGEST_BODY,
                "proxies": Proxies(workspace.settings.trusted_proxies),
            },
            **parts.options,
        )
    # The port is only known now, if a free one was requested.
    known = {f"{host}:{server.port}" for host in ("localhost", "127.0.0.1", _spoken(address))} | set(origins)
    _complete(server._tornado, pages, known, origins, auth)
    return server


def _complete(
    application: BokehTornado,
    pages: Collection[str],
    known: set[str],
    origins: Sequence[str],
    auth: Authenticator | None,
) -> None:
    """Add what is served beside pages, the headers of all responses, and the checks of all requests.

    `known` are the hosts under which browsers reach the server, `origins` those that its operator has named.
    """
    application.websocket_origins.update(known)
    application.add_transform(partial(Headers, origins=origins))
    application.add_handlers(".*", [WITHOUT_SLASH, (UNOPENED, Unopened)])
    answer_beside_pages(application, [*pages, *([LOGIN] if auth is not None else [])])
    if auth is not None:
        secure(application, auth, known)
    else:
        refuse_other_hosts(application)


def _pages(workspace: Workspace, auth: Authenticator | None) -> dict[str, Callable[[], object]]:
    """Return what creates a page, by its path."""
    return {
        "/board": lambda: board_page(workspace, auth),
        "/library": lambda: library_page(workspace, auth),
        "/statistics": lambda: statistics_page(workspace, auth),
        "/since": lambda: since_page(workspace, auth),
        "/admin": lambda: admin_page(workspace, auth),
    }


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
