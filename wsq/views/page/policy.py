"""The security headers of every response."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import OutputTransform

SOURCES = {
    "default-src": "'self'",
    "script-src": "'self' 'nonce-{nonce}' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "connect-src": "'self' blob: {sockets}",
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'self'",
    "form-action": "'self'",
}
"""What pages may load, and where they may send data. Panel's scripts need ``blob:`` and inline styles. Inline scripts
run only with the response's nonce, which our templates give to their own."""

_POLICY = "; ".join(f"{name} {sources}" for name, sources in SOURCES.items())
_HOST = re.compile(r"[a-z0-9._-]+(:[0-9]{1,5})?", re.IGNORECASE)

KEEP_HTTPS = "max-age=31536000"
"""A year of HTTPS only, for this host alone: what else its domain serves is not known here."""


class Headers(OutputTransform):  # type: ignore[misc]  # Tornado is not typed here
    """Adds the security headers to a response; `origins` are further hosts under which browsers reach the server."""

    def __init__(self, request: HTTPServerRequest, *, origins: Collection[str] = ()) -> None:
        self._request = request
        self._origins = origins
        self._nonce = request.wsq_nonce = secrets.token_urlsafe(16)

    def transform_first_chunk(
        self,
        status_code: int,
        headers: HTTPHeaders,
        chunk: bytes,
        finishing: bool,  # noqa: FBT001 - Tornado's signature
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Add the headers."""
        del finishing
        headers["Content-Security-Policy"] = _POLICY.format(nonce=self._nonce, sockets=self._sockets())
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"
        if self._request.protocol == "https":
            headers["Strict-Transport-Security"] = KEEP_HTTPS
        return status_code, headers, chunk

    def _sockets(self) -> str:
        """Return our own websockets: not all browsers count them as ``'self'``. A host in IPv6 cannot be named."""
        schemes = ("wss",) if self._request.protocol == "https" else ("ws", "wss")
        hosts = sorted({str(self._request.host), *self._origins})
        return " ".join(f"{scheme}://{host}" for host in hosts if _HOST.fullmatch(host) for scheme in schemes)


def nonce_of(request: object) -> str:
    """Return the nonce for the inline scripts of a response; empty if it is not ours, as with ``panel serve``."""
    return str(getattr(request, "wsq_nonce", ""))
