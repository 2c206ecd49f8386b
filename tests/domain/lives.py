"""Logs in which executions of every kind happen, by chance but repeatably, written at once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import wsq
from wsq.events import encode
from wsq.events.base import Fact
from wsq.events.boards import TaskCreated
from wsq.events.recurring import (
    AttemptFailed,
    ExecutionCancelled,
    ExecutionCompleted,
    ExecutionFailed,
    ExecutionResumed,
    ExecutionSkipped,
    ExecutionStarted,
    Limits,
    ModelAnswered,
    ModelCharged,
    ToolCalled,
)
from wsq.vocabulary import FAILURE_REASONS, SKIP_REASONS

FAILED = FAILURE_REASONS
SKIPPED = SKIP_REASONS
MODELS = ("claude-sonnet-5-5", "claude-haiku", "of the house")
UNPRICED = "of the house"

Told = tuple[datetime, Fact]


def lives(
    store: wsq.Store,
    tasks: list[wsq.RecurringTask],
    since: datetime,
    until: datetime,
    number: int,
    chance: random.Random,
) -> Iterator[Told]:
    """What happens to so many executions that start in [since, until), in the order in which each happens."""
    for n in range(number):
        begun = since + (until - since) * chance.random()
        yield from _life(f"{store.id}-{n}", chance.choice(tasks), begun, chance)


def _life(id_: str, task: wsq.RecurringTask, begun: datetime, chance: random.Random) -> Iterator[Told]:
    slot = begun - timedelta(seconds=chance.choice((0, 0.25, 7, 61, 4_000)) * chance.random())
    slots = {"scheduled_for": slot, "first_slot": slot - timedelta(hours=1), "slots": chance.randrange(1, 5)}
    about: dict[str, Any] = {
        "execution_id": id_, "recurring_task_id": task.id, "next_execution_at": None, "project_id": task.project_id,
    }  # fmt: skip
    if chance.random() < 0.15:
        yield begun, ExecutionSkipped(**about, **slots, reason=chance.choice(SKIPPED))
        return
    if chance.random() < 0.2:
        slots = {"scheduled_for": None, "first_slot": None, "slots": 0}
    kind = chance.choice(("anthropic", "anthropic", "anthropic", "offline"))
    model = chance.choice(MODELS) if kind == "anthropic" else None
    yield begun, ExecutionStarted(
        **about, **slots, trigger="automatic" if slots["slots"] else "manual", provider="p", provider_kind=kind,
        model=model, system="s", tools="t", first_message="m", limits=Limits(),
    )  # fmt: skip
    yield from _working(id_, begun, model, chance)
    yield from _ending(id_, task, begun + timedelta(seconds=400 * chance.random()), chance)


def _working(id_: str, begun: datetime, model: str | None, chance: random.Random) -> Iterator[Told]:
    """Answers and what they cost, failed attempts, takeovers, and tasks that it makes."""
    at, step = begun, 0
    for attempt in range(2, chance.choice((2, 2, 2, 3, 4))):
        step += 1
        yield at, AttemptFailed(execution_id=id_, epoch=1, step=step, attempt=attempt, error="Busy.", wait=1.0)
        if chance.random() < 0.5:
            yield at, ModelCharged(execution_id=id_, epoch=1, **_usage(model, chance))
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        yield at, ExecutionResumed(execution_id=id_, epoch=2, idle=3.0)
    for _ in range(chance.randrange(3)):
        step += 1
        yield at, ModelAnswered(
            execution_id=id_, epoch=2, step=step, body="b", stop_reason="tool_use", request_id=None,
            **_usage(model, chance),
        )  # fmt: skip
    for n in range(chance.choice((0, 0, 1, 2))):
        yield at, TaskCreated(
            task_id=f"{id_}-{n}", title="Made", description="", status="todo", rank=f"a{n}", assignees=(),
            execution_id=id_,
        )  # fmt: skip
    if chance.random() < 0.3:  # an agent says what it thinks before it is known how it ends
        yield at, ToolCalled(
            execution_id=id_, epoch=2, step=step + 1, tool="finish", tool_use_id=f"{id_}-f", body="b", is_error=False,
            changes=0, verdict="could_not", summary="No.",
        )  # fmt: skip


def _usage(model: str | None, chance: random.Random) -> dict[str, Any]:
    """Nothing is used where no model is asked; costs are such that sums of them are exact."""
    if model is None:
        return {
            "cost_usd": None, "input_tokens": 0, "output_tokens": 0, "cache_read_tokens": 0, "cache_write_tokens": 0
        }  # fmt: skip
    return {
        "cost_usd": None if model == UNPRICED else chance.randrange(64) / 64,
        "input_tokens": chance.randrange(1, 5_000),
        "output_tokens": chance.randrange(500),
        "cache_read_tokens": chance.choice((0, 3_000)),
        "cache_write_tokens": chance.choice((0, 100)),
    }


def _ending(id_: str, task: wsq.RecurringTask, at: datetime, chance: random.Random) -> Iterator[Told]:
    how = chance.random()
    if how < 0.6:
        verdict = chance.choice(("done", "nothing_to_do", "could_not", None))
        yield (
            at,
            ExecutionCompleted(
                execution_id=id_, recurring_task_id=task.id, epoch=2, verdict=verdict, output="So it went."
            ),
        )
    elif how < 0.85:
        reason = chance.choice(FAILED)
        yield (
            at,
            ExecutionFailed(
                execution_id=id_, recurring_task_id=task.id, epoch=2, reason=reason, error="It went wrong.", output=""
            ),
        )
    elif how < 0.93:
        yield at, ExecutionCancelled(execution_id=id_, recurring_task_id=task.id)


def write(ws: wsq.Workspace, told: dict[str, list[Told]]) -> None:
    """Append to the logs of stores, each by its id in the order of time, and fold everything anew."""
    rows = []
    for store_id, facts in told.items():
        head = ws.store(store_id).head()
        for seq, (at, fact) in enumerate(sorted(facts, key=lambda each: each[0]), head + 1):
            rows.append(
                (
                    store_id,
                    seq,
                    f"{store_id}-{seq}",
                    fact.stored_name,
                    fact.stored_version,
                    encode(fact),
                    "ada",
                    None,
                    at,
                )
            )
    names = ("store_id", "seq", "event_id", "name", "version", "args", "actor", "cause", "recorded_at")
    kinds = dict.fromkeys(names, "VARCHAR") | {"seq": "BIGINT", "version": "BIGINT", "recorded_at": "TIMESTAMPTZ"}
    with ws._log.engine.write() as cursor:
        cursor.load("events", kinds, [list(column) for column in zip(*rows, strict=True)])
        cursor.query("UPDATE heads SET seq = (SELECT max(seq) FROM events WHERE events.store_id = heads.store_id)")
    ws.rebuild()
