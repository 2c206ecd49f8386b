"""Providers without ID tokens, such as GitHub, and what is read of others: with real servers on loopback."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.auth.issuer import Issuer, serving
from wsq.views.auth.authenticator import Provider
from wsq.views.auth.providers import PLAIN, Login, ProviderClient, ProviderError, Unreachable

LOGIN = Login("http://localhost:5006/login/oauth", "marked-state", "nonce", "marked-verifier-" + "v" * 40)


class Answers(BaseHTTPRequestHandler):
    """Answers each path as a test says: a status and JSON, or text."""

    given: ClassVar[dict[str, tuple[int, object]]] = {}
    seen: ClassVar[list[tuple[str, dict[str, list[str]], str | None]]] = []

    def do_POST(self):
        self.do_GET()

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.seen.append((self.path, parse_qs(body), self.headers["Authorization"]))
        status, answer = self.given[self.path]
        if callable(answer):
            status, answer = answer(parse_qs(body), self.headers)
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write((answer if isinstance(answer, str) else json.dumps(answer)).encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def answers(url):
    """What the server answers: a code is exchanged for a token."""
    Answers.seen.clear()
    Answers.given.clear()
    Answers.given["/token"] = (200, {"access_token": "marked-token", "token_type": "bearer"})
    return Answers.given


def identity(name, url, monkeypatch, **params):
    """Who has logged in at a provider that answers at this URL, without a browser."""
    at = {"authorize": f"{url}/authorize", "token": f"{url}/token", "user": f"{url}/user"}
    if name in PLAIN:
        monkeypatch.setitem(PLAIN, name, PLAIN[name]._replace(**at, emails=f"{url}/emails"))
    else:
        params = {f"{each.upper()}_URL": where for each, where in at.items()} | params
    client = ProviderClient(Provider(name, "wsq", "marked-secret", None, params))
    return asyncio.run(client.identity("marked-code", LOGIN, now=int(time.time())))


@pytest.mark.parametrize(
    ("name", "user", "emails", "expected"),
    [
        (
            "github",
            {"id": 583231, "login": "octocat", "email": "public@example.com"},
            [
                {"email": "old@example.com", "primary": False, "verified": True},
                {"email": "octo@example.com", "primary": True, "verified": True},
            ],
            ("github:583231", "octo@example.com", True),
        ),
        (
            "github",
            {"id": 1, "login": "ada"},
            [{"email": "octo@example.com", "primary": True, "verified": False}],
            ("github:1", "octo@example.com", False),
        ),
        ("github", {"id": 1, "login": "ada"}, [], ("github:1", None, False)),
        (
            "bitbucket",
            {"uuid": "{1-2}", "username": "ada"},
            {"values": [{"email": "b@example.com", "is_primary": True, "is_confirmed": True}]},
            ("bitbucket:{1-2}", "b@example.com", True),
        ),
        (
            "generic",
            {"sub": "7", "email": "c@example.com", "email_verified": True},
            None,
            ("generic:7", "c@example.com", True),
        ),
        ("generic", {"id": 7, "email": "c@example.com"}, None, ("generic:7", "c@example.com", False)),
        (
            "generic",
            {"sub": "7", "email": "c@example.com", "email_verified": "yes"},
            None,
            ("generic:7", "c@example.com", False),
        ),
        ("generic", {"sub": "7", "email": ["c@example.com"], "email_verified": True}, None, ("generic:7", None, False)),
    ],
)
def test_who_somebody_is_is_their_number_and_only_a_verified_address_counts(
    answers, url, monkeypatch, name, user, emails, expected
):
    answers |= {"/user": (200, user), "/emails": (200, emails)}

    assert identity(name, url, monkeypatch) == expected

    assert Answers.seen[0][1]["code_verifier"] == [LOGIN.verifier]
    assert {each[2] for each in Answers.seen[1:]} == {"Bearer marked-token"}


def by_header_alone(body, headers):
    """Accept a client that names itself as HTTP's Basic does."""
    if (headers["Authorization"] or "").startswith("Basic ") and "client_secret" not in body:
        return 200, {"access_token": "marked-token"}
    return 401, {"error": "invalid_client"}


def test_the_client_names_itself_in_the_way_that_the_provider_accepts(answers, url, monkeypatch):
    answers |= {"/token": (0, by_header_alone), "/user": (200, {"sub": "7"})}

    assert identity("generic", url, monkeypatch).name == "generic:7"


@pytest.mark.parametrize(
    ("path", "status", "answer", "said"),
    [
        (
            "/token",
            400,
            {"error": "invalid_grant", "error_description": "used: marked-code"},
            "refused the login: invalid_grant (used: …)",
        ),
        ("/token", 200, {"error": "bad_verification_code"}, "generic refused the login: bad_verification_code"),
        (
            "/token",
            401,
            {"error": "invalid_client", "error_description": "marked-secret\n<b>"},
            "invalid_client (… <b>)",
        ),
        ("/token", 200, {}, "generic refused the login: no access token"),
        ("/token", 200, "access_token=x", "did not answer with JSON, status 200"),
        ("/token", 200, '"x"', "did not answer with a JSON object"),
        ("/token", 503, {}, "answered with status 503"),
        ("/user", 302, {"sub": "7"}, "answered with status 302"),
        ("/user", 200, {"email": "a@example.com"}, "does not say who somebody is"),
        ("/user", 200, {"sub": True}, "does not say who somebody is"),
        ("/user", 200, {"sub": "7\u2028"}, "does not say who somebody is"),
        ("/user", 200, {"sub": "a\u202eb"}, "cannot be a name"),
        ("/user", 200, "[" * 100_000, "did not answer with JSON"),
        ("/user", 200, "x" * 1_100_000, "cannot be reached"),
    ],
)
def test_an_answer_that_cannot_be_believed_says_why_and_nothing_secret(
    answers, url, monkeypatch, path, status, answer, said
):
    answers |= {"/user": (200, {"sub": "7"}), path: (status, answer)}

    with pytest.raises(ProviderError) as refusal:
        identity("generic", url, monkeypatch)

    assert said in str(refusal.value)
    assert "marked" not in str(refusal.value)


def test_a_provider_that_cannot_be_reached_is_named(url):
    nowhere = "http://127.0.0.1:9"
    client = ProviderClient(Provider("generic", "wsq", "x", None, {"ISSUER": nowhere}))

    with pytest.raises(Unreachable, match=f"{nowhere} cannot be reached"):
        asyncio.run(client.authorize_url(LOGIN))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"issuer": "https://evil.example"}, "is of the issuer https://evil.example, expected http://127.0.0.1"),
        ({"issuer": None}, "is of the issuer None"),
        ({"token_endpoint": "http://evil.example/token"}, "has the token_endpoint http://evil.example/token, expected"),
        ({"jwks_uri": None}, "has the jwks_uri None, expected a URL with https://"),
        ({"authorization_endpoint": ["x"]}, "has the authorization_endpoint"),
    ],
)
def test_a_configuration_of_another_issuer_is_not_used(answers, url, changed, said):
    right = {
        "issuer": url,
        "authorization_endpoint": f"{url}/authorize?tenant=x",
        "token_endpoint": f"{url}/token",
        "jwks_uri": f"{url}/keys",
    }
    answers["/.well-known/openid-configuration"] = (200, right)
    client = ProviderClient(Provider("generic", "wsq", "x", None, {"ISSUER": f"{url}/", "prompt": "login"}))
    asked = parse_qs(urlsplit(asyncio.run(client.authorize_url(LOGIN))).query)
    assert (asked["tenant"], asked["prompt"], asked["scope"]) == (["x"], ["login"], ["openid email profile"])

    answers["/.well-known/openid-configuration"] = (200, right | changed)
    client = ProviderClient(Provider("generic", "wsq", "x", None, {"ISSUER": url}))
    with pytest.raises(ProviderError) as refusal:
        asyncio.run(client.authorize_url(LOGIN))
    assert said in str(refusal.value)


def test_a_key_that_the_provider_changes_is_read_again_but_not_for_every_token(answers, url, monkeypatch):
    with serving(Issuer()) as issuer:
        issuer.put("known", {"email": "a@example.com", "email_verified": True})
        client = ProviderClient(Provider("generic", "wsq", "x", None, {"ISSUER": issuer.url}))
        keys = f"{issuer.url}/jwks"

        async def log_in():
            asked = await client.authorize_url(LOGIN)
            code = (await asyncio.to_thread(issuer.authorize, asked, "known"))["code"]
            return await client.identity(code, LOGIN, now=int(time.time()))

        async def all_of_it():
            await client._known(keys, 0.0)
            old = {"keys": [{"kty": "RSA", "kid": "old", "n": "x", "e": "AQAB"}]}
            client._kept[keys] = client._kept[keys]._replace(answer=old)
            with pytest.raises(ProviderError, match="No key for kid"):
                await log_in()
            client._kept[keys] = client._kept[keys]._replace(at=time.monotonic() - 31)
            return await log_in()

        assert asyncio.run(all_of_it()).name == "generic:known"
