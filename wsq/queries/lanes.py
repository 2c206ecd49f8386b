"""The order of tasks in a lane of a store's board; archived tasks stand in none."""

from __future__ import annotations

from wsq.projections import Task
from wsq.store.engine import Cursor


def position(cursor: Cursor, row: Task) -> int:
    """The 0-based place of a task that is not archived."""
    ((before,),) = cursor.query(
        "SELECT count(*) FROM tasks"
        " WHERE store_id = $1 AND status = $2 AND archived_at IS NULL AND (rank, id) < ($3, $4)",
        [row.store_id, row.status, row.rank, row.id],
    )
    return int(before)


def end(cursor: Cursor, store_id: str, lane: str, *, without: str | None = None) -> tuple[str | None, int]:
    """The rank of a lane's last task, None when there is none, and how many there are; one task may be left out."""
    ((rank, count),) = cursor.query(
        "SELECT max(rank), count(*) FROM tasks"
        " WHERE store_id = $1 AND status = $2 AND archived_at IS NULL AND id IS DISTINCT FROM $3",
        [store_id, lane, without],
    )
    return rank, int(count)


def ranks(cursor: Cursor, store_id: str, lane: str, *, without: str, start: int, limit: int) -> list[str]:
    """The ranks of at most `limit` tasks of a lane from the 0-based place `start` on, one task left out."""
    found = cursor.query(
        "SELECT rank FROM tasks WHERE store_id = $1 AND status = $2 AND archived_at IS NULL AND id <> $3"
        " ORDER BY rank, id LIMIT $4 OFFSET $5",
        [store_id, lane, without, limit, start],
    )
    return [str(rank) for (rank,) in found]
