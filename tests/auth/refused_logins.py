"""Logins through a provider that must be refused, one case each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from tests.auth.conftest import CLIENT_SECRET, SECRET, session_of
from tests.auth.issuer import garbled, signed, signed_by_an_unknown_key, signed_by_another, signed_with, unsigned
from wsq.views.auth import sessions
from wsq.views.auth.sessions import Flow, Signer

VERIFIED = {"email_verified": True}
MAX = {"email": "max@example.com", **VERIFIED}
KNOWN = {"email": "known@example.com", **VERIFIED}


class Back(NamedTuple):
    """What a browser sends when it comes back from the provider."""

    query: list[tuple[str, str]]
    cookies: list[str]
    body: dict[str, str] | None = None
    method: str = "GET"

    def with_(self, **changed: str | None) -> Back:
        """With other values in the query; None leaves one out."""
        kept = [(name, value) for name, value in self.query if name not in changed]
        return self._replace(query=kept + [each for each in changed.items() if each[1] is not None])


class Case(NamedTuple):
    """A login that is refused: who it is, what is spoilt, and what is said."""

    said: str
    sub: str = "known"
    who: dict[str, object] = KNOWN
    claims: Callable[[dict[str, object]], object] = lambda _claims: None
    token: Callable[..., str | None] = signed
    about: Callable[[dict[str, object]], object] = lambda _claims: None
    back: Callable[[Back], Back] = lambda back: back
    form: Mapping[str, str] = MappingProxyType({})
    status: int = 401


def says(**changed):
    """Change claims; None leaves one out."""

    def change(claims):
        claims.update(changed)
        for name in [name for name, value in changed.items() if value is None]:
            del claims[name]

    return change


def flow(**changed) -> str:
    """The cookie of a login that was begun, signed as this server does."""
    given = {"id": "marked-state", "at": int(time.time()), "onward": "/board", **changed}
    return f"wsq-oauth={Signer(SECRET).signed(Flow(**given))}"


STATE = "denied-state"
NOT_BEGUN = "This login was not begun in this browser"
ANOTHER = "This is the answer to another login"
NOT_IN_QUERY = "not in the query of the address alone"
INVALID = "generic sent an ID token that is not valid here"
NOW = int(time.time())

REFUSED = {
    # The browser
    "wrong state": Case(ANOTHER, back=lambda back: back.with_(state="marked")),
    "no state": Case(ANOTHER, back=lambda back: back.with_(state=None)),
    "empty state": Case(ANOTHER, back=lambda back: back.with_(state="")),
    "no cookie": Case(NOT_BEGUN, back=lambda back: back._replace(cookies=[])),
    "empty cookie": Case(NOT_BEGUN, back=lambda back: back._replace(cookies=["wsq-oauth="])),
    "empty cookie and state": Case(NOT_BEGUN, back=lambda back: back.with_(state="")._replace(cookies=["wsq-oauth="])),
    "neither cookie nor state": Case(NOT_BEGUN, back=lambda back: back.with_(state=None)._replace(cookies=[])),
    "a state as cookie": Case(
        NOT_BEGUN, back=lambda back: back._replace(cookies=[f"wsq-oauth={dict(back.query)['state']}"])
    ),
    "forged cookie": Case(NOT_BEGUN, back=lambda back: back._replace(cookies=[back.cookies[0][:-4] + "beef"])),
    "a session as cookie": Case(NOT_BEGUN, back=lambda back: back._replace(cookies=[f"wsq-oauth={session_of('ada')}"])),
    "cookie with an empty state": Case(ANOTHER, back=lambda back: back.with_(state="")._replace(cookies=[flow(id="")])),
    "cookie of another login": Case(ANOTHER, back=lambda back: back._replace(cookies=[flow()])),
    "too late": Case(
        "took longer than 10 minutes",
        back=lambda back: back.with_(state="late")._replace(cookies=[flow(id="late", at=NOW - sessions.FLOW - 300)]),
    ),
    "of the future": Case(
        "took longer than 10 minutes",
        back=lambda back: back.with_(state="soon")._replace(cookies=[flow(id="soon", at=NOW + 3_600)]),
    ),
    "code of another browser": Case(
        "code_verifier is wrong",
        back=lambda back: back.with_(state="mine")._replace(cookies=[flow(id="mine")]),
    ),
    "code in the body": Case(
        NOT_IN_QUERY,
        status=400,
        back=lambda back: back.with_(code=None)._replace(body={"code": dict(back.query)["code"]}),
    ),
    "state in the body": Case(
        NOT_IN_QUERY,
        status=400,
        back=lambda back: back.with_(state=None)._replace(body={"state": dict(back.query)["state"]}),
    ),
    "everything in the body": Case(
        NOT_IN_QUERY, status=400, back=lambda back: back._replace(query=[], body=dict(back.query))
    ),
    "posted": Case("Invalid request", status=403, back=lambda back: back._replace(method="POST")),
    "two codes": Case(
        NOT_IN_QUERY, status=400, back=lambda back: back._replace(query=[*back.query, ("code", "marked")])
    ),
    "two states": Case(NOT_IN_QUERY, status=400, back=lambda back: back._replace(query=[("state", "x"), *back.query])),
    "no code": Case("The provider sent no code", back=lambda back: back.with_(code=None)),
    "empty code": Case("The provider sent no code", back=lambda back: back.with_(code="")),
    "unknown code": Case("generic refused the login: invalid_grant", back=lambda back: back.with_(code="marked-code")),
    "denied": Case(
        "generic refused the login: access_denied", form={"action": "deny"}, back=lambda back: back.with_(state=STATE)
    ),
    "provider asks for PKCE": Case(
        "generic refused the login: invalid_request (code_challenge <b>is required</b>)",
        back=lambda back: back.with_(
            code=None, error="invalid_request", error_description="code_challenge <b>is required</b>"
        ),
    ),
    "error of a stranger": Case(
        NOT_BEGUN, back=lambda back: back.with_(error="marked-error", error_description="marked")._replace(cookies=[])
    ),
    "code and error": Case("generic refused the login: x", back=lambda back: back.with_(error="x")),
    "issuer of another": Case(
        "The answer is of https://evil.example", back=lambda back: back.with_(iss="https://evil.example")
    ),
    # The ID token
    "wrong issuer": Case(INVALID, claims=says(iss="https://evil.example")),
    "issuer with a slash": Case(INVALID, claims=lambda claims: claims.update(iss=f"{claims['iss']}/")),
    "no issuer": Case(INVALID, claims=says(iss=None)),
    "wrong audience": Case(INVALID, claims=says(aud="another")),
    "no audience": Case(INVALID, claims=says(aud=None)),
    "other audiences without a party": Case(INVALID, claims=says(aud=["wsq", "another"])),
    "authorized for another": Case(INVALID, claims=says(azp="another")),
    "expired": Case(INVALID, claims=says(exp=NOW - 600)),
    "no expiry": Case(INVALID, claims=says(exp=None)),
    "expiry as text": Case(INVALID, claims=says(exp="never")),
    "issued tomorrow": Case(INVALID, claims=says(iat=NOW + 86_400, exp=NOW + 90_000)),
    "wrong nonce": Case(INVALID, claims=says(nonce="marked")),
    "no nonce": Case(INVALID, claims=says(nonce=None)),
    "no subject": Case(INVALID, claims=says(sub=None)),
    "empty subject": Case(INVALID, claims=says(sub="", **KNOWN)),
    "subject that is no text": Case(INVALID, claims=says(sub=["known"])),
    "subject with a line break": Case("cannot be a name", claims=says(sub="known\nada", **KNOWN)),
    "subject with a space at its end": Case("does not say who somebody is", claims=says(sub="known ", **KNOWN)),
    "subject that is too long": Case("cannot be a name", claims=says(sub="known" * 100, **KNOWN)),
    "signed by another": Case(INVALID, token=signed_by_another),
    "signed by an unknown key": Case(INVALID, token=signed_by_an_unknown_key),
    "signed with the client secret": Case(INVALID, token=signed_with(CLIENT_SECRET)),
    "not signed": Case(INVALID, token=unsigned),
    "changed": Case(INVALID, token=garbled),
    "no token": Case("generic sent no ID token", token=lambda _claims, _key: None),
    "no real token": Case(INVALID, token=lambda _claims, _key: "marked"),
    "another user than in the ID token": Case(
        "says another user", claims=says(email=None, email_verified=None), about=says(sub="ada")
    ),
    # The user
    "unknown": Case(
        "generic:mallory (m@example.com) is not registered", "mallory", {"email": "m@example.com"}, status=403
    ),
    "unverified address": Case(
        "since the provider has not verified it",
        "u1",
        {"email": "kim@example.com", "email_verified": False},
        status=403,
    ),
    "address of which nothing is said": Case(
        "since the provider has not verified it", "u2", {"email": "kim@example.com"}, status=403
    ),
    "look-alike address": Case(
        "is not registered",
        "u3",
        {"email": "k\N{CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I}m@example.com", **VERIFIED},
        status=403,
    ),
    "address that folds to another": Case(
        "is not registered", "u4", {"email": "\N{KELVIN SIGN}im@example.com", **VERIFIED}, status=403
    ),
    "address of a user with a password": Case("is not registered", "u5", MAX, status=403),
    "name of a user with a password": Case("generic:ada is not registered", "ada", {}, status=403),
    "name of the settings' admin": Case("generic:root is not registered", "root", {}, status=403),
    "address like the settings' admin": Case(
        "is not registered", "u6", {"email": "root", "email_verified": True}, status=403
    ),
    "subject in another case": Case("generic:Known", "Known", {"email": "k@example.com"}, status=403),
    "subject with the prefix": Case("generic:generic:known is not", "generic:known", {}, status=403),
    "name in another claim": Case(
        "is not registered", "u7", {"preferred_username": "ada", "name": "root", "nickname": "known"}, status=403
    ),
}
