"""A worker is killed at every step of an execution; the next pass makes it good."""

from __future__ import annotations

import shutil
import signal
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

import wsq
from tests.commands import Said, forked
from tests.conftest import NOON
from tests.durability import world
from tests.durability.world import PHASES, opened
from wsq.clock import ManualClock
from wsq.commands.executions import LEASE

TRANSACTIONS = 5
"""The claim, and three answers with their calls; those of the second take two. The last call ends the execution."""


DUE = NOON + timedelta(hours=1)
"""When the slot of the workspace's one task comes due."""

OPERATIONAL = """select (select count(*) from processed_task_executions) as claims,
    (select count(*) from leases) as leases, (select count(*) from running_executions) as running"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace that each worker has a copy of."""
    path = tmp_path_factory.mktemp("made") / "team.duckdb"
    with opened(path, ManualClock(NOON)) as ws:
        ws.store("acme").create_recurring_task("Trio", "Make three tasks", every="1 hour")
        ws.backup(path.with_name("copy.duckdb"))
    return path.with_name("copy.duckdb")


@pytest.fixture
def due(made: Path, tmp_path: Path) -> Path:
    """A workspace in which a slot comes due at `DUE`."""
    return Path(shutil.copy(made, tmp_path / "team.duckdb"))


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("number", range(1, TRANSACTIONS + 1))
def test_an_execution_survives_the_death_of_its_worker(due: Path, phase: str, number: int) -> None:
    # Given a slot that is due, and a worker that dies in the midst of it
    died = worker(due, DUE.isoformat(), phase, str(number))
    assert died.status == -signal.SIGKILL, died.err

    # When a pass is made as soon as its lease has passed
    with opened(due, ManualClock(DUE + LEASE)) as ws:
        report = ws.process()
        store = ws.store("acme")

        # Then the execution has ended once, and each effect exists once
        (task,) = store.recurring_tasks()
        (execution,) = store.executions(task.id)
        assert execution.status == "completed"
        assert execution.verdict == "done"
        assert execution.turns == 3
        assert [t.title for t in store.tasks()] == ["First", "Second", "Third"]
        assert set(execution.created_task_ids) == {t.id for t in store.tasks()}
        assert terminal_events(store, execution.id) == 1
        assert ws.sql(OPERATIONAL).iloc[0].to_dict() == {"claims": 1, "leases": 0, "running": 0}
        assert report.failed == 0
        assert store.recurring_task(task.id).next_execution_at == NOON + timedelta(hours=2)
        assert ws.verify() == []
        # And nothing is left for the next pass
        before = len(store.events())
        ws.process()
        assert len(store.events()) == before


def test_the_lease_of_a_dead_worker_is_waited_for(due: Path) -> None:
    # Given a worker that died after its claim
    worker(due, DUE.isoformat(), "after", "1")

    # When a pass comes a moment before the lease has passed
    clock = ManualClock(DUE + LEASE - timedelta(milliseconds=1))
    with opened(due, clock) as ws:
        report = ws.process()

        # Then the execution is left to its holder
        assert report.resumed == 0
        assert ws.store("acme").executions()[0].status == "running"

        # And a moment later it is taken over
        clock.advance(timedelta(milliseconds=1))
        assert ws.process().resumed == 1
        ended = ws.store("acme").executions()[0]
        assert (ended.status, ended.takeovers) == ("completed", 1)


def worker(*arguments: object) -> Said:
    """A worker of this world, until it dies."""
    return forked(partial(world.main, *map(str, arguments)))


def terminal_events(store: wsq.Store, execution_id: str) -> int:
    """How often the execution has ended."""
    ends = {"task_execution.complete", "task_execution.fail", "task_execution.cancel"}
    return sum(
        event.name in ends and getattr(event.fact, "execution_id", None) == execution_id for event in store.events()
    )
