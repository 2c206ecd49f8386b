"""Open the workspace and the store that a command names.

Which command creates what is decided here alone. Every other command refuses what is missing, so that a mistyped path
or store is an error and not an empty workspace.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from wsq import settings as configuration
from wsq.api import Store, Workspace
from wsq.cli.parser import STORE
from wsq.errors import NotFound
from wsq.rules import values
from wsq.rules.naming import no_store

WITH_STORE = frozenset({"init", "add", "serve"})
"""The commands that create a missing database, and the store `default` in a workspace without stores."""

CREATES = WITH_STORE | {"demo", "import", "copy"}
"""The commands that create a missing database."""


def settings(given: Namespace, **flags: Any) -> configuration.Settings:
    """Return the settings that hold for a command; a refusal names its flag."""
    return configuration.load(database=given.database, flags=True, **flags)


def workspace(given: Namespace, of: configuration.Settings | None = None) -> Workspace:
    """Open a command's workspace, or the one of other settings.

    Raises:
        MissingDatabase: It is missing, and the command does not create it.
    """
    named, wanted = getattr(given, "store", STORE), getattr(given, "create_store", False)
    may_create = wanted or named == STORE
    ws = Workspace(of or settings(given), create=given.command in CREATES and may_create)
    try:
        if given.command in WITH_STORE and (wanted or (may_create and not ws.stores(include_archived=True))):
            ws.create_store(named, exist_ok=True)
    except BaseException:
        ws.close()
        raise
    return ws


@contextmanager
def store(given: Namespace) -> Iterator[tuple[Store, str]]:
    """Give a command's store, and the zone for times.

    Raises:
        NotFound: There is no such store; the message names the nearest.
    """
    store_id, is_new = values.store_id(given.store), given.command in WITH_STORE and given.store == STORE
    with workspace(given) as ws:
        try:
            refuse_unknown(ws, [] if is_new else [store_id])
        except NotFound as error:
            hint = " Use --create-store to create it." if "create_store" in given else ""
            raise NotFound(f"{error}{hint}") from None
        yield ws.store(store_id), ws.settings.timezone


def refuse_unknown(ws: Workspace, ids: Sequence[str]) -> None:
    """Raise `NotFound` if one of these stores is missing; archived ones are there."""
    there = [row.id for row in ws.stores(include_archived=True)] if ids else []
    for unknown in (each for each in ids if each not in there):
        raise no_store(unknown, there)
