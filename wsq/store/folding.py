"""The log read as a whole, and what it folds into."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, repeat
from operator import attrgetter
from typing import Any

import msgspec

from wsq.errors import UnreadableLog
from wsq.events import FACTS, Fact, Recorded, known_names
from wsq.events.codec import decode, decode_all, decode_placed
from wsq.events.recurring import ConversationPruned
from wsq.projections import TABLES, Row
from wsq.projections.reducers import Key, Locator, Reducer, pruned_steps, rules_of
from wsq.store.engine import Cursor, ReadingCursor
from wsq.store.instants import instants
from wsq.store.rows import World

_READ = """SELECT store_id, seq, event_id, name, version, args, actor, cause,
    CAST(epoch_us(recorded_at) AS BIGINT) FROM events"""

_READ_FACTS = """SELECT store_id, seq, name, version, args,
    CAST(epoch_us(recorded_at) AS BIGINT) FROM events ORDER BY store_id, seq"""
"""All that reducers look at: who wrote an event and why is nothing to them, and fetching it takes a third."""

_READ_STORE = """SELECT name, version, count(*), string_agg('[' || CAST(seq AS VARCHAR) || ',' ||
    CAST(CAST(epoch_us(recorded_at) AS BIGINT) AS VARCHAR) || ',' || args || ']', $4::VARCHAR) FROM events
    WHERE store_id = $1 AND seq <= $2 AND name IN (SELECT unnest($3::VARCHAR[])) GROUP BY name, version"""
"""One text for each kind of event: a third of what a row for each event takes to fetch and to decode."""

BETWEEN = ",\n"
"""What stands between two events in one text: no event's own has it, since JSON escapes what ends a line."""

BATCH = 20_000
"""Events that are decoded at a time."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is not as the log says; `column` is ``*`` when the whole row is missing or too much."""

    table: str
    key: tuple[Any, ...]
    column: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        where = f"{self.table} {', '.join(map(str, self.key))}"
        if self.table == "events":
            return f"{where}: there are {self.found}, and the newest is number {self.expected}."
        if self.column == "*":
            missing = self.found is None
            return f"{where}: the row is {'missing' if missing else 'there, but the log knows of none'}."
        return f"{where}: {self.column} is {self.found!r}, the log says {self.expected!r}."


def read_log(cursor: Cursor, where: str = "", parameters: tuple[Any, ...] = ()) -> Iterator[Recorded]:
    """The events of the log in the order of each store, oldest first; `UnreadableLog` names a bad one.

    They are fetched at once and decoded while one goes through them: the cursor may be given back before.
    """
    return recorded(log_rows(cursor, where, parameters))


def log_rows(cursor: Cursor, where: str = "", parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The same, not decoded: store, seq, event id and more, for `recorded`."""
    return cursor.query(f"{_READ} {where} ORDER BY store_id, seq", parameters)


def recorded(found: list[tuple[Any, ...]]) -> Iterator[Recorded]:
    """The events of rows of the log, decoded."""
    return chain.from_iterable(
        map(Recorded, stores, seqs, ids, actors, causes, instants(times), _facts(stores, seqs, names, versions, args))
        for stores, seqs, ids, names, versions, args, actors, causes, times in _batches(found)
    )


def read_facts(cursor: ReadingCursor) -> Iterator[Recorded]:
    """The whole log as reducers need it: without ids, actors and causes; the cursor is in use meanwhile."""
    return chain.from_iterable(map(_bare, cursor.batches(_READ_FACTS, BATCH)))


def read_store(cursor: Cursor, store_id: str, until: int, tables: Collection[str]) -> Iterator[Recorded]:
    """What reducers need of one store's events up to the one of seq `until` (inclusive) to make these tables.

    They are fetched at once and decoded while one goes through them: the cursor may be given back before.
    """
    found = cursor.query(_READ_STORE, [store_id, until, names_touching(tables), BETWEEN])
    return _in_order(store_id, found)


def _in_order(store_id: str, found: list[tuple[Any, ...]]) -> Iterator[Recorded]:
    """One store's events of several kinds, each of which comes as one text; they are decoded when first asked for."""
    together: list[Recorded] = []
    for name, version, count, text in found:
        try:
            seqs, times, facts = zip(*decode_placed(name, version, text, count), strict=True)
        except UnreadableLog:
            _refuse_the_bad(store_id, name, version, text)
            raise
        together.extend(
            map(Recorded, *(repeat(store_id), seqs, repeat(""), repeat(""), repeat(None)), *(instants(times), facts))
        )
    together.sort(key=attrgetter("seq"))
    yield from together


def _refuse_the_bad(store_id: str, name: str, version: int, text: str) -> None:
    """Raise `UnreadableLog` for the first of these events that is not to be read alone, if there is one."""
    for each in text.split(BETWEEN):
        seq, _, args = each[1:-1].split(",", 2)
        _facts([store_id], [int(seq)], [name], [version], [args])


def names_touching(tables: Collection[str]) -> list[str]:
    """The stored names of the events that make, change or end a row of one of these tables, sorted."""
    return sorted(
        {
            name
            for (name, _), kind in FACTS.items()
            if not {table for table, _, _ in rules_of(kind)}.isdisjoint(tables)
            or (kind is ConversationPruned and "execution_steps" in tables)
        }
    )


def _bare(found: list[tuple[Any, ...]]) -> Iterator[Recorded]:
    """Events without ids, actors and causes."""
    return chain.from_iterable(
        map(
            Recorded,
            *(stores, seqs, repeat(""), repeat(""), repeat(None)),
            *(instants(times), _facts(stores, seqs, names, versions, args)),
        )
        for stores, seqs, names, versions, args, times in _batches(found)
    )


def _batches(found: list[tuple[Any, ...]]) -> Iterator[tuple[tuple[Any, ...], ...]]:
    """The columns of so many rows at a time."""
    for start in range(0, len(found), BATCH):
        yield tuple(zip(*found[start : start + BATCH], strict=True))


def _facts(
    stores: Sequence[str], seqs: Sequence[int], names: Sequence[str], versions: Sequence[int], args: Sequence[str]
) -> list[Fact]:
    """What stands in the events, all of a kind decoded at once; `UnreadableLog` names a bad one."""
    places: dict[tuple[str, int], list[int]] = {}
    for place, kind in enumerate(zip(names, versions, strict=True)):
        places.setdefault(kind, []).append(place)
    facts: dict[int, Fact] = {}
    for (name, version), mine in places.items():
        try:
            facts.update(zip(mine, decode_all(name, version, [args[place] for place in mine]), strict=True))
        except UnreadableLog:
            for place in mine:
                try:
                    decode(name, version, args[place])
                except UnreadableLog as error:
                    raise UnreadableLog(f"Store {stores[place]!r}, event {seqs[place]}: {error}") from error
            raise
    return [facts[place] for place in range(len(names))]


def fold(events: Iterable[Recorded], tables: Collection[str] = TABLES.keys(), world: World | None = None) -> World:
    """The rows of these tables that `events` make. Events of one store must come in their order.

    They go on from `world`, which becomes what is returned; left out, they begin with nothing.
    """
    if world is None:
        world = {name: {} for name in TABLES if name in tables}
    rules: dict[type[Fact], list[tuple[dict[Key, Row], Locator, Reducer]]] = {}
    with without_collector():
        for event in events:
            fact = event.fact
            kind = type(fact)
            mine = rules.get(kind)
            if mine is None:
                mine = rules[kind] = [
                    (world[table], locate, rule) for table, locate, rule in rules_of(kind) if table in world
                ]
            for rows, locate, reducer in mine:
                key = locate(fact, event)
                if key[0] is None:
                    continue
                row = reducer(rows.get(key), fact, event)
                if row is not None:
                    rows[key] = row
                elif key in rows:
                    del rows[key]
            if isinstance(fact, ConversationPruned) and "execution_steps" in world:
                for table, key in pruned_steps(fact):
                    world[table].pop(key, None)
    return world


def unreadable(cursor: Cursor, stores: list[str]) -> dict[str, str]:
    """Of `stores`, those whose log holds an event that this wsq does not know, and the sentence why."""
    names, versions = zip(*known_names(), strict=True)
    found = cursor.query(
        """SELECT DISTINCT ON (e.store_id) e.store_id, e.seq, e.name, e.version FROM events e
        WHERE (e.name, e.version) NOT IN (SELECT unnest($1::VARCHAR[]), unnest($2::INTEGER[]))
        AND e.store_id IN (SELECT unnest($3::VARCHAR[])) ORDER BY e.store_id, e.seq""",
        [list(names), list(versions), stores],
    )
    return {
        store: f"Store {store!r} cannot be served: its event {seq} is {name!r} of version {version}, "
        "which this wsq does not know; a newer wsq may have written it."
        for store, seq, name, version in found
    }


def refuse_what_is_unknown(cursor: Cursor, store_id: str, until: int) -> None:
    """Raise `UnreadableLog` when one of the store's events up to `until` (inclusive) is of a kind not known here."""
    kinds = cursor.query(
        "SELECT min(seq), name, version FROM events WHERE store_id = $1 AND seq <= $2 GROUP BY name, version",
        [store_id, until],
    )
    for seq, name, version in sorted(kinds):
        if (name, version) not in known_names():
            _facts([store_id], [seq], [name], [version], [""])


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
    """Stores whose events do not run from 1 to their head without a gap.

    Of `events` it is how many there are that differs, of `heads` the number of the newest.
    """
    found = cursor.query(
        """SELECT coalesce(e.store_id, h.store_id), e.events, e.newest, e.oldest, h.seq
        FROM (SELECT store_id, count(*) AS events, max(seq) AS newest, min(seq) AS oldest
              FROM events GROUP BY store_id) e
        FULL JOIN heads h ON h.store_id = e.store_id
        WHERE e.events IS NULL OR h.seq IS NULL OR e.events <> h.seq OR e.newest <> h.seq OR e.oldest <> 1
        ORDER BY 1"""
    )
    differences = []
    for store, count, newest, oldest, head in found:
        if count is not None and (count, oldest) != (newest, 1):
            differences.append(Difference(table="events", key=(store,), column="seq", expected=newest, found=count))
        if head != newest:
            differences.append(Difference(table="heads", key=(store,), column="seq", expected=newest or 0, found=head))
    return differences


@contextmanager
def without_collector() -> Iterator[None]:
    """Millions of new objects, none of them garbage: the collector would look through them for nothing."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
