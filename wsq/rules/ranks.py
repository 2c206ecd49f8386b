"""Order on the board: a task's rank is a text, and ranks compare as plain bytes.

Between any two ranks there is another one, so that a move touches one row. The keys are those of
https://observablehq.com/@dgreensp/implementing-fractional-indexing: ASCII letters and digits.
"""

from __future__ import annotations

from fractional_indexing import BASE_62_DIGITS, FIError, generate_key_between, midpoint

from wsq.errors import InvalidInput

_SHORT = 200
_TAIL = 100


def between(before: str | None, after: str | None) -> str:
    """A rank above `before` and below `after`; None is the lane's beginning or its end.

    Raises:
        InvalidInput: `before` is not below `after`, or one of them is no rank.
    """
    try:
        if before is not None and len(before) > _SHORT:
            return _beyond_a_long(before, after)
        return str(generate_key_between(before, after))
    except (FIError, IndexError) as problem:
        raise InvalidInput(f"There is no rank between {before!r} and {after!r}.") from problem


def last(after: str | None) -> str:
    """A rank above `after`, the last one of a lane; None for an empty lane."""
    return between(after, None)


def _beyond_a_long(before: str, after: str | None) -> str:
    """A rank just above a long one.

    Thousands of tasks put one after another in front of the same task make the rank longer, and the
    package goes down one call per character until Python refuses. What lies behind the place where
    the two differ can be counted up by itself.
    """
    if after is not None and before >= after:
        raise FIError(f"{before} >= {after}")
    kept = len(before) - _TAIL
    if after is not None and after[:kept] == before[:kept]:
        return str(generate_key_between(before, after))
    return before[:kept] + str(midpoint(before[kept:], None, BASE_62_DIGITS))
