"""Executions: ended, due and abandoned.

The newest of a store is the one that began last in its log: clocks may be put back.
"""

from __future__ import annotations

import zlib
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from wsq.clock import AHEAD
from wsq.events import encode
from wsq.events.recurring import RecurringTaskDeleted
from wsq.projections import Execution, RecurringTask, Row, Rows, Step
from wsq.queries.boards import missing, one, select
from wsq.rules import naming
from wsq.store.engine import Cursor

PAGE = 20
"""Default number of executions in a page."""

LOOKED_AT = 200
"""How many of a task's newest executions are grouped into runs; older ones are not counted."""


def executions(
    cursor: Cursor,
    store_id: str,
    recurring_task_id: str | None = None,
    *,
    limit: int = PAGE,
    before: str | None = None,
) -> Rows[Execution]:
    """The store's executions, newest first; `before` an execution's id goes on from there."""
    if recurring_task_id is not None:
        _known_task(cursor, store_id, recurring_task_id)
    given: list[Any] = [store_id, recurring_task_id, limit]
    older = ""
    if before is not None:
        mark = one(cursor, "task_executions", Execution, store_id, before)
        older, given = "AND seq < $4", [*given, mark.seq]
    rest = f"""WHERE store_id = $1 AND ($2::VARCHAR IS NULL OR recurring_task_id = $2) {older}
        ORDER BY seq DESC LIMIT $3"""
    return select(cursor, "task_executions", Execution, rest, given)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """An execution, or the newest of several skipped in a row for the same reason.

    `settled` is how many slots each of them settles, newest first.
    """

    execution: Execution
    settled: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many executions it stands for; 1 for any but skipped ones."""
        return len(self.settled)

    @property
    def slots(self) -> int:
        """How many slots they settle together."""
        return sum(self.settled)


_RUNS = f"""WITH placed AS (
    SELECT id, recurring_task_id, status, slots, CASE status WHEN 'skipped' THEN reason END AS skipped_for,
        row_number() OVER (PARTITION BY recurring_task_id ORDER BY seq DESC) AS place
    FROM task_executions WHERE store_id = $1
), parted AS (
    SELECT *, CASE WHEN skipped_for = lag(skipped_for) OVER (PARTITION BY recurring_task_id ORDER BY place)
        THEN 0 ELSE 1 END AS parts
    FROM placed WHERE place <= {LOOKED_AT} OR status = 'running'
), numbered AS (
    SELECT *, sum(parts) OVER (PARTITION BY recurring_task_id ORDER BY place) AS run FROM parted
)
SELECT (array_agg(id ORDER BY place))[1], array_agg(slots ORDER BY place) FROM numbered
GROUP BY recurring_task_id, run HAVING (run <= $2 AND min(place) <= {LOOKED_AT}) OR bool_or(status = 'running')"""  # noqa: S608


def recent_runs(cursor: Cursor, store_id: str, groups: int) -> dict[str, list[Run]]:
    """The newest runs of each of the store's tasks, newest first, by the task's id, and what runs besides.

    At most `groups` of a task, among its newest `LOOKED_AT` executions.
    """
    settled = {id_: tuple(slots) for id_, slots in cursor.query(_RUNS, [store_id, groups])}
    rest = """WHERE store_id = $1 AND id IN (SELECT unnest($2::VARCHAR[])) ORDER BY seq DESC"""
    by_task: dict[str, list[Run]] = {}
    for row in select(cursor, "task_executions", Execution, rest, [store_id, list(settled)]):
        by_task.setdefault(row.recurring_task_id, []).append(Run(execution=row, settled=settled[row.id]))
    return by_task


def costs(cursor: Cursor, store_id: str, recurring_task_id: str, limit: int = PAGE) -> list[float | None]:
    """US dollars of each of the task's last executions that were not skipped, newest first; None: unpriced."""
    found = cursor.query(
        """SELECT coalesce(cost_usd, CASE WHEN provider_kind IN ('offline', 'scripted') THEN 0.0 END)
        FROM task_executions WHERE store_id = $1 AND recurring_task_id = $2 AND status NOT IN ('skipped', 'running')
        ORDER BY seq DESC LIMIT $3""",
        [store_id, recurring_task_id, limit],
    )
    return [None if cost is None else float(cost) for (cost,) in found]


def latest(cursor: Cursor, store_id: str, recurring_task_id: str) -> Execution | None:
    """The task's newest execution, None when it has none."""
    found = executions(cursor, store_id, recurring_task_id, limit=1)
    return found[0] if found else None


class LastEnd(msgspec.Struct, frozen=True, kw_only=True):
    """A task's newest execution that has ended without being skipped; `seq` is that of its start."""

    execution_id: str
    status: str
    seq: int


def last_end(cursor: Cursor, store_id: str, recurring_task_id: str) -> LastEnd | None:
    """The task's newest execution that is neither running nor skipped; None when there is none."""
    found = cursor.query(
        """SELECT id, status, seq FROM task_executions WHERE store_id = $1 AND recurring_task_id = $2
        AND status NOT IN ('skipped', 'running') ORDER BY seq DESC LIMIT 1""",
        [store_id, recurring_task_id],
    )
    return LastEnd(execution_id=found[0][0], status=found[0][1], seq=found[0][2]) if found else None


def _known_task(cursor: Cursor, store_id: str, recurring_task_id: str) -> None:
    """Raise `NotFound` unless there is, or was, such a recurring task: a deleted one's executions stay."""
    seen = naming.can_be_an_id(recurring_task_id) and cursor.query(
        """SELECT 1 WHERE EXISTS (SELECT 1 FROM recurring_tasks WHERE store_id = $1 AND id = $2)
        OR EXISTS (SELECT 1 FROM task_executions WHERE store_id = $1 AND recurring_task_id = $2)
        OR EXISTS (SELECT 1 FROM events WHERE store_id = $1 AND name = 'recurring_task.delete' AND args = $3)""",
        [store_id, recurring_task_id, encode(RecurringTaskDeleted(recurring_task_id=recurring_task_id))],
    )
    if not seen:
        raise missing(cursor, "recurring_tasks", store_id, recurring_task_id)


def steps(cursor: Cursor, execution_id: str) -> Rows[Step]:
    """The execution's durable steps in order; none once its conversation was pruned."""
    return select(cursor, "execution_steps", Step, "WHERE execution_id = $1 ORDER BY step", [execution_id])


def bodies_of_steps(cursor: Cursor, execution_ids: list[str]) -> list[str]:
    """The hashes of what was said in these executions after their first messages, each once."""
    found = cursor.query(
        "SELECT DISTINCT body FROM execution_steps"
        " WHERE body IS NOT NULL AND execution_id IN (SELECT unnest($1::VARCHAR[]))",
        [execution_ids],
    )
    return [name for (name,) in found]


def bodies(cursor: Cursor, hashes: list[str]) -> dict[str, bytes]:
    """The bodies by hash; those that were pruned are left out."""
    found = cursor.query(
        "SELECT hash, body FROM bodies WHERE hash IN (SELECT unnest($1::VARCHAR[]))", [sorted(set(hashes))]
    )
    return {name: zlib.decompress(bytes(body)) for name, body in found}


class Line(Row, frozen=True, kw_only=True):
    """One line of a transcript: who spoke (`user`, `model`, `tool`, `failure`), when, and what.

    `content` is the message's blocks as the provider's protocol has them, a tool's result as JSON, or a
    failed attempt's error, after which `wait` seconds passed before the next one. `tool` and `is_error`
    belong to a tool's line.
    """

    _plural: ClassVar[str] = "lines"
    _columns: ClassVar[tuple[str, ...]] = ("step", "role", "tool", "said", "is_error", "wait")
    _brief: ClassVar[tuple[str, ...]] = ("step", "role", "tool")

    step: int
    role: str
    at: datetime
    content: Any
    tool: str | None = None
    tool_use_id: str | None = None
    is_error: bool = False
    wait: float | None = None

    @property
    def said(self) -> str:
        """The content as a person reads it: texts as they are, calls and results as JSON."""
        if isinstance(self.content, str):
            return self.content
        blocks = self.content if isinstance(self.content, list) else [self.content]
        return " ".join(_said(block) for block in blocks)


def _said(block: Any) -> str:
    if isinstance(block, dict) and isinstance(block.get("text"), str):
        return str(block["text"])
    if isinstance(block, dict) and block.get("type") == "tool_use":
        return f"{block.get('name')}({msgspec.json.encode(block.get('input')).decode()})"
    return msgspec.json.encode(block).decode()


def transcript(cursor: Cursor, store_id: str, execution_id: str) -> Rows[Line]:
    """The conversation of an execution from its first message; empty once it was pruned."""
    row = one(cursor, "task_executions", Execution, store_id, execution_id)
    said = steps(cursor, execution_id)
    texts = bodies(cursor, [h for h in (row.first_message, *(step.body for step in said)) if h])
    lines = Rows[Line](kind=Line)
    if row.first_message in texts:
        content = msgspec.json.decode(texts[row.first_message])
        lines.append(Line(step=0, role="user", at=row.started_at, content=content))
    roles = {"answer": "model", "call": "tool", "retry": "failure"}
    for step in said:
        content = msgspec.json.decode(texts[step.body]) if step.body in texts else step.error
        lines.append(
            Line(
                step=step.step,
                role=roles[step.kind],
                at=step.at_instant,
                content=content,
                tool=step.tool,
                tool_use_id=step.tool_use_id,
                is_error=step.is_error or step.kind == "retry",
                wait=step.wait,
            )
        )
    return lines


class DueTask(msgspec.Struct, frozen=True, kw_only=True):
    """A recurring task with an unsettled slot that was due at `seen_at`."""

    store_id: str
    recurring_task_id: str
    seen_at: datetime
    name: str = ""
    timezone: str = "UTC"


def due(cursor: Cursor, now: datetime, stores: tuple[str, ...] | None = None) -> list[DueTask]:
    """Every task with a slot due at or before `now`, over all stores or these, oldest slot first."""
    found = cursor.query(
        """SELECT r.store_id, r.id, r.name, r.timezone FROM recurring_tasks r
        WHERE r.next_execution_at <= $1 AND ($2::VARCHAR[] IS NULL OR r.store_id = ANY($2::VARCHAR[]))
        AND r.store_id NOT IN (SELECT id FROM stores WHERE archived_at IS NOT NULL)
        ORDER BY r.next_execution_at, r.id""",
        [now, None if stores is None else list(stores)],
    )
    return [DueTask(store_id=s, recurring_task_id=i, seen_at=now, name=n, timezone=z) for s, i, n, z in found]


def planned_by_days(cursor: Cursor, now: datetime, stores: tuple[str, ...] | None = None) -> list[RecurringTask]:
    """Recurring tasks of days whose next slot is later than `now`, of stores that are not archived."""
    rest = """WHERE interval_unit = 'days' AND next_execution_at > $1
        AND ($2::VARCHAR[] IS NULL OR store_id = ANY($2::VARCHAR[]))
        AND store_id NOT IN (SELECT id FROM stores WHERE archived_at IS NOT NULL) ORDER BY store_id, id"""
    return select(cursor, "recurring_tasks", RecurringTask, rest, [now, None if stores is None else list(stores)])


class Abandoned(msgspec.Struct, frozen=True, kw_only=True):
    """An execution whose lease has passed; `lease` is its epoch and end if that lies in the future all the same."""

    store_id: str
    execution_id: str
    lease: tuple[int, datetime] | None = None


def abandoned(cursor: Cursor, now: datetime, stores: tuple[str, ...] | None = None) -> list[Abandoned]:
    """Executions whose lease has passed at `now`, the longest ago first."""
    found = cursor.query(
        """SELECT store_id, execution_id FROM leases
        WHERE expires_at <= $1 AND ($2::VARCHAR[] IS NULL OR store_id = ANY($2::VARCHAR[]))
        ORDER BY expires_at, execution_id""",
        [now, None if stores is None else list(stores)],
    )
    return [Abandoned(store_id=s, execution_id=i) for s, i in found]


def leases_ahead(cursor: Cursor, now: datetime) -> list[Abandoned]:
    """Executions of any store whose lease ends so far after `now` that its holder's clock is, or was, ahead."""
    found = cursor.query(
        "SELECT store_id, execution_id, epoch, expires_at FROM leases WHERE expires_at > $1 ORDER BY execution_id",
        [now + AHEAD],
    )
    return [Abandoned(store_id=s, execution_id=i, lease=(epoch, end)) for s, i, epoch, end in found]


def held_by(cursor: Cursor, holder: str) -> set[str]:
    """The executions that `holder` has a lease on, passed or not."""
    return {i for (i,) in cursor.query("SELECT execution_id FROM leases WHERE holder = $1", [holder])}


def unknown_stores(cursor: Cursor, stores: tuple[str, ...]) -> list[str]:
    """Those of `stores` that there are not."""
    known = {i for (i,) in cursor.query("SELECT id FROM stores")}
    return [store for store in stores if store not in known]


def execution(cursor: Cursor, store_id: str, execution_id: str) -> Execution:
    """The store's execution by its id."""
    return one(cursor, "task_executions", Execution, store_id, execution_id)


def prunable(cursor: Cursor, older_than: datetime, keep: int = PAGE, limit: int = 200) -> dict[str, list[str]]:
    """Executions, by store, whose conversation may be given up.

    Those begun before `older_than` and not among the newest `keep` of their task; at most `limit`, the
    oldest first.
    """
    any_old = cursor.query(
        "SELECT 1 FROM task_executions WHERE first_message IS NOT NULL AND started_at < $1 LIMIT 1", [older_than]
    )
    if not any_old:
        return {}
    found = cursor.query(
        """SELECT store_id, id FROM (
            SELECT store_id, id, status, started_at, row_number() OVER (
                PARTITION BY recurring_task_id ORDER BY seq DESC) AS place
            FROM task_executions WHERE first_message IS NOT NULL
        ) AS placed WHERE place > $2 AND started_at < $1 AND status <> 'running'
        ORDER BY started_at, id LIMIT $3""",
        [older_than, keep, limit],
    )
    by_store: dict[str, list[str]] = {}
    for store_id, execution_id in found:
        by_store.setdefault(store_id, []).append(execution_id)
    return by_store
