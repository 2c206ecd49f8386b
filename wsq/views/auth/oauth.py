"""A provider says who somebody is (OAuth, OpenID Connect), through Panel; what they may do, the users file says.

Panel's handlers ask the provider. What they learn is made into a session of ours and forgotten: no token of the
provider is kept anywhere, and none reaches a log.
"""

from __future__ import annotations

import logging
from typing import Any

from panel.auth import AUTH_PROVIDERS, CODE_COOKIE_NAME, STATE_COOKIE_NAME
from panel.config import config
from panel.util import decode_token
from tornado.web import HTTPError, RequestHandler

from wsq.views.auth.authenticator import Provider
from wsq.views.auth.guard import OAUTH, address_of, is_https, next_of, refused
from wsq.views.auth.login import AtTheDoor, page


def handler_of(provider: Provider) -> type[RequestHandler]:
    """What asks a provider. Panel keeps what it is told of one in its own configuration, once for a process."""
    logging.getLogger("panel.auth").setLevel(logging.CRITICAL)  # it logs what browsers bring; `write_error` says enough
    config.oauth_provider = provider.name
    config.oauth_key = provider.client
    config.oauth_secret = provider.secret
    config.oauth_redirect_uri = provider.redirect_uri or ""
    config.oauth_extra_params = dict(provider.params)
    return type("OAuthLogin", (_Asking, AUTH_PROVIDERS[config.oauth_provider]), {"_login_endpoint": OAUTH})


class _Asking(AtTheDoor):
    """Mixed into Panel's handler of a provider."""

    _told: dict[str, Any]
    _is_in: bool

    def prepare(self) -> None:
        """Nothing is known yet."""
        self._told = {}
        self._is_in = False

    async def get(self) -> None:
        """Lead to the provider, and let in who comes back from it: who went there from here, in the same browser.

        For Panel no state is the same as no cookie of one; so a link could bring somebody in as who made it.
        """
        handler: Any = self
        if handler.get_argument("code", None) and not handler.get_argument("state", None):
            raise HTTPError(401, "a code without a state")
        await super().get()  # type: ignore[misc]  # of the handler

    def redirect(self, url: str, *args: Any, **given: Any) -> None:
        """To the provider, or where somebody goes on who is in: Panel lets some addresses of others pass for ours."""
        super().redirect(next_of(url) if self._is_in else url, *args, **given)  # type: ignore[misc]  # of the handler

    @property
    def _redirect_uri(self) -> str:
        """Where the provider sends the browser back to."""
        scheme = "https" if is_https(self.request) else "http"
        return config.oauth_redirect_uri or f"{scheme}://{self.request.host}{OAUTH}"

    def set_secure_cookie(self, name: str, value: str | bytes, *args: Any, **given: Any) -> None:
        """Keep for a moment what Panel would leave with the browser for good; what it needs meanwhile is a cookie."""
        if name in (STATE_COOKIE_NAME, CODE_COOKIE_NAME):
            super().set_secure_cookie(name, value, *args, **given)  # type: ignore[misc]  # of the handler
        else:
            self._told[name] = value

    async def get_authenticated_user(self, *args: Any, **given: Any) -> Any:
        """Ask the provider, and let in whom it knows and the users file too."""
        found = await super().get_authenticated_user(*args, **given)  # type: ignore[misc]  # of the handler
        if given.get("code"):
            self._let_in_whom_it_knows()
        return found

    def _let_in_whom_it_knows(self) -> None:
        name = str(self._told.get("user") or "")
        user = self.door.user(name) if name and not _is_unverified(self._told.get("id_token")) else None
        if user is None:
            raise HTTPError(403, f"{name or 'somebody without a name'} is no user here")
        self.let_in(user)
        self._is_in = True

    def _raise_error(self, response: Any, body: Any = None, status: int = 400) -> None:
        """Panel would log what the provider has answered, in which there may be a token."""
        del response, body
        raise HTTPError(status, "the provider refused")

    def write_error(self, status_code: int, **given: Any) -> None:
        """Say on the login page that it came to nothing, and log why."""
        error = given.get("exc_info", (None, None, None))[1]
        why = error.log_message if status_code == 403 and isinstance(error, HTTPError) else type(error).__name__
        refused(None, address_of(self.request), f"login by {config.oauth_provider}: {status_code} {why!r}")
        said = (
            "The provider knows you, but nobody has added you here; ask an admin."
            if status_code == 403
            else "The provider did not let you in; try again."
        )
        handler: Any = self
        handler.set_header("Content-Type", "text/html; charset=utf-8")
        handler.finish(page(handler, said=said, provider=self.provider))

    def log_exception(self, *_: Any) -> None:
        """What went wrong is told by `write_error`; a traceback might show a code of the provider's in the address."""


def _is_unverified(token: Any) -> bool:
    """Whether the provider itself says that the e-mail address, which is the name, need not be theirs."""
    if token is None:
        return False
    try:
        claims = decode_token(token)
    except Exception:  # noqa: BLE001 - whatever cannot be read vouches for nobody
        return True
    return claims.get("email_verified") in (False, "false")
