"""The cookies: the only place where they are named.

Behind TLS their names have a prefix that browsers accept from this host alone, over TLS: neither another host of the
domain nor anybody on an unencrypted connection can set one for us. A cookie without the prefix is not read then.
"""

from __future__ import annotations

import re

from tornado.httputil import HTTPServerRequest
from tornado.web import Application

SESSION = "wsq-session"
DEVICE = "wsq-known"
FLOW = "wsq-oauth"
FORM = "_xsrf"
"""Against forged forms; the only one that scripts can read (see ``session.js``)."""

_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,99}){1,9}")


def name_on_wire(name: str, application: Application, request: HTTPServerRequest) -> str:
    """Return the name that a cookie has in the browser.

    ``__Host-`` needs the path ``/``. Below another path, which other applications of the host do not share, it is
    ``__Secure-``.
    """
    if request.protocol != "https":
        return name
    return f"__Host-{name}" if path_of(application, request) == "/" else f"__Secure-{name}"


def path_of(application: Application, request: HTTPServerRequest) -> str:
    """Return the path for which cookies are set: where a trusted proxy says that it serves us, by default ``/``."""
    reported = str(request.headers.get("X-Forwarded-Prefix", "")).rstrip("/")
    prefix = reported if _PATH.fullmatch(reported) else ""
    return f"{prefix}{getattr(application, 'prefix', '')}" or "/"


def cookie_of(name: str, application: Application, request: HTTPServerRequest) -> str | None:
    """Return a cookie's value; None if the browser has not sent it."""
    found = request.cookies.get(name_on_wire(name, application, request))
    return found.value if found is not None else None
