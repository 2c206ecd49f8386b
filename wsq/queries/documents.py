"""Documents as an agent lists and searches them: in a store, or in one of its projects, archived ones left out."""

from __future__ import annotations

from datetime import datetime

import msgspec

from wsq.store.engine import Cursor

_WHERE = "store_id = $1 AND archived_at IS NULL AND ($2::VARCHAR IS NULL OR list_contains(project_ids, $2))"

_LIST = f"""SELECT id, title, length(content), updated_at, count(*) OVER () FROM documents WHERE {_WHERE}
    ORDER BY title, id LIMIT $3"""  # noqa: S608

_SEARCH = f"""SELECT id, title, length(content), place,
        substr(content, greatest(place - $4::INTEGER, 1), 2 * $4::INTEGER)
    FROM (SELECT id, title, content, strpos(lower(content), lower(($3::VARCHAR[])[1])) AS place FROM documents
        WHERE {_WHERE} AND NOT EXISTS (SELECT 1 FROM (SELECT unnest($3::VARCHAR[]) AS word) AS sought
            WHERE strpos(lower(title || ' ' || content), lower(word)) = 0)) AS found
    ORDER BY title, id LIMIT $5"""  # noqa: S608


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


def listed(cursor: Cursor, store_id: str, project_id: str | None, limit: int) -> tuple[list[Listed], int]:
    """The first `limit` documents by title, and how many there are in all."""
    found = cursor.query(_LIST, [store_id, project_id, limit])
    rows = [Listed(id=id_, title=title, length=length, updated_at=at) for id_, title, length, at, _ in found]
    return rows, found[0][4] if found else 0


def search(
    cursor: Cursor, store_id: str, project_id: str | None, words: list[str], *, margin: int, limit: int
) -> list[Found]:
    """The first `limit` documents by title that have every word in title or text, whatever their case.

    `margin` is how many characters of the text are returned on each side of the first word's beginning.
    """
    found = cursor.query(_SEARCH, [store_id, project_id, words, margin, limit])
    return [
        Found(id=id_, title=title, length=length, around=text if place else None)
        for id_, title, length, place, text in found
    ]
