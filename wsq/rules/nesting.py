"""How deep JSON and values may be nested: what reads them, here and elsewhere, calls itself once for each level."""

from __future__ import annotations

import re
from typing import Any

MOST_LEVELS = 200
"""Maximum levels of objects and arrays in one another."""

MOST_LEVELS_OF_A_VALUE = 20
"""The same for a value of Python that is given as a parameter."""

_CONTAINERS = (list, tuple, set, frozenset, dict)
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[][{}]', re.DOTALL)


def is_too_deep(text: bytes, most: int = MOST_LEVELS) -> bool:
    """Whether JSON has more than `most` levels; what is no JSON may be either."""
    if text.count(b"[") + text.count(b"{") <= most:
        return False
    levels = 0
    for token in _TOKEN.finditer(text):
        sign = text[token.start()]
        if sign in b"[{":
            levels += 1
            if levels > most:
                return True
        elif sign in b"]}":
            levels -= 1
    return False


def is_value_too_deep(value: Any, most: int = MOST_LEVELS_OF_A_VALUE) -> bool:
    """Whether lists, tuples, sets and dictionaries in `value` have more than `most` levels; one in itself has."""
    level: list[Any] = [value]
    for _ in range(most + 1):
        inside = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, _CONTAINERS)]
        if not inside:
            return False
        level = list({id(each): each for container in inside for each in container}.values())
    return True
