"""Passwords, stored as salted scrypt hashes with their parameters."""

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
"""32 MiB and about a quarter of a second per check: OWASP's recommendation for scrypt with the least memory."""

_WRITTEN = re.compile(r"scrypt\$([0-9]{1,9})\$([0-9]{1,3})\$([0-9]{1,3})\$([\w-]{16,88})\$([\w-]{16,88})")
_MOST_MEMORY = 256 * 2**20


LEAST_SCORE = 3
"""The lowest score of zxcvbn, from 0 to 4, that is accepted: 10⁸ guesses, with knowledge of common passwords."""

JUDGED = 72
"""Characters that zxcvbn judges; more take it too long."""


def hash_password(password: str, salt: bytes | None = None, *, user: str) -> str:
    """Return the hash of a user's new password, with a random salt unless one of 16 bytes is given.

    Raises:
        InvalidInput: It has fewer than 10 or more than 1,000 characters, or is easy to guess; the message does not show
            it.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput(f"The password has {len(password)} characters, expected {SHORTEST} to {LONGEST:,}.")
    _refuse_easy(password, user)
    salt = salt or secrets.token_bytes(16)
    made = _scrypt(password, salt, _COST, _BLOCK, _LANES)
    return f"scrypt${_COST}${_BLOCK}${_LANES}${_text(salt)}${_text(made)}"


def _refuse_easy(password: str, user: str) -> None:
    from zxcvbn import zxcvbn

    judged = zxcvbn(password[:JUDGED], user_inputs=["wsq", user, *re.findall(r"\w+", user)])
    if judged["score"] < LEAST_SCORE:
        why = judged["feedback"]["warning"].rstrip(".")
        why = f" ({why})" if why else ""
        raise InvalidInput(f"The password is easy to guess{why}. Use several unrelated words, or random characters.")


def is_hash(text: str) -> bool:
    """Whether a text is such a hash, and affordable to check."""
    found = _WRITTEN.fullmatch(text)
    return found is not None and 0 < 128 * int(found[1]) * int(found[2]) < _MOST_MEMORY and 0 < int(found[3]) < 20


def matches(password: str, kept: str | None) -> bool:
    """Whether a password has this hash. Without a hash False, after the same time.

    Takes a quarter of a second of CPU time: not for an event loop.
    """
    found = _WRITTEN.fullmatch(kept or _DUMMY)
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


_DUMMY = f"scrypt${_COST}${_BLOCK}${_LANES}${_text(bytes(16))}${_text(bytes(32))}"
"""Compared with the passwords of unknown names, so that the time does not reveal that they are unknown."""
