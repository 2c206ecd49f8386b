"""Add login and permissions to the server: routes, Bokeh's options, and the guard."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from bokeh.server.tornado import BokehTornado

from wsq.views.auth.authenticator import Authenticator
from wsq.views.auth.guard import LOGIN, LOGOUT, OAUTH, RENEW, install_guard
from wsq.views.auth.login import Login, Logout, Renew

ANY_HOST = "*"
"""Makes Bokeh leave the check of origins to the guard, which knows the requested host."""


class ServerParts(NamedTuple):
    """Options and routes for building the server."""

    options: dict[str, Any]
    patterns: list[Any]


def server_parts(auth: Authenticator) -> ServerParts:
    """Return the options and routes of a server with login."""
    given = {"auth": auth, "provider": auth.provider.name if auth.provider else None}
    patterns: list[Any] = [(LOGIN, Login, given), (LOGOUT, Logout, given), (RENEW, Renew, given)]
    if auth.provider is not None:
        from wsq.views.auth.oauth import OAuthLogin
        from wsq.views.auth.providers import ProviderClient

        patterns.append((OAUTH, OAuthLogin, given | {"client": ProviderClient(auth.provider)}))
    options = {
        # Page tokens are signed, so that every instance accepts pages of the others, and nobody can forge them. They
        # are part of the page's markup, where the session cookie must never be.
        "sign_sessions": True,
        "secret_key": auth.signer.key("pages").hex().encode(),
        "include_cookies": [],
        "exclude_headers": ["Cookie", "Authorization"],
        "cookie_secret": auth.signer.key("cookies").hex(),
    }
    return ServerParts(options, patterns)


def secure(application: BokehTornado, auth: Authenticator, origins: Collection[str]) -> None:
    """Install the guard, and refuse forged forms."""
    application.settings["xsrf_cookies"] = True
    application.settings["xsrf_cookie_kwargs"] = {"expires_days": 365}
    application.websocket_origins.add(ANY_HOST)
    install_guard(application, auth, origins)
    auth.watch()
