"""One transaction: facts are recorded, folded into rows with the reducers, and written as sets."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from wsq.errors import Conflict, WorkspaceError
from wsq.events import Fact, Recorded, encode_readable
from wsq.ids import Ids
from wsq.projections import TABLES, Row, Table, keys, reduce
from wsq.store.engine import Parameters, ReadingCursor, Scope, WritingCursor
from wsq.store.rows import (
    LOG_TYPES,
    Key,
    World,
    by_key,
    delete_rows,
    fetch_rows,
    insert,
    insert_rows,
    tables_in,
    update_rows,
    write_world,
)

_GIVE_UP = """DELETE FROM bodies WHERE hash IN (SELECT unnest($1::VARCHAR[])) AND hash NOT IN (
    SELECT body FROM execution_steps WHERE body IS NOT NULL
    UNION ALL SELECT system FROM task_executions WHERE system IS NOT NULL
    UNION ALL SELECT tools FROM task_executions WHERE tools IS NOT NULL
    UNION ALL SELECT first_message FROM task_executions WHERE first_message IS NOT NULL)"""


class BeyondScope(WorkspaceError):
    """A decision concerns more than the stores it was said to; it is to be taken again with all of them."""


class Memory:
    """Rows and heads as the last transaction of this process left them.

    They spare the next one a look, as long as nobody else has written in between.
    """

    MOST = 20_000
    """Rows that are remembered from one transaction to the next."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[Key, Row | None]] = {name: {} for name in TABLES}
        self.heads: dict[str, int] = {}
        self.bodies: set[str] = set()
        self.remembered: dict[Any, Any] = {}

    def trim(self) -> None:
        """Forget what is too much; documents are long and are never kept."""
        self.rows["documents"].clear()
        if sum(map(len, self.rows.values())) > self.MOST:
            self.rows = {name: {} for name in TABLES}
        if len(self.bodies) > self.MOST:
            self.bodies.clear()


class Transaction:
    """What commands see of the database while they decide.

    `now`, `actor` and `cause` are those of the decision that is being taken; they stand on the events
    that it records. `timezone` is what a new store gets. Rows read here are as they will be when
    everything recorded so far is written.
    """

    def __init__(self, cursor: WritingCursor, ids: Ids, timezone: str, memory: Memory, scope: Scope = None) -> None:
        self.now: datetime
        self.actor: str
        self.cause: str | None = None
        self._ids = ids
        self._scope = scope
        self._fresh: set[str] = set()
        self.timezone = timezone
        self._cursor = cursor
        self._memory = memory
        self._heads = memory.heads
        self._raised: set[str] = set()
        self._events: list[tuple[Recorded, str]] = []
        self._seen: dict[str, dict[Key, Row | None]] = {name: {} for name in TABLES}
        self._stored = memory.rows
        self._gone: dict[str, set[Key]] = {name: set() for name in TABLES}
        self._bodies: dict[str, bytes] = {}
        self.remembered = memory.remembered
        """What commands have worked out and keep true with everything that they record, for the next transaction:
        it is gone as soon as anybody else has written, or a transaction has failed."""
        self._after: dict[str, dict[Any, tuple[Any, ...]]] = {}
        self.recorded = 0
        """How many events this transaction has recorded so far."""

    @property
    def execution_id(self) -> str | None:
        """The execution whose tool call causes what is recorded; None for what people do."""
        return self.cause.partition(":")[0] if self.cause is not None else None

    @contextmanager
    def attributed_to(self, actor: str, cause: str) -> Iterator[None]:
        """Name somebody else and another cause on what is recorded inside."""
        before = self.actor, self.cause
        self.actor, self.cause = actor, cause
        try:
            yield
        finally:
            self.actor, self.cause = before

    def new_id(self) -> str:
        """An id that nothing has yet."""
        new = self._ids()
        self._fresh.add(new)
        return new

    # Looking

    def query(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """Ask in SQL; what was recorded in this transaction is seen.

        It is written first when the statement names a table that something waits to be written to;
        otherwise it goes on waiting, for what the next decisions add.
        """
        if not self._waiting_tables().isdisjoint(tables_in(sql)):
            self.flush()
        return self._cursor.query(sql, parameters)

    def batches(self, sql: str, size: int, parameters: Parameters = ()) -> Iterator[list[tuple[Any, ...]]]:
        """Like `query`, but yields the rows `size` at a time. Run no other statement meanwhile."""
        self.flush()
        return self._cursor.batches(sql, size, parameters)

    def _waiting_tables(self) -> set[str]:
        """The tables that the next flush will write to."""
        waiting = {name for name, rows in self._seen.items() if rows}
        waiting.update(name for name, keys_ in self._gone.items() if keys_)
        if self._events:
            waiting |= {"events", "heads"}
        if self._bodies:
            waiting.add("bodies")
        for statement in self._after:
            waiting |= tables_in(statement)
        return waiting

    def row(self, table: str, *key: Any) -> Row | None:
        """The row by its key, None when there is none."""
        seen, stored = self._seen[table], self._stored[table]
        if key in seen:
            return seen[key]
        if key not in stored:
            if key[0] in self._fresh:
                return None
            self.fetch(table, [key])
        return stored[key]

    def fetch(self, table: str, wanted: Iterable[Key]) -> None:
        """Read many rows of a table at once, so that `row` need not ask for each."""
        stored = self._stored[table]
        missing = [key for key in wanted if key not in stored]
        if not missing:
            return
        stored.update(dict.fromkeys(missing))
        spec = TABLES[table]
        stored.update(by_key(spec, fetch_rows(self._cursor, spec, missing)))

    # Recording

    def record(self, store_id: str, fact: Fact) -> Recorded:
        """Append `fact` to the store's log and fold it into the rows that it touches.

        Raises:
            BeyondScope: The transaction has only other stores.
            InvalidEvent: The fact could not be read again; nothing of it is recorded.
        """
        if self._scope is not None and store_id not in self._scope:
            raise BeyondScope(store_id)
        args = encode_readable(fact)
        event = Recorded(
            store_id=store_id,
            seq=self._next_seq(store_id),
            event_id=self.new_id(),
            actor=self.actor,
            cause=self.cause,
            recorded_at=self.now,
            fact=fact,
        )
        self._events.append((event, args))
        self.recorded += 1
        for table, key in keys(event):
            if TABLES[table].exclusive:
                self._claim(table, key, reduce(table, None, event))
            else:
                self._seen[table][key] = reduce(table, self.row(table, *key), event)
        return event

    def head(self, store_id: str) -> int:
        """The seq of the store's newest event, 0 when it has none."""
        if store_id not in self._heads:
            found = self._cursor.query("SELECT seq FROM heads WHERE store_id = $1", [store_id])
            self._heads[store_id] = found[0][0] if found else 0
        return self._heads[store_id]

    def keep(self, body: bytes) -> str:
        """Lay a body beside the log, compressed; returns the hash by which events name it."""
        name = hashlib.blake2b(body, digest_size=16).hexdigest()
        self._bodies.setdefault(name, body)
        return name

    def after(self, statement: str, *item: Any) -> None:
        """Have an operational `statement` run when facts are written, once for all items given to it.

        It has a parameter for each part of an item: the list of that part of all items. An item is known by
        its first part, and takes the place of one that was given before. What inserts runs before the rest.
        """
        self._after.setdefault(statement, {})[item[0]] = item

    def give_up(self, names: Iterable[str]) -> None:
        """Delete those of the bodies that nothing refers to any more.

        Raises:
            BeyondScope: The transaction has only some stores, and others may be given the same bodies meanwhile.
        """
        if self._scope is not None:
            raise BeyondScope("*")
        wanted = sorted(set(names))
        self._memory.bodies.difference_update(wanted)
        self.query(_GIVE_UP, [wanted])

    def _next_seq(self, store_id: str) -> int:
        if self.head(store_id) == 0 and store_id not in self._raised:
            self._cursor.post("INSERT INTO heads VALUES ($1, 0)", [store_id])
        self._raised.add(store_id)
        self._heads[store_id] += 1
        return self._heads[store_id]

    def _claim(self, table: str, key: Key, row: Row | None) -> None:
        waiting = self._seen[table]
        if row is None:
            if waiting.pop(key, None) is None:
                self._gone[table].add(key)
        elif key in waiting:
            raise Conflict(f"{table} has a row for {', '.join(map(str, key))} already.")
        else:
            waiting[key] = row

    def rebuild(self, world_of: Callable[[ReadingCursor], World]) -> int:
        """Replace every projection by what the log folds into; returns the number of events."""
        self.flush()
        write_world(self._cursor, world_of(self._cursor))
        for rows in self._stored.values():
            rows.clear()
        self.remembered.clear()
        return int(self._cursor.query("SELECT count(*) FROM events")[0][0])

    # Writing

    def flush(self) -> None:
        """Write what was recorded since the last time, as one statement for each kind of change."""
        if self._events:
            self._write_events()
        for name, table in TABLES.items():
            if table.exclusive:
                self._write_claims(table)
            elif self._seen[name]:
                self._write_rows(table)
        if self._bodies:
            self._write_bodies()
        for statement in sorted(self._after, key=lambda each: not each.startswith("INSERT")):
            self._cursor.post(statement, [list(part) for part in zip(*self._after[statement].values(), strict=True)])
        self._after.clear()

    def _write_events(self) -> None:
        rows = [
            (e.store_id, e.seq, e.event_id, e.fact.stored_name, e.fact.stored_version, args,
             e.actor, e.cause, e.recorded_at)
            for e, args in self._events
        ]  # fmt: skip
        insert(self._cursor, "events", LOG_TYPES, rows)
        self._events.clear()
        stores = sorted(self._raised)
        if len(stores) == 1:
            self._cursor.post("UPDATE heads SET seq = $2 WHERE store_id = $1", [stores[0], self._heads[stores[0]]])
        else:
            self._cursor.post(
                "UPDATE heads SET seq = v.seq FROM (SELECT unnest($1::VARCHAR[]) AS id, unnest($2::BIGINT[]) AS seq) v"
                " WHERE heads.store_id = v.id",
                [stores, [self._heads[s] for s in stores]],
            )
        self._raised.clear()

    def _write_claims(self, table: Table) -> None:
        gone, waiting = self._gone[table.name], self._seen[table.name]
        if gone:
            delete_rows(self._cursor, table, gone)
            gone.clear()
        if waiting:
            insert_rows(self._cursor, table, [row for row in waiting.values() if row])
            waiting.clear()

    def _write_rows(self, table: Table) -> None:
        seen, stored = self._seen[table.name], self._stored[table.name]
        new: list[Row] = []
        gone: list[Key] = []
        changed: dict[tuple[str, ...], list[Row]] = {}
        for key, row in seen.items():
            before = stored.get(key)
            if row is before:
                continue
            if row is None:
                gone.append(key)
            elif before is None:
                new.append(row)
            elif columns := tuple(c for c in table.columns if getattr(row, c) != getattr(before, c)):
                changed.setdefault(columns, []).append(row)
            stored[key] = row
        seen.clear()
        if gone:
            delete_rows(self._cursor, table, gone)
        if new:
            insert_rows(self._cursor, table, new)
        for columns, rows in changed.items():
            update_rows(self._cursor, table, columns, rows)

    def _write_bodies(self) -> None:
        known = self._memory.bodies
        # In one order, lest two who write to different stores wait for each other's.
        rows = [(name, zlib.compress(body, 6)) for name, body in sorted(self._bodies.items()) if name not in known]
        if rows:
            insert(self._cursor, "bodies", {"hash": "VARCHAR", "body": "BLOB"}, rows, " ON CONFLICT DO NOTHING")
        known.update(self._bodies)
        self._bodies.clear()
