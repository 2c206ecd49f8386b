"""Commands on the workspace and its stores."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from wsq.commands.common import at_version, cleaned, differing
from wsq.errors import InvalidInput
from wsq.events import stores as e
from wsq.projections import StoreRow, WorkspaceRow
from wsq.queries import boards
from wsq.rules import naming, values
from wsq.store.transaction import Transaction

WORKSPACE = "*"
"""The store id under which what belongs to no store is logged; no store can have it."""

KINDS_WITHOUT_MODEL = frozenset({"offline", "scripted"})
"""Providers behind which no language model stands."""


def create_store(
    tx: Transaction,
    store_id: str,
    *,
    name: str | None = None,
    timezone: str | None = None,
    model: str | None = None,
    budget_per_day: float | None = None,
    exist_ok: bool = False,
) -> StoreRow:
    """Create a store.

    `timezone` defaults to the settings'. `budget_per_day` is what its executions may spend in a day of that zone, in US
    dollars; None: $5. With `exist_ok` a store that is there already is returned as it is.

    Raises:
        InvalidInput: There is a store with that id, or an argument is out of range.
    """
    store_id = values.store_id(store_id)
    if tx.row("stores", store_id) is not None:
        if exist_ok:
            return store(tx, store_id)
        raise InvalidInput(f"There is a store {store_id!r} already.")
    tx.record(
        store_id,
        e.StoreCreated(
            name=values.name(name if name is not None else store_id),
            timezone=values.timezone(tx.timezone if timezone is None else timezone),
            model=values.model(model),
            budget_per_day=values.budget(budget_per_day),
        ),
    )
    return store(tx, store_id)


def update_store(
    tx: Transaction,
    store_id: str,
    *,
    name: Any = UNSET,
    timezone: Any = UNSET,
    model: Any = UNSET,
    budget_per_day: Any = UNSET,
    expected_version: int | None = None,
) -> StoreRow:
    """Change what is given; a model or budget of None goes back to the settings' model or to $5 a day."""
    row = store(tx, store_id)
    at_version(row, expected_version)
    changes = differing(
        row,
        {
            "name": cleaned(name, values.name),
            "timezone": cleaned(timezone, values.timezone),
            "model": cleaned(model, values.model),
            "budget_per_day": cleaned(budget_per_day, values.budget),
        },
    )
    if changes:
        tx.record(store_id, e.StoreUpdated(**changes))
    return store(tx, store_id)


def archive_store(tx: Transaction, store_id: str) -> StoreRow:
    """Archive a store: nothing in it runs any more. Archiving twice changes nothing."""
    if store(tx, store_id).archived_at is None:
        tx.record(store_id, e.StoreArchived())
    return store(tx, store_id)


def unarchive_store(tx: Transaction, store_id: str) -> StoreRow:
    """Use an archived store again. The next pass handles what fell due meanwhile as missed runs."""
    if store(tx, store_id).archived_at is not None:
        tx.record(store_id, e.StoreUnarchived())
    return store(tx, store_id)


def store(tx: Transaction, store_id: str) -> StoreRow:
    """The store as it is in this transaction; `NotFound` names the nearest."""
    row = tx.row("stores", store_id) if naming.can_be_an_id(store_id) else None
    if not isinstance(row, StoreRow):
        raise boards.no_store(tx, store_id)
    return row


def workspace(tx: Transaction) -> WorkspaceRow:
    """What is known of the workspace as a whole."""
    row = tx.row("workspace", WORKSPACE)
    return row if isinstance(row, WorkspaceRow) else WorkspaceRow(id=WORKSPACE)


def mark_as_demo(tx: Transaction) -> None:
    """Make the workspace an example, served by the offline provider alone."""
    if not workspace(tx).demo:
        tx.record(WORKSPACE, e.WorkspaceMarkedAsDemo())


def note_model(tx: Transaction, provider: str, kind: str) -> None:
    """Remember that a language model has been used here, the first time that it is."""
    if kind not in KINDS_WITHOUT_MODEL and workspace(tx).model_provider is None:
        tx.record(WORKSPACE, e.ModelFirstUsed(provider=provider))


def end_session(tx: Transaction, session: str) -> None:
    """Note that a session of the pages, named by the SHA-256 of its id, is over."""
    tx.record(WORKSPACE, e.SessionEnded(session=session))
