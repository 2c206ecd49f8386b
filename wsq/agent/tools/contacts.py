"""Tools that look people up; none changes a contact or writes to anybody."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from wsq.agent.tools.base import MOST_LISTED, Arguments, Nothing, Read, Scope, Tool, listed
from wsq.queries import listings
from wsq.queries.situations import Part, Person
from wsq.rules import searching
from wsq.store.engine import ReadingCursor
from wsq.store.transaction import Transaction

HINT = "search_contacts finds the others."


class SearchContacts(Arguments):
    """Find people by words."""

    query: str = Field(
        description=f"At most {searching.MOST_WORDS} words that must all stand in the name, address or notes, "
        "whatever their case."
    )


def _list_contacts(tx: Transaction, scope: Scope, _given: Nothing) -> Any:
    return listed("contacts", listings.contacts(tx, scope.store_id, scope.project_id, limit=MOST_LISTED), hint=HINT)


def _search_contacts(read: Read, scope: Scope, given: SearchContacts) -> Any:
    words = searching.words(given.query, "query", str.casefold)

    def asked(cursor: ReadingCursor) -> Part[Person]:
        return listings.search_contacts(cursor, scope.store_id, scope.project_id, words, limit=MOST_LISTED)

    return listed("contacts", read(asked), hint="Search for more words.")


def tools() -> list[Tool]:
    """The tools of this family."""
    return [
        Tool(
            name="list_contacts",
            description="List the people by name, with their e-mail addresses.",
            arguments=Nothing,
            run=_list_contacts,
            only_looks=True,
        ),
        Tool(
            name="search_contacts",
            description="Find people by words of their names, addresses or notes.",
            arguments=SearchContacts,
            search=_search_contacts,
            only_looks=True,
        ),
    ]
