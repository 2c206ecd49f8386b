"""Names of new users: none that passes for another user, or for wsq itself."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from unicodedata import normalize

from wsq.errors import InvalidInput
from wsq.rules.roles import user_name

RESERVED = frozenset({"agent", "guest", "system", "wsq"})
RESERVED_PREFIXES = ("agent:", "wsq:")
"""What means wsq, the agent or nobody on events and in Panel; each is its own skeleton."""


def new_user_name(text: str, known: Iterable[str]) -> str:
    """Return the name of a new user beside those who are `known`.

    Raises:
        InvalidInput: It is no name (see `user_name`), reserved, or looks like a known one, such as one with a Cyrillic
            letter in place of a Latin one.
    """
    name = user_name(text)
    if any(seen in RESERVED or seen.startswith(RESERVED_PREFIXES) for seen in _skeletons(name)):
        raise InvalidInput(f"The user's name is {name!a}, which is reserved or looks so; choose another.")
    for other in known:
        if other.casefold() != name.casefold() and _skeletons(other) & _skeletons(name):
            raise InvalidInput(f"The user's name is {name!a}, which looks like {other!a}; choose another.")
    return name


def _skeletons(name: str) -> set[str]:
    """Return what two names have in common that look alike, after Unicode's UTS #39: with upper case, and without."""
    import regex

    shown = regex.sub(r"\p{Default_Ignorable_Code_Point}", "", normalize("NFKC", name))
    return {"".join(map(_prototype, " ".join(text.split()))) for text in (shown, shown.casefold())}


@cache
def _prototype(sign: str) -> str:
    """Return the first of all signs that look like this one, or like one that does."""
    from confusable_homoglyphs.confusables import is_confusable

    alike, unseen = {sign}, [sign]
    while unseen:
        found = is_confusable(unseen.pop(), greedy=True) or []
        further = {each["c"] for confusable in found for each in confusable["homoglyphs"] if len(each["c"]) == 1}
        unseen += further - alike
        alike |= further
    return min(alike)
