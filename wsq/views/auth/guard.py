"""The guard: no request gets past the server's entrance without a session, whatever it asks for and whoever answers.

It stands before the routes, so that a page, a socket or a file that is added later is guarded too.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Collection
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from bokeh.server.tornado import BokehTornado
from bokeh.util.token import get_session_id
from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

from wsq.errors import LoggedOut
from wsq.views.auth.authenticator import IS_OVER, Door
from wsq.views.auth.permissions import MemberGate
from wsq.views.auth.sessions import Session
from wsq.views.auth.users import key

log = logging.getLogger(__name__)

COOKIE = "wsq-session"
LOGIN = "/login"
OAUTH = "/login/oauth"
LOGOUT = "/logout"
RENEW = "/session"
OPEN_TO_ALL = frozenset({LOGIN, OAUTH, LOGOUT, "/health", "/favicon.ico"})
"""What is answered without a session. Logging out needs none: who is out already is shown the login."""

READING = ("GET", "HEAD", "OPTIONS")


class Visitor(NamedTuple):
    """Who asks, by which session, and from where."""

    door: Door
    session: Session
    address: str

    def gate(self, store_id: str | None, kind: type[MemberGate] = MemberGate) -> MemberGate:
        """What a page of theirs may show and do, see `Door.gate`."""
        return self.door.gate(self.session, store_id, self.address, kind)

    def note_refusal(self, what: str) -> None:
        """Log that something was refused to them."""
        refused(self.session.name, self.address, what)


class Refusal(NamedTuple):
    """Why a request is not answered; `leads_to` is where a person goes on."""

    status: int
    sentence: str
    leads_to: str | None = None


def visitor_of(door: Door, request: Any) -> Visitor:
    """Whom the guard has let in with a request, or a copy of it that a page keeps.

    Raises:
        LoggedOut: Nobody was let in with it.
    """
    visitor = getattr(request, "wsq_visitor", None)
    if not isinstance(visitor, Visitor) or visitor.door is not door:
        raise LoggedOut(IS_OVER)
    return visitor


def refused(name: str | None, address: str, what: str) -> None:
    """Log a refusal: to whom, from where, and what; never what they brought."""
    log.warning("Refused to %s from %s: %s", repr(name) if name else "nobody known", address, what, extra=_ACTION)


_ACTION = {"action": "door.refused"}


def stand_before(application: BokehTornado, door: Door, origins: Collection[str]) -> None:
    """Have every request of an application judged before it is known who would answer it."""
    find_handler = application.find_handler

    def guarded(request: HTTPServerRequest, **given: Any) -> Any:
        refusal = judge(application, door, origins, request)
        if refusal is None:
            return find_handler(request, **given)
        return application.get_handler_delegate(request, Refused, {"refusal": refusal})

    application.find_handler = guarded
    application.settings["log_function"] = _log_without_query


def judge(
    application: BokehTornado, door: Door, origins: Collection[str], request: HTTPServerRequest
) -> Refusal | None:
    """Whether a request may be answered: None when it may, and then it carries its `Visitor`."""
    method, path, address = request.method or "", request.path or "", address_of(request)
    what = f"{method} {path[:200]!r}"
    if not is_of_this_house(request, origins):
        refused(None, address, f"{what}, sent by a page of {request.headers['Origin'][:200]!r}")
        return Refusal(403, "This was sent by a page of another site.")
    if path in OPEN_TO_ALL:
        return None
    session = door.admitted(cookie_of(request, COOKIE))
    if session is None:
        refused(None, address, f"{what} without a session that holds")
        return _to_the_login(request) if method in READING else Refusal(403, IS_OVER)
    visitor = Visitor(door, session, address)
    request.wsq_visitor = visitor
    if path.endswith("/autoload.js"):  # Bokeh would have it read by pages of any site
        visitor.note_refusal(f"{what}, a script for other sites")
        return Refusal(403, "No page is given to other sites.")
    if not is_socket(request) and _names_a_page(request):
        visitor.note_refusal(f"{what}, for a page that was made before")
        return Refusal(403, "A page that was made before is not opened again.")
    if is_socket(request) and not _is_theirs(application, door, request, session):
        visitor.note_refusal(f"{what}, a page of somebody else")
        return Refusal(403, "This is the page of somebody else.")
    return None


def is_of_this_house(request: HTTPServerRequest, origins: Collection[str]) -> bool:
    """Whether what changes something, or opens a socket, was sent by a page of ours, as far as its browser says.

    What no browser has sent has no origin, and no browser's session either.
    """
    origin = request.headers.get("Origin")
    if origin is None or not (is_socket(request) or request.method not in READING):
        return True
    try:
        host = urlsplit(origin).netloc.lower() if "://" in origin else origin
    except ValueError:
        return False
    return bool(host in origins or host == str(request.host).lower())


def is_socket(request: HTTPServerRequest) -> bool:
    """Whether a request opens a websocket."""
    return str(request.headers.get("Upgrade", "")).lower() == "websocket"


def is_https(request: HTTPServerRequest) -> bool:
    """Whether the browser speaks TLS, to us or to a proxy, which says so: of several the first is the browser's.

    Nobody gains by claiming it: their own browser would then keep its cookies to itself.
    """
    forwarded = str(request.headers.get("X-Forwarded-Proto", ""))
    return request.protocol == "https" or forwarded.partition(",")[0].strip().lower() == "https"


def address_of(request: HTTPServerRequest) -> str:
    """Where a request comes from. Of what stands before us only a machine of the same network is believed.

    And of what it says only the last entry, which it has written itself: those before it may be anybody's.
    """
    peer = str(request.remote_ip or "unknown")
    forwarded = str(request.headers.get("X-Forwarded-For", "")).rpartition(",")[2].strip()
    try:
        if forwarded and ipaddress.ip_address(peer).is_private:
            return str(ipaddress.ip_address(forwarded))
    except ValueError:
        pass
    return peer


def cookie_of(request: HTTPServerRequest, name: str) -> str | None:
    """A cookie's value."""
    found = request.cookies.get(name)
    return found.value if found is not None else None


def next_of(text: str | None) -> str:
    """Where somebody goes on after logging in: a path of ours, whatever was asked for."""
    usable = text and len(text) < 4_000 and text.startswith("/") and text.isprintable()
    if not usable or text is None or text.startswith("//") or "\\" in text or urlsplit(text).path in OPEN_TO_ALL:
        return "/board"
    return text


def _names_a_page(request: HTTPServerRequest) -> bool:
    """Whether a request asks for a page that Bokeh knows by its id or token, instead of a new one.

    A link with an id would have somebody make a page that another could then join. What Bokeh reads of the address
    it also reads of a body, which a request that only reads has no use for.
    """
    named = {"bokeh-session-id", "bokeh-token"} & set(request.arguments)
    has_body = request.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in request.headers
    return bool(named) or "Bokeh-Session-Id" in request.headers or (request.method in READING and has_body)


def _to_the_login(request: HTTPServerRequest) -> Refusal:
    is_page = not is_socket(request) and "text/html" in request.headers.get("Accept", "text/html")
    leads_to = f"{LOGIN}?next={quote(next_of(request.uri), safe='')}" if is_page else None
    return Refusal(303 if leads_to else 403, IS_OVER, leads_to)


def _is_theirs(application: BokehTornado, door: Door, request: HTTPServerRequest, session: Session) -> bool:
    """Whether the page to which a socket wants to belong, if it is open here, was made for the same user."""
    context = application._applications.get(request.path.removesuffix("/ws"))
    protocols = str(request.headers.get("Sec-WebSocket-Protocol", "")).split(",")
    if context is None or len(protocols) != 2:
        return True  # which Bokeh refuses
    try:
        page = context._session_contexts.get(get_session_id(protocols[1].strip()))
        return page is None or key(visitor_of(door, page.request).session.name) == key(session.name)
    except Exception:  # noqa: BLE001 - whatever a forged token does to who reads it, it opens nothing
        return False


def _log_without_query(handler: RequestHandler) -> None:
    """Tornado's line for each request, without what follows the path, where a provider puts its codes."""
    request, status = handler.request, handler.get_status()
    level = logging.DEBUG if status < 500 else logging.ERROR
    log.log(level, "%s %s: %s", request.method, request.path, status, extra={"action": "server.request"})


class Refused(RequestHandler):  # type: ignore[misc]  # Tornado is not typed here
    """Answers what the guard does not let in."""

    def initialize(self, refusal: Refusal) -> None:
        """Tornado's way to hand something over."""
        self._refusal = refusal

    def check_xsrf_cookie(self) -> None:
        """Nothing is done here, so that nothing can be forged."""

    async def prepare(self) -> None:
        """Answer, whatever the method is."""
        self.set_header("Cache-Control", "no-store")
        self.set_status(self._refusal.status)
        if self._refusal.leads_to:
            self.set_header("Location", self._refusal.leads_to)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{self._refusal.sentence}\n")
