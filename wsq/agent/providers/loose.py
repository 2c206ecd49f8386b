"""Values that come from elsewhere, read as what they must be."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from numbers import Real

MOST_TOKENS = 10**9
"""A larger count for one answer is no count."""

MOST_DOLLARS = 10.0**6
"""The same for its cost."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def count(value: object) -> int | None:
    """A whole number of tokens, zero or more; None for anything else."""
    amount = _amount(value, MOST_TOKENS)
    return int(amount) if amount is not None and amount.is_integer() else None


def dollars(value: object) -> float | None:
    """US dollars, zero or more; None for anything else. A Decimal will do."""
    return _amount(value, MOST_DOLLARS)


def seconds(value: object) -> float | None:
    """A finite number of seconds, zero or more; None for anything else."""
    return _amount(value, math.inf)


def _amount(value: object, most: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return None
    try:
        amount = float(value)
    except (OverflowError, ValueError):  # an int that no float holds, a signalling NaN
        return None
    return amount if 0 <= amount <= most and math.isfinite(amount) else None


def whole(text: str) -> str:
    """A text in which halves of a surrogate pair that meet are one character, and a lone one is U+FFFD."""
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def storable(text: str) -> str:
    """A text with U+FFFD in place of every character that no database can hold."""
    return whole(text).replace("\0", "\ufffd")
