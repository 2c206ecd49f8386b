"""What the log and its file cost."""

from __future__ import annotations

import os
import statistics
from pathlib import Path

import duckdb

import wsq
from tests.benchmarks.measure import START, Figure, folder, in_turn, seconds
from wsq.agent.providers import ScriptedProvider, call, finish
from wsq.clock import ManualClock
from wsq.events import encode
from wsq.events.boards import TaskCreated, TaskMoved
from wsq.store.log import Log

COMMANDS = 50
EVENTS = 1_000_000


def one_command(rounds: int) -> list[Figure]:
    """A command through the public API against the same rows written with plain DuckDB."""
    with folder() as place, wsq.open(place / "ours.duckdb") as ws:
        store = ws.store("store")
        store.create_task("first")

        def ours() -> float:
            return statistics.median(seconds(lambda n=n: store.create_task(f"Task {n}")) for n in range(COMMANDS))

        plain = PlainDuckDB(place / "plain.duckdb")
        mine, theirs = in_turn(rounds, ours, plain.median)
    return [
        Figure(
            "one command through the public API, with a warm lease",
            "≤ 1.5 × the same rows with plain DuckDB",
            f"{mine / theirs:.2f} × ({mine * 1000:.1f} ms)",
            mine <= 1.5 * theirs,
        )
    ]


class PlainDuckDB:
    """The event, the task and the head that a command writes, by hand: attach, one transaction, detach."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.connection = duckdb.connect(":memory:")
        self.count = 0
        with wsq.open(file) as ws:
            ws.store("store").create_task("first")
        self.connection.execute(f"ATTACH '{file}' AS w (TYPE duckdb)")
        self.events = "INSERT INTO w.events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        columns = self.connection.execute("SELECT * FROM w.tasks LIMIT 0").description
        self.tasks = f"INSERT INTO w.tasks VALUES ({', '.join('?' * len(columns))})"
        self.row = list(self.connection.execute("SELECT * FROM w.tasks").fetchone())
        self.connection.execute("DETACH w")

    def median(self) -> float:
        """Seconds for one of many."""
        return statistics.median(seconds(self.write) for _ in range(COMMANDS))

    def write(self) -> None:
        """The same rows."""
        self.count += 1
        n, run = self.count, self.connection.execute
        run(f"ATTACH '{self.file}' AS w (TYPE duckdb)")
        run("BEGIN")
        run(self.events, ["store", n + 9, f"event-{n}", "task.create", 1, "{}", "ada", None, START])
        run(self.tasks, [f"task-{n}", *self.row[1:]])
        run("UPDATE w.heads SET seq = ? WHERE store_id = 'store'", [n + 9])
        run("COMMIT")
        run("DETACH w")


def rebuild(rounds: int) -> list[Figure]:
    """A log of a million events folded anew and every projection replaced."""
    with folder() as place, wsq.open(place / "w.duckdb") as ws:
        write_log(ws._log, EVENTS)
        (taken,) = in_turn(rounds, lambda: seconds(ws.rebuild))
    rate = EVENTS / taken
    return [
        Figure("rebuild of 1,000,000 events", "≥ 200,000 events a second", f"{rate:,.0f} a second", rate >= 200_000)
    ]


def write_log(log: Log, count: int) -> None:
    """A log of one creation and four moves of each of many tasks, in a hundred stores."""
    made = encode(
        TaskCreated(task_id="@", title="Water the plants", description="", status="todo", rank="a0", assignees=())
    )
    moved = encode(TaskMoved(task_id="@", status="doing", rank="a1"))
    with log.engine.write() as cursor:
        cursor.query(
            """INSERT INTO events SELECT 's' || (i % 100), i // 100 + 1, 'e' || i,
            CASE WHEN i // 100 % 5 = 0 THEN 'task.create' ELSE 'task.move' END, 1,
            replace(CASE WHEN i // 100 % 5 = 0 THEN $2 ELSE $3 END, '@', 't' || (i % 100) || '-' || (i // 500)),
            'ada', NULL, TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(i) FROM range($1) t(i)""",
            [count, made, moved],
        )
        cursor.query("INSERT INTO heads SELECT store_id, max(seq) FROM events GROUP BY store_id")


def size_of_a_routine_execution(_rounds: int) -> list[Figure]:
    """What twelve turns leave in the file once their conversation was pruned."""
    turns = [call(("list_tasks", {"status": status})) for status in ("todo", "doing", "done", "in_review") * 3][:11]
    os.environ["WSQ_MAX_CONCURRENCY"] = "64"
    with folder() as place:
        clock = ManualClock(START)
        with wsq.open(place / "w.duckdb", clock=clock, provider=ScriptedProvider([*turns, finish()])) as ws:
            for n in range(64):
                ws.store("store").create_recurring_task(f"Look {n}", "Look around", every="1 hour")
            clock.advance(3600)
            ws.process()
            before, runs = compacted(ws, place), 0
            for _ in range(10):
                clock.advance(3600)
                runs += ws.process().completed
            ws.prune(keep=0, days=0)
            after = compacted(ws, place)
    each = (after - before) / runs
    return [
        Figure(
            "a typical run in the database (12 turns, pruned)",
            "≤ 10 KB",
            f"{each / 1000:.1f} KB",
            each <= 10_000,
        )
    ]


def compacted(ws: wsq.Workspace, place: Path) -> int:
    """Bytes of a backup of the workspace, which holds no unused blocks."""
    target = place / "copy.duckdb"
    ws.backup(target)
    size = target.stat().st_size
    target.unlink()
    return size
