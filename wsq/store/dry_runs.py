"""What dry runs cost: operational rows, since a dry run is in no log."""

from __future__ import annotations

from wsq.projections import Execution
from wsq.store.transaction import Transaction


def record(tx: Transaction, row: Execution) -> None:
    """Keep what a dry run used; `row` is how its execution ended."""
    tx.query(
        "INSERT INTO dry_runs (id, store_id, project_id, model, started_at, cost_usd, input_tokens, output_tokens,"
        " cache_read_tokens, cache_write_tokens) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        [
            *(row.id, row.store_id, row.project_id, row.model, row.started_at, row.cost_usd),
            *(row.input_tokens, row.output_tokens, row.cache_read_tokens, row.cache_write_tokens),
        ],
    )
