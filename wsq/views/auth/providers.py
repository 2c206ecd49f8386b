"""OAuth 2.0 and OpenID Connect providers: where they answer, and who they say somebody is."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, quote_plus, urlencode, urlsplit

from tornado.httpclient import HTTPRequest
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from wsq.errors import WsqError
from wsq.rules.roles import LONGEST_OF_PROVIDER
from wsq.settings import is_confidential
from wsq.views.auth.authenticator import Provider

log = logging.getLogger(__name__)

ISSUERS = {
    "google": "https://accounts.google.com",
    "gitlab": "https://{url}",
    "azure": "https://login.microsoftonline.com/{tenant}/v2.0",
    "azurev2": "https://login.microsoftonline.com/{tenant}/v2.0",
    "auth0": "https://{subdomain}.auth0.com/",
    "okta": "https://{url}/oauth2/{server}",
    "generic": "{ISSUER}",
}
"""Of the providers of OpenID Connect; the other endpoints are read from their configuration."""

DEFAULTS = {"url": "gitlab.com", "server": "default"}
NOT_FORWARDED = frozenset({"url", "server", "tenant", "subdomain"})
"""Parameters of the settings that the provider is not sent; those in capitals are not sent either."""

POST, BASIC = "client_secret_post", "client_secret_basic"
KEPT = 3600.0
"""Seconds for which a provider's configuration and keys are kept."""

FAILURE_KEPT = 5.0
"""Seconds before a provider that has not answered is asked again, by however many browsers."""

KEYS_KEPT = 30.0
"""Seconds before its keys are read again for a token that none of them has signed."""

LARGEST_ANSWER = 1_000_000
TIMEOUT = 10.0


class ProviderError(WsqError):
    """The provider has refused the login, or its answer cannot be accepted."""


class Unreachable(ProviderError):
    """The provider cannot be reached."""


class Service(NamedTuple):
    """Where a provider answers, and how. Without an `issuer` it has no ID tokens, and `user` says who somebody is."""

    authorize: str
    token: str
    user: str | None
    scope: str
    issuer: str | None = None
    keys: str = ""
    emails: str | None = None
    methods: tuple[str, ...] = (POST, BASIC)


PLAIN = {
    "github": Service(
        "https://github.com/login/oauth/authorize",
        "https://github.com/login/oauth/access_token",
        "https://api.github.com/user",
        "read:user user:email",
        emails="https://api.github.com/user/emails",
    ),
    "bitbucket": Service(
        "https://bitbucket.org/site/oauth2/authorize",
        "https://bitbucket.org/site/oauth2/access_token",
        "https://api.bitbucket.org/2.0/user",
        "account email",
        emails="https://api.bitbucket.org/2.0/user/emails",
    ),
}


class Identity(NamedTuple):
    """Who the provider says somebody is: ``provider:subject``, and an e-mail address that it may have verified."""

    name: str
    email: str | None
    is_verified: bool


class Login(NamedTuple):
    """What belongs to one login: the state, and the secrets that the provider sends back or compares."""

    redirect_uri: str
    state: str
    nonce: str
    verifier: str


Answer = Mapping[str, object]


class Kept(NamedTuple):
    """What the provider has answered, or why it has not, and when, in seconds of a monotonic clock."""

    answer: Answer | ProviderError
    at: float


class ProviderClient:
    """Asks one provider. For one event loop."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._kept: dict[str, Kept] = {}
        self._lock = asyncio.Lock()
        self._http: SimpleAsyncHTTPClient | None = None

    async def authorize_url(self, login: Login) -> str:
        """Return the URL at which the provider asks the user.

        Raises:
            ProviderError: The provider's configuration cannot be read, or is not the one of its issuer.
        """
        service = await self._service()
        challenge = hashlib.sha256(login.verifier.encode()).digest()
        params = self.provider.params.items()
        query = {name: value for name, value in params if name.islower() and name not in NOT_FORWARDED} | {
            "response_type": "code",
            "client_id": self.provider.client,
            "redirect_uri": login.redirect_uri,
            "scope": service.scope,
            "state": login.state,
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        if service.issuer is not None:
            query["nonce"] = login.nonce
        return f"{service.authorize}{'&' if urlsplit(service.authorize).query else '?'}{urlencode(query)}"

    async def identity(self, code: str, login: Login, *, now: int, issuer: str | None = None) -> Identity:
        """Return who has logged in, for the code that the browser brought back, and the `issuer` it named, if any.

        Raises:
            ProviderError: The provider refuses the code, or says nothing that can be believed.
        """
        service = await self._service()
        if issuer is not None and service.issuer is not None and issuer != service.issuer:
            raise ProviderError(f"The answer is of {_clean(issuer)}, expected one of {service.issuer}.")
        tokens = await self._tokens(service, code, login)
        access = {"Authorization": f"Bearer {tokens.get('access_token')}"}
        if service.issuer is None:
            return await self._plain_identity(service, access)
        claims = await self._claims(service, tokens.get("id_token"), login, now)
        subject = claims["sub"]
        if service.user is not None and not self._is_verified(claims):
            claims = await self._about(service.user, subject, access) or claims
        return self._identity(subject, claims)

    async def _about(self, url: str, subject: object, access: Mapping[str, str]) -> Answer | None:
        """Return what the provider says besides the ID token; None if it does not, as who somebody is is known."""
        try:
            answer = await self._ask(url, headers=access)
        except ProviderError as problem:
            log.warning("Cannot read e-mail addresses: %s", problem, extra={"action": "auth.provider"})
            return None
        if answer.get("sub") != subject:
            raise ProviderError(f"{self.provider.name} says another user in its ID token than at {url}.")
        return answer

    async def _plain_identity(self, service: Service, access: Mapping[str, str]) -> Identity:
        """Return who has logged in at a provider without ID tokens: the answer itself comes from it, over TLS."""
        about = await self._ask(service.user or "", headers=access)
        subject = next((about[name] for name in ("sub", "uuid", "id") if about.get(name) is not None), None)
        if service.emails is None:
            return self._identity(subject, about)
        values = (await self._ask(service.emails, headers=access)).get("values")
        for each in values if isinstance(values, list) else []:
            if isinstance(each, dict) and True in (each.get("primary"), each.get("is_primary")):
                is_verified = True in (each.get("verified"), each.get("is_confirmed"))
                return self._identity(subject, {"email": each.get("email"), "email_verified": is_verified})
        return self._identity(subject, {})

    def _identity(self, subject: object, claims: Answer) -> Identity:
        if isinstance(subject, int) and not isinstance(subject, bool):
            subject = str(subject)
        name = f"{self.provider.name}:{subject}"
        if not isinstance(subject, str) or not subject.strip() or subject != subject.strip():
            raise ProviderError(f"{self.provider.name} does not say who somebody is.")
        if len(name) > LONGEST_OF_PROVIDER or not name.isprintable():
            raise ProviderError(f"{self.provider.name} gives a subject that cannot be a name: {_clean(subject)}.")
        return Identity(name, _email(claims), self._is_verified(claims))

    def _is_verified(self, claims: Answer) -> bool:
        """Whether the provider says that it has verified the address; some say it as text, Azure in its own claim."""
        said = claims.get("email_verified")
        if said is None and self.provider.name.startswith("azure"):
            said = claims.get("xms_edov")
        return _email(claims) is not None and said in (True, "true", "1")

    # OpenID Connect

    async def _service(self) -> Service:
        """Return where the provider answers; of OpenID Connect from its configuration."""
        name, params = self.provider.name, DEFAULTS | dict(self.provider.params)
        if name in PLAIN:
            return PLAIN[name]
        if name == "generic" and "ISSUER" not in params:
            return Service(params["AUTHORIZE_URL"], params["TOKEN_URL"], params["USER_URL"], "openid email profile")
        expected = ISSUERS[name].format_map(params)
        where = f"{expected.rstrip('/')}/.well-known/openid-configuration"
        found = await self._known(where, KEPT)
        issuer = found.get("issuer")
        # Azure writes a tenant's id where its name was asked for, in a configuration that is its own in any case.
        is_expected = name.startswith("azure") or (
            isinstance(issuer, str) and issuer.rstrip("/") == expected.rstrip("/")
        )
        if not isinstance(issuer, str) or "{" in issuer or not is_expected:
            raise ProviderError(f"{where} is of the issuer {_clean(issuer)}, expected {expected}.")
        methods = found.get("token_endpoint_auth_methods_supported", [BASIC])
        usable = tuple(each for each in (POST, BASIC) if isinstance(methods, list) and each in methods)
        user = found.get("userinfo_endpoint")
        return Service(
            self._endpoint(found, "authorization_endpoint"),
            self._endpoint(found, "token_endpoint"),
            self._endpoint(found, "userinfo_endpoint") if user is not None else None,
            "openid email profile",
            issuer,
            self._endpoint(found, "jwks_uri"),
            methods=usable or (BASIC,),
        )

    def _endpoint(self, found: Answer, name: str) -> str:
        url = found.get(name)
        if not isinstance(url, str) or not is_confidential(url):
            raise ProviderError(f"{self.provider.name} has the {name} {_clean(url)}, expected a URL with https://.")
        return url

    async def _claims(self, service: Service, token: object, login: Login, now: int) -> Answer:
        from wsq.views.auth.id_tokens import Expected, InvalidToken, UnknownKey, verified_claims

        if not isinstance(token, str):
            raise ProviderError(f"{self.provider.name} sent no ID token.")
        expected = Expected(service.issuer or "", self.provider.client, login.nonce, now)
        try:
            try:
                return verified_claims(token, await self._keys(service, KEPT), expected)
            except UnknownKey:  # the provider may have a new one
                return verified_claims(token, await self._keys(service, KEYS_KEPT), expected)
        except InvalidToken as problem:
            why = _clean(str(problem))
            raise ProviderError(f"{self.provider.name} sent an ID token that is not valid here: {why}.") from problem

    async def _keys(self, service: Service, longest: float) -> list[object]:
        keys = (await self._known(service.keys, longest)).get("keys")
        return keys if isinstance(keys, list) else []

    async def _known(self, url: str, longest: float) -> Answer:
        """Return an answer that is at most so many seconds old."""
        async with self._lock:
            kept = self._kept.get(url)
            failed = kept is not None and isinstance(kept.answer, ProviderError)
            if kept is None or time.monotonic() - kept.at > (FAILURE_KEPT if failed else longest):
                try:
                    kept = Kept(await self._ask(url), time.monotonic())
                except ProviderError as problem:
                    kept = Kept(problem, time.monotonic())
                self._kept[url] = kept
        if isinstance(kept.answer, ProviderError):
            raise type(kept.answer)(str(kept.answer))
        return kept.answer

    # Requests

    async def _tokens(self, service: Service, code: str, login: Login) -> Answer:
        """Exchange the code, with the way of naming the client that the provider accepts."""
        client, secret = self.provider.client, self.provider.secret
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": login.redirect_uri,
            "client_id": client,
            "code_verifier": login.verifier,
        }
        basic = base64.b64encode(f"{quote_plus(client)}:{quote_plus(secret)}".encode()).decode()
        answer: Answer = {}
        for method in service.methods:
            if method == POST:
                answer = await self._ask(service.token, form | {"client_secret": secret}, is_token=True)
            else:
                answer = await self._ask(service.token, form, {"Authorization": f"Basic {basic}"}, is_token=True)
            if answer.get("error") != "invalid_client":
                break
        if "error" in answer or not isinstance(answer.get("access_token"), str):
            raise ProviderError(self.refusal(answer.get("error"), answer.get("error_description"), code, login))
        return answer

    def refusal(self, error: object, description: object, code: str, login: Login) -> str:
        """Return the provider's reason in one sentence, without anything secret that it may repeat."""
        text = f"{error or 'no access token'}{f' ({description})' if description else ''}"
        for secret in filter(None, (code, self.provider.secret, login.verifier, login.state)):
            text = text.replace(secret, "…").replace(quote(secret), "…")
        return f"{self.provider.name} refused the login: {_clean(text)}"

    async def _ask(
        self,
        url: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        is_token: bool = False,
    ) -> Answer:
        """Return the JSON object that answers a request; a list becomes its ``values``."""
        if self._http is None:
            self._http = SimpleAsyncHTTPClient(force_instance=True, max_body_size=LARGEST_ANSWER)
        request = HTTPRequest(
            url,
            "GET" if form is None else "POST",
            {"Accept": "application/json", "User-Agent": "wsq", **(headers or {})},
            None if form is None else urlencode(form),
            connect_timeout=TIMEOUT,
            request_timeout=TIMEOUT,
            follow_redirects=False,
        )
        place = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
        try:
            response = await self._http.fetch(request, raise_error=False)
        except Exception as error:  # whatever a network or a server does
            why = _clean(getattr(error, "strerror", None) or str(error) or type(error).__name__)
            raise Unreachable(f"{place} cannot be reached: {why}.") from error
        if response.code != 200 and not (is_token and 400 <= response.code < 500):
            raise ProviderError(f"{place} answered with status {response.code}.")
        try:
            answer = json.loads(response.body)
        except (ValueError, RecursionError) as error:
            raise ProviderError(f"{place} did not answer with JSON, status {response.code}.") from error
        if isinstance(answer, list):
            return {"values": answer}
        if not isinstance(answer, dict):
            raise ProviderError(f"{place} did not answer with a JSON object, status {response.code}.")
        return answer


def _email(claims: Answer) -> str | None:
    email = claims.get("email")
    return email if isinstance(email, str) and 3 <= len(email) <= 320 and "@" in email and email.isprintable() else None


def _clean(text: object) -> str:
    """Return a text of another for a page and the log: on one line, not long."""
    shown = "".join(each if each.isprintable() else " " for each in str(text))
    return shown[:200] + ("…" if len(shown) > 200 else "")
