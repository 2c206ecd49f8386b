"""What carrying out costs."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import wsq
from tests.benchmarks.measure import START, Figure, folder, in_turn, seconds
from wsq.agent.providers import Request, ScriptedProvider, Turn, call, finish, say
from wsq.clock import ManualClock
from wsq.commands.recurring import create_recurring_task
from wsq.store.duckdb.cursor import DuckCursor
from wsq.store.duckdb.engine import EmbeddedEngine
from wsq.store.transaction import Transaction

TASKS = 1_000
SIDE_BY_SIDE = 64


def thousand_executions(rounds: int) -> list[Figure]:
    """Durable claim, start and end of executions whose provider does nothing, against two task queues."""
    ours, huey, dbos = in_turn(rounds, ours_per_execution, huey_per_task, lambda: dbos_alone("workflow"))
    return [
        Figure(
            f"{TASKS:,} due runs with a provider that does nothing (512 at a time)",
            "≤ 0.8 × huey (SQLite, fsync)",
            f"{ours / huey:.2f} × ({ours * 1000:.2f} ms each, huey {huey * 1000:.2f})",
            ours <= 0.8 * huey,
        ),
        Figure(
            "the same against DBOS on SQLite",
            "≤ 0.15 ×",
            f"{ours / dbos:.3f} × (DBOS {dbos * 1000:.1f} ms each)",
            ours <= 0.15 * dbos,
        ),
    ]


def waiting(rounds: int) -> list[Figure]:
    """Executions that wait for something else do so side by side.

    Of what is above four seconds, most is DuckDB's own: five transactions, one after the other, which
    write 50 ends, 50 beginnings or both. Their share is measured beside it.
    """

    async def one_second(_request: Request) -> Turn:
        await asyncio.sleep(1)
        return say("ok")

    inside: list[float] = []

    def measured() -> float:
        spent: list[float] = []
        taken = wall_time(ScriptedProvider([one_second]), tasks=200, most=50, during=time_in_duckdb(spent))
        inside.append(sum(spent))
        return taken

    (taken,) = in_turn(rounds, measured)
    share = statistics.median(inside)
    return [
        Figure(
            "200 runs that wait one second each, 50 at a time",
            "within 3 % of 4 s",
            f"{taken:.2f} s ({(taken / 4 - 1) * 100:+.1f} %; DuckDB's own statements {share / 4 * 100:.1f} %)",
            taken <= 4 * 1.03,
        )
    ]


@contextmanager
def time_in_duckdb(spent: list[float]) -> Iterator[None]:
    """Note the seconds that the writer spends in DuckDB itself, statement by statement, commits included."""
    originals = {name: getattr(DuckCursor, name) for name in ("query", "load")}
    commit = EmbeddedEngine._commit

    def timed(original: Callable[..., Any]) -> Callable[..., Any]:
        def call_it(*given: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return original(*given, **named)
            finally:
                if threading.current_thread().name == "wsq-writer":
                    spent.append(time.perf_counter() - began)

        return call_it

    try:
        for name, original in originals.items():
            setattr(DuckCursor, name, timed(original))
        EmbeddedEngine._commit = timed(commit)  # type: ignore[method-assign]  # only for as long as it is measured
        yield
    finally:
        for name, original in originals.items():
            setattr(DuckCursor, name, original)
        EmbeddedEngine._commit = commit  # type: ignore[method-assign]  # as it was


def durable_step(rounds: int) -> list[Figure]:
    """An agent's step (an answer or a tool's call, with its effect) against a step of a workflow."""
    ours, dbos, alone, plain = in_turn(
        rounds, ours_per_step, lambda: dbos_alone("step"), lone_step, lambda: dbos_alone("lone")
    )
    return [
        Figure(
            f"a durable agent step, {SIDE_BY_SIDE} runs in parallel",
            "≤ 0.5 × a DBOS step on SQLite, as many workflows",
            f"{ours / dbos:.2f} × ({ours * 1000:.1f} ms, DBOS {dbos * 1000:.1f})",
            ours <= 0.5 * dbos,
        ),
        Figure(
            "the same in a single run: one DuckDB transaction each",
            "≤ 0.5 ×",
            f"{alone / plain:.2f} × ({alone * 1000:.1f} ms, DBOS {plain * 1000:.1f})",
            alone <= 0.5 * plain,
        ),
    ]


def ours_per_execution() -> float:
    """Seconds for each of many executions that do nothing."""
    return wall_time(ScriptedProvider([say("ok")]), tasks=TASKS, most=512) / TASKS


def wall_time(
    provider: ScriptedProvider, *, tasks: int, most: int, during: AbstractContextManager[None] | None = None
) -> float:
    """Seconds that a pass over so many due tasks takes."""
    with folder() as place:
        clock = ManualClock(START)
        os.environ["WSQ_MAX_CONCURRENCY"] = str(most)
        with wsq.open(place / "w.duckdb", clock=clock, provider=provider) as ws:

            def make(tx: Transaction) -> None:
                for n in range(tasks):
                    create_recurring_task(tx, "store", f"Task {n}", "Do nothing", every="1 hour")

            ws._log.write(make)
            clock.advance(3600)
            reports: list[wsq.ProcessReport] = []
            with during or nullcontext():
                taken = seconds(lambda: reports.append(ws.process()))
            assert reports[0].completed == tasks
        return taken


def looking() -> ScriptedProvider:
    """An agent that looks at the board five times and ends: twelve steps."""
    lanes = ("todo", "doing", "done", "in_review", "todo")
    return ScriptedProvider([*(call(("list_tasks", {"status": lane})) for lane in lanes), finish()])


STEPS = 12


def ours_per_step() -> float:
    """Seconds for each step of many executions side by side."""
    taken = wall_time(looking(), tasks=SIDE_BY_SIDE, most=SIDE_BY_SIDE)
    return taken / (SIDE_BY_SIDE * STEPS)


def lone_step() -> float:
    """Seconds for each step of one execution after the other."""
    with folder() as place, wsq.open(place / "w.duckdb", provider=looking()) as ws:
        store = ws.store("store")
        task = store.create_recurring_task("Look", "Look around", every="1 day")
        store.run_now(task.id)
        runs = 10
        return seconds(lambda: [store.run_now(task.id) for _ in range(runs)]) / (runs * STEPS)


def huey_per_task() -> float:
    """Seconds for each of as many tasks in huey, enqueueing included."""
    return _alone(_HUEY, str(TASKS))


def dbos_alone(what: str) -> float:
    """Seconds for each workflow of one step, or for each step of one workflow, in DBOS."""
    return _alone(_DBOS, what)


def _alone(program: str, argument: str) -> float:
    with folder() as place:
        found = subprocess.run(
            [sys.executable, "-c", program, argument], cwd=place, capture_output=True, text=True, check=True
        )
    return float(found.stdout.split()[-1])


_HUEY = """
import sys, time
from huey import SqliteHuey
huey = SqliteHuey(filename="huey.db", fsync=True)
@huey.task()
def nothing():
    return 1
count = int(sys.argv[1])
began = time.perf_counter()
results = [nothing() for _ in range(count)]
consumer = huey.create_consumer(workers=1, worker_type="thread", initial_delay=0.001, max_delay=0.01, periodic=False)
consumer.start()
for result in results:
    result.get(blocking=True, backoff=1, max_delay=0.005)
print((time.perf_counter() - began) / count)
consumer.stop(graceful=True)
"""

_DBOS = """
import sys, time
from dbos import DBOS
DBOS(config={"name": "bench", "system_database_url": "sqlite:///dbos.sqlite", "log_level": "ERROR"})
@DBOS.step()
def step(i):
    return i
@DBOS.workflow()
def one(i):
    return step(i)
@DBOS.workflow()
def many(count):
    for i in range(count):
        step(i)
DBOS.launch()
what = sys.argv[1]
began = time.perf_counter()
if what == "workflow":
    count = 200
    for handle in [DBOS.start_workflow(one, i) for i in range(count)]:
        handle.get_result()
elif what == "step":
    count = 64 * 12
    for handle in [DBOS.start_workflow(many, 12) for _ in range(64)]:
        handle.get_result()
else:
    count = 200
    many(count)
print((time.perf_counter() - began) / count)
DBOS.destroy()
"""
