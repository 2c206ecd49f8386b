"""What a search looks for: words, and how they are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wsq.errors import InvalidInput

MOST_WORDS = 20
"""Maximum number of different words of one search: each is looked for in all texts."""


def folded(text: str) -> str:
    """The text in small letters, with as many characters as before."""
    return text.replace("\u0130", "I").lower().replace("ς", "σ")


def words(query: str, what: str, fold: Callable[[str], str] = folded) -> list[str]:
    """The different words of a query, as `fold` makes them comparable; `what` names it in an error.

    Raises:
        InvalidInput: It has no word, or more than `MOST_WORDS`.
    """
    found = list(dict.fromkeys(fold(query).split()))
    if not found:
        raise InvalidInput(f"{what} is empty, expected words to look for.")
    if len(found) > MOST_WORDS:
        raise InvalidInput(f"{what} has {len(found):,} different words, expected at most {MOST_WORDS}.")
    return found


def holds(text: str, wanted: Sequence[str]) -> bool:
    """Whether a folded text holds every one of these folded words."""
    return all(word in text for word in wanted)
