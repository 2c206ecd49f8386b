"""Starting executions, in one transaction each time.

The claim of the slots, the execution's first event, the advance of the task, the lease and the reservation for the
first call are committed together or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from wsq.agent import context
from wsq.agent.providers import Provider
from wsq.commands import executions
from wsq.commands.executions import Started, Trigger
from wsq.projections import Execution
from wsq.queries.executions import DueTask
from wsq.store.transaction import Transaction


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """Who starts executions: the leases' holder, the provider, and the model for tasks and stores that name none."""

    holder: str
    provider: Provider
    model: str | None


Settled = Started | Execution | DueTask | None
"""The result for a due task: it started, it was skipped (the skipped execution), it waits for room (the due task
itself), or its slots had been settled in the meantime (None)."""


def settle(tx: Transaction, tasks: Sequence[DueTask], worker: Worker, room: int) -> list[Settled]:
    """Settle the due slots of these tasks: each is skipped or starts, at most `room` of them; results in their order.

    All tasks are judged, and the context of those that run is read for all at once, before anything is written.
    """
    tx.fetch("recurring_tasks", [(task.recurring_task_id,) for task in tasks])
    tx.fetch("running_executions", [(task.recurring_task_id,) for task in tasks])
    judged: list[Trigger | DueTask | None] = []
    for task in tasks:
        trigger = executions.judge(tx, task)
        if trigger is not None and trigger.skip_reason is None:
            room -= 1
            judged.append(trigger if room >= 0 else task)
        else:
            judged.append(trigger)
    return _settle(tx, judged, worker)


def start_manually(tx: Transaction, store_id: str, task_id: str, worker: Worker) -> Started:
    """Start a run that a person asks for; raises as `wsq.commands.executions.request` does."""
    (started,) = _settle(tx, [executions.request(tx, store_id, task_id)], worker)
    assert isinstance(started, Started)
    return started


def _settle(tx: Transaction, judged: Sequence[Trigger | DueTask | None], worker: Worker) -> list[Settled]:
    run = [each.task for each in judged if isinstance(each, Trigger) and each.skip_reason is None]
    situations = context.situations_of(tx, run)
    settled: list[Settled] = []
    for each in judged:
        if not isinstance(each, Trigger):
            settled.append(each)
        elif each.skip_reason is not None:
            settled.append(executions.skip(tx, each))
        else:
            prepared = context.prepare(tx, each, situations[each.task.id], worker.provider, worker.model)
            settled.append(executions.start(tx, each, prepared, worker.holder))
    return settled
