"""A worker is killed at each boundary of an execution that a service answers; another process goes on from there."""

from __future__ import annotations

import signal
from datetime import timedelta
from functools import partial

import pytest

from tests.agent.peer import KEY, Say, calls, finished, text, thinking, turn_of
from tests.commands import Forked
from tests.conftest import NOON
from tests.durability import world
from tests.durability.test_kill import terminal_events, worker
from tests.durability.world import opened
from wsq.clock import ManualClock
from wsq.commands.executions import LEASE

pytestmark = pytest.mark.long_on_server

SCRIPT = [
    calls(("create_task", {"title": "First"}), before=[thinking("One after the other."), text("First.")]),
    calls(("create_document", {"title": "Draft: x", "content": "To: a@example.com"}), before=[thinking("Now this.")]),
    finished("Both."),
]
TRANSACTIONS = 4
"""The claim, and three answers with their calls; the last call ends the execution."""


@pytest.fixture
def due(database, serve, monkeypatch):
    """A peer, a slot that is due, and the clock that stands there."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)

    def made(script):
        peer = serve(script)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", peer.url)
        clock = ManualClock(NOON)
        with opened(database, clock, asked=True) as ws:
            ws.store("acme").create_recurring_task("Duo", "Make two things.", every="1 hour")
        clock.advance(timedelta(hours=1))
        return peer, clock

    return made


def resumed(database, clock):
    """What the execution has come to after a pass that takes it over; and what must be true of it."""
    clock.advance(LEASE)
    with opened(database, clock, asked=True) as ws:
        ws.process()
        store = ws.store("acme")
        (execution,) = store.executions()
        assert (execution.status, execution.verdict, execution.output) == ("completed", "done", "Both.")
        assert [task.title for task in store.tasks()] == ["First"]
        assert [document.title for document in store.documents()] == ["Draft: x"]
        assert terminal_events(store, execution.id) == 1
        assert ws.sql("SELECT * FROM leases").empty
        assert ws.verify() == []
    return execution


@pytest.mark.parametrize("number", range(1, TRANSACTIONS + 1))
def test_every_effect_is_there_once_and_no_recorded_answer_is_paid_for_again(database, due, number):
    # Given a worker that dies as soon as its transaction stands
    peer, clock = due(SCRIPT)
    died = worker(database, clock.now().isoformat(), "after", number, "asked")
    assert died.status == -signal.SIGKILL, died.err

    # When another process takes the execution over
    execution = resumed(database, clock)

    # Then each turn was answered once, and nothing was refused by the strict peer
    assert peer.answered == [0, 1, 2]
    assert peer.refusals == []
    assert execution.turns == 3
    assert execution.takeovers == (1 if number < TRANSACTIONS else 0)
    assert execution.cost_usd > 0


def test_an_answer_whose_search_a_worker_does_not_survive_is_not_paid_for_again(database, due):
    # Given a worker that dies when an answer that begins with a search is on record, before the search
    search = ("search_documents", {"query": "first"})
    draft = ("create_document", {"title": "Draft: x", "content": "To: a@example.com"})
    peer, clock = due([SCRIPT[0], calls(search, draft), SCRIPT[2]])
    died = worker(database, clock.now().isoformat(), "after", 3, "asked")
    assert died.status == -signal.SIGKILL, died.err

    execution = resumed(database, clock)

    assert peer.answered == [0, 1, 2]
    assert (execution.turns, execution.calls, execution.takeovers) == (3, 4, 1)


def test_an_answer_that_nobody_heard_to_its_end_is_asked_for_again_and_both_are_charged(database, due):
    # Given a worker that is killed while the second answer is on its way
    slow = Say(SCRIPT[1].content, "tool_use", seconds=60)
    peer, clock = due([SCRIPT[0], slow])
    dying = Forked(partial(world.main, str(database), clock.now().isoformat(), "after", "99", "asked"))
    for _ in range(600):
        if len(peer.requests) == 2:
            break
        assert dying.is_alive()
        peer.waits(0.05)
    dying.kill()

    # When another process takes the execution over
    peer.script = lambda body: SCRIPT[turn_of(body)]
    execution = resumed(database, clock)

    # Then that answer alone was asked for twice, and what was set aside for it is charged
    assert peer.answered == [0, 1, 1, 2]
    assert execution.turns == 3
    assert execution.cost_usd > 16_000 * 10 / 1_000_000  # a whole allowance of output, which nobody saw the end of
