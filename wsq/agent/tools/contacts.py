"""Tools that look people up; none changes a contact or writes to anybody."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from wsq.agent.tools.base import Arguments, Nothing, Scope, Tool, listed
from wsq.errors import InvalidInput
from wsq.projections import Contact
from wsq.queries.boards import contacts
from wsq.store.transaction import Transaction

HINT = "search_contacts finds the others."


class SearchContacts(Arguments):
    """Find people by words."""

    query: str = Field(description="Words that must all stand in the name, address or notes, whatever their case.")


def _list_contacts(tx: Transaction, scope: Scope, _given: Nothing) -> Any:
    return listed("contacts", contacts(tx, scope.store_id, scope.project_id), brief, hint=HINT)


def _search_contacts(tx: Transaction, scope: Scope, given: SearchContacts) -> Any:
    words = given.query.casefold().split()
    if not words:
        raise InvalidInput("query is empty, expected words to look for.")

    def matches(contact: Contact) -> bool:
        text = f"{contact.name} {contact.email or ''} {contact.notes}".casefold()
        return all(word in text for word in words)

    found = [contact for contact in contacts(tx, scope.store_id, scope.project_id) if matches(contact)]
    return listed("contacts", found, brief, hint="Search for more words.")


def brief(contact: Contact) -> dict[str, Any]:
    """A contact as the agent sees it."""
    return {"id": contact.id, "name": contact.name, "email": contact.email, "notes": contact.notes}


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
            run=_search_contacts,
            only_looks=True,
        ),
    ]
