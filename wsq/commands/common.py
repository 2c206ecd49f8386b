"""What every command needs: finding what it is about, and telling what it would change."""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec import UNSET

from wsq.errors import Conflict, InvalidInput
from wsq.events.stores import StoreCreated
from wsq.projections import Row, StoreRow
from wsq.queries import boards
from wsq.rules import naming, values
from wsq.store.transaction import Transaction

R = TypeVar("R", bound=Row)


def existing_store(tx: Transaction, store_id: str) -> StoreRow:
    """The store, made now if this is the first that is heard of it; an archived one is refused."""
    row = tx.row("stores", store_id)
    if row is None:
        tx.record(store_id, StoreCreated(name=values.store_id(store_id), timezone=tx.timezone))
        row = tx.row("stores", store_id)
    assert isinstance(row, StoreRow)
    if row.archived_at is not None:
        raise InvalidInput(f"Store {store_id!r} is archived; nothing new is made or run in it.")
    return row


def existing(tx: Transaction, kind: type[R], table: str, store_id: str, row_id: str) -> R:
    """The store's row by its id; `NotFound` names the nearest one."""
    row = tx.row(table, row_id) if naming.can_be_an_id(row_id) else None
    if isinstance(row, kind) and getattr(row, "store_id", store_id) == store_id:
        return row
    raise boards.no_row(tx, table, store_id, row_id)


def at_version(row: Row, expected: int | None) -> None:
    """Refuse with `Conflict` when the row is no longer at the `expected` version."""
    found = row.version  # type: ignore[attr-defined]
    if expected is not None and found != expected:
        raise Conflict(
            f"{type(row).__name__} {row.id!r} was changed in the meantime: "  # type: ignore[attr-defined]
            f"it is at version {found}, not {expected}."
        )


def differing(row: Row, given: dict[str, Any]) -> dict[str, Any]:
    """Of the `given` fields those that are set and not what the row has already."""
    return {name: v for name, v in given.items() if v is not UNSET and getattr(row, name) != v}


def cleaned(value: Any, clean: Any, *args: Any) -> Any:
    """`clean(value, *args)` unless the value was left out."""
    return UNSET if value is UNSET else clean(value, *args)


def cleared(value: Any, empty: Any, clean: Any, *args: Any) -> Any:
    """Like `cleaned`, for what may be cleared: None makes it `empty`."""
    return empty if value is None else cleaned(value, clean, *args)
