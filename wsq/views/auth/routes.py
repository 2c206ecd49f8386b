"""How the door is fitted to the server: the routes, Bokeh's options, the guard before all of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from bokeh.server.tornado import BokehTornado

from wsq.views.auth.authenticator import Door
from wsq.views.auth.guard import COOKIE, LOGIN, LOGOUT, OAUTH, RENEW, stand_before
from wsq.views.auth.login import DEVICE, LARGEST_BODY, Login, Logout, Renew

ANY_HOST = "*"
"""Bokeh then leaves the judgement of origins to the guard, which knows under which host it was asked."""

SILENCE = 120
"""Seconds for which a connection may say nothing between two requests, or take to send a form: who holds many open
keeps others out. It is more than proxies keep theirs, which would else lose a request. Websockets are not meant."""


class Lock(NamedTuple):
    """What the server is built with."""

    options: dict[str, Any]
    patterns: list[Any]


def fitted(door: Door) -> Lock:
    """The options and routes of a server with a door."""
    given = {"door": door, "provider": door.provider.name if door.provider else None}
    patterns: list[Any] = [(LOGIN, Login, given), (LOGOUT, Logout, given), (RENEW, Renew, given)]
    if door.provider is not None:
        from wsq.views.auth.oauth import handler_of

        patterns.append((OAUTH, handler_of(door.provider), given))
    options = {
        # A page's token is signed, so that any instance knows a page that another has made, and nobody makes one up.
        # It stands in the page's markup, where the cookie that lets one in must never be.
        "sign_sessions": True,
        "secret_key": door.signer.key("pages").hex().encode(),
        "exclude_cookies": [COOKIE, DEVICE, "_xsrf"],
        "exclude_headers": ["Cookie", "Authorization"],
        "cookie_secret": door.signer.key("cookies").hex(),
        "http_server_kwargs": {
            "max_body_size": LARGEST_BODY,
            "idle_connection_timeout": SILENCE,
            "body_timeout": SILENCE,
        },
    }
    return Lock(options, patterns)


def secure(application: BokehTornado, door: Door, origins: Collection[str]) -> None:
    """Put the guard before everything, and refuse forged forms."""
    application.settings["xsrf_cookies"] = True
    application.settings["xsrf_cookie_kwargs"] = {"expires_days": 365}
    application.websocket_origins.add(ANY_HOST)
    stand_before(application, door, origins)
    door.watch()
