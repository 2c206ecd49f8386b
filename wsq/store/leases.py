"""Leases on running executions, and what each has reserved of the budgets.

Leases are operational: no event records them. A lease that has expired may be taken over by any worker.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from wsq.store.engine import Cursor
from wsq.store.transaction import Transaction

_BEGIN = (
    "INSERT INTO leases (execution_id, store_id, holder, epoch, expires_at) SELECT unnest($1::VARCHAR[]),"
    " unnest($2::VARCHAR[]), unnest($3::VARCHAR[]), 1, unnest($4::TIMESTAMPTZ[])"
)

_END = "DELETE FROM leases WHERE execution_id IN (SELECT unnest($1::VARCHAR[]))"

_RESERVE = """UPDATE leases SET reserved_usd = v.usd, reserved_tokens = v.tokens
    FROM (SELECT unnest($1::VARCHAR[]) AS id, unnest($2::DOUBLE PRECISION[]) AS usd, unnest($3::BIGINT[]) AS tokens) v
    WHERE leases.execution_id = v.id"""

_OWN = "holder = $1 AND execution_id IN (SELECT unnest($2::VARCHAR[]))"


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's hold on an execution; another worker's has another `epoch`.

    `reserved_usd` is in US dollars; `reserved_tokens` is 0 where the model's price is known.
    """

    epoch: int
    expires_at: datetime
    reserved_usd: float
    reserved_tokens: int


def begin(tx: Transaction, store_id: str, execution_id: str, holder: str, expires_at: datetime) -> None:
    """Give an execution that starts its first lease, with epoch 1; written together with the facts."""
    tx.after(_BEGIN, execution_id, store_id, holder, expires_at)


def end(tx: Transaction, execution_id: str) -> None:
    """Delete an execution's lease; written together with the facts."""
    tx.after(_END, execution_id)


def reserve(tx: Transaction, execution_id: str, dollars: float, tokens: int) -> None:
    """Replace what an execution has reserved; written together with the facts."""
    tx.after(_RESERVE, execution_id, dollars, tokens)


def lease(cursor: Cursor, execution_id: str) -> Lease | None:
    """An execution's lease, expired or not; None if it has none."""
    found = cursor.query(
        "SELECT epoch, expires_at, reserved_usd, reserved_tokens FROM leases WHERE execution_id = $1", [execution_id]
    )
    return Lease(**dict(zip(Lease.__struct_fields__, found[0], strict=True))) if found else None


def renew(tx: Transaction, execution_ids: Iterable[str], holder: str, expires_at: datetime) -> set[str]:
    """Extend the holder's leases on these executions; returns those that it still holds."""
    given = [holder, list(execution_ids)]
    tx.query(f"UPDATE leases SET expires_at = $3 WHERE {_OWN}", [*given, expires_at])  # noqa: S608
    return {execution_id for (execution_id,) in tx.query(f"SELECT execution_id FROM leases WHERE {_OWN}", given)}  # noqa: S608


def expire(tx: Transaction, holder: str, at: datetime) -> None:
    """Let all of the holder's leases expire at an instant, at the latest."""
    tx.query("UPDATE leases SET expires_at = $2 WHERE holder = $1 AND expires_at > $2", [holder, at])


def take_over(tx: Transaction, execution_id: str, holder: str, epoch: int, expires_at: datetime) -> None:
    """Give an execution's lease to another holder under a new epoch, with nothing reserved."""
    tx.query(
        "UPDATE leases SET holder = $2, epoch = $3, expires_at = $4, reserved_usd = 0, reserved_tokens = 0"
        " WHERE execution_id = $1",
        [execution_id, holder, epoch, expires_at],
    )
