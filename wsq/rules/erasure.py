"""What forgetting leaves of a fact, and how a mention of what is forgotten is recognized in a text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from msgspec import UNSET, structs

from wsq.events import Fact
from wsq.events import boards as b

MARK = "[forgotten]"
"""What stands in the place of a text that is forgotten."""

BLOCK = 40
"""Letters and digits of a long text by which a quotation of it is known: one of twice as many is always found."""

SHORTEST = 12
"""Letters and digits that a text must have for a quotation of it to be looked for."""

FEW_LETTERS = 8
"""A block with fewer different letters is a rule or a filling, and no quotation."""

_ESCAPE = re.compile(r"\\+(?:[nrtbf\"/]|u[0-9a-f]{4})")
_WORD = re.compile(r"\w+")
_WITHOUT_SPACES = "\u0e00"
"""From here on there are the scripts that do not part words."""

_PARTICLES = frozenset(
    ("al", "bin", "da", "de", "den", "der", "di", "dr", "du", "el", "la", "le", "mr", "mrs", "van", "von")
)
"""Words in names that are no name themselves."""


def marked(fact: Fact) -> Fact:
    """The fact without what it says of a contact or a document; what was empty or left out stays so.

    An address becomes None, so that two who are forgotten do not share one.
    """
    if isinstance(fact, b.ContactCreated | b.ContactUpdated):
        fact = _with(fact, _none, "email", "email_folded")
        return _with(fact, _mark, "name", "notes")
    if isinstance(fact, b.DocumentCreated | b.DocumentUpdated):
        return _with(fact, _mark, "title", "content")
    return fact


def _with(fact: Fact, gives_way: Callable[[Any], Any], *fields: str) -> Fact:
    return structs.replace(fact, **{field: gives_way(getattr(fact, field)) for field in fields})


def _mark(text: Any) -> Any:
    return MARK if text is not UNSET and text else text


def _none(text: Any) -> Any:
    return UNSET if text is UNSET else None


class Traces(msgspec.Struct, frozen=True, kw_only=True):
    """By what a text is known to speak of a contact or a document, as it is now and as it ever was.

    `phrases` are ids, names, addresses and titles, which are found as whole words; `blocks` are pieces of long
    texts, and `wholes` are texts too short to be cut. `parts` are the words of names and the local parts of addresses:
    a text with one may mean somebody else.
    """

    phrases: frozenset[str] = frozenset()
    parts: frozenset[str] = frozenset()
    wholes: frozenset[str] = frozenset()
    blocks: frozenset[str] = frozenset()

    def are_in(self, text: str) -> bool:
        """Whether `text`, which may be JSON, speaks of it."""
        return self._are_in(folded(text))

    def found_in(self, text: str) -> tuple[bool, str | None]:
        """Whether `text`, which may be JSON, speaks of it, and if not, the longest part of a name that stands in it."""
        words = folded(text)
        if self._are_in(words):
            return True, None
        parts = [part for part in self.parts if part in words]
        return False, max(parts, key=lambda part: (len(part), part)).strip() if parts else None

    def _are_in(self, words: str) -> bool:
        if any(phrase in words for phrase in self.phrases):
            return True
        if not (self.wholes or self.blocks):
            return False
        run = words.replace(" ", "")
        if any(whole in run for whole in self.wholes):
            return True
        blocks = self.blocks
        return bool(blocks) and any(run[at : at + BLOCK] in blocks for at in range(len(run) - BLOCK + 1))

    def without(self, row_id: str) -> Traces:
        """The same but for the id, which stays where it is."""
        return structs.replace(self, phrases=self.phrases - {folded(row_id)})


def traces_of(row_id: str, facts: Iterable[Fact]) -> Traces:
    """The traces of a contact or a document, by all that was ever recorded of it and not forgotten yet."""
    phrases, parts, wholes, blocks = {folded(row_id)}, set[str](), set[str](), set[str]()
    for fact in facts:
        for name in _texts(fact, "name"):
            parts.update(_parts(name))
        parts.update(_phrase(address.partition("@")[0]) for address in _texts(fact, "email"))
        phrases.update(_phrase(text) for text in _texts(fact, "name", "email") if len(_run(text)) > 1)
        phrases.update(_phrase(text) for text in _texts(fact, "title") if _is_telling(text))
        for text in _texts(fact, "notes", "content"):
            run = _run(text)
            if SHORTEST <= len(run) < 2 * BLOCK:
                wholes.add(run)
            ends = range(BLOCK, len(run) + 1, BLOCK) if len(run) >= BLOCK else ()
            blocks.update(run[end - BLOCK : end] for end in (*ends, len(run)) if end >= BLOCK)
    return Traces(
        phrases=frozenset(phrases),
        parts=frozenset(part for part in parts - phrases if len(part.strip()) > 1),
        wholes=frozenset(filter(_says_something, wholes)),
        blocks=frozenset(filter(_says_something, blocks)),
    )


def folded(text: str) -> str:
    """The words of a text, whatever their case and what parts them, each between two spaces."""
    plain = _ESCAPE.sub(" ", unicodedata.normalize("NFKC", text).casefold())
    return f" {' '.join(_WORD.findall(plain))} "


def _texts(fact: Fact, *fields: str) -> list[str]:
    found = (getattr(fact, field, None) for field in fields)
    return [text for text in found if isinstance(text, str) and text not in ("", MARK)]


def _phrase(text: str) -> str:
    """How a name is looked for: as whole words, but inside of any in a script that does not part them."""
    words = folded(text)
    return words.strip() if any(letter >= _WITHOUT_SPACES for letter in words) else words


def _parts(name: str) -> Iterator[str]:
    """The words of a name, but for those that stand in many; of one without spaces its two first and last letters."""
    words = folded(name).split()
    for word in words:
        if word not in _PARTICLES:
            yield _phrase(word)
    if len(words) == 1 and _phrase(words[0]) == words[0] and len(words[0]) > 2:
        yield from (words[0][:2], words[0][-2:])


def _run(text: str) -> str:
    return folded(text).replace(" ", "")


def _is_telling(title: str) -> bool:
    """Whether a title says more than one everyday word."""
    return len(folded(title).split()) > 1 or len(_run(title)) >= SHORTEST


def _says_something(run: str) -> bool:
    return len(set(run)) >= FEW_LETTERS
