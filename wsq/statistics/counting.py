"""Count executions in a few scans of a span, inside one read.

Grouping by text is what takes time. So one scan groups by day, one by all texts together into a temporary table from
which stores, projects, tasks and models are summed up, and one computes percentiles. Percentiles are exact. A page can
show everything but the groups early, which take as long as the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from wsq.errors import NotFound
from wsq.queries import boards
from wsq.queries.spending import TRIED_AT, UNPRICED
from wsq.rules import naming
from wsq.rules.values import refusal, shown
from wsq.statistics.figures import Choice, Choices, Counted, Day, Failure, Group, Reason, Series, Statistics, Total
from wsq.statistics.span import Bound, Span, span
from wsq.store.engine import Cursor, Engine
from wsq.store.log import MOST_IN_A_READ

MOST_GROUPS = 50
"""Maximum number of stores, projects, tasks and models in the result, by default."""

RECENT = 20
"""Number of recent failures listed."""

MOST_CHOICES = 500
"""Maximum number of projects and tasks offered as filters."""

_EVERYTHING = """SELECT id, seq, store_id, project_id, recurring_task_id, model, status, verdict, trigger, reason,
    error, slots, started_at, completed_at, scheduled_for, cost_usd, provider_kind, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, created_task_ids, attempts, takeovers FROM task_executions LIMIT 0"""
"""All columns used below, named at once, so that a snapshot on a server copies the table once."""

_ENDED = "status IN ('completed', 'failed')"
_TIMED = "status <> 'skipped' AND trigger = 'automatic'"
_LATE = "epoch_us(started_at) - epoch_us(scheduled_for)"
_TOOK = "epoch_us(completed_at) - epoch_us(started_at)"
"""Equals `duration`, and is faster to read."""

_KINDS = "status, coalesce(verdict = 'could_not', false) AS could_not, cost_usd IS NOT NULL AS priced"
_SUMS = f"""count(*) AS n, sum(slots) AS slots, sum({_TOOK}) AS took,
    sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
    sum(cache_read_tokens) AS cache_read_tokens, sum(cache_write_tokens) AS cache_write_tokens,
    sum(cost_usd) AS cost, sum(len(created_task_ids)) AS created,
    count(*) FILTER {UNPRICED} AS unpriced,
    sum(greatest(attempts - 1, 0)) AS retries, count(*) FILTER (attempts > 1) AS retried, sum(takeovers) AS takeovers"""
"""Sums per kind of executions. Grouping by kind avoids a condition on most sums, which is what takes time."""

_MEASURES = {
    "completed": "sum(n) FILTER (status = 'completed')",
    "could_not": "sum(n) FILTER (status = 'completed' AND could_not)",
    "failed": "sum(n) FILTER (status = 'failed')",
    "cancelled": "sum(n) FILTER (status = 'cancelled')",
    "running": "sum(n) FILTER (status = 'running')",
    "skipped": "sum(n) FILTER (status = 'skipped')",
    "skipped_slots": "sum(slots) FILTER (status = 'skipped')",
    "took": f"sum(took) FILTER ({_ENDED})",
    "input_tokens": "sum(input_tokens)",
    "output_tokens": "sum(output_tokens)",
    "cache_read_tokens": "sum(cache_read_tokens)",
    "cache_write_tokens": "sum(cache_write_tokens)",
    "cost": "sum(cost)",
    "priced": "sum(n) FILTER (priced)",
    "unpriced": "sum(unpriced)",
    "created_tasks": "sum(created)",
    "created_by_priced": "sum(created) FILTER (priced)",
    "retries": "sum(retries)",
    "retried": "sum(retried)",
    "takeovers": "sum(takeovers)",
}
"""The figures of each group of executions, from the sums of its kinds."""

_FIGURES = ", ".join(
    f"coalesce({sql}, 0)::{'DOUBLE' if name == 'cost' else 'BIGINT'} AS {name}" for name, sql in _MEASURES.items()
)

Measures = dict[str, Any]

SoFar = Callable[[Statistics], object]
"""Receives the statistics without groups, which are still empty. It is called during a read."""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What to count; see `wsq.Workspace.statistics`."""

    days: int = 30
    since: Bound = None
    until: Bound = None
    store_id: str | None = None
    project_id: str | None = None
    recurring_task_id: str | None = None
    model: str | None = None
    most: int = MOST_GROUPS


def counted(
    engine: Engine, selection: Selection, now: datetime, timezone: str, so_far: SoFar | None = None
) -> Statistics:
    """Return the statistics of a selection, from a read, or from a private copy if they take long.

    `so_far` is called once before the groups are counted, from the same view; it must be quick.

    Raises:
        InvalidInput: The span is invalid.
        NotFound: There is no such store, project or recurring task.
    """
    with engine.read() as cursor:
        _refuse_unknown(cursor, selection)
        if not engine.is_server and _rows_in(cursor, selection, now, timezone) <= MOST_IN_A_READ:
            return count(cursor, selection, now, timezone, so_far)
    with engine.snapshot() as cursor:
        return count(cursor, selection, now, timezone, so_far)


def _rows_in(cursor: Cursor, selection: Selection, now: datetime, timezone: str) -> int:
    """Return the number of executions in the selection; takes milliseconds."""
    where, given = _where(selection, _span(cursor, selection, now, timezone))
    return int(cursor.query(f"SELECT count(*) FROM task_executions {where}", given)[0][0])  # noqa: S608


def count(
    cursor: Cursor, selection: Selection, now: datetime, timezone: str, so_far: SoFar | None = None
) -> Statistics:
    """Return the statistics of a selection whose ids exist; `timezone` is the workspace's.

    `so_far` is as in `counted`.
    """
    cursor.query(_EVERYTHING)
    over = _span(cursor, selection, now, timezone)
    where, given = _where(selection, over)
    place = over.place_in_sql("epoch_us(started_at)")
    by_day = _by_day(cursor, where, given, place)
    spread = _spread(cursor, where, given, place)
    reasons = _reasons(cursor, where, given)
    found = Statistics(
        timezone=over.timezone,
        since=over.since,
        until=over.until,
        store_id=selection.store_id,
        project_id=selection.project_id,
        recurring_task_id=selection.recurring_task_id,
        model=selection.model,
        total=Total(**_figures(_summed(list(by_day.values()))), **spread.get(None, {})),
        tried_usd=_tried(cursor, selection, where, given),
        days=Series((_day(over, n, by_day, spread) for n in range(len(over.days))), kind=Day),
        failures=reasons["failed"],
        skips=reasons["skipped"],
        recent_failures=_recent_failures(cursor, where, given),
        **{name: Series((), kind=Group) for name in (*_GROUPS, "tasks")},
    )
    if so_far is not None:
        so_far(found)
    return msgspec.structs.replace(found, **_groups(cursor, where, given, selection.most))


def choices(cursor: Cursor, store_id: str | None) -> Choices:
    """Return the possible filters for the statistics of a store, or of all."""
    where, given = ("WHERE store_id = $1", [store_id]) if store_id is not None else ("", [])
    projects = cursor.query(
        f"SELECT id, name, store_id FROM projects {where} ORDER BY name, id LIMIT {MOST_CHOICES}",  # noqa: S608
        given,
    )
    tasks = cursor.query(
        f"""SELECT id, name, store_id, count(*) OVER () FROM recurring_tasks {where}
        ORDER BY name, id LIMIT {MOST_CHOICES}""",  # noqa: S608
        given,
    )
    models = cursor.query(
        f"""SELECT model FROM (SELECT DISTINCT model FROM task_executions {where}) AS found
        WHERE model IS NOT NULL ORDER BY model LIMIT {MOST_CHOICES}""",  # noqa: S608
        given,
    )
    return Choices(
        projects=tuple(Choice(id=id_, name=name, store_id=store) for id_, name, store in projects),
        tasks=tuple(Choice(id=id_, name=name, store_id=store) for id_, name, store, _ in tasks),
        models=tuple(model for (model,) in models),
        more_tasks=tasks[0][3] - len(tasks) if tasks else 0,
    )


# The selection


def _span(cursor: Cursor, selection: Selection, now: datetime, timezone: str) -> Span:
    """Return the span in the zone that all selected stores share, else in the workspace's."""
    if selection.store_id is not None:
        zone = boards.store(cursor, selection.store_id).timezone
    else:
        zones = [zone for (zone,) in cursor.query("SELECT DISTINCT timezone FROM stores")]
        zone = zones[0] if len(zones) == 1 else timezone
    return span(now, zone, selection.days, selection.since, selection.until)


def _refuse_unknown(cursor: Cursor, selection: Selection) -> None:
    if selection.project_id is not None:
        _known(cursor, "projects", selection.store_id, selection.project_id)
    if selection.recurring_task_id is not None:
        _known(cursor, "recurring_tasks", selection.store_id, selection.recurring_task_id)
    if selection.model is not None and not naming.can_be_an_id(selection.model):
        raise refusal("The model", selection.model, "a model's id")


def _known(cursor: Cursor, table: str, store_id: str | None, row_id: str) -> None:
    """Raise `NotFound` unless the row exists; a deleted recurring task with executions counts as existing."""
    if naming.can_be_an_id(row_id):
        for sql in (f"{table} WHERE id = $1", "task_executions WHERE recurring_task_id = $1"):
            found = cursor.query(f"SELECT store_id FROM {sql} LIMIT 1", [row_id])  # noqa: S608
            if found and store_id in (None, found[0][0]):
                return
            if table == "projects":
                break
    if store_id is not None:
        raise boards.missing(cursor, table, store_id, row_id)
    raise NotFound(f"There is no {naming.WORDS[table]} {shown(row_id)} in any store.")


def _where(selection: Selection, over: Span) -> tuple[str, list[Any]]:
    """Return the SQL condition and its parameters."""
    given: list[Any] = [over.since, over.until]
    conditions = ["started_at >= $1", "started_at < $2"]
    for column in ("store_id", "project_id", "recurring_task_id", "model"):
        value = getattr(selection, column)
        if value is not None:
            given.append(value)
            conditions.append(f"{column} = ${len(given)}")
    return f"WHERE {' AND '.join(conditions)}", given


# The scans


def _kinds(keys: str, names: str, where: str) -> str:
    """Return a query for the sums of each kind of executions by `keys`, named `names` in the result."""
    return f"""SELECT {keys}, {_KINDS}, {_SUMS} FROM task_executions {where}
        GROUP BY {names}, status, could_not, priced"""  # noqa: S608 - wsq's own texts


def _by_day(cursor: Cursor, where: str, given: list[Any], place: str) -> dict[int, Measures]:
    """Return the figures by 0-based day of the span; empty days are left out."""
    kinds = _kinds(f"{place} AS day", "day", where)
    found = cursor.query(f"SELECT day, {_FIGURES} FROM ({kinds}) AS kinds GROUP BY day", given)  # noqa: S608
    return {int(day): dict(zip(_MEASURES, figures, strict=True)) for day, *figures in found}


def _spread(cursor: Cursor, where: str, given: list[Any], place: str) -> dict[int | None, Measures]:
    """Return percentiles in seconds by 0-based day of the span, and under None for the whole span."""
    spread: dict[int | None, Measures] = {}
    for which, value, names in (
        (_ENDED, _TOOK, ("duration_median", "duration_p95")),
        (_TIMED, _LATE, ("lateness_median", "lateness_p95", "lateness_max", "automatic")),
    ):
        columns = f"quantile_cont({value}, [0.5, 0.95]), max({value}), count(*)"
        condition = f"{where} AND {which}"
        found = [
            *cursor.query(f"SELECT {place} AS day, {columns} FROM task_executions {condition} GROUP BY day", given),  # noqa: S608
            *cursor.query(f"SELECT NULL, {columns} FROM task_executions {condition} HAVING count(*) > 0", given),  # noqa: S608
        ]
        for day, (median, p95), most, how_many in found:
            values = (median / 1e6, p95 / 1e6, most / 1e6, how_many)
            mine = spread.setdefault(None if day is None else int(day), {})
            mine.update(zip(names, values, strict=False))
    return spread


def _tried(cursor: Cursor, selection: Selection, where: str, given: list[Any]) -> float:
    """Return the cost of dry runs; they belong to no recurring task."""
    if selection.recurring_task_id is not None:
        return 0.0
    ((dollars,),) = cursor.query(f"SELECT coalesce(sum({TRIED_AT}), 0)::DOUBLE FROM dry_runs {where}", given)  # noqa: S608
    return round(float(dollars), 9)


def _reasons(cursor: Cursor, where: str, given: list[Any]) -> dict[str, Series[Reason]]:
    found = cursor.query(
        f"""SELECT status, coalesce(reason, 'unknown') AS why, count(*) AS executions, sum(slots)::BIGINT AS slots
        FROM task_executions {where} AND status IN ('failed', 'skipped') GROUP BY status, why""",  # noqa: S608
        given,
    )
    by_status: dict[str, list[Reason]] = {"failed": [], "skipped": []}
    for status, why, executions, slots in found:
        by_status[status].append(Reason(reason=why, executions=executions, slots=slots))
    order = {
        "failed": lambda each: (-each.executions, each.reason),
        "skipped": lambda each: (-each.slots, each.reason),
    }
    return {status: Series(sorted(rows, key=order[status]), kind=Reason) for status, rows in by_status.items()}


def _recent_failures(cursor: Cursor, where: str, given: list[Any]) -> Series[Failure]:
    found = cursor.query(
        f"""SELECT failed.id, failed.store_id, failed.recurring_task_id, failed.started_at, failed.why, failed.error,
            failed.seq, named.name FROM (
            SELECT id, store_id, recurring_task_id, started_at, coalesce(reason, 'unknown') AS why,
                coalesce(error, '') AS error, seq
            FROM task_executions {where} AND status = 'failed' ORDER BY started_at DESC, seq DESC LIMIT {RECENT}
        ) AS failed LEFT JOIN recurring_tasks AS named ON named.id = failed.recurring_task_id
        ORDER BY failed.started_at DESC, failed.seq DESC""",  # noqa: S608
        given,
    )
    return Series(
        (
            Failure(id=id_, store_id=s, recurring_task_id=task, name=name, started_at=at, reason=why, error=error)
            for id_, s, task, at, why, error, _, name in found
        ),
        kind=Failure,
    )


_GROUPS = {
    "stores": ("store_id", "store_id"),
    "projects": ("store_id", "project_id"),
    "models": ("NULL", "model"),
}
"""The columns of the store's id and the group's id, by kind of group."""

_NAMED = {
    "stores": "stores",
    "projects": "projects",
    "tasks": "recurring_tasks",
}


def _groups(cursor: Cursor, where: str, given: list[Any], most: int) -> dict[str, Series[Group]]:
    keys = "store_id, project_id, model"
    cursor.query(f"CREATE OR REPLACE TEMP TABLE kinds AS {_kinds(keys, keys, where)}", given)
    groups = {
        name: _group(
            cursor,
            name,
            f"SELECT {store} AS store_id, {id_} AS id, {_FIGURES} FROM kinds GROUP BY ALL",  # noqa: S608
            [most],
        )
        for name, (store, id_) in _GROUPS.items()
    }
    return groups | {"tasks": _tasks(cursor, where, given, most)}


def _tasks(cursor: Cursor, where: str, given: list[Any], most: int) -> Series[Group]:
    """Find the busiest tasks first: there may be thousands, and the figures are only needed for these."""
    busiest = cursor.query(
        f"""SELECT recurring_task_id, count(*) FILTER (status <> 'skipped') AS executions, count(*) OVER ()
        FROM task_executions {where} GROUP BY recurring_task_id
        ORDER BY executions DESC, recurring_task_id LIMIT ${len(given) + 1}""",  # noqa: S608
        [*given, most],
    )
    ids = [id_ for id_, _, _ in busiest]
    of_these = f"{where} AND recurring_task_id IN (SELECT unnest(${len(given) + 1}::VARCHAR[]))"
    keys = "store_id, recurring_task_id"
    kinds = _kinds(keys, keys, of_these)
    groups = f"SELECT store_id, recurring_task_id AS id, {_FIGURES} FROM ({kinds}) AS kinds GROUP BY {keys}"  # noqa: S608
    found = _group(cursor, "tasks", groups, [*given, ids, most])
    return Series(found, kind=Group, more=busiest[0][-1] - len(busiest) if busiest else 0)


def _group(cursor: Cursor, what: str, groups: str, given: list[Any]) -> Series[Group]:
    """Return the groups of the query `groups`, with names; the last parameter is their maximum number."""
    table = _NAMED.get(what)
    name = "named.name" if table else "found.id"
    join = f"LEFT JOIN {table} AS named ON named.id = found.id" if table else ""
    found = cursor.query(
        f"""SELECT {name}, count(*) OVER (), found.store_id, found.id, {", ".join(_MEASURES)}
        FROM ({groups}) AS found {join}
        ORDER BY completed + failed + cancelled + running DESC, found.id NULLS LAST, found.store_id
        LIMIT ${len(given)}""",  # noqa: S608
        given,
    )
    rows = [
        Group(store_id=store, id=id_, name=named, **_figures(dict(zip(_MEASURES, measures, strict=True))))
        for named, _, store, id_, *measures in found
    ]
    return Series(rows, kind=Group, more=found[0][1] - len(rows) if found else 0)


# From counts to figures


def _day(over: Span, place: int, by_day: dict[int, Measures], spread: dict[int | None, Measures]) -> Day:
    since, until = over.bounds(place)
    figures = _figures(by_day.get(place, _NOTHING)) | spread.get(place, {})
    return Day(day=over.days[place], since=since, until=until, **figures)


_NOTHING: Measures = dict.fromkeys(_MEASURES, 0)


def _summed(counted: list[Measures]) -> Measures:
    total: Measures = {name: sum(each[name] for each in counted) for name in _MEASURES}
    return total | {"cost": math.fsum(each["cost"] for each in counted)}


def _figures(counted: Measures) -> Measures:
    """Return the fields of `Counted`."""
    figures = {name: counted[name] for name in Counted.__struct_fields__ if name in counted}
    ended = counted["completed"] + counted["failed"]
    sent = counted["input_tokens"] + counted["cache_read_tokens"] + counted["cache_write_tokens"]
    # Sums of floats depend on the order in the last digits; rounding makes equal figures equal.
    cost = None if counted["unpriced"] and not counted["priced"] else round(counted["cost"], 9)
    return figures | {
        "executions": ended + counted["cancelled"] + counted["running"],
        "success_rate": _share(counted["completed"], ended),
        "duration_mean": _share(counted["took"] / 1e6, ended),
        "cache_share": _share(counted["cache_read_tokens"], sent),
        "cost_usd": cost,
        "cost_per_created_task": None if cost is None else _share(cost, counted["created_by_priced"]),
    }


def _share(part: float, of: int) -> float | None:
    return part / of if of else None
