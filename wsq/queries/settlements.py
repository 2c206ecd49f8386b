"""The proof, in one query, that every slot belongs to exactly one settlement."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from wsq.clock import AHEAD
from wsq.errors import InvalidInput
from wsq.projections import Row, Rows
from wsq.rules import schedule, zones
from wsq.store.engine import Cursor

_FIELDS = {
    "recurring_task_id": "VARCHAR", "trigger": "VARCHAR", "reason": "VARCHAR", "starting": "VARCHAR",
    "interval_value": "BIGINT", "interval_unit": "VARCHAR", "timezone": "VARCHAR", "anchor": "TIMESTAMPTZ",
    "anchor_local": "VARCHAR",
    "first_slot": "TIMESTAMPTZ", "scheduled_for": "TIMESTAMPTZ", "slots": "BIGINT",
    "next_execution_at": "TIMESTAMPTZ", "execution_id": "VARCHAR", "until": "TIMESTAMPTZ",
}  # fmt: skip
_SHAPE = "{" + ", ".join(f'"{name}": "{kind}"' for name, kind in _FIELDS.items()) + "}"
_DAY = 86_400_000_000
_NEAR = int(schedule.MOVED.total_seconds()) * 1_000_000
"""How far a slot of days may lie from where the rules of today put it; see `SETTLEMENTS`."""


_SHOWN = "anchor + shift"
_HALF = _DAY // 2
_TO_START = f"(epoch_us(('1970-01-01 ' || start)::TIMESTAMP) - ({_SHOWN}) + {_HALF})"
_LOCAL = f"""CASE WHEN local <> '' THEN epoch_us(local::TIMESTAMP)
        WHEN regexp_full_match(start, '[0-9]{{2}}:[0-9]{{2}}')
        THEN {_SHOWN} + ({_TO_START} % {_DAY} + {_DAY}) % {_DAY} - {_HALF} ELSE {_SHOWN} END"""
"""What the clock was meant to show at an anchor: what is recorded, else the nearest time that its start names."""


def _text(instant: str) -> str:
    return f"coalesce(strftime(make_timestamp(nullif({instant}, -1)), '%Y-%m-%dT%H:%M:%SZ'), 'none')"


SETTLEMENTS = f"""
WITH facts AS (
    SELECT store_id, seq, name, epoch_us(recorded_at) AS moment, from_json(args, '{_SHAPE}') AS a,
        name NOT IN ('recurring_task.update', 'task_execution.correct') OR json_exists(args, '$.next_execution_at')
            AS moves, json_exists(args, '$.starting') AS starts
    FROM events WHERE name IN ('recurring_task.create', 'recurring_task.update', 'recurring_task.enable',
        'recurring_task.replan', 'recurring_task.disable', 'recurring_task.delete', 'task_execution.start',
        'task_execution.skip', 'task_execution.correct')
), changes AS (
    SELECT store_id, a.recurring_task_id AS task, seq, split_part(name, '.', 2) AS what, moment, a.reason, a.starting,
        a.interval_value AS step, a.interval_unit AS unit, a.timezone AS zone, epoch_us(a.anchor) AS anchor,
        CASE WHEN a.anchor IS NOT NULL THEN coalesce(a.anchor_local, '') END AS local,
        CASE WHEN starts THEN coalesce(a.starting, '') END AS start,
        name IN ('task_execution.start', 'task_execution.skip') AS settles,
        epoch_us(a.first_slot) AS first, epoch_us(a.scheduled_for) AS newest, a.slots,
        CASE WHEN moves THEN coalesce(epoch_us(a.next_execution_at), -1) END AS nxt,
        a.execution_id AS execution, epoch_us(a.until) AS until
    FROM facts WHERE (name <> 'task_execution.start' OR a.trigger IS DISTINCT FROM 'manual') AND (moves
        OR a.until IS NOT NULL
        OR coalesce(a.interval_value::VARCHAR, a.interval_unit, a.timezone, a.anchor::VARCHAR) IS NOT NULL)
), corrected AS (
    SELECT *, count(*) FILTER (what = 'correct') OVER so_far AS corrections,
        min(until) FILTER (what = 'correct') OVER later AS given_back_from,
        count(*) FILTER (what = 'correct') OVER of_execution > 0 AS is_cut,
        first_value(CASE WHEN settles THEN first END IGNORE NULLS) OVER of_execution AS begun,
        last_value(CASE WHEN settles OR what = 'correct' THEN coalesce(newest, -1) END IGNORE NULLS) OVER of_execution
            AS kept
    FROM changes
    WINDOW so_far AS (PARTITION BY store_id, task ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
        later AS (PARTITION BY store_id, task ORDER BY seq ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING),
        of_execution AS (PARTITION BY store_id, task, execution ORDER BY seq
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
), history AS (
    SELECT store_id, task, seq, what, moment, reason, starting, settles, first, newest, slots, nxt, until, is_cut,
        begun, kept, given_back_from, execution, last_value(nxt IGNORE NULLS) OVER earlier AS due,
        greatest(last_value(until IGNORE NULLS) OVER earlier, max(newest) FILTER (settles) OVER since) AS settled_to,
        greatest(max(nullif(kept, -1)) OVER earlier, max(newest) FILTER (settles) OVER since) AS settled_slot,
        lead(what) OVER task AS what_then, lead(nxt) OVER task AS nxt_then, lead(moment) OVER task AS moment_then,
        last_value(step IGNORE NULLS) OVER so_far AS step, last_value(unit IGNORE NULLS) OVER so_far AS unit,
        last_value(zone IGNORE NULLS) OVER so_far AS zone, last_value(anchor IGNORE NULLS) OVER so_far AS anchor,
        last_value(local IGNORE NULLS) OVER so_far AS local, last_value(start IGNORE NULLS) OVER so_far AS start
    FROM corrected
    WINDOW since AS (PARTITION BY store_id, task, corrections ORDER BY seq
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
        task AS (PARTITION BY store_id, task ORDER BY seq),
        earlier AS (PARTITION BY store_id, task ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
        so_far AS (PARTITION BY store_id, task ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
), asked AS (
    SELECT *, coalesce(begun, newest_of_all) AS lo, newest_of_all AS hi,
        step * CASE unit WHEN 'minutes' THEN 60000000 WHEN 'hours' THEN 3600000000 WHEN 'days' THEN {_DAY} END AS length
    FROM (SELECT * REPLACE (first_value(step) OVER mine AS step, first_value(unit) OVER mine AS unit,
            first_value(zone) OVER mine AS zone, first_value(anchor) OVER mine AS anchor,
            first_value(local) OVER mine AS local, first_value(start) OVER mine AS start),
        CASE WHEN execution IS NOT NULL THEN newest WHEN what <> 'create' THEN greatest(moment, settled_to)
        WHEN starting IS NULL THEN anchor ELSE moment - 1 END AS newest_of_all FROM history
        WINDOW mine AS (PARTITION BY store_id, task, coalesce(execution, seq::VARCHAR) ORDER BY seq))
    WHERE settles OR nxt <> -1 OR (what = 'correct' AND slots > 0)
), rules AS (
    SELECT unnest($1::VARCHAR[]) AS zone, unnest($2::BIGINT[]) * 1000000 AS since,
        unnest($3::BIGINT[]) * 1000000 AS until, unnest($4::BIGINT[]) * 1000000 AS shift
), indexes AS (
    SELECT store_id, seq, rules.zone, anchor, lo, hi, nxt, settled_slot, start, length, {_SHOWN} AS seen,
        {_LOCAL} AS base, unnest(range(
        greatest(0, (least(lo, hi) - anchor) // length - 4),
        greatest(0, (greatest(lo, hi) - anchor) // length) + 6)) AS k
    FROM asked JOIN rules ON rules.zone = asked.zone AND rules.since <= anchor AND anchor < rules.until
    WHERE unit = 'days' AND lo IS NOT NULL AND hi IS NOT NULL
), shown AS (
    SELECT DISTINCT zone, base + k * length AS nominal FROM indexes
), instants AS (
    SELECT rules.zone, nominal, min(greatest(since, nominal - shift)) AS instant
    FROM shown JOIN rules ON rules.zone = shown.zone
        AND since < nominal + 2 * {_DAY} AND until > nominal - 2 * {_DAY} AND nominal - shift < until
    GROUP BY rules.zone, nominal
), points AS (
    SELECT store_id, seq, lo, hi, nxt, settled_slot,
        CASE WHEN k = 0 AND (seen = base OR start = '') THEN anchor ELSE instant END AS point
    FROM indexes LEFT JOIN instants ON instants.zone = indexes.zone AND instants.nominal = base + k * length
), by_days AS (
    SELECT store_id, seq, bool_or(point = lo) AND bool_or(point = hi) AS exact, bool_or(point = nxt) AS nxt_exact,
        CASE WHEN exact THEN count(DISTINCT point) FILTER (point BETWEEN lo AND hi)
            ELSE count(DISTINCT point) FILTER (point BETWEEN lo - {_NEAR} AND hi + {_NEAR}) END AS counted,
        bool_or(abs(point - lo) <= {_NEAR}) AND bool_or(abs(point - hi) <= {_NEAR}) AS on_grid,
        min(point) FILTER (point > hi) AS after, min(point) FILTER (point > hi + {_NEAR}) AS after_that,
        min_by(point, abs(point - nxt)) AS near, bool_or(point = settled_slot) AS settled_exact,
        min(point) FILTER (point > hi AND point > settled_slot + {_NEAR}) AS after_settled
    FROM points GROUP BY store_id, seq
), judged AS (
    SELECT asked.*, coalesce(unit = 'days' AND zone NOT IN (SELECT zone FROM rules), false) AS is_unknown,
        CASE unit WHEN 'days' THEN d.counted ELSE (hi - lo) // length + 1 END AS counted,
        CASE unit WHEN 'days' THEN d.on_grid
            ELSE lo >= anchor AND (lo - anchor) % length = 0 AND (hi - anchor) % length = 0 END AS on_grid,
        CASE WHEN unit = 'days' THEN CASE
            WHEN NOT settles AND nxt > hi AND NOT d.nxt_exact AND d.near <= d.after_that
                AND abs(nxt - d.near) <= {_NEAR} THEN nxt
            WHEN NOT settles AND nxt = d.after_settled AND NOT d.settled_exact THEN nxt
            WHEN settles AND reason IS DISTINCT FROM 'rescheduled' AND NOT (d.exact AND d.nxt_exact)
                AND abs(nxt - d.after_that) <= {_NEAR} THEN nxt
            WHEN what = 'correct' AND NOT d.exact THEN d.after_that + {_NEAR}
            WHEN settles AND NOT d.exact THEN d.after_that ELSE d.after END
            ELSE CASE WHEN hi < anchor THEN anchor ELSE anchor + ((hi - anchor) // length + 1) * length END END AS after
    FROM asked LEFT JOIN by_days d ON d.store_id = asked.store_id AND d.seq = asked.seq
), claimed AS (
    SELECT c.store_id AS claim_store, c.task_id, c.scheduled_time, j.store_id, j.task, j.seq, j.newest
    FROM processed_task_executions c FULL JOIN (SELECT * FROM judged WHERE settles AND NOT is_cut) j
        ON c.store_id = j.store_id AND c.task_id = j.task AND epoch_us(c.scheduled_time) = j.newest
), violations AS (
    SELECT store_id, task, seq, unnest([
        CASE WHEN first IS DISTINCT FROM due THEN 'It settles from ' || {_text("first")}
            || ' on, and the oldest slot that was not settled is ' || {_text("due")} || '.' END,
        CASE WHEN NOT coalesce(on_grid AND lo <= hi, is_unknown) THEN 'It settles from ' || {_text("first")} || ' to '
            || {_text("newest")} || ', which are not both slots.' END,
        CASE WHEN on_grid AND slots IS DISTINCT FROM counted THEN 'It records ' || coalesce(slots, 0)
            || ' slots, and there are ' || counted || ' from ' || {_text("first")} || ' to ' || {_text("newest")}
            || '.' END,
        CASE WHEN nxt <> -1 AND reason IS DISTINCT FROM 'rescheduled' AND nxt IS DISTINCT FROM after AND NOT is_unknown
            THEN 'It goes on with ' || {_text("nxt")} || ', and the next slot is ' || {_text("after")} || '.'
        WHEN nxt = -1 AND coalesce(what_then NOT IN ('disable', 'delete') OR moment_then <> moment, true)
            THEN 'It goes on with no slot, and the task is neither disabled nor deleted with it.'
        WHEN reason = 'rescheduled' AND (what_then, nxt_then, moment_then) IS DISTINCT FROM ('update', nxt, moment)
            THEN 'It goes on with ' || {_text("nxt")} || ' of another grid, and no such grid begins with it.'
        WHEN (nxt = -1 OR reason = 'rescheduled') AND after <= moment
            THEN 'It skips over the slot at ' || {_text("after")} || ', which had come due.' END,
        CASE WHEN kept > given_back_from THEN 'It settles up to ' || {_text("kept")} || ', and all slots after '
            || {_text("given_back_from")} || ' were to be settled again.' END
    ]) AS problem
    FROM judged WHERE settles
    UNION ALL
    SELECT store_id, task, seq, 'It goes on with ' || {_text("nxt")} || ', and the next slot is '
        || {_text("after")} || '.'
    FROM judged WHERE NOT settles AND what <> 'correct' AND nxt IS DISTINCT FROM after AND NOT is_unknown
    UNION ALL
    SELECT store_id, task, seq, 'It leaves ' || slots || ' slots settled, from ' || {_text("begun")} || ' to '
        || {_text("newest")} || ', and up to ' || {_text("until")} || ' there are ' || coalesce(counted, 0) || '.'
    FROM judged WHERE what = 'correct' AND NOT is_unknown
        AND NOT coalesce(on_grid AND slots = counted AND hi <= until AND after > until,
        false)
    UNION ALL
    SELECT store_id, task, seq, 'It takes back slots up to ' || {_text("until")} || ', or of nothing that was settled.'
    FROM history WHERE what = 'correct' AND slots = 0 AND NOT coalesce(begun > until, false)
    UNION ALL
    SELECT store_id, task, seq, 'It gives slots back, and the task does not go on with them.'
    FROM history WHERE what = 'correct' AND due <> -1
        AND (what_then NOT IN ('correct', 'skip', 'update') OR moment_then <> moment) IS DISTINCT FROM false
    UNION ALL
    SELECT store_id, task, seq, 'It takes away the slot at ' || {_text("due")} || ', which had come due, unsettled.'
    FROM history WHERE NOT settles AND nxt IS NOT NULL AND due <> -1 AND due <= moment
    UNION ALL
    SELECT coalesce(store_id, claim_store), coalesce(task, task_id), seq, CASE WHEN seq IS NULL
        THEN 'The slot at ' || {_text("epoch_us(scheduled_time)")} || ' is claimed, and no settlement took it.'
        ELSE 'It has no claim to its newest slot, ' || {_text("newest")} || '.' END
    FROM claimed WHERE task_id IS NULL OR seq IS NULL
)
SELECT store_id, task, seq, problem FROM violations WHERE problem IS NOT NULL
ORDER BY store_id, task, seq NULLS LAST, problem
"""  # noqa: S608 - of nothing but what stands here
"""Where the log does not settle every slot exactly once; no row when it does.

The argument. Of each task, only nine kinds of events move the oldest slot that is not settled, its
``next_execution_at``: `history` has them in their order, each with the value that it found (`due`) and with the
interval, zone and anchor then in force. A settlement that begins with exactly that slot neither leaves out one
before it nor takes one that another has taken; that what it covers are all grid points up to its newest, and that
it goes on with the first one after that, makes the next such step begin where this one ended. What begins
a grid anew (create, enable, update, replan) must go on with the first point after its instant and after the newest
slot of the task that was settled before, so that none is settled twice where a clock went back in between; and whatever
takes a slot away must not find one that has come due: it is settled before, in the same transaction. By induction
over a task's events each slot since its creation, while it was enabled and later than what was settled already,
lies in one settlement or is still to be settled, and the settlements of a task follow each other in time. The claims
are compared with the settlements one to one.

A correction takes back what a clock that was ahead has settled after an instant, `until`: the settlement that it cuts
off keeps the slots up to there, all of them, and its claim is gone. From then on the task counts as settled up to that
instant, and must go on with the first slot after it; whatever it had settled before must not reach further.

Only the log and the claims are read, and no projection. Instants are microseconds, -1 is none. Grids of minutes and
hours are exact arithmetic. A grid of days is that of `wsq.rules.schedule`: its points are the first instants at
which the zone's wall clock shows the nominal time or a later one. In a period of one offset that is the reading with
that offset, or the period's beginning if it shows a later time by then; of all periods, the earliest. Two nominal
times that fall on one instant count once. The periods are the parameters, from Python's zones as the scheduler uses
them: DuckDB brings zones of its own, which are of another year.

The rules of a zone are changed now and then, also for days whose slots were settled or planned by the old ones. The
log does not say by which, so that of days a slot is taken for a point of the grid too when it is none by the rules
of today and lies at most three hours from one; slots that do lie on the grid are counted and followed exactly. What
this cannot tell is a slot of days that was stored up to three hours beside its time. What goes on after a slot that
was settled by other rules need not go on with the same wall time again. The chain of settlements has no
such tolerance: each begins with exactly the slot that was left to it. Of days in a zone that is not known here, only
the chain is judged.
"""


_ZONES = """
WITH plans AS (
    SELECT from_json(args, '{"timezone": "VARCHAR", "anchor": "TIMESTAMPTZ", "interval_value": "BIGINT",
        "interval_unit": "VARCHAR"}') AS a
    FROM events WHERE name IN ('recurring_task.create', 'recurring_task.update')
), newest AS (
    SELECT greatest((SELECT max(recorded_at) FROM events), (SELECT max(scheduled_time) FROM processed_task_executions),
        (SELECT max(a.anchor) FROM plans)) AS newest
)
SELECT DISTINCT a.timezone, (SELECT epoch_us(min(a.anchor)) FROM plans), (SELECT epoch_us(newest) FROM newest),
    (SELECT max(a.interval_value) FILTER (coalesce(a.interval_unit, 'days') = 'days') FROM plans)
FROM plans WHERE a.timezone IS NOT NULL ORDER BY ALL
"""
"""The zones of all grids; when the first one begins, the newest instant that is asked about, and the longest days."""

_BEYOND = 8
"""Intervals after the newest instant at which `SETTLEMENTS` still asks for a point of the grid, and more."""


def _rules(cursor: Cursor) -> list[list[Any]]:
    """The periods of one offset of all zones as columns; none of an unknown zone, so that its grids are not judged."""
    columns: list[list[Any]] = [[], [], [], []]
    for timezone, since, until, days in cursor.query(_ZONES):
        begun = _instant(since) - timedelta(days=3)
        end = min(_instant(until), _LATEST) + _BEYOND * timedelta(days=min(days or 1, schedule.LONGEST.days))
        with suppress(InvalidInput):
            for period in zones.periods(timezone, begun, end):
                for column, value in zip(columns, (timezone, *period), strict=True):
                    column.append(value)
    return columns


_LATEST = datetime(9900, 1, 1, tzinfo=UTC)


def _instant(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


class Violation(Row, frozen=True, kw_only=True):
    """A settlement, or another event of a task, that settles a slot never or twice.

    `seq` is that of the event, None for a claim without one. `problem` says in a sentence what is wrong with it.
    """

    _plural: ClassVar[str] = "violations"
    _columns: ClassVar[tuple[str, ...]] = ("store_id", "seq", "problem")
    _brief: ClassVar[tuple[str, ...]] = ("seq", "problem")

    store_id: str
    recurring_task_id: str | None
    seq: int | None
    problem: str

    def __str__(self) -> str:
        where = f"Store {self.store_id}, recurring task {self.recurring_task_id}"
        return f"{where}{f', event {self.seq}' if self.seq is not None else ''}: {self.problem}"


def violations(cursor: Cursor) -> Rows[Violation]:
    """What `SETTLEMENTS` finds, by store, task and event; it goes through the whole log."""
    found = cursor.query(SETTLEMENTS, _rules(cursor))
    return Rows((Violation(store_id=s, recurring_task_id=t, seq=n, problem=p) for s, t, n, p in found), kind=Violation)


def settled_to(cursor: Cursor, task_ids: list[str], now: datetime) -> dict[str, datetime]:
    """By task, up to when nothing is left to settle: now, or the newest settled slot where that is later.

    What was settled by a clock that was ahead by more than `AHEAD` is left out; see `wsq.commands.corrections`.
    """
    found = cursor.query(
        """SELECT task_id, max(scheduled_time) FROM processed_task_executions
        WHERE scheduled_time > $1 AND scheduled_time <= $2 AND task_id IN (SELECT unnest($3::VARCHAR[]))
        GROUP BY task_id""",
        [now, now + AHEAD, task_ids],
    )
    return dict.fromkeys(task_ids, now) | dict(found)


def settled_between(cursor: Cursor, store_id: str, task_id: str, since: datetime, until: datetime) -> datetime | None:
    """The newest slot of a task, from `since` to `until`, both inclusive, with which a settlement ends; else None."""
    found = cursor.query(
        """SELECT max(scheduled_for) FROM task_executions
        WHERE store_id = $1 AND recurring_task_id = $2 AND scheduled_for >= $3 AND scheduled_for <= $4""",
        [store_id, task_id, since, until],
    )
    newest: datetime | None = found[0][0]
    return newest
