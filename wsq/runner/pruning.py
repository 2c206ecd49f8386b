"""Deletes the conversations of old executions, which are long."""

from __future__ import annotations

from datetime import timedelta

from wsq.clock import Clock
from wsq.commands import executions as commands
from wsq.queries import executions as queries
from wsq.rules import values
from wsq.store.log import Log
from wsq.store.transaction import Transaction

MOST_DAYS = 36_500
"""The longest time that can be asked for."""

KEPT = 20
"""Executions of a task whose conversations are kept, however old they are."""

DAYS = 30.0
"""How long every conversation is kept."""


def prune(log: Log, clock: Clock, *, keep: int = KEPT, days: float = DAYS, rounds: int | None = None) -> int:
    """Delete what is too old, some two hundred at a time; returns how many. `rounds` bounds the number of steps."""
    keep = values.count(keep, "keep")
    older_than = clock.now() - timedelta(days=values.number(days, "days", most=MOST_DAYS))
    pruned = 0
    while rounds is None or rounds > 0:
        found = log.read(lambda cursor: queries.prunable(cursor, older_than, keep))
        for store_id, execution_ids in found.items():

            def decide(tx: Transaction, store: str = store_id, ids: list[str] = execution_ids) -> int:
                return commands.prune(tx, store, ids)

            pruned += log.submit(decide, clock=clock).result()
        if not found:
            break
        rounds = None if rounds is None else rounds - 1
    return pruned
