"""Passwords are kept as salted scrypt hashes, in a text that says how each was made."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets

from wsq.errors import InvalidInput
from wsq.settings import LONGEST_PASSWORD as LONGEST
from wsq.settings import SHORTEST_PASSWORD as SHORTEST

_COST, _BLOCK, _LANES = 2**15, 8, 3
"""32 MiB and about a quarter of a second for each guess: what OWASP asks of scrypt at the least memory."""

_WRITTEN = re.compile(r"scrypt\$([0-9]{1,9})\$([0-9]{1,3})\$([0-9]{1,3})\$([\w-]{16,88})\$([\w-]{16,88})")
_MOST_MEMORY = 256 * 2**20


def hashed(password: str, salt: bytes | None = None) -> str:
    """The hash of an acceptable password, with a salt of its own unless one of 16 bytes is given.

    Raises:
        InvalidInput: It is shorter than 10 characters, or longer than 1,000; the message does not show it.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput(f"The password has {len(password)} characters, expected {SHORTEST} to {LONGEST:,}.")
    salt = salt or secrets.token_bytes(16)
    made = _scrypt(password, salt, _COST, _BLOCK, _LANES)
    return f"scrypt${_COST}${_BLOCK}${_LANES}${_text(salt)}${_text(made)}"


def is_hash(text: str) -> bool:
    """Whether it is one of these, and affordable to check."""
    found = _WRITTEN.fullmatch(text)
    return found is not None and 0 < 128 * int(found[1]) * int(found[2]) < _MOST_MEMORY and 0 < int(found[3]) < 20


def fits(password: str, kept: str | None) -> bool:
    """Whether the password is the one whose hash is kept; without a hash never, and it takes as long to say so.

    Takes a quarter of a second of a core: not for an event loop.
    """
    found = _WRITTEN.fullmatch(kept or _NOBODYS)
    if found is None or len(password) > LONGEST:
        return False
    salt, expected = _bytes(found[4]), _bytes(found[5])
    made = _scrypt(password, salt, int(found[1]), int(found[2]), int(found[3]))
    return hmac.compare_digest(made, expected) and kept is not None


def _scrypt(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    text = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=cost, r=block, p=lanes, maxmem=_MOST_MEMORY + 2**20, dklen=32)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


_NOBODYS = f"scrypt${_COST}${_BLOCK}${_LANES}${_text(bytes(16))}${_text(bytes(32))}"
"""What the password of an unknown name is compared with, so that the time does not tell that it is unknown."""
