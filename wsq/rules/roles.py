"""Who may do what: roles, and in which stores a user has them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from wsq.errors import InvalidInput
from wsq.rules import values
from wsq.settings import OAUTH_PARAMS

Role = Literal["viewer", "editor", "admin"]

ROLES: tuple[Role, ...] = get_args(Role)
"""From the one that may least: a viewer reads; an editor changes the board and its recurring tasks, and runs them; an
admin also pauses, and switches many tasks at once."""

EVERYWHERE = "*"
"""Stands for every store, also those that are made later; no store can be called so."""

LONGEST_NAME = 200

LONGEST_OF_PROVIDER = 300
"""Characters of ``provider:subject``; OpenID Connect allows subjects of 255."""

Memberships = Mapping[str, Role]
"""The role in each store by its id; under `EVERYWHERE` the one in all stores that are not named."""


def role_in(memberships: Memberships, store_id: str) -> Role | None:
    """The role in a store; None for who is no member of it. What is said of the store goes before what is of all."""
    return memberships.get(store_id) or memberships.get(EVERYWHERE)


def reaches(role: Role | None, needed: Role) -> bool:
    """Whether who has `role` may do what is for `needed` and above."""
    return role is not None and ROLES.index(role) >= ROLES.index(needed)


def role(text: str) -> Role:
    """The role that is meant.

    Raises:
        InvalidInput: There is none of this name.
    """
    for each in ROLES:
        if each == text:
            return each
    raise InvalidInput(f"The role is {text!r}, expected one of {', '.join(ROLES)}.")


def memberships(of: Role, stores: Iterable[str]) -> dict[str, Role]:
    """The same role in each of some stores; in all of them when none is named.

    Raises:
        InvalidInput: One is no store's id.
    """
    named = [values.store_id(each) for each in stores]
    return dict.fromkeys(named or [EVERYWHERE], of)


def provider_of(name: str) -> str | None:
    """The provider whose user ``provider:subject`` is, compared exactly; None for any other name.

    Such a name is a namespace of its own: its user has no password, and is never the admin of the settings.
    """
    provider, colon, subject = name.partition(":")
    return provider if colon and subject and provider in OAUTH_PARAMS else None


def user_name(text: str) -> str:
    """A user's name as it stands on events: trimmed, on one line, of at most 200 characters.

    Of a provider's user it is ``provider:subject``, of at most 300.

    Raises:
        InvalidInput: It is blank, too long, or holds what cannot be shown.
    """
    name = text.strip() if isinstance(text, str) else ""
    longest = LONGEST_OF_PROVIDER if provider_of(name) else LONGEST_NAME
    if not name or len(name) > longest or not name.isprintable():
        raise InvalidInput(f"The user's name is {text!r}, expected 1 to {longest} characters that can be shown.")
    if name.startswith("agent:") or name == "wsq":
        raise InvalidInput(f"The user's name is {name!r}, which on events means wsq itself; choose another.")
    return name


def refuse_mistaken_name(name: str, *, by_provider: bool) -> None:
    """Refuse a new user's name by which nobody could log in through a provider, or which only looks like one of those.

    Raises:
        InvalidInput: It is neither an e-mail address nor ``provider:subject``, or not written as the latter is.
    """
    prefix, colon, _ = unicodedata.normalize("NFKC", name).casefold().partition(":")
    if provider_of(name) is None and colon and prefix.strip() in OAUTH_PARAMS:
        raise InvalidInput(f"The user's name is {name!r}, expected {prefix.strip()}:SUBJECT for a user of {prefix}.")
    if by_provider and provider_of(name) is None and "@" not in name:
        raise InvalidInput(
            f"The user's name is {name!r}, expected an e-mail address or PROVIDER:SUBJECT, as there is no password."
        )
