"""The cookies: the only place where they are named.

Behind TLS their names have a prefix that browsers accept from this host alone, over TLS: neither another host of the
domain nor anybody on an unencrypted connection can set one for us. A cookie without the prefix is not read then.
"""

from __future__ import annotations

from tornado.httputil import HTTPServerRequest
from tornado.web import Application

SESSION = "wsq-session"
DEVICE = "wsq-known"
FLOW = "wsq-oauth"
FORM = "_xsrf"
"""Against forged forms; the only one that scripts can read (see ``session.js``)."""


def name_on_wire(name: str, application: Application, request: HTTPServerRequest) -> str:
    """Return the name that a cookie has in the browser.

    ``__Host-`` needs the path ``/``. Under a prefix of the address, which other applications of the host do not
    share, it is ``__Secure-``.
    """
    if request.protocol != "https":
        return name
    return f"__Secure-{name}" if path_of(application) != "/" else f"__Host-{name}"


def path_of(application: Application) -> str:
    """Return the path for which cookies are set."""
    return str(getattr(application, "prefix", "")) or "/"


def cookie_of(name: str, application: Application, request: HTTPServerRequest) -> str | None:
    """Return a cookie's value; None if the browser has not sent it."""
    found = request.cookies.get(name_on_wire(name, application, request))
    return found.value if found is not None else None
