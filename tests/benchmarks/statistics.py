"""What counting a million executions costs, against sqlite3 on the same rows, and how soon the page shows it."""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import wsq
from tests.benchmarks.measure import Figure, folder, in_turn, seconds
from tests.benchmarks.pages import browser, calm, served
from wsq.clock import ManualClock
from wsq.statistics.span import since_epoch, span

EXECUTIONS, TASKS, DAYS = 1_000_000, 10_000, 90
SHOWN = 50
NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
"""Behind the change to summer time in Berlin, so that one of the days has 23 hours."""

FIRST = NOW - timedelta(days=DAYS - 1)


def queries(rounds: int) -> list[Figure]:
    """All that the page asks, over every row, against the same questions in SQL of sqlite3's own.

    sqlite3 has the same rows in a table with covering indexes by time for whole, task and status, 256 MB of cache and
    its file in memory-mapped pages; days come from the same arithmetic, and percentiles are as exact there.
    """
    with folder() as place:
        database = place / "team.duckdb"
        with wsq.open(database, clock=ManualClock(NOW)) as ws:
            fill(ws)
            plain = PlainSqlite(place / "plain.sqlite", ws)
            assert plain.totals() == _totals(ws), "the two sides must answer alike"

            def ours() -> float:
                return seconds(lambda: (ws.statistics(days=DAYS), ws.statistics_choices()))

            mine, theirs = in_turn(rounds, ours, lambda: seconds(plain.ask))
    return [
        Figure(
            f"the queries of the statistics page over {EXECUTIONS:,} runs of {TASKS:,} tasks in {DAYS} days",
            "≤ 0.12 × sqlite3 with indexes on the same rows",
            f"{mine / theirs:.3f} × ({mine * 1000:.0f} ms)",
            mine <= 0.12 * theirs,
        )
    ]


def page(rounds: int) -> list[Figure]:
    """From the beginning of the navigation until the figures stand there and the first chart is drawn, all stores.

    In a browser that has met the page once; something is written before each visit, so that the server counts anew.
    """
    with folder() as place:
        database = place / "team.duckdb"
        with wsq.open(database, clock=ManualClock(NOW)) as ws:
            fill(ws)
        with served(database) as server, browser() as visitor, wsq.open(database) as ws:
            url = f"{server.url.split('/board')[0]}/statistics?store=*&from={FIRST:%Y-%m-%d}&to={NOW:%Y-%m-%d}"
            taken = []
            for _ in range(rounds + 1):
                window = visitor.new_page()
                window.set_default_timeout(60_000)
                ws.store("s0").create_task("Something new")
                calm(window)
                began = time.perf_counter()
                window.goto(url)
                window.locator("[data-figure=executions] strong").filter(has_text="899").wait_for()
                window.locator(".chart canvas").first.wait_for()
                taken.append(time.perf_counter() - began)
                window.close()
    usable = statistics.median(taken[1:])
    return [
        Figure(
            f"the statistics page over {EXECUTIONS:,} runs, from navigation to figures and a first chart",
            "≤ 2 s",
            f"{usable:.2f} s",
            usable <= 2,
        )
    ]


# ---- the rows ------------------------------------------------------------------------------------


def fill(ws: wsq.Workspace) -> None:
    """Ten stores of a thousand tasks each, whose executions are spread evenly, with every status and reason."""
    for number in range(10):
        ws.create_store(f"s{number}", timezone="Europe/Berlin")
    step = int(timedelta(days=DAYS - 1) / timedelta(microseconds=1)) // EXECUTIONS
    with ws._log.engine.write() as cursor:
        cursor.query(
            f"""INSERT INTO task_executions BY NAME SELECT {_uuid("'e' || i")} AS id, 's' || (i % 10) AS store_id,
            {_uuid(f"'t' || (i * 7919 % {TASKS})")} AS recurring_task_id,
            CASE WHEN i % 3 <> 0 THEN {_uuid("'p' || (i * 7919 % 100)")} END AS project_id,
            CASE WHEN h < 70 THEN 'completed' WHEN h < 85 THEN 'failed' WHEN h < 95 THEN 'skipped'
                WHEN h < 99 THEN 'cancelled' ELSE 'running' END AS status,
            CASE WHEN i % 10 = 0 THEN 'manual' ELSE 'automatic' END AS trigger,
            $1::TIMESTAMPTZ + to_microseconds(i * {step}) AS started_at,
            CASE WHEN i % 10 <> 0 THEN started_at - to_milliseconds(i * 31 % 60000) END AS scheduled_for,
            scheduled_for AS first_slot, (i % 10 <> 0)::BIGINT AS slots,
            CASE WHEN h < 99 THEN started_at + CASE WHEN h BETWEEN 85 AND 94 THEN INTERVAL 0 SECOND
                ELSE to_milliseconds(1 + i * 7 % 300000) END END AS completed_at,
            completed_at - started_at AS duration,
            CASE WHEN h BETWEEN 85 AND 94 THEN 0 ELSE 1 + (h % 40 = 0)::BIGINT END AS attempts,
            (h % 50 = 0)::BIGINT AS takeovers,
            CASE WHEN h < 60 THEN 'done' WHEN h < 65 THEN 'could_not' END AS verdict,
            CASE WHEN h BETWEEN 70 AND 84 THEN ['timed_out', 'stuck', 'provider', 'budget'][1 + i % 4]
                WHEN h BETWEEN 85 AND 94 THEN ['missed', 'still_running', 'over_budget'][1 + i % 3] END AS reason,
            'It did a number of things, all of them well, and wrote this text of some length: ' || i AS output,
            CASE WHEN h BETWEEN 70 AND 84 THEN 'It did not come to its end, for a reason.' END AS error,
            CASE WHEN h < 20 THEN ['task ' || i] ELSE []::VARCHAR[] END AS created_task_ids,
            CASE WHEN h NOT BETWEEN 85 AND 94 THEN ['claude-sonnet-5-5', 'claude-haiku', 'x'][1 + i % 3] END AS model,
            'service' AS provider, 'anthropic' AS provider_kind,
            CASE WHEN h BETWEEN 85 AND 94 THEN 0 ELSE 1000 + h END AS input_tokens,
            CASE WHEN h BETWEEN 85 AND 94 THEN 0 ELSE 500 END AS output_tokens,
            CASE WHEN h BETWEEN 85 AND 94 THEN 0 ELSE h * 3 END AS cache_read_tokens,
            (h < 50)::BIGINT * 20 AS cache_write_tokens,
            CASE WHEN i % 3 <> 2 AND h NOT BETWEEN 85 AND 94 THEN 0.015625 * (h % 8) END AS cost_usd,
            1 AS epoch, 5 AS steps, 3 AS turns, 2 AS calls, 1 AS changes, INTERVAL 0 SECOND AS idle, i AS seq
            FROM (SELECT i, hash(i) % 100 AS h FROM range($2::BIGINT) AS t(i)) AS numbers""",
            [FIRST, EXECUTIONS],
        )


def _uuid(text: str) -> str:
    """As long as ids are, and as hard to compress."""
    return f"md5({text})::UUID::VARCHAR"


def _totals(ws: wsq.Workspace) -> tuple[Any, ...]:
    found = ws.statistics(days=DAYS)
    total = found.total
    return (
        total.executions, total.could_not, total.skipped_slots, total.cost_usd, total.unpriced, total.created_tasks,
        round(total.duration_p95 or 0, 3), round(total.lateness_median or 0, 3),
        [(each.executions, each.failed, round(each.duration_median or 0, 3)) for each in found.days],
        {each.id for each in found.tasks}, [each.id for each in found.recent_failures],
    )  # fmt: skip


# ---- the other side ------------------------------------------------------------------------------

_COLUMNS = (
    "id", "store_id", "recurring_task_id", "project_id", "status", "trigger", "slots", "verdict", "reason", "error",
    "model", "provider_kind", "attempts", "takeovers", "input_tokens", "output_tokens", "cache_read_tokens",
    "cache_write_tokens", "cost_usd", "seq",
)  # fmt: skip
_NEW = {
    "started": "epoch_us(started_at)",
    "late": "epoch_us(started_at) - epoch_us(scheduled_for)",
    "took": "epoch_us(completed_at) - epoch_us(started_at)",
    "created": "len(created_task_ids)",
}


class PlainSqlite:
    """The same questions, as one would ask them of sqlite3; instants and durations are whole microseconds."""

    def __init__(self, file: Path, ws: wsq.Workspace) -> None:
        over = span(NOW, "Europe/Berlin", DAYS)
        self.given = {"since": since_epoch(over.since), "until": since_epoch(over.until)}
        self.day = over.place_in_sql("started").replace("//", "/")
        self.connection = sqlite3.connect(file)
        run = self.connection.execute
        for pragma in ("journal_mode = WAL", "synchronous = OFF", "cache_size = -262144", "mmap_size = 2000000000"):
            run(f"PRAGMA {pragma}")
        names = [*_COLUMNS, *_NEW]
        run(f"CREATE TABLE runs ({', '.join(names)})")
        with ws._log.engine.read() as cursor:
            rows = cursor.query(f"SELECT {', '.join([*_COLUMNS, *_NEW.values()])} FROM task_executions ORDER BY seq")
        self.connection.executemany(f"INSERT INTO runs VALUES ({', '.join('?' * len(names))})", rows)
        run("CREATE INDEX by_time ON runs (started, status, took, late, trigger)")
        run("CREATE INDEX by_task ON runs (recurring_task_id, started, status)")
        run("CREATE INDEX by_status ON runs (status, started, seq, reason, slots, took)")
        run("CREATE INDEX by_model ON runs (model)")
        self.connection.commit()
        run("ANALYZE")

    def ask(self) -> dict[str, Any]:
        """Everything."""
        asked: dict[str, Callable[[], list[tuple[Any, ...]]]] = {
            "days": lambda: self._counted(self.day, 100_000),
            "stores": lambda: self._counted("store_id", SHOWN),
            "projects": lambda: self._counted("project_id", SHOWN),
            "models": lambda: self._counted("model", SHOWN),
            "tasks": self._tasks,
            "took": lambda: self._spread("took", "status IN ('completed', 'failed')"),
            "late": lambda: self._spread("late", "status <> 'skipped' AND trigger = 'automatic'"),
            "reasons": lambda: self._run(
                "SELECT status, reason, count(*), sum(slots) FROM runs WHERE status IN ('failed', 'skipped') "
                "AND started >= :since AND started < :until GROUP BY status, reason"
            ),
            "failures": lambda: self._run(
                "SELECT id, store_id, recurring_task_id, started, reason, error FROM runs WHERE status = 'failed' "
                "AND started >= :since AND started < :until ORDER BY started DESC, seq DESC LIMIT 20"
            ),
            "choices": lambda: self._run("SELECT DISTINCT model FROM runs"),
        }
        return {name: ask() for name, ask in asked.items()}

    def totals(self) -> tuple[Any, ...]:
        """What `_totals` says of ours, from these answers."""
        found = self.ask()
        days = sorted(found["days"])
        at = {name: place for place, name in enumerate(("key", *_MEASURES))}
        took = {day: values for day, *values in found["took"]}
        late = {day: values for day, *values in found["late"]}
        summed = {name: sum(day[place] or 0 for day in days) for name, place in at.items() if name != "key"}
        carried = lambda row: sum(row[at[name]] for name in ("completed", "failed", "cancelled", "running"))
        return (
            sum(map(carried, days)), summed["could_not"], summed["skipped_slots"], summed["cost"], summed["unpriced"],
            summed["created"], round(took[-1][1] / 1e6, 3), round(late[-1][0] / 1e6, 3),
            [(carried(day), day[at["failed"]], round(took[day[0]][0] / 1e6, 3)) for day in days],
            {row[0] for row in found["tasks"]}, [row[0] for row in found["failures"]],
        )  # fmt: skip

    def _counted(self, key: str, most: int, further: str = "") -> list[tuple[Any, ...]]:
        return self._run(
            f"SELECT {key} AS k, {', '.join(_MEASURES.values())} FROM runs "
            f"WHERE started >= :since AND started < :until {further} GROUP BY k "
            f"ORDER BY count(*) - coalesce(sum(status = 'skipped'), 0) DESC LIMIT {most}"
        )

    def _tasks(self) -> list[tuple[Any, ...]]:
        """The busiest are found in an index, and the rest is counted of these alone, as ours does."""
        busiest = self._run(
            "SELECT recurring_task_id, count(*) FILTER (WHERE status <> 'skipped') AS n FROM runs "
            "INDEXED BY by_task WHERE started >= :since AND started < :until "
            f"GROUP BY recurring_task_id ORDER BY n DESC, recurring_task_id LIMIT {SHOWN}"
        )
        these = ", ".join(f"'{id_}'" for id_, _ in busiest)
        return self._counted("recurring_task_id", SHOWN, f"AND recurring_task_id IN ({these})")

    def _spread(self, value: str, which: str) -> list[tuple[Any, ...]]:
        """Median and 95th percentile with linear interpolation, and the greatest, by day and (-1) of the whole."""
        numbered = (
            "SELECT {day} AS day, {value} AS v, row_number() OVER (PARTITION BY {day} ORDER BY {value}) - 1 AS r, "
            "count(*) OVER (PARTITION BY {day}) - 1 AS n FROM runs "
            "WHERE started >= :since AND started < :until AND {which}"
        )
        picked = "sum(v * max(0, 1 - abs(r - n * {p})))"
        told = f"SELECT day, {picked.format(p=0.5)}, {picked.format(p=0.95)}, max(v), count(*) FROM ({{}}) GROUP BY day"
        return [
            row
            for day in (self.day, "-1")
            for row in self._run(told.format(numbered.format(day=day, value=value, which=which)))
        ]

    def _run(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, self.given).fetchall()


_MEASURES = {
    "completed": "sum(status = 'completed')",
    "could_not": "sum(status = 'completed' AND verdict = 'could_not')",
    "failed": "sum(status = 'failed')",
    "cancelled": "sum(status = 'cancelled')",
    "running": "sum(status = 'running')",
    "skipped": "sum(status = 'skipped')",
    "skipped_slots": "sum(slots) FILTER (WHERE status = 'skipped')",
    "took": "sum(took) FILTER (WHERE status IN ('completed', 'failed'))",
    "input": "sum(input_tokens)",
    "output": "sum(output_tokens)",
    "read": "sum(cache_read_tokens)",
    "write": "sum(cache_write_tokens)",
    "cost": "sum(cost_usd)",
    "priced": "count(cost_usd)",
    "unpriced": "sum(cost_usd IS NULL AND provider_kind NOT IN ('offline', 'scripted') AND "
    "input_tokens + output_tokens + cache_read_tokens + cache_write_tokens > 0)",
    "created": "sum(created)",
    "created_by_priced": "sum(created) FILTER (WHERE cost_usd IS NOT NULL)",
    "retries": "sum(attempts - 1) FILTER (WHERE attempts > 1)",
    "retried": "sum(attempts > 1)",
    "takeovers": "sum(takeovers)",
}
