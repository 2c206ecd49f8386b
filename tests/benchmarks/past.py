"""What looking back and trying out cost on a store with a long log."""

from __future__ import annotations

from pathlib import Path

import wsq
from tests.benchmarks.measure import Figure, folder, in_turn, seconds
from wsq.commands.common import existing_store
from wsq.events import Fact, encode
from wsq.events.boards import TaskCreated, TaskMoved
from wsq.events.recurring import ExecutionCompleted, ExecutionStarted, Limits, ModelAnswered, ToolCalled
from wsq.store.log import Log

EVENTS = 100_000
STORES = ("ours", "theirs")


def past(rounds: int) -> list[Figure]:
    """The board as it was at some moment of a long history, what changed since, and a dry run on top of it."""
    with folder() as place:
        with wsq.open(place / "w.duckdb") as ws:
            for store in STORES:
                write_history(ws._log, store, EVENTS)
            ws.rebuild()
        whole, compared, tried = looked_back(place / "w.duckdb", rounds)
    return [
        Figure(
            "`as_of` on a store with 100,000 events (of 200,000), and its 10,000 tasks",
            "≤ 0.8 s",
            f"{whole:.2f} s",
            whole <= 0.8,
        ),
        Figure("what its last 1,000 events changed, including runs", "≤ 1.5 s", f"{compared:.2f} s", compared <= 1.5),
        Figure("a dry run there, offline, including the copy", "≤ 1 s", f"{tried:.2f} s", tried <= 1.0),
    ]


def looked_back(database: Path, rounds: int) -> list[float]:
    """Seconds of each."""
    with wsq.open(database) as ws:
        ours = ws.store("ours")
        return in_turn(
            rounds,
            lambda: seconds(lambda: ours.as_of(EVENTS).tasks()),
            lambda: seconds(lambda: ours.difference(EVENTS - 1_000)),
            lambda: seconds(lambda: (ours.create_task("so that there is no copy yet"), ours.dry_run("List the tasks"))),
        )


def write_history(log: Log, store: str, count: int) -> None:
    """A log of tasks that are made and moved, and of executions with ten steps each, in turn."""
    turn = a_turn(store)
    log.write(lambda tx: existing_store(tx, store))
    with log.engine.write() as cursor:
        cursor.query(
            """INSERT INTO events SELECT $1, 2 + i, $1 || i, ($2::VARCHAR[])[i % len($2::VARCHAR[]) + 1], 1,
            replace(($3::VARCHAR[])[i % len($3::VARCHAR[]) + 1], '@', $1 || '-' || (i // len($3::VARCHAR[]))),
            'ada', NULL, TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(i) FROM range($4) t(i)""",
            [store, [fact.stored_name for fact in turn], [encode(fact) for fact in turn], count - 1],
        )
        cursor.query("UPDATE heads SET seq = $2 WHERE store_id = $1", [store, count])


def a_turn(store: str) -> list[Fact]:
    """Two tasks with three moves each, and an execution of ten steps; ``@`` stands for the turn."""
    facts: list[Fact] = []
    for n in range(2):
        facts.append(
            TaskCreated(
                task_id=f"@-{n}", title="Water the plants", description="Those by the window, not the cactus.",
                status="todo", rank="a0@", assignees=("Ada",),
            )
        )  # fmt: skip
        facts += [TaskMoved(task_id=f"@-{n}", status=lane, rank="a1@") for lane in ("doing", "in_review", "done")]
    facts.append(
        ExecutionStarted(
            execution_id="@-e", recurring_task_id=f"{store}-r", trigger="manual", scheduled_for=None, first_slot=None,
            slots=0, next_execution_at=None, project_id=None, provider="a", provider_kind="b", model="c",
            system="d" * 32, tools="e" * 32, first_message="f" * 32, limits=Limits(),
        )
    )  # fmt: skip
    for step in range(1, 11, 2):
        facts.append(
            ModelAnswered(
                execution_id="@-e", epoch=1, step=step, body="g" * 32, stop_reason="tool_use", request_id="h",
                input_tokens=900, output_tokens=90, cache_read_tokens=0, cache_write_tokens=0, cost_usd=0.001,
            )
        )  # fmt: skip
        facts.append(
            ToolCalled(
                execution_id="@-e", epoch=1, step=step + 1, tool="list_tasks", tool_use_id=f"i{step}", body="j" * 32,
                is_error=False, changes=0,
            )
        )  # fmt: skip
    facts.append(
        ExecutionCompleted(
            execution_id="@-e", recurring_task_id=f"{store}-r", epoch=1, verdict="done", output="It is done."
        )
    )
    return facts
