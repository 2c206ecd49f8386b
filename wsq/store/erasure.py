"""What forgetting reads and changes in the database: the one place that changes an event."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from wsq.events import Fact, decode, encode
from wsq.store.engine import Cursor, ReadingCursor
from wsq.store.transaction import Transaction

BODIES_AT_ONCE = 200
EVENTS_AT_ONCE = 5_000

Body = tuple[str, str]
"""A body's hash and its text."""

Held = tuple[Any, ...]
"""Whose conversation holds a body: the execution's store, seq, id and start, and the body's hash."""

Written = tuple[str, int, str, datetime, str]
"""An event as it is stored: store, seq, name, when it was recorded, and its facts as JSON."""


def facts_naming(cursor: Cursor, store_id: str, kinds: Iterable[type[Fact]], id_: str) -> list[tuple[int, Fact]]:
    """The store's facts of these kinds in which an id occurs, by seq."""
    found = cursor.query(
        "SELECT seq, name, version, args FROM events WHERE store_id = $1 AND name IN (SELECT unnest($2::VARCHAR[]))"
        " AND position($3::VARCHAR IN args) > 0 ORDER BY seq",
        [store_id, [kind.stored_name for kind in kinds], msgspec.json.encode(id_).decode()],
    )
    return [(seq, decode(name, version, args)) for seq, name, version, args in found]


def replace_fact(tx: Transaction, store_id: str, seq: int, fact: Fact) -> None:
    """Put another fact in the place of an event's."""
    tx.query(
        "UPDATE events SET version = $3, args = $4 WHERE store_id = $1 AND seq = $2",
        [store_id, seq, fact.stored_version, encode(fact)],
    )


def whole_log(cursor: ReadingCursor) -> Iterator[Written]:
    """Every event of every store, in the order of each."""
    log = "SELECT store_id, seq, name, recorded_at, args FROM events ORDER BY store_id, seq"
    for rows in cursor.batches(log, EVENTS_AT_ONCE):
        yield from rows


def all_bodies(cursor: ReadingCursor) -> Iterator[Body]:
    """Every body, some hundred of them read at a time."""
    for rows in cursor.batches("SELECT hash, body FROM bodies", BODIES_AT_ONCE):
        yield from _unpacked(rows)


def bodies_beside(cursor: Cursor, seen: frozenset[str]) -> Iterator[Body]:
    """Every body but those whose hashes were seen."""
    new = iter(sorted(name for (name,) in cursor.query("SELECT hash FROM bodies") if name not in seen))
    while names := list(islice(new, BODIES_AT_ONCE)):
        found = cursor.query("SELECT hash, body FROM bodies WHERE hash IN (SELECT unnest($1::VARCHAR[]))", [names])
        yield from _unpacked(found)


def executions_holding(cursor: Cursor, bodies: Iterable[str]) -> list[Held]:
    """The executions of any store whose conversation holds one of these bodies, by store and seq."""
    return cursor.query(
        """SELECT e.store_id, e.seq, e.id, e.started_at, h.body FROM task_executions e JOIN (
            SELECT execution_id, body FROM execution_steps
            UNION ALL SELECT id, system FROM task_executions
            UNION ALL SELECT id, first_message FROM task_executions
            UNION ALL SELECT id, tools FROM task_executions
        ) AS h ON h.execution_id = e.id WHERE h.body IN (SELECT unnest($1::VARCHAR[]))
        ORDER BY e.store_id, e.seq, h.body""",
        [sorted(bodies)],
    )


def _unpacked(rows: Sequence[tuple[Any, ...]]) -> Iterator[Body]:
    for name, body in rows:
        yield name, zlib.decompress(bytes(body)).decode(errors="replace")
