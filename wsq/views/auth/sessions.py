"""Sessions: signed texts that a browser brings along. Nothing of them is kept here, so any instance knows them.

A session says who has come in, when, and when they were last seen to do something. It holds as long as the account
and its password are what they were, and until it is ended by logging out, which the workspace's log notes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import TypeVar

import msgspec

IDLE = 8 * 3600
"""Seconds without anybody doing anything, after which a session is over."""

LONGEST = 7 * 86_400
"""Seconds after which a session is over in any case."""

TICKET = 60
"""Seconds for which an open page may tell the server that its browser has a newer session."""

DEVICE = 365 * 86_400
"""Seconds for which a browser is remembered as one from which a user has come in."""

AHEAD = 120
"""Seconds by which the clocks of two instances may differ."""


class Session(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """That `name` came in at `since` and was last seen at `seen`, in seconds since 1970 (UTC)."""

    name: str
    id: str
    since: int
    seen: int
    mark: str


class Device(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """That a user has come in from this browser before, with the password that `mark` is of.

    Who gathers many of them while they know a password has nothing of it when there is another.
    """

    name: str
    id: str
    since: int
    mark: str


class Ticket(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A session as an open page hands it on; what signs it makes it no session itself."""

    session: Session
    at: int


T = TypeVar("T", Session, Device, Ticket)


class Signer:
    """Signs and reads what browsers bring; one secret for all instances."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def key(self, purpose: str) -> bytes:
        """A key of its own for each purpose, so that nothing signed for one serves another."""
        return hmac.digest(self._secret, f"wsq {purpose}".encode(), hashlib.sha256)

    def signed(self, value: Session | Device | Ticket) -> str:
        """The value as a text of letters, digits, ``-``, ``_`` and one dot."""
        text = base64.urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=")
        return f"{text.decode()}.{self._signature(type(value), text)}"

    def read(self, kind: type[T], text: str | None) -> T | None:
        """The value that was signed; None for whatever was not, or was signed as something else."""
        if not text or len(text) > 4_000 or not text.isascii():
            return None
        body, _, signature = text.partition(".")
        if not hmac.compare_digest(signature, self._signature(kind, body.encode())):
            return None
        try:
            return msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=kind)
        except msgspec.MsgspecError:  # another version has signed it
            return None

    def mark(self, proof: str) -> str:
        """What ties a session to a password without telling anything of it."""
        return hmac.new(self.key("proof"), proof.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]

    def _signature(self, kind: type, body: bytes) -> str:
        return hmac.new(self.key(kind.__name__), body, hashlib.sha256).hexdigest()


def begun(name: str, mark: str, now: int) -> Session:
    """A new session."""
    return Session(name=name, id=secrets.token_urlsafe(18), since=now, seen=now, mark=mark)


def met(name: str, mark: str, now: int) -> Device:
    """A browser from which a user comes in for the first time."""
    return Device(name=name, id=secrets.token_urlsafe(12), since=now, mark=mark)


def is_over(session: Session, now: int) -> bool:
    """Whether its time is over, or has not come yet."""
    return now - session.seen > IDLE or now - session.since > LONGEST or session.seen - now > AHEAD
