"""Ids: opaque strings of at most 36 characters, unique in a workspace."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: no letter looks like a digit."""

LENGTH = 20
"""100 random bits: among 10¹² ids the probability of a collision is below 10⁻⁶."""

Ids = Callable[[], str]


def random_id() -> str:
    """Return a new id from the operating system's random numbers."""
    return _spell(secrets.randbits(5 * LENGTH))


def seeded(seed: int) -> Ids:
    """Return a source of reproducible ids, so that a workspace can be replayed."""
    source = random.Random(seed)  # noqa: S311 - reproducible on purpose
    return lambda: _spell(source.getrandbits(5 * LENGTH))


def _spell(number: int) -> str:
    return "".join(ALPHABET[(number >> (5 * place)) & 31] for place in range(LENGTH))
