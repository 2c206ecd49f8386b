"""Sessions as signed cookies. The server stores nothing about them, so every instance accepts them.

A session holds the user, the login time and the time of the last activity. It is valid while the account and its
password are unchanged, and until the user logs out, which the workspace's log records.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import TypeVar

import msgspec

IDLE = 8 * 3600
"""Seconds without activity after which a session ends."""

LONGEST = 7 * 86_400
"""Seconds after which a session ends in any case."""

TICKET = 60
"""Seconds for which a ticket is valid, with which an open page continues with a newer session."""

FLOW = 600
"""Seconds that a login through a provider may take."""

DEVICE = 365 * 86_400
"""Seconds for which a browser is remembered as a user's device."""

AHEAD = 120
"""Maximum difference of two instances' clocks, in seconds."""


class Session(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """User `name` logged in at `since` and was last active at `seen`, in seconds since 1970 (UTC)."""

    name: str
    id: str
    since: int
    seen: int
    mark: str


class Device(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A browser in which a user has logged in, with the password that `mark` belongs to.

    Devices collected by somebody who knew a password are worthless once it is changed.
    """

    name: str
    id: str
    since: int
    mark: str


class Ticket(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A session for an open page; its own signature keeps it from being used as a session."""

    session: Session
    at: int


class Flow(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A login through a provider that this browser began at `at`; `onward` is the page to open after it.

    `id` is the flow's state. Its nonce and its PKCE verifier are derived from it and the secret, so that the browser
    knows neither.
    """

    id: str
    at: int
    onward: str


T = TypeVar("T", Session, Device, Ticket, Flow)


class Signer:
    """Signs and verifies cookies; all instances share one secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def key(self, purpose: str) -> bytes:
        """Return a key for one purpose, so that signatures for one are invalid for another."""
        return hmac.digest(self._secret, f"wsq {purpose}".encode(), hashlib.sha256)

    def signed(self, value: Session | Device | Ticket | Flow) -> str:
        """Return the value as text of letters, digits, ``-``, ``_`` and one dot."""
        text = base64.urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=")
        return f"{text.decode()}.{self._signature(type(value), text)}"

    def read(self, kind: type[T], text: str | None) -> T | None:
        """Return the signed value; None for anything else, or another kind."""
        if not text or len(text) > 4_000 or not text.isascii():
            return None
        body, _, signature = text.partition(".")
        if not hmac.compare_digest(signature, self._signature(kind, body.encode())):
            return None
        try:
            return msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=kind)
        except msgspec.MsgspecError:  # signed by another version
            return None

    def derived(self, purpose: str, flow: Flow) -> str:
        """Return a secret of a flow, as 43 letters, digits, ``-`` and ``_``."""
        made = hmac.digest(self.key(f"flow {purpose}"), flow.id.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(made).rstrip(b"=").decode()

    def mark(self, proof: str) -> str:
        """Return a mark that ties a session to a password without revealing it."""
        return hmac.new(self.key("proof"), proof.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]

    def _signature(self, kind: type, body: bytes) -> str:
        return hmac.new(self.key(kind.__name__), body, hashlib.sha256).hexdigest()


def new_session(name: str, mark: str, now: int) -> Session:
    """Return a new session."""
    return Session(name=name, id=secrets.token_urlsafe(18), since=now, seen=now, mark=mark)


def new_device(name: str, mark: str, now: int) -> Device:
    """Return a new device, for a browser in which a user logs in for the first time."""
    return Device(name=name, id=secrets.token_urlsafe(12), since=now, mark=mark)


def new_flow(onward: str, now: int) -> Flow:
    """Return a new login through a provider."""
    return Flow(id=secrets.token_urlsafe(32), at=now, onward=onward)


def is_over(session: Session, now: int) -> bool:
    """Whether a session has expired, or lies in the future."""
    return now - session.seen > IDLE or now - session.since > LONGEST or session.seen - now > AHEAD
