"""Login with OAuth and OpenID Connect providers, through Panel; permissions come from the users file.

Panel's handlers talk to the provider. The result becomes a wsq session: the provider's tokens are neither stored nor
logged.
"""

from __future__ import annotations

import logging
from typing import Any

from panel.auth import AUTH_PROVIDERS, CODE_COOKIE_NAME, STATE_COOKIE_NAME
from panel.config import config
from panel.util import decode_token
from tornado.web import HTTPError, RequestHandler

from wsq.views.auth.authenticator import Provider
from wsq.views.auth.guard import OAUTH, address_of, next_of, refused
from wsq.views.auth.login import AuthHandler, page


def handler_of(provider: Provider) -> type[RequestHandler]:
    """Return the handler class of a provider. Panel's configuration of it is global, one per process."""
    logging.getLogger("panel.auth").setLevel(logging.CRITICAL)  # it logs credentials; `write_error` logs enough
    config.oauth_provider = provider.name
    config.oauth_key = provider.client
    config.oauth_secret = provider.secret
    config.oauth_redirect_uri = provider.redirect_uri or ""
    config.oauth_extra_params = dict(provider.params)
    return type("OAuthLogin", (_OAuthHandler, AUTH_PROVIDERS[config.oauth_provider]), {"_login_endpoint": OAUTH})


class _OAuthHandler(AuthHandler):
    """Mixed into Panel's handler of a provider."""

    _claims: dict[str, Any]
    _is_logged_in: bool

    def prepare(self) -> None:
        """Start with nothing known."""
        self._claims = {}
        self._is_logged_in = False

    async def get(self) -> None:
        """Redirect to the provider, and log in users who return from it in the same browser.

        Panel treats a missing state like a missing cookie, so a link could log somebody in as the attacker.
        """
        handler: Any = self
        if handler.get_argument("code", None) and not handler.get_argument("state", None):
            raise HTTPError(401, "a code without a state")
        await super().get()  # type: ignore[misc]  # of the handler class

    def redirect(self, url: str, *args: Any, **given: Any) -> None:
        """Redirect to the provider, or to a page of ours after login: Panel would accept some foreign addresses."""
        super().redirect(next_of(url) if self._is_logged_in else url, *args, **given)

    @property
    def _redirect_uri(self) -> str:
        """Return the URL to which the provider sends the browser back."""
        return config.oauth_redirect_uri or f"{self.request.protocol}://{self.request.host}{OAUTH}"

    def set_secure_cookie(self, name: str, value: str | bytes, *args: Any, **given: Any) -> None:
        """Keep in memory what Panel would store in cookies, except those it needs during the login."""
        if name in (STATE_COOKIE_NAME, CODE_COOKIE_NAME):
            super().set_secure_cookie(name, value, *args, **given)  # type: ignore[misc]  # of the handler class
        else:
            self._claims[name] = value

    async def get_authenticated_user(self, *args: Any, **given: Any) -> Any:
        """Ask the provider, and log in users that it and the users file know."""
        found = await super().get_authenticated_user(*args, **given)  # type: ignore[misc]  # of the handler class
        if given.get("code"):
            self._log_in_known_user()
        return found

    def _log_in_known_user(self) -> None:
        name = str(self._claims.get("user") or "")
        user = self.auth.user(name) if name and not _is_unverified(self._claims.get("id_token")) else None
        if user is None:
            raise HTTPError(403, f"{name or 'somebody without a name'} is no user here")
        self.log_in(user)
        self._is_logged_in = True

    def _raise_error(self, response: Any, body: Any = None, status: int = 400) -> None:
        """Raise without Panel's log line, which could contain a token."""
        del response, body
        raise HTTPError(status, "the provider refused")

    def write_error(self, status_code: int, **given: Any) -> None:
        """Show an error on the login page, and log the reason."""
        error = given.get("exc_info", (None, None, None))[1]
        why = error.log_message if status_code == 403 and isinstance(error, HTTPError) else type(error).__name__
        refused(None, address_of(self.request), f"login by {config.oauth_provider}: {status_code} {why!r}")
        message = (
            "Your account is not registered here. Ask an admin to add it."
            if status_code == 403
            else "The provider refused the login. Try again."
        )
        handler: Any = self
        handler.set_header("Content-Type", "text/html; charset=utf-8")
        handler.finish(page(handler, message=message, provider=self.provider))

    def log_exception(self, *_: Any) -> None:
        """Log nothing: `write_error` does, and a traceback could show a provider's code in the address."""


def _is_unverified(token: Any) -> bool:
    """Whether the provider says that the e-mail address, which is the name, is not verified."""
    if token is None:
        return False
    try:
        claims = decode_token(token)
    except Exception:  # noqa: BLE001 - an unreadable token verifies nothing
        return True
    return claims.get("email_verified") in (False, "false")
