"""The log read as a whole, and what it folds into."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from wsq.errors import UnreadableLog
from wsq.events import Fact, Recorded, known_names
from wsq.events.codec import reader
from wsq.events.recurring import ConversationPruned
from wsq.projections import TABLES, Row
from wsq.projections.reducers import pruned_steps, rules_of
from wsq.store.engine import Cursor

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
World = dict[str, dict[tuple[Any, ...], Row]]
"""Every projection's rows by key."""

_READ = """SELECT store_id, seq, event_id, name, version, args, actor, cause,
    CAST(epoch_us(recorded_at) AS BIGINT) FROM events"""

_READ_FACTS = """SELECT store_id, seq, '', name, version, args, '', NULL,
    CAST(epoch_us(recorded_at) AS BIGINT) FROM events ORDER BY store_id, seq"""
"""All that reducers look at: who wrote an event and why is nothing to them, and fetching it takes a third."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is not as the log says; `column` is ``*`` when the whole row is missing or too much."""

    table: str
    key: tuple[Any, ...]
    column: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        where = f"{self.table} {', '.join(map(str, self.key))}"
        if self.column == "*":
            missing = self.found is None
            return f"{where}: the row is {'missing' if missing else 'there, but the log knows of none'}."
        return f"{where}: {self.column} is {self.found!r}, the log says {self.expected!r}."


def read_log(cursor: Cursor, where: str = "", parameters: tuple[Any, ...] = ()) -> Iterator[Recorded]:
    """The events of the log in the order of each store, oldest first; `UnreadableLog` names a bad one.

    They are fetched at once and decoded while one goes through them: the cursor may be given back before.
    """
    return _decoded(cursor.query(f"{_READ} {where} ORDER BY store_id, seq", parameters))


def read_facts(cursor: Cursor) -> Iterator[Recorded]:
    """The whole log as reducers need it: without ids, actors and causes."""
    return _decoded(cursor.query(_READ_FACTS))


def _decoded(found: list[tuple[Any, ...]]) -> Iterator[Recorded]:
    readers: dict[tuple[str, int], Callable[[str], Fact]] = {}
    for store_id, seq, event_id, name, version, args, actor, cause, recorded_at in found:
        try:
            read = readers.get((name, version)) or readers.setdefault((name, version), reader(name, version))
            fact = read(args)
        except (UnreadableLog, msgspec.MsgspecError) as error:
            reason = error if isinstance(error, UnreadableLog) else f"{name!r} cannot be read: {error}."
            raise UnreadableLog(f"Store {store_id!r}, event {seq}: {reason}") from error
        at = EPOCH + timedelta(microseconds=recorded_at)
        yield Recorded(store_id, seq, event_id, actor, cause, at, fact)


def fold(events: Iterable[Recorded]) -> World:
    """The rows that `events` make, from nothing. Events of one store must come in their order."""
    world: World = {name: {} for name in TABLES}
    with _without_collector():
        for event in events:
            fact = event.fact
            for table, locate, reducer in rules_of(type(fact)):
                key = locate(fact, event)
                if key[0] is None:
                    continue
                rows = world[table]
                row = reducer(rows.get(key), fact, event)
                if row is not None:
                    rows[key] = row
                elif key in rows:
                    del rows[key]
            if type(fact) is ConversationPruned:
                for table, key in pruned_steps(fact):
                    world[table].pop(key, None)
    return world


def unreadable(cursor: Cursor, stores: list[str]) -> dict[str, str]:
    """Of `stores`, those whose log holds an event that this wsq does not know, and the sentence why."""
    names, versions = zip(*known_names(), strict=True)
    found = cursor.query(
        """SELECT e.store_id, min(e.seq), min_by(e.name, e.seq), min_by(e.version, e.seq) FROM events e
        WHERE (e.name, e.version) NOT IN (SELECT unnest($1::VARCHAR[]), unnest($2::INTEGER[]))
        AND e.store_id IN (SELECT unnest($3::VARCHAR[])) GROUP BY e.store_id""",
        [list(names), list(versions), stores],
    )
    return {
        store: f"Store {store!r} cannot be served: its event {seq} is {name!r} of version {version}, "
        "which this wsq does not know; a newer wsq may have written it."
        for store, seq, name, version in found
    }


def compare(expected: World, found: World) -> list[Difference]:
    """Where two worlds differ, by table and key; `expected` is what the log says."""
    differences: list[Difference] = []
    for name, table in TABLES.items():
        ours, theirs = expected[name], found[name]
        for key in sorted(ours.keys() | theirs.keys(), key=str):
            mine, other = ours.get(key), theirs.get(key)
            if mine is None or other is None:
                differences.append(Difference(table=name, key=key, column="*", expected=mine, found=other))
                continue
            differences += [
                Difference(table=name, key=key, column=c, expected=getattr(mine, c), found=getattr(other, c))
                for c in table.columns
                if getattr(mine, c) != getattr(other, c)
            ]
    return differences


def gaps(cursor: Cursor) -> list[Difference]:
    """Stores whose events do not run from 1 to their head without a gap."""
    found = cursor.query(
        """SELECT coalesce(e.store_id, h.store_id), e.events, e.newest, h.seq
        FROM (SELECT store_id, count(*) AS events, max(seq) AS newest, min(seq) AS oldest
              FROM events GROUP BY store_id) e
        FULL JOIN heads h ON h.store_id = e.store_id
        WHERE e.events IS NULL OR h.seq IS NULL OR e.events <> h.seq OR e.newest <> h.seq OR e.oldest <> 1
        ORDER BY 1"""
    )
    return [
        Difference(table="heads", key=(store,), column="seq", expected=newest or count or 0, found=head)
        for store, count, newest, head in found
    ]


@contextmanager
def _without_collector() -> Iterator[None]:
    """Millions of new objects, none of them garbage: the collector would look through them for nothing."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
