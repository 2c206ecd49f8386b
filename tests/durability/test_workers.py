"""Workers on several machines, as it were, at one server: some are killed, and so is the server."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

import wsq
from tests.commands import Forked, main_of
from tests.rings import count
from tests.servers import Server
from wsq.cli import process
from wsq.clock import ManualClock, SystemClock
from wsq.commands.executions import LEASE
from wsq.runner.starting import Worker, start_manually

WORKERS, STORES = 8, 10
KILLS, PAUSE = count(8, 16), count(1, 2) / 2

COUNTS = """select
    (select count(*) from task_executions) as executions,
    (select count(*) from task_executions where status = 'completed' and verdict = 'done') as done,
    (select count(*) from processed_task_executions) as claims,
    (select count(*) from tasks) as tasks, (select count(distinct title) from tasks) as titles,
    (select count(*) from leases) as leases, (select count(*) from running_executions) as running"""
STATUSES = """SELECT trigger, status, takeovers, count(*) FROM wsq.task_executions GROUP BY 1, 2, 3 ORDER BY 1, 2"""


def all_once(slots: int) -> dict[str, int]:
    """What `COUNTS` tells when so many slots were carried out once each."""
    return dict.fromkeys(("executions", "done", "claims", "tasks", "titles"), slots) | {"leases": 0, "running": 0}


@pytest.fixture
def slots(request: pytest.FixtureRequest) -> int:
    """How many come due at once."""
    return int(request.param)


@pytest.fixture
def due(server: Server, slots: int) -> str:
    """A workspace on a server in which so many slots have just come due; its URL."""
    a_moment_ago = datetime.now(UTC) - timedelta(seconds=30)
    with wsq.open(server.url, clock=ManualClock(a_moment_ago - timedelta(hours=1))) as ws:
        for store in range(STORES):
            ws.store(f"store-{store}").together(partial(make_tasks, numbers=range(store, slots, STORES)))
    return server.url


def make_tasks(board: wsq.Store, numbers: Iterable[int]) -> None:
    """Recurring tasks that each make one card, named by its number."""
    for n in numbers:
        board.create_recurring_task(f"Note {n}", f"Create a task called 'Noted {n}'", every="1 hour")


def serve_with_a_wrong_clock(ahead: timedelta, arguments: list[str]) -> int:
    """Be a worker on a machine whose clock is so far ahead."""
    SystemClock.now = lambda _: datetime.now(UTC) + ahead  # type: ignore[method-assign]
    return process.main(arguments)


class Crew:
    """Workers as a service starts them."""

    def __init__(self, url: str) -> None:
        self._command = main_of("wsq-process", "--database", url, "--watch", "1", "--json", "--max-concurrency", "8")
        self.workers: list[Forked] = []

    def start(self) -> None:
        """Start one that makes a pass every second."""
        self.workers.append(Forked(self._command))

    def kill(self) -> None:
        """Kill the one that has been there for longest."""
        self.workers.pop(0).kill()

    def shares(self) -> list[int]:
        """How many executions each has carried out."""
        return [sum(json.loads(line)["completed"] for line in each.said().splitlines()) for each in self.workers]


@pytest.fixture
def crew(due: str) -> Iterator[Crew]:
    """Eight workers."""
    crew = Crew(due)
    for _ in range(WORKERS):
        crew.start()
    yield crew
    while crew.workers:
        crew.kill()


def left(server: Server, slots: int) -> int:
    """How many slots nobody has settled yet, and executions that go on."""
    ((number,),) = server.run(
        "SELECT (SELECT count(*) FROM wsq.running_executions)"
        f" + {slots} - (SELECT count(*) FROM wsq.processed_task_executions)"
    )
    return int(str(number))


@pytest.mark.parametrize("slots", [count(120, 240)], indirect=True)
def test_eight_workers_settle_each_slot_once_and_share_them(due: str, slots: int, server: Server, crew: Crew) -> None:
    # When eight workers serve them
    until = time.monotonic() + 200
    while left(server, slots) or sum(crew.shares()) < slots:
        assert time.monotonic() < until, crew.shares()
        time.sleep(0.2)

    # Then each slot is carried out once
    with wsq.open(due) as ws:
        assert ws.sql(COUNTS).iloc[0].to_dict() == all_once(slots)
        assert ws.verify() == []
        assert ws.unsettled() == []
        # And nobody was left without work: each has done at least a quarter of its share
        shares = crew.shares()
        assert sum(shares) == slots
        assert min(shares) >= slots / WORKERS / 4, shares


@pytest.mark.parametrize("slots", [count(200, 1_000)], indirect=True)
def test_workers_that_are_killed_and_a_server_that_starts_anew_lose_and_repeat_nothing(
    due: str, slots: int, server: Server, crew: Crew
) -> None:
    # Given workers of which one is killed now and again, and replaced, and a server that crashes in between
    for moment in range(KILLS):
        time.sleep(PAUSE)
        crew.kill()
        crew.start()
        if moment % 4 == 3:
            server.restart()
    while crew.workers:
        crew.kill()

    # When their leases have passed and two more passes are made
    later = datetime.now(UTC) + LEASE + timedelta(seconds=5)
    with wsq.open(due, clock=ManualClock(later)) as ws:
        for _ in range(2):
            ws.process()
            ws.clock.advance(LEASE)

        # Then all is settled, each slot once, and every effect is there once
        assert ws.sql(COUNTS).iloc[0].to_dict() == all_once(slots)
        assert ws.verify() == []
        assert ws.unsettled() == []


def test_workers_whose_clocks_are_a_minute_apart_start_nothing_early_and_leave_alone_what_is_held(
    server: Server,
) -> None:
    # Given slots that come due in some seconds, and an execution whose worker is gone and that is held until then
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=4)  # as slots are whole seconds
    clock = ManualClock(due - timedelta(hours=1))
    with wsq.open(server.url, clock=clock) as ws:
        acme = ws.store("acme")
        acme.together(partial(make_tasks, numbers=range(6)))
        lost = acme.create_recurring_task("Lost", "Create a task called 'Found'", every="1 day")
        clock.advance(timedelta(minutes=59, seconds=50))
        worker = Worker(holder="elsewhere:1", provider=ws.provider(), model=None)
        ws._log.write(lambda tx: start_manually(tx, "acme", lost.id, worker))
    server.run(f"UPDATE wsq.leases SET expires_at = '{due}'")

    # When two workers serve them whose clocks are half a minute ahead and behind
    arguments = ["--database", server.url, "--watch", "0.5"]
    workers = [Forked(partial(serve_with_a_wrong_clock, timedelta(seconds=ahead), arguments)) for ahead in (30, -30)]
    began = ended = None
    while ended is None:
        found, now = server.run(STATUSES), datetime.now(UTC)
        began = began or (now if found != [("manual", "running", 0, 1)] else None)
        ended = now if found == [("automatic", "completed", 0, 6), ("manual", "completed", 1, 1)] else None
        assert now < due + timedelta(seconds=60), (found, [worker.said() for worker in workers])
        time.sleep(0.05)
    for worker in workers:
        while "This machine's clock" not in worker.complained():
            assert datetime.now(UTC) < due + timedelta(seconds=60)
            time.sleep(0.05)
        os.kill(worker.pid, signal.SIGTERM)

    # Then all was done once and when it was time by the server's clock, and each was told to set its own right
    assert began is not None
    assert began >= due
    ((first, last),) = server.run("SELECT min(started_at), max(started_at) FROM wsq.task_executions WHERE slots > 0")
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    assert due <= first <= last <= ended
    for worker, words in zip(workers, ("30 s ahead of", "30 s behind"), strict=True):
        assert f"This machine's clock is {words} the database server's" in worker.ended().err
    with wsq.open(server.url) as ws:
        assert ws.verify() == []
        assert ws.unsettled() == []
