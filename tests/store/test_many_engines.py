"""Many at one server at once, each with an engine and a memory of its own: nobody decides on what is no longer so."""

from __future__ import annotations

import random
import threading
from datetime import timedelta

import pytest

import wsq
from tests.conftest import NOON
from tests.store.histories import History, unruly
from wsq.clock import ManualClock
from wsq.commands.budgets import today
from wsq.commands.stores import store
from wsq.errors import WorkspaceError
from wsq.store.log import stored_world

PEOPLE, STEPS = 4, 50


class Somebody(threading.Thread):
    """Lives a history of its own at a workspace that others live in too."""

    def __init__(self, ws: wsq.Workspace, clock: ManualClock, seed: int) -> None:
        super().__init__(daemon=True)
        self.history = History(ws, clock, random.Random(seed))
        self.trouble: list[BaseException] = []

    def run(self) -> None:
        """What is refused is part of the story; trouble with the workspace is not."""
        chance = self.history.chance
        for _ in range(STEPS):
            self.history.clock.advance(timedelta(seconds=chance.choice((0, 1, 20, 600))))
            try:
                chance.choice(self.history.deeds())(chance.choice(self.history.stores))
            except WorkspaceError as error:
                if "the next pass takes it up" not in str(error):  # somebody's has, since the clock was moved on
                    self.trouble.append(error)
            except wsq.WsqError:
                self.history.refused += 1
            except Exception as error:  # noqa: BLE001 - the test tells it
                self.trouble.append(error)


def stale(ws: wsq.Workspace, scope: frozenset[str] | None) -> list[object]:
    """What this engine remembers otherwise than it is, of what it would decide on."""

    def decide(tx):
        remembered = {name: dict(rows) for name, rows in tx._stored.items()}
        heads, days = dict(tx._heads), {key: day for key, day in tx.remembered.items() if key[0].__name__ == "Day"}
        wrong = []
        for name, rows in remembered.items():
            tx._stored[name].clear()
            tx.fetch(name, rows)
            wrong += [
                (name, key, row, tx._stored[name][key]) for key, row in rows.items() if row != tx._stored[name][key]
            ]
        for store_id, seq in heads.items():
            tx._heads.pop(store_id)
            wrong += [("heads", store_id, seq)] if tx.head(store_id) != seq else []
        tx.remembered.clear()
        for (_, store_id), day in days.items():
            now = today(tx, store(tx, store_id))
            if now.since == day.since:
                figures = [(d.of_store(None).spent, d.of_store(None).reserved) for d in (day, now)]
                wrong += [] if figures[0] == pytest.approx(figures[1]) else [("day", store_id, figures)]
        return wrong

    return ws._log.write(decide, scope=scope)


@pytest.mark.parametrize("seed", [1])
def test_many_who_do_all_kinds_of_things_at_once_leave_what_one_after_the_other_would(server, seed):
    # Given people and agents with engines of their own at one server
    clock = ManualClock(NOON)
    opened = [
        wsq.open(server.url, clock=clock, provider=unruly(random.Random(seed * 100 + n)), actor=f"p{n}")
        for n in range(PEOPLE)
    ]
    try:
        for name in ("acme", "beta"):
            opened[0].store(name).create_project("First", description="of many")
        people = [Somebody(ws, clock, seed * 1000 + n) for n, ws in enumerate(opened)]

        # When they do all kinds of things at once
        for person in people:
            person.start()
        for person in people:
            person.join(120)
            assert not person.is_alive()

        # Then nobody had trouble, and what each remembers is so
        assert [trouble for person in people for trouble in person.trouble] == []
        for ws in opened:
            for scope in [*ws._log._memories, frozenset({"acme"}), frozenset({"acme", "beta"}), None]:
                assert stale(ws, scope) == []
        # And the log, folded one event after the other, says what stands there
        assert opened[0].verify() == []
        assert opened[0].unsettled() == []
        before = opened[0]._log.read(stored_world)
        opened[1].rebuild()
        assert opened[2]._log.read(stored_world) == before
        assert before["task_executions"]
        assert before["tasks"]
    finally:
        for ws in opened:
            ws.close()
