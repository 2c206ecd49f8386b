"""oidc-provider-mock as an OpenID provider that wants PKCE, and whose answers a test may spoil."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import threading
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

with warnings.catch_warnings(record=True):  # it uses deprecated parts of Authlib, which shows that at any rate
    import oidc_provider_mock
from joserfc import jwt
from joserfc.jwk import JWKRegistry, RSAKey
from oidc_provider_mock._storage import storage
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

Claims = dict[str, object]
OTHERS = RSAKey.generate_key(2048, auto_kid=True)
"""A key that is not the provider's."""


class Issuer:
    """The provider as a WSGI application around the package's; `said` are the requests for tokens."""

    def __init__(self) -> None:
        self._app = oidc_provider_mock.app()
        with self._app.test_request_context():
            self._app.preprocess_request()  # makes its key known
            self._key = storage.jwk
            if not isinstance(self._key, RSAKey):  # before 0.4 it is Authlib's, imported anew for each token in 50 ms
                as_dict, self._key = storage.jwk.as_dict, RSAKey.import_key(storage.jwk.as_dict(is_private=True))
                storage.jwk.as_dict = lambda is_private=False: self._key if is_private else as_dict(is_private)
        self._challenges: dict[str, str] = {}
        self.said: list[dict[str, str]] = []
        self.asked: list[dict[str, str]] = []
        self.url = ""
        self.reset()

    def reset(self) -> None:
        """Answer as it should again."""
        self.claims: Callable[[Claims], object] = lambda _claims: None
        self.token: Callable[[Claims, RSAKey], str | None] = signed
        self.about: Callable[[Claims], object] = lambda _claims: None

    def put(self, sub: str, claims: Claims) -> None:
        """Have somebody with these claims."""
        body = json.dumps(claims).encode()
        request = urllib.request.Request(
            f"{self.url}/users/{sub}", body, {"Content-Type": "application/json"}, method="PUT"
        )
        urllib.request.urlopen(request).close()

    def authorize(self, url: str, sub: str, **form: str) -> dict[str, str]:
        """Somebody agrees at the page to which they were sent: what the browser brings back."""
        opener = urllib.request.build_opener(_Stay)
        with opener.open(urllib.request.Request(url, urlencode({"sub": sub, **form}).encode())) as answer:
            back = answer.headers["Location"]
        return _query(back)

    def __call__(self, environ, start):
        request = Request(environ)
        environ["wsgi.input"] = io.BytesIO(request.get_data(cache=True))  # read twice
        if request.path == "/oauth2/token":
            return self._tokens(request)(environ, start)
        answer = Response.from_app(self._app, environ)
        if request.path == "/oauth2/authorize" and "code" in _query(answer.location or ""):
            self.asked.append(request.args.to_dict())
            self._challenges[_query(answer.location)["code"]] = request.args["code_challenge"]
        if request.path == "/userinfo" and answer.status_code == 200:
            about = answer.get_json()
            self.about(about)
            answer = _json(200, about)
        return answer(environ, start)

    def _tokens(self, request: Request) -> Response:
        self.said.append(form := request.form.to_dict())
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if self._challenges.get(form["code"]) != challenge.decode():
            return _json(
                400, {"error": "invalid_grant", "error_description": f"code_verifier is wrong for {form['code']}"}
            )
        answer = Response.from_app(self._app, request.environ)
        tokens = answer.get_json()
        if "id_token" in tokens:
            claims = jwt.decode(tokens["id_token"], self._key).claims
            self.claims(claims)
            tokens["id_token"] = self.token(claims, self._key)
        return _json(answer.status_code, tokens)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nothing."""

    def redirect_request(self, *_):
        return None

    def http_error_302(self, _request, answer, *_):
        return answer


def _query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def _json(status: int, body: object) -> Response:
    return Response(json.dumps(body), status, content_type="application/json")


def signed(claims: Claims, key: RSAKey, alg: str = "RS256", **header: object) -> str:
    """An ID token as it should be, or with another header."""
    return jwt.encode({"alg": alg, "kid": key.kid, **header}, claims, key, algorithms=[alg])


def signed_by_another(claims: Claims, key: RSAKey) -> str:
    """One that another key has signed, under the name of the provider's."""
    return signed(claims, OTHERS, kid=key.kid)


def signed_by_an_unknown_key(claims: Claims, _key: RSAKey) -> str:
    """One whose key is not among the provider's."""
    return signed(claims, OTHERS)


def signed_with(secret: str) -> Callable[[Claims, RSAKey], str]:
    """One that is signed with a secret which the client has too."""
    return lambda claims, _key: jwt.encode({"alg": "HS256"}, claims, JWKRegistry.import_key(secret, "oct"))


def unsigned(claims: Claims, _key: RSAKey) -> str:
    """One that nobody has signed."""
    parts = (
        base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in ({"alg": "none"}, claims)
    )
    return ".".join((*parts, ""))


def garbled(claims: Claims, key: RSAKey) -> str:
    """One whose claims were changed after it was signed."""
    head, _, signature = signed(claims, key).split(".")
    return ".".join((head, signed({**claims, "sub": "ada"}, OTHERS).split(".")[1], signature))


@contextlib.contextmanager
def serving(issuer: Issuer) -> Iterator[Issuer]:
    """The provider on a free port of loopback."""
    server = make_server("127.0.0.1", 0, issuer, threaded=True)
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
