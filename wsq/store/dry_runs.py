"""What dry runs cost and have reserved: operational rows, since a dry run is in no log.

While a dry run calls the model, its row counts the greatest cost of that call in its cost, marked as estimated: if the
process is killed nothing has to be done for it to count as spent.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from wsq.projections import Execution
from wsq.rules import budgets
from wsq.rules.budgets import Most
from wsq.store.transaction import Transaction

_COLUMNS = (
    *("id", "store_id", "project_id", "model", "started_at", "cost_usd", "input_tokens", "output_tokens"),
    *("cache_read_tokens", "cache_write_tokens", "cost_estimated", "reserved_usd", "reserved_until"),
)

_PUT = f"""INSERT INTO dry_runs ({", ".join(_COLUMNS)}) VALUES ({", ".join(f"${n + 1}" for n in range(len(_COLUMNS)))})
    ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[5:])}"""  # noqa: S608


def record(tx: Transaction, row: Execution) -> None:
    """Keep what a dry run has used, and release what it has reserved; `row` is its execution.

    One that has used nothing has no row.
    """
    if row.cost_usd is None and not (
        row.input_tokens or row.output_tokens or row.cache_read_tokens or row.cache_write_tokens
    ):
        tx.query("DELETE FROM dry_runs WHERE id = $1", [row.id])
    else:
        _put(tx, row, 0.0, None)


def reserve(tx: Transaction, row: Execution, most: Most, until: datetime) -> None:
    """Reserve the greatest cost of a dry run's next call; from `until` on it counts as spent."""
    dollars, cost, tokens = budgets.counted(most), row.cost_usd, row.input_tokens
    if most.cost_usd is None and cost is None:
        tokens += most.tokens
    else:
        cost = (cost or 0.0) + dollars
    _put(tx, replace(row, cost_usd=cost, input_tokens=tokens, cost_estimated=True), dollars, until)


def _put(tx: Transaction, row: Execution, reserved_usd: float, reserved_until: datetime | None) -> None:
    tx.query(_PUT, [*(getattr(row, name) for name in _COLUMNS[:11]), reserved_usd, reserved_until])
