"""The four names in double braces that a prompt may use; all other braces are text like any other."""

from __future__ import annotations

import re
from collections.abc import Mapping

NAMES = ("project", "scheduled_time", "last_outcome", "today")
"""What is replaced."""

_ANY = re.compile(r"\{\{[ \t]*(?P<name>[^{}\n]{1,100}?)[ \t]*\}\}")


def replaced(prompt: str, values: Mapping[str, str]) -> str:
    """The prompt with each of the `NAMES` replaced by its value, with or without spaces inside the braces.

    All of it in one pass: a value that holds a placeholder itself stays as it is. A name that is not among
    `values` stays too, and so does every other ``{{…}}``.
    """
    known = {name: value for name, value in values.items() if name in NAMES}
    return _ANY.sub(lambda found: known.get(found["name"], found[0]), prompt)


def unknown(prompt: str) -> list[str]:
    """The names in double braces that nothing replaces, each once, in their order."""
    names = dict.fromkeys(found["name"] for found in _ANY.finditer(prompt))
    return [name for name in names if name not in NAMES]
