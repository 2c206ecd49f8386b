"""The proof, in one query, that every slot belongs to exactly one settlement."""

from __future__ import annotations

from typing import ClassVar

from wsq.projections import Row, Rows
from wsq.store.engine import Cursor

_FIELDS = {
    "recurring_task_id": "VARCHAR", "trigger": "VARCHAR", "reason": "VARCHAR", "starting": "VARCHAR",
    "interval_value": "BIGINT", "interval_unit": "VARCHAR", "timezone": "VARCHAR", "anchor": "TIMESTAMPTZ",
    "first_slot": "TIMESTAMPTZ", "scheduled_for": "TIMESTAMPTZ", "slots": "BIGINT",
    "next_execution_at": "TIMESTAMPTZ",
}  # fmt: skip
_SHAPE = "{" + ", ".join(f'"{name}": "{kind}"' for name, kind in _FIELDS.items()) + "}"
_DAY = 86_400_000_000
_FAR = _DAY * 3 // 2


def _local(instant: str, zone: str = "zone") -> str:
    """What a zone's wall clock shows at an instant, both as microseconds."""
    return f"epoch_us(timezone({zone}, make_timestamptz({instant})))"


def _told(instant: str) -> str:
    return f"coalesce(strftime(make_timestamp(nullif({instant}, -1)), '%Y-%m-%dT%H:%M:%SZ'), 'none')"


SETTLEMENTS = f"""
WITH facts AS (
    SELECT store_id, seq, name, epoch_us(recorded_at) AS moment, from_json(args, '{_SHAPE}') AS a,
        name <> 'recurring_task.update' OR json_exists(args, '$.next_execution_at') AS moves
    FROM events WHERE name IN ('recurring_task.create', 'recurring_task.update', 'recurring_task.enable',
        'recurring_task.disable', 'recurring_task.delete', 'task_execution.start', 'task_execution.skip')
), changes AS (
    SELECT store_id, a.recurring_task_id AS task, seq, split_part(name, '.', 2) AS what, moment, a.reason, a.starting,
        a.interval_value AS step, a.interval_unit AS unit, a.timezone AS zone, epoch_us(a.anchor) AS anchor,
        name IN ('task_execution.start', 'task_execution.skip') AS settles,
        epoch_us(a.first_slot) AS first, epoch_us(a.scheduled_for) AS newest, a.slots,
        CASE WHEN moves THEN coalesce(epoch_us(a.next_execution_at), -1) END AS nxt
    FROM facts WHERE (name <> 'task_execution.start' OR a.trigger IS DISTINCT FROM 'manual') AND (moves
        OR coalesce(a.interval_value::VARCHAR, a.interval_unit, a.timezone, a.anchor::VARCHAR) IS NOT NULL)
), history AS (
    SELECT store_id, task, seq, what, moment, reason, starting, settles, first, newest, slots, nxt,
        last_value(nxt IGNORE NULLS) OVER earlier AS due,
        lead(what) OVER task AS what_then, lead(nxt) OVER task AS nxt_then, lead(moment) OVER task AS moment_then,
        last_value(step IGNORE NULLS) OVER so_far AS step, last_value(unit IGNORE NULLS) OVER so_far AS unit,
        last_value(zone IGNORE NULLS) OVER so_far AS zone, last_value(anchor IGNORE NULLS) OVER so_far AS anchor
    FROM changes
    WINDOW task AS (PARTITION BY store_id, task ORDER BY seq),
        earlier AS (PARTITION BY store_id, task ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
        so_far AS (PARTITION BY store_id, task ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
), asked AS (
    SELECT *, CASE WHEN settles THEN first ELSE newest_of_all END AS lo, newest_of_all AS hi,
        step * CASE unit WHEN 'minutes' THEN 60000000 WHEN 'hours' THEN 3600000000 WHEN 'days' THEN {_DAY} END AS length
    FROM (SELECT *, CASE WHEN settles THEN newest WHEN what <> 'create' THEN moment
        WHEN starting IS NULL THEN anchor ELSE moment - 1 END AS newest_of_all FROM history)
    WHERE settles OR nxt <> -1
), indexes AS (
    SELECT store_id, seq, zone, anchor, lo, hi, length, {_local("anchor")} AS base, unnest(range(
        greatest(0, ({_local("least(lo, hi)")} - base) // length - 3),
        greatest(0, ({_local("greatest(lo, hi)")} - base) // length) + 5)) AS k
    FROM asked WHERE unit = 'days' AND lo IS NOT NULL AND hi IS NOT NULL
), shown AS (
    SELECT zone, nominal, {_local(f"nominal - {_FAR}")} - nominal + {_FAR} AS before,
        {_local(f"nominal + {_FAR}")} - nominal - {_FAR} AS after
    FROM (SELECT DISTINCT zone, base + k * length AS nominal FROM indexes WHERE k > 0)
), instants AS (
    SELECT zone, nominal, CASE
        WHEN {_local("nominal - greatest(before, after)")} = nominal THEN nominal - greatest(before, after)
        WHEN {_local("nominal - least(before, after)")} = nominal THEN nominal - least(before, after)
        ELSE list_reduce(range(18), lambda span, step: CASE
            WHEN span.beyond - span.inside <= 1 THEN span
            WHEN {_local("(span.inside + span.beyond) // 2 * 1000000")} - (span.inside + span.beyond) // 2 * 1000000
                = after THEN {{'inside': span.inside, 'beyond': (span.inside + span.beyond) // 2}}
            ELSE {{'inside': (span.inside + span.beyond) // 2, 'beyond': span.beyond}} END,
            {{'inside': (nominal - after) // 1000000, 'beyond': (nominal - before) // 1000000}}).beyond * 1000000
        END AS instant
    FROM shown
), points AS (
    SELECT store_id, seq, lo, hi, CASE k WHEN 0 THEN anchor ELSE instant END AS point
    FROM indexes LEFT JOIN instants ON instants.zone = indexes.zone AND instants.nominal = base + k * length
), by_days AS (
    SELECT store_id, seq, count(DISTINCT point) FILTER (point BETWEEN lo AND hi) AS counted,
        bool_or(point = lo) AND bool_or(point = hi) AS on_grid, min(point) FILTER (point > hi) AS after
    FROM points GROUP BY store_id, seq
), judged AS (
    SELECT asked.*, CASE unit WHEN 'days' THEN d.counted ELSE (hi - lo) // length + 1 END AS counted,
        CASE unit WHEN 'days' THEN d.on_grid
            ELSE lo >= anchor AND (lo - anchor) % length = 0 AND (hi - anchor) % length = 0 END AS on_grid,
        CASE unit WHEN 'days' THEN d.after
            ELSE CASE WHEN hi < anchor THEN anchor ELSE anchor + ((hi - anchor) // length + 1) * length END END AS after
    FROM asked LEFT JOIN by_days d ON d.store_id = asked.store_id AND d.seq = asked.seq
), claimed AS (
    SELECT c.store_id AS claim_store, c.task_id, c.scheduled_time, j.store_id, j.task, j.seq, j.newest
    FROM processed_task_executions c FULL JOIN (SELECT * FROM judged WHERE settles) j
        ON c.store_id = j.store_id AND c.task_id = j.task AND epoch_us(c.scheduled_time) = j.newest
), violations AS (
    SELECT store_id, task, seq, unnest([
        CASE WHEN first IS DISTINCT FROM due THEN 'It settles from ' || {_told("first")}
            || ' on, and the oldest slot that was not settled is ' || {_told("due")} || '.' END,
        CASE WHEN NOT coalesce(on_grid AND lo <= hi, false) THEN 'It settles from ' || {_told("first")} || ' to '
            || {_told("newest")} || ', which are not both slots.' END,
        CASE WHEN on_grid AND slots IS DISTINCT FROM counted THEN 'It says that it settles ' || coalesce(slots, 0)
            || ' slots, and there are ' || counted || ' from ' || {_told("first")} || ' to ' || {_told("newest")}
            || '.' END,
        CASE WHEN nxt <> -1 AND reason IS DISTINCT FROM 'rescheduled' AND nxt IS DISTINCT FROM after
            THEN 'It goes on with ' || {_told("nxt")} || ', and the next slot is ' || {_told("after")} || '.'
        WHEN nxt = -1 AND coalesce(what_then NOT IN ('disable', 'delete') OR moment_then <> moment, true)
            THEN 'It goes on with no slot, and the task is neither disabled nor deleted with it.'
        WHEN reason = 'rescheduled' AND (what_then, nxt_then, moment_then) IS DISTINCT FROM ('update', nxt, moment)
            THEN 'It goes on with ' || {_told("nxt")} || ' of another grid, and no such grid begins with it.'
        WHEN (nxt = -1 OR reason = 'rescheduled') AND after <= moment
            THEN 'It leaves the slot at ' || {_told("after")} || ', which had come due, to nobody.' END
    ]) AS told
    FROM judged WHERE settles
    UNION ALL
    SELECT store_id, task, seq, 'It goes on with ' || {_told("nxt")} || ', and the next slot is '
        || {_told("after")} || '.'
    FROM judged WHERE NOT settles AND nxt IS DISTINCT FROM after
    UNION ALL
    SELECT store_id, task, seq, 'It takes away the slot at ' || {_told("due")} || ', which had come due, unsettled.'
    FROM history WHERE NOT settles AND nxt IS NOT NULL AND due <> -1 AND due <= moment
    UNION ALL
    SELECT coalesce(store_id, claim_store), coalesce(task, task_id), seq, CASE WHEN seq IS NULL
        THEN 'The slot at ' || {_told("epoch_us(scheduled_time)")} || ' is claimed, and no settlement took it.'
        ELSE 'It has no claim to its newest slot, ' || {_told("newest")} || '.' END
    FROM claimed WHERE task_id IS NULL OR seq IS NULL
)
SELECT store_id, task, seq, told FROM violations WHERE told IS NOT NULL ORDER BY store_id, task, seq NULLS LAST, told
"""  # noqa: S608 - of nothing but what stands here
"""Where the log does not settle every slot exactly once; no row when it does.

The argument. Of each task, only seven kinds of events move the oldest slot that is not settled, its
``next_execution_at``: `history` has them in their order, each with the value that it found (`due`) and with the
interval, zone and anchor then in force. A settlement that begins with exactly that slot neither leaves out one
before it nor takes one that another has taken; that what it covers are all grid points up to its newest, and that
it goes on with the first one after that, makes the next such step begin where this one ended. What begins
a grid anew (create, enable, update) must go on with the first point after its instant, and whatever takes a slot
away must not find one that has come due: it is settled before, in the same transaction. By induction over a task's
events each slot since its creation, while it was enabled, lies in one settlement or is still to be settled. The
claims are compared with the settlements one to one.

Only the log and the claims are read, and no projection. Instants are microseconds, -1 is none. Grids of minutes and
hours are exact arithmetic. A grid of days is that of `wsq.rules.schedule`: its points are the first instants at
which the zone's wall clock shows the nominal time or a later one. With the offsets well before and well after, that
is the earlier of the two readings that do show it; where neither does, the time is left out, and the end of the gap
is found by halving. Two nominal times that fall on one instant count once.
"""


class Violation(Row, frozen=True, kw_only=True):
    """A settlement, or another event of a task, that leaves a slot to nobody or to two.

    `seq` is that of the event, None for a claim without one. `told` says in a sentence what is wrong with it.
    """

    _plural: ClassVar[str] = "violations"
    _columns: ClassVar[tuple[str, ...]] = ("store_id", "seq", "told")
    _brief: ClassVar[tuple[str, ...]] = ("seq", "told")

    store_id: str
    recurring_task_id: str | None
    seq: int | None
    told: str

    def __str__(self) -> str:
        where = f"Store {self.store_id}, recurring task {self.recurring_task_id}"
        return f"{where}{f', event {self.seq}' if self.seq is not None else ''}: {self.told}"


def violations(cursor: Cursor) -> Rows[Violation]:
    """What `SETTLEMENTS` finds, by store, task and event; it goes through the whole log."""
    found = cursor.query(SETTLEMENTS)
    return Rows(
        (Violation(store_id=s, recurring_task_id=t, seq=n, told=told) for s, t, n, told in found), kind=Violation
    )
