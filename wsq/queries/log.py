"""Questions to the log itself."""

from __future__ import annotations

from wsq.events import Recorded
from wsq.store.engine import Cursor
from wsq.store.folding import read_log


def events(cursor: Cursor, store_id: str, after: int = 0) -> list[Recorded]:
    """The store's events whose seq is greater than `after`, in their order."""
    return list(read_log(cursor, "WHERE store_id = $1 AND seq > $2", (store_id, after)))


def head(cursor: Cursor, store_id: str) -> int:
    """The seq of the store's newest event, 0 when it has none."""
    found = cursor.query("SELECT seq FROM heads WHERE store_id = $1", [store_id])
    return int(found[0][0]) if found else 0
