"""A worker is killed at every step of an execution; the next pass makes it good."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

import wsq
from tests.conftest import NOON
from tests.durability.world import PHASES, opened
from wsq.clock import ManualClock
from wsq.commands.executions import LEASE

TRANSACTIONS = 5
"""The claim, and three answers with their calls; those of the second take two. The last call ends the execution."""


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("number", range(1, TRANSACTIONS + 1))
def test_an_execution_survives_the_death_of_its_worker(database: Path, phase: str, number: int) -> None:
    # Given a slot that is due, and a worker that dies in the midst of it
    clock = ManualClock(NOON)
    with opened(database, clock) as ws:
        store = ws.store("acme")
        task = store.create_recurring_task("Trio", "Make three tasks", every="1 hour")
        due = clock.advance(timedelta(hours=1))
    died = worker(database, due.isoformat(), phase, str(number))
    assert died.returncode == -signal.SIGKILL, died.stderr

    # When a pass is made as soon as its lease has passed
    clock.advance(LEASE)
    with opened(database, clock) as ws:
        report = ws.process()
        store = ws.store("acme")

        # Then the execution has ended once, and each effect exists once
        (execution,) = store.executions(task.id)
        assert execution.status == "completed"
        assert execution.verdict == "done"
        assert execution.turns == 3
        assert [t.title for t in store.tasks()] == ["First", "Second", "Third"]
        assert set(execution.created_task_ids) == {t.id for t in store.tasks()}
        assert terminal_events(store, execution.id) == 1
        assert len(ws.sql("select * from processed_task_executions")) == 1
        assert ws.sql("select * from leases").empty
        assert ws.sql("select * from running_executions").empty
        assert report.failed == 0
        assert store.recurring_task(task.id).next_execution_at == NOON + timedelta(hours=2)
        assert ws.verify() == []
        # And nothing is left for the next pass
        before = len(store.events())
        ws.process()
        assert len(store.events()) == before


def test_the_lease_of_a_dead_worker_is_waited_for(database: Path) -> None:
    # Given a worker that died after its claim
    clock = ManualClock(NOON)
    with opened(database, clock) as ws:
        task = ws.store("acme").create_recurring_task("Trio", "Make three tasks", every="1 hour")
    due = clock.advance(timedelta(hours=1))
    worker(database, due.isoformat(), "after", "1")

    # When a pass comes a moment before the lease has passed
    clock.advance(LEASE - timedelta(milliseconds=1))
    with opened(database, clock) as ws:
        report = ws.process()

        # Then the execution is left to its holder
        assert report.resumed == 0
        assert ws.store("acme").executions(task.id)[0].status == "running"

        # And a moment later it is taken over
        clock.advance(timedelta(milliseconds=1))
        assert ws.process().resumed == 1
        ended = ws.store("acme").executions(task.id)[0]
        assert (ended.status, ended.takeovers) == ("completed", 1)


def worker(*arguments: object) -> subprocess.CompletedProcess[str]:
    """A worker of this world, until it dies."""
    command = [sys.executable, "-m", "tests.durability.world", *map(str, arguments)]
    root = Path(__file__).parents[2]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)


def terminal_events(store: wsq.Store, execution_id: str) -> int:
    """How often the execution has ended."""
    ends = {"task_execution.complete", "task_execution.fail", "task_execution.cancel"}
    return sum(
        event.name in ends and getattr(event.fact, "execution_id", None) == execution_id for event in store.events()
    )
