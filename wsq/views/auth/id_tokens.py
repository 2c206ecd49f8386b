"""Checks ID tokens of OpenID Connect, with joserfc; imported when somebody logs in through such a provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet
from joserfc.jws import JWSRegistry

from wsq.errors import WsqError

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures by a key that only the provider has: neither none nor one by the client secret."""

LEEWAY = 60
"""Seconds by which the provider's clock may differ."""


class InvalidToken(WsqError):
    """The ID token is not one for this login."""


class UnknownKey(InvalidToken):
    """The ID token is signed by a key that is not among the provider's."""


class Expected(NamedTuple):
    """What an ID token must say; `now` is in seconds since 1970 (UTC)."""

    issuer: str
    client: str
    nonce: str
    now: int


def verified_claims(token: str, keys: Sequence[object], expected: Expected) -> Mapping[str, object]:
    """Return the claims of an ID token that one of the provider's keys (JWKs) has signed for this login.

    Raises:
        UnknownKey: None of the keys has the id that the token names.
        InvalidToken: It is not signed by the key, has expired, or is for another client, issuer or login.
    """
    try:
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        claims = jwt.decode(token, _key_set(keys), algorithms=ALGORITHMS, registry=registry).claims
        jwt.JWTClaimsRegistry(
            now=expected.now,
            leeway=LEEWAY,
            iss={"essential": True, "value": expected.issuer},
            sub={"essential": True},
            aud={"essential": True, "value": expected.client},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": expected.nonce},
        ).validate(claims)
    except InvalidKeyIdError as error:
        raise UnknownKey(str(error)) from error
    except JoseError as error:
        raise InvalidToken(str(error)) from error
    except Exception as error:  # whatever is odd about a token, it logs nobody in
        raise InvalidToken(type(error).__name__) from error
    if not isinstance(claims["sub"], str):
        raise InvalidToken("invalid_claim: Invalid claim: 'sub'")
    is_for_others = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", expected.client if not is_for_others else None) != expected.client:
        raise InvalidToken("invalid_claim: Invalid claim: 'azp'")
    return claims


def _key_set(keys: Sequence[object]) -> KeySet:
    """Return the keys that can sign, without those that joserfc does not understand."""
    found: list[Key] = []
    for each in keys:
        if isinstance(each, dict) and each.get("kty") in ("RSA", "EC", "OKP") and each.get("use") in (None, "sig"):
            try:
                found.append(JWKRegistry.import_key(each))
            except Exception:  # noqa: BLE001, S112 - a malformed key signs nothing
                continue
    return KeySet(found)
