"""The clock of a PostgreSQL server."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import NOON
from wsq.clock import ManualClock
from wsq.store.postgres import engine as postgres_engine
from wsq.store.postgres.clock import KEPT, PAUSE, ServerClock


@pytest.fixture
def engine(opening):
    return opening()


class Elsewhere:
    """A server with a clock of its own, and this machine's, which can be set and suspended."""

    def __init__(self, ahead):
        self.true, self.here, self.elapsed = ManualClock(NOON), ManualClock(NOON - timedelta(seconds=ahead)), 1000.0
        self.asked, self.is_away, self.waits, self.after = 0, False, [], False
        self.clock = ServerClock(self.ask, here=self.here, pace=lambda: self.elapsed)

    def ask(self):
        self.asked += 1
        if self.is_away:
            raise ConnectionError
        read = self.true.now()
        if self.waits:
            self.pass_by(self.waits.pop(0))
        return read if self.after else self.true.now()

    def pass_by(self, seconds, *, suspended=False):
        self.true.advance(seconds)
        self.here.advance(seconds)
        self.elapsed += 0 if suspended else seconds


def test_the_time_that_connecting_takes_does_not_put_the_clock_forward():
    there = Elsewhere(25)
    there.waits = [0.3]
    assert there.clock.now() == there.true.now()
    assert there.asked == 2


def test_slow_answers_make_the_clock_late_and_never_early():
    there = Elsewhere(25)
    there.waits = [0.3, 0.1]
    there.after = True
    assert there.clock.now() == there.true.now() - timedelta(seconds=0.1)

    there.pass_by(KEPT)
    assert there.clock.now() == there.true.now()
    there.waits = [0.3, 0.2]
    there.pass_by(KEPT)
    assert there.clock.now() == there.true.now()


@pytest.mark.parametrize("ahead", [25, -25])
def test_the_time_is_the_servers_however_wrong_this_machines_is(ahead, caplog):
    there = Elsewhere(ahead)
    for _ in range(100):
        assert there.clock.now() == there.true.now()
        assert there.clock.ahead == timedelta(seconds=ahead)
        there.pass_by(0.9)
    assert there.asked == 3  # in a minute and a half
    (warning,) = caplog.records
    assert f"25 s {'behind' if ahead > 0 else 'ahead of'} the database server's" in warning.getMessage()
    assert warning.action == "clock_differs"


def test_the_server_is_asked_anew_when_this_machines_clock_was_set_or_stood_still():
    there = Elsewhere(0)
    assert there.clock.now() == there.true.now()
    there.pass_by(PAUSE)

    there.here.advance(timedelta(hours=-3))
    assert there.clock.now() == there.true.now()
    there.pass_by(PAUSE)

    there.pass_by(7200, suspended=True)
    there.true.advance(timedelta(seconds=40))
    assert there.clock.now() == there.true.now()
    assert there.asked == 3


def test_a_server_that_is_gone_is_asked_now_and_then_and_its_last_answer_is_trusted_on():
    there = Elsewhere(25)
    assert there.clock.now() == there.true.now()
    there.is_away = True
    there.pass_by(KEPT)
    for _ in range(100):
        assert there.clock.now() == there.true.now()
        there.pass_by(0.1)
    assert there.asked == 1 + 10 / PAUSE

    there.is_away = False
    there.true.advance(3)
    there.pass_by(PAUSE)
    assert there.clock.now() == there.true.now()


def test_the_clock_of_a_server_that_was_never_heard_is_this_machines():
    there = Elsewhere(25)
    there.is_away = True
    assert there.clock.now() == there.here.now()


def test_the_first_answer_of_a_servers_clock_is_waited_for(opening, monkeypatch):
    monkeypatch.setattr(postgres_engine, "CLOCK_TIMEOUT", 1e-6)
    clock = opening().clock()
    clock.now()
    assert clock.is_known


def test_a_servers_clock_is_shown(engine, server):
    ((theirs,),) = server.run("SELECT clock_timestamp()")
    assert abs(engine.clock().now() - theirs) < timedelta(seconds=2)
