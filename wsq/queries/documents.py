"""Documents as an agent lists them, and as agents and people search them.

A search compares texts here and not in SQL: the database would hold each text once more for every word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import nsmallest

import msgspec

from wsq.queries.situations import Part
from wsq.rules.searching import folded, holds
from wsq.store.engine import Cursor, ReadingCursor

AT_ONCE = 8
"""Documents that a search reads at once; each has at most a million characters."""

_IN_SCOPE = "store_id = $1 AND archived_at IS NULL AND ($2::VARCHAR IS NULL OR list_contains(project_ids, $2))"

_LIST = f"""SELECT id, title, length(content), updated_at, count(*) OVER () FROM documents WHERE {_IN_SCOPE}
    ORDER BY title, id LIMIT $3"""  # noqa: S608

_TEXTS = f"SELECT id, title, content FROM documents WHERE {_IN_SCOPE}"  # noqa: S608
_ALL_TEXTS = "SELECT id, title, content FROM documents WHERE store_id = $1"


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A document in a list; `length` is in characters."""

    id: str
    title: str
    length: int
    updated_at: datetime


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A document that a search found; `around` is the text around the first word, None if only the title has it."""

    id: str
    title: str
    length: int
    around: str | None


def listed(cursor: Cursor, store_id: str, project_id: str | None, limit: int) -> Part[Listed]:
    """The first `limit` documents of a store or project by title, archived ones left out."""
    found = cursor.query(_LIST, [store_id, project_id, limit])
    rows = [Listed(id=id_, title=title, length=length, updated_at=at) for id_, title, length, at, _ in found]
    return Part(rows, found[0][4] if found else 0)


def search(
    cursor: ReadingCursor, store_id: str, project_id: str | None, words: Sequence[str], *, margin: int, limit: int
) -> list[Found]:
    """The first `limit` documents by title, archived ones left out, that have every word in title or text.

    `words` are folded. `margin` is how many characters of the text are returned on each side of the first word's
    beginning.
    """
    found = (
        Found(id=id_, title=title, length=len(content), around=_around(content, text, words[0], margin))
        for id_, title, content, text in _holding(cursor, _TEXTS, [store_id, project_id], words)
    )
    return nsmallest(limit, found, key=lambda each: (each.title, each.id))


def holding(cursor: ReadingCursor, store_id: str, words: Sequence[str]) -> list[str]:
    """The ids of the store's documents by title, archived ones too, that have every folded word in title or text."""
    found = sorted((title, id_) for id_, title, *_ in _holding(cursor, _ALL_TEXTS, [store_id], words))
    return [id_ for _, id_ in found]


def _holding(
    cursor: ReadingCursor, sql: str, parameters: list[str | None], words: Sequence[str]
) -> Iterator[tuple[str, str, str, str]]:
    """Id, title, content and folded content of the documents that have every word."""
    for rows in cursor.batches(sql, AT_ONCE, parameters):
        for id_, title, content in rows:
            text = folded(content)
            if holds(f"{folded(title)} {text}", words):
                yield id_, title, content, text


def _around(content: str, text: str, word: str, margin: int) -> str | None:
    place = text.find(word)
    return content[max(place - margin, 0) : place + margin] if place >= 0 else None
