"""The guard: every request to the server needs a session.

It checks requests before they are routed, so that pages, sockets and files added later are protected too.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from bokeh.server.tornado import BokehTornado
from bokeh.util.token import get_session_id
from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

from wsq.errors import LoggedOut
from wsq.settings import VARIABLES
from wsq.views.auth import cookies
from wsq.views.auth.authenticator import IS_OVER, Authenticator
from wsq.views.auth.redirects import relative
from wsq.views.auth.sessions import Session
from wsq.views.auth.users import key
from wsq.views.live.permissions import MemberPermissions

log = logging.getLogger(__name__)

LOGIN = "/login"
OAUTH = "/login/oauth"
LOGOUT = "/logout"
RENEW = "/session"
OPEN_TO_ALL = frozenset({LOGIN, OAUTH, LOGOUT, "/health", "/favicon.ico"})
"""Paths that need no session. Logging out needs none: it leads to the login page in any case."""

READING = ("GET", "HEAD", "OPTIONS")


class Visitor(NamedTuple):
    """The user of a request, with session and address."""

    auth: Authenticator
    session: Session
    address: str

    def permissions(self, store_id: str | None, kind: type[MemberPermissions] = MemberPermissions) -> MemberPermissions:
        """Return the user's permissions on a page; see `Authenticator.permissions`."""
        return self.auth.permissions(self.session, store_id, self.address, kind)

    def note_refusal(self, what: str) -> None:
        """Log a refusal to this user."""
        refused(self.session.name, self.address, what)


class Refusal(NamedTuple):
    """Why a request is refused; `leads_to` is a redirect for people."""

    status: int
    sentence: str
    leads_to: str | None = None


def visitor_of(auth: Authenticator, request: Any) -> Visitor:
    """Return the visitor of a request that the guard has accepted, or of a page's copy of it.

    Raises:
        LoggedOut: The request was not accepted.
    """
    visitor = getattr(request, "wsq_visitor", None)
    if not isinstance(visitor, Visitor) or visitor.auth is not auth:
        raise LoggedOut(IS_OVER)
    return visitor


def refused(name: str | None, address: str, what: str) -> None:
    """Log a refusal, with user and address; never with credentials."""
    log.warning("Refused to %s from %s: %s", repr(name) if name else "an unknown user", address, what, extra=_ACTION)


_ACTION = {"action": "auth.refused"}


def install_guard(application: BokehTornado, auth: Authenticator, origins: Collection[str]) -> None:
    """Check every request of an application before it is routed."""
    find_handler = application.find_handler

    def guarded(request: HTTPServerRequest, **given: Any) -> Any:
        refusal = judge(application, auth, origins, request)
        if refusal is None:
            return find_handler(request, **given)
        return application.get_handler_delegate(request, Refused, {"refusal": refusal})

    application.find_handler = guarded
    application.settings["log_function"] = _log_without_query


def judge(
    application: BokehTornado, auth: Authenticator, origins: Collection[str], request: HTTPServerRequest
) -> Refusal | None:
    """Return why a request is refused; None if it is accepted, which adds its `Visitor`."""
    method, path, address = request.method or "", request.path or "", address_of(request)
    what = f"{method} {path[:200]!r}"
    if not is_same_origin(request, origins):
        refused(None, address, f"{what}, sent by a page of {request.headers['Origin'][:200]!r}")
        return Refusal(403, other_host(request.headers["Origin"]))
    if path in OPEN_TO_ALL:
        return None
    session = auth.session_of(cookies.cookie_of(cookies.SESSION, application, request))
    if session is None:
        refused(None, address, f"{what} without a valid session")
        return _redirect_to_login(request) if method in READING else Refusal(403, IS_OVER)
    visitor = Visitor(auth, session, address)
    request.wsq_visitor = visitor
    if path.endswith("/autoload.js"):  # Bokeh's script lets any site embed the page
        visitor.note_refusal(f"{what}, a script for other sites")
        return Refusal(403, "Pages cannot be embedded in other sites.")
    if not is_socket(request) and _names_a_page(request):
        visitor.note_refusal(f"{what}, for an existing page")
        return Refusal(403, "An existing page cannot be opened again.")
    if is_socket(request) and not _is_own_page(application, auth, request, session):
        visitor.note_refusal(f"{what}, a page of another user")
        return Refusal(403, "This page belongs to another user.")
    return None


def is_same_origin(request: HTTPServerRequest, origins: Collection[str]) -> bool:
    """Whether a request that writes or opens a socket comes from one of our pages, according to its browser.

    Clients other than browsers send no origin, and have no browser's session either.
    """
    origin = request.headers.get("Origin")
    if origin is None or not (is_socket(request) or request.method not in READING):
        return True
    try:
        host = urlsplit(origin).netloc.lower() if "://" in origin else origin
    except ValueError:
        return False
    return bool(host in origins or host == str(request.host).lower())


def other_host(origin: str) -> str:
    """Return the sentence for a page of a host that is not ours, with what to do if it should be."""
    host = origin.partition("://")[2].lower()
    if not _HOST.fullmatch(host):
        return "This request was sent by another site."
    return (
        f"This server does not accept requests from pages of {host}. If that is its own address, start `wsq serve` "
        f"with --origin {host}, or set {VARIABLES['origin']}={host}."
    )


_HOST = re.compile(r"(?:[a-z0-9._-]{1,250}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")


def is_socket(request: HTTPServerRequest) -> bool:
    """Whether a request opens a websocket."""
    return str(request.headers.get("Upgrade", "")).lower() == "websocket"


def address_of(request: HTTPServerRequest) -> str:
    """Return the client's address, as a trusted proxy reports it; see `wsq.views.auth.proxies`."""
    return str(request.remote_ip or "unknown")


def next_of(text: str | None) -> str:
    """Return the path to open after logging in: one of ours, whatever was asked for."""
    usable = text and len(text) < 4_000 and text.startswith("/") and text.isprintable()
    if not usable or text is None or text.startswith("//") or "\\" in text:
        return "/board"
    path = urlsplit(text).path
    return "/board" if path in OPEN_TO_ALL or _CLIMBS.search(path) else text


_CLIMBS = re.compile(r"/(\.|%2e){1,2}(/|$)", re.IGNORECASE)
"""What a browser takes for ``.`` or ``..``: it could lead out of the path below which a proxy serves us."""


def _names_a_page(request: HTTPServerRequest) -> bool:
    """Whether a request names an existing Bokeh session by id or token.

    A link with an id could make a user open a session that an attacker then joins. Bokeh reads these names from bodies
    too, which reading requests do not need.
    """
    named = {"bokeh-session-id", "bokeh-token"} & set(request.arguments)
    has_body = request.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in request.headers
    return bool(named) or "Bokeh-Session-Id" in request.headers or (request.method in READING and has_body)


def _redirect_to_login(request: HTTPServerRequest) -> Refusal:
    is_page = not is_socket(request) and "text/html" in request.headers.get("Accept", "text/html")
    login = f"{LOGIN}?next={quote(next_of(request.uri), safe='')}"
    leads_to = relative(request.path, login) if is_page else None
    return Refusal(303 if leads_to else 403, IS_OVER, leads_to)


def _is_own_page(application: BokehTornado, auth: Authenticator, request: HTTPServerRequest, session: Session) -> bool:
    """Whether the page that a socket wants to join, if it is open here, belongs to the same user."""
    context = application._applications.get(request.path.removesuffix("/ws"))
    protocols = str(request.headers.get("Sec-WebSocket-Protocol", "")).split(",")
    if context is None or len(protocols) != 2:
        return True  # Bokeh refuses it
    try:
        page = context._session_contexts.get(get_session_id(protocols[1].strip()))
        return page is None or key(visitor_of(auth, page.request).session.name) == key(session.name)
    except Exception:  # noqa: BLE001 - a forged token may cause any error
        return False


def _log_without_query(handler: RequestHandler) -> None:
    """Log a request without its query, which may contain a provider's codes."""
    request, status = handler.request, handler.get_status()
    level = logging.DEBUG if status < 500 else logging.ERROR
    log.log(level, "%s %s: %s", request.method, request.path, status, extra={"action": "server.request"})


class Refused(RequestHandler):  # type: ignore[misc]  # Tornado is not typed here
    """Answers refused requests."""

    def initialize(self, refusal: Refusal) -> None:
        """Receive Tornado's handler arguments."""
        self._refusal = refusal

    def check_xsrf_cookie(self) -> None:
        """Skip the check: nothing is changed here."""

    async def prepare(self) -> None:
        """Answer any method."""
        self.set_header("Cache-Control", "no-store")
        self.set_status(self._refusal.status)
        if self._refusal.leads_to:
            self.set_header("Location", self._refusal.leads_to)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{self._refusal.sentence}\n")
