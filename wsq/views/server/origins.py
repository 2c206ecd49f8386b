"""Without a login: what is written, and pages' websockets, are for browsers at a known host.

Tornado 6.6 and newer let a websocket open whose origin is the requested host, before Bokeh looks at its list. A site
whose name was changed to this machine's address (DNS rebinding) would be such an origin.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from bokeh.server.tornado import BokehTornado
from bokeh.server.util import check_allowlist
from tornado.httputil import HTTPServerRequest

from wsq.views.auth.guard import READING, Refusal, Refused, address_of, is_socket, other_host, refused


def refuse_other_hosts(application: BokehTornado) -> None:
    """Refuse requests from pages of hosts that are not in the application's list, before they are routed."""
    find_handler = application.find_handler

    def guarded(request: HTTPServerRequest, **given: Any) -> Any:
        origin = request.headers.get("Origin")
        is_reading = request.method in READING and not is_socket(request)
        if origin is None or is_reading or _is_known(application, origin):
            return find_handler(request, **given)
        why = other_host(origin)
        refused(None, address_of(request), f"{request.method} {request.path[:200]!r}: {why}")
        return application.get_handler_delegate(request, Refused, {"refusal": Refusal(403, why)})

    application.find_handler = guarded


def _is_known(application: BokehTornado, origin: str) -> bool:
    try:
        return bool(check_allowlist(urlsplit(origin).netloc.lower(), application.websocket_origins))
    except ValueError:
        return False
