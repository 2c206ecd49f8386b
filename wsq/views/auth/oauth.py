"""Login with OAuth and OpenID Connect providers: the code flow, with PKCE; permissions come from the users file.

The result becomes a wsq session: the provider's tokens are neither stored nor logged.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from typing import Any

from tornado.web import HTTPError, RequestHandler

from wsq.errors import SettingError, WsqError
from wsq.views.auth import cookies, sessions
from wsq.views.auth.authenticator import Authenticator, TooSoon
from wsq.views.auth.guard import OAUTH, address_of, next_of, refused
from wsq.views.auth.login import AuthHandler, page
from wsq.views.auth.providers import Identity, Login, ProviderClient, ProviderError, Unreachable
from wsq.views.auth.sessions import Flow
from wsq.views.auth.users import User

log = logging.getLogger(__name__)

LONGEST_ONWARD = 2_000
"""Bytes of the page to open afterwards, which a cookie must hold."""

PARAMETERS = ("code", "state", "error", "error_description", "iss")
"""What a provider sends back, in the query of the address and nowhere else."""


class Refusal(WsqError):
    """The login is refused, with a status."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status
        super().__init__(sentence)


class OAuthLogin(AuthHandler, RequestHandler):  # type: ignore[misc]  # Tornado is not typed here
    """Sends the browser to the provider, and logs in users who return from it in the same browser."""

    _client: ProviderClient

    def initialize(
        self, auth: Authenticator, provider: str | None = None, client: ProviderClient | None = None
    ) -> None:
        """Receive Tornado's handler arguments."""
        assert client is not None
        super().initialize(auth, provider)
        self._client = client

    async def get(self) -> None:
        """Redirect to the provider, or log in who returns from it."""
        try:
            given = self._given()
            if given:
                await self._finish_login(given)
            else:
                await self._begin_login()
        except TooSoon as wait:
            self.set_header("Retry-After", str(wait.seconds))
            self._refuse(429, str(wait))
        except Refusal as refusal:
            self._refuse(refusal.status, str(refusal))
        except Unreachable as problem:
            self._refuse(502, str(problem))
        except ProviderError as problem:
            self._refuse(401, str(problem))

    def _given(self) -> dict[str, str]:
        """Return what the provider sends back: empty if the login begins.

        Tornado would also take values from a body, and the last one of several.
        """
        found = {name: self.request.query_arguments.get(name, []) for name in PARAMETERS}
        try:
            given = {name: values[0].decode("utf-8") for name, values in found.items() if values}
        except UnicodeDecodeError:
            given = {"error": ""}
        if self.request.body or any(len(values) > 1 for values in found.values()):
            raise Refusal(400, "The answer of the provider is not in the query of the address alone. Try again.")
        return given

    async def _begin_login(self) -> None:
        onward = next_of(self.get_query_argument("next", None))
        is_short = len(onward.encode("utf-8", "replace")) <= LONGEST_ONWARD
        flow = sessions.new_flow(onward if is_short else next_of(None), self.auth.now())
        url = await self._client.authorize_url(self._login(flow))
        self.set_cookie(cookies.FLOW, self.auth.signer.signed(flow), max_age=sessions.FLOW)
        self.redirect(url)

    async def _finish_login(self, given: dict[str, str]) -> None:
        flow = self._flow(given.get("state", ""))
        login = self._login(flow)
        limits = self.auth.count_provider(address_of(self.request))
        code = given.get("code", "")
        if "error" in given:
            raise Refusal(401, self._client.refusal(given["error"], given.get("error_description"), code, login))
        if not code:
            raise Refusal(401, "The provider sent no code.")
        identity = await self._client.identity(code, login, now=self.auth.now(), issuer=given.get("iss"))
        user = await asyncio.get_running_loop().run_in_executor(None, self._user, identity)
        self.auth.succeeded(limits)
        self.log_in(user)
        self.redirect(next_of(flow.onward), status=303)

    def _flow(self, state: str) -> Flow:
        """Return the login that this browser has begun. It is over then, whatever becomes of it."""
        flow = self.auth.signer.read(Flow, self.get_cookie(cookies.FLOW))
        self.clear_cookie(cookies.FLOW)
        if flow is None:
            raise Refusal(401, "This login was not begun in this browser, or its cookies are disabled. Try again.")
        if not state or not hmac.compare_digest(state.encode(), flow.id.encode()):
            raise Refusal(401, "This is the answer to another login than the last one of this browser. Try again.")
        if not -sessions.AHEAD <= self.auth.now() - flow.at <= sessions.FLOW:
            raise Refusal(401, f"The login took longer than {sessions.FLOW // 60} minutes. Try again.")
        return flow

    def _login(self, flow: Flow) -> Login:
        signer = self.auth.signer
        return Login(
            redirect_uri=self._client.provider.redirect_uri or f"{self.request.protocol}://{self.request.host}{OAUTH}",
            state=flow.id,
            nonce=signer.derived("nonce", flow),
            verifier=signer.derived("verifier", flow),
        )

    def _user(self, identity: Identity) -> User:
        """Return the user whom the users file knows. Reads and may write a file: not for an event loop."""
        shown = f"{identity.name} ({identity.email})" if identity.email else identity.name
        try:
            user = self.auth.of_provider(identity.name, identity.email if identity.is_verified else None)
        except SettingError as trouble:
            log.warning("%s cannot log in: %s", identity.name, trouble, extra={"action": "auth.users"})
            raise Refusal(
                403,
                f"{shown} cannot be logged in, since the users file cannot be used. Ask an admin; the log says why.",
            ) from trouble
        if user is not None:
            return user
        unverified = identity.email is not None and not identity.is_verified
        why = " Its e-mail address does not count, since the provider has not verified it." if unverified else ""
        raise Refusal(403, f"{shown} is not registered here.{why} Ask an admin to add it.")

    def _refuse(self, status: int, why: str) -> None:
        refused(None, address_of(self.request), f"login by {self.provider}: {status} {why}")
        self.set_status(status)
        self.finish(page(self, message=why, provider=self.provider))

    def write_error(self, status_code: int, **given: Any) -> None:
        """Show the login page for any other error."""
        error = given.get("exc_info", (None, None, None))[1]
        status = error.status_code if isinstance(error, HTTPError) else status_code
        invalid, failed = "Invalid request. Try again.", "Something went wrong here; the server's log says what."
        self._refuse(status, invalid if status < 500 else failed)

    def log_exception(self, kind: Any, error: Any, _trace: Any) -> None:
        """Log an error without its traceback and message, which could show a provider's code in the address."""
        del kind
        if not isinstance(error, HTTPError):
            log.error("The login failed: %s", type(error).__name__, extra={"action": "auth.provider"})
