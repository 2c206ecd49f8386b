"""The last runs on a card: skips for one reason are one row, and following the log gives what reading anew gives."""

import asyncio
import random
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import wsq
from tests.conftest import NOON
from wsq.agent.providers import ScriptedProvider, finish
from wsq.clock import ManualClock
from wsq.queries.executions import LOOKED_AT
from wsq.views.live.feed import Feed
from wsq.views.page import cards

LONG_AGO = timedelta(hours=3)
"""Older than the window in which a slot is still carried out."""


async def ponder(_request):
    await asyncio.sleep(600)


def by_prompt(request):
    said = request.messages[0]["content"][-1]["text"]
    return ponder(request) if said == "Ponder." else finish("done", "So it went.")


def opened(folder, clock):
    return wsq.open(folder / "team.duckdb", clock=clock, provider=ScriptedProvider([by_prompt]))


@pytest.fixture
def clock():
    return ManualClock(NOON)


@pytest.fixture
def workspace(tmp_path, clock):
    with opened(tmp_path, clock) as ws:
        yield ws


def what_shows(feed):
    return {card["id"]: {**card, "rev": None} for card in feed.snapshot()["cards"]}


def read_anew(store):
    fresh = Feed(store)
    fresh.refresh()
    return what_shows(fresh)


def rows(card):
    return [(run["word"], run["count"], run["slots"]) for run in card["runs"]]


def test_skips_for_one_reason_one_after_the_other_are_one_run(store, workspace, clock):
    task = store.create_recurring_task("Triage", "Look.", every="1 hour")
    clock.advance(timedelta(minutes=20))
    for _ in range(3):
        clock.advance(LONG_AGO)
        workspace.process()
    store.run_now(task.id)
    clock.advance(LONG_AGO)
    store.update_recurring_task(task.id, every="2 hours")

    runs = store.recent_runs()[task.id]

    assert [(run.execution.reason, run.count) for run in runs] == [("rescheduled", 1), (None, 1), ("missed", 3)]
    executions = store.executions(task.id)
    assert [run.execution for run in runs] == executions[:3]
    assert [run.slots for run in runs] == [executions[0].slots, 0, sum(each.slots for each in executions[2:])]
    assert runs[2].settled == tuple(each.slots for each in executions[2:])


def test_a_task_that_never_ran_has_no_runs_and_of_others_there_are_as_many_as_asked_for(store):
    never = store.create_recurring_task("Never", "Look.", every="1 hour")
    often = store.create_recurring_task("Often", "Look.", every="1 hour")
    for _ in range(4):
        store.run_now(often.id)

    assert never.id not in store.recent_runs()
    assert len(store.recent_runs(3)[often.id]) == 3
    assert store.recent_runs(0) == {}
    with pytest.raises(wsq.WsqError):
        store.recent_runs(-1)


def test_the_runs_of_another_store_are_not_told(workspace, store):
    task = workspace.store("globex").create_recurring_task("Theirs", "Look.", every="1 hour")
    workspace.store("globex").run_now(task.id)
    store.create_task("ours")

    assert store.recent_runs() == {}


def test_a_skip_joins_its_row_on_a_board_that_is_open(store, workspace, clock):
    task = store.create_recurring_task("Triage", "Look.", every="1 hour")
    feed = Feed(store)
    feed.refresh()
    clock.advance(timedelta(minutes=20))
    for count in range(1, 8):
        clock.advance(LONG_AGO)
        workspace.process()

        feed.refresh()

        card = what_shows(feed)[task.id]
        slots = sum(each.slots for each in store.executions(task.id))
        assert rows(card) == [("Skipped", count, slots)]
        assert card["runs"][0]["id"] == store.latest_execution(task.id).id


def test_a_skip_that_goes_on_for_ever_is_counted_among_the_newest_executions(store, workspace, clock):
    # Given a task that ran, and whose slots are missed from then on
    task = store.create_recurring_task("Triage", "Look.", every="1 hour")
    ran = store.run_now(task.id)
    clock.advance(timedelta(minutes=20))
    feed = Feed(store)
    feed.refresh()

    # When they are more than are looked at
    for count in range(1, LOOKED_AT + 3):
        clock.advance(LONG_AGO)
        workspace.process()
        if count % 20 == 0:
            feed.refresh()
        if count == LOOKED_AT - 1:
            feed.refresh()
            card = what_shows(feed)[task.id]
            assert [(run["word"], run["count"]) for run in card["runs"]] == [("Skipped", count), ("Completed", 1)]
            assert card["output"] == ran.output

    feed.refresh()

    # Then the count ends there, on this board as on one that is read anew
    [(word, count, slots)] = rows(what_shows(feed)[task.id])
    assert (word, count, slots) == ("Skipped", LOOKED_AT, 3 * LOOKED_AT)
    assert what_shows(feed) == read_anew(store)


class Life:
    """A store in which much is skipped, by chance but repeatably; a refused wish is part of it."""

    def __init__(self, ws, clock, elsewhere, chance):
        self.ws, self.clock, self.elsewhere, self.chance = ws, clock, elsewhere, chance
        self.store = ws.store("acme")
        self.ids = [
            self.store.create_recurring_task(f"Task {n}", "Look.", every="30 minutes", skip_unchanged=n == 2).id
            for n in range(3)
        ]
        self.long = self.store.create_recurring_task("Long", "Ponder.", every="10 minutes", enabled=False).id

    def deeds(self):
        task = self.chance.choice(self.ids)
        return [
            *[self.time_passes] * 6,
            lambda: self.store.run_now(task),
            lambda: self.store.update_recurring_task(task, every=self.chance.choice(("20 minutes", "30 minutes"))),
            lambda: self.store.disable_recurring_task(task, reason="for now"),
            *[lambda: self.store.enable_recurring_task(task)] * 2,
            lambda: self.store.create_task("Something new"),
            self.begin_or_cancel,
            # a process whose clock is slow: what it starts is the newest all the same
            lambda: self.elsewhere.store("acme").run_now(task),
        ]

    def time_passes(self):
        self.clock.advance(timedelta(minutes=self.chance.choice((1, 12, 35, 95))))
        self.ws.process()

    def begin_or_cancel(self):
        if self.store.recurring_task(self.long).enabled:
            self.end()
        else:
            self.store.enable_recurring_task(self.long)
            self.store.start_now(self.long)

    def end(self):
        for run in self.store.executions(self.long, limit=500):
            if run.status == "running":
                self.store.cancel_execution(run.id)
        self.store.disable_recurring_task(self.long)


# A history that failed is told by its seed; a smaller seed is no simpler history, so none is looked for.
@settings(
    max_examples=2, deadline=None, phases=(Phase.generate,), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
def test_after_any_history_a_board_that_followed_shows_what_one_that_is_read_anew_shows(tmp_path_factory, seed):
    folder, chance, clock, slow = tmp_path_factory.mktemp("life"), random.Random(seed), ManualClock(NOON), NOON
    with opened(folder, clock) as ws, opened(folder, ManualClock(slow - timedelta(minutes=50))) as elsewhere:
        life = Life(ws, clock, elsewhere, chance)
        feed = Feed(life.store)
        for _ in range(30):
            elsewhere.clock.advance(clock.now() - timedelta(minutes=50) - elsewhere.clock.now())
            try:
                chance.choice(life.deeds())()
            except wsq.WsqError:
                continue
            if chance.random() < 0.6:  # else several things happen between two looks
                feed.refresh()
                assert what_shows(feed) == read_anew(life.store)
        life.end()
        feed.refresh()
        assert what_shows(feed) == read_anew(life.store)
        histories = [card["runs"] for card in what_shows(feed).values() if card["kind"] == "recurring"]
        assert all(len(runs) <= cards.RUNS_SHOWN for runs in histories)
