"""Clocks that stand far off, or that jump: nothing happens twice, and nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import wsq
from tests.faults.commands import BEGIN, DUE, at, ledger, rows
from wsq.clock import ManualClock

SETTLED = "SELECT sum(slots), count(*), count(DISTINCT scheduled_for) FROM task_executions WHERE store_id = 'acme'"


def test_a_clock_far_in_the_past_settles_nothing(team):
    before = ledger(team)

    said = at(datetime(1970, 1, 1, tzinfo=UTC))

    assert (said.status, said.out) == (0, "Nothing was due in 2 stores.\n")
    assert ledger(team) == before


def test_a_clock_at_the_end_of_time_settles_every_slot_up_to_then_once(team):
    last = datetime(2199, 12, 31, 23, 59, tzinfo=UTC)

    assert at(last).status == 0

    slots = (last - BEGIN) // timedelta(minutes=1)
    assert rows(team, SETTLED) == [(slots, 1, 1)]
    with wsq.open(team) as ws:
        assert ws.verify() == []
        assert ws.process(last).due == 0


def test_a_clock_that_jumps_back_between_passes_does_nothing_twice_and_loses_nothing(team):
    minute = timedelta(minutes=1)

    for step in (0, 1, -30, 0, 3, -1):  # in minutes from the first slot
        with wsq.open(team) as ws:
            assert ws.process(DUE + step * minute).failed == 0

    assert rows(team, SETTLED) == [(4, 3, 3)]
    assert rows(team, "SELECT count(*) FROM tasks WHERE store_id = 'acme'") == [(3,)]


def test_a_clock_that_jumps_back_while_somebody_is_gone_only_delays_the_take_over(team):
    gone = DUE + timedelta(minutes=5)
    with wsq.open(team, clock=ManualClock(gone)) as ws:  # a worker that starts and is killed at once
        from wsq.runner.starting import Worker, start_manually

        store = ws.store("acme")
        (task,) = store.recurring_tasks()
        worker = Worker(holder="elsewhere:1", provider=ws.provider(), model=None)
        ws._log.write(lambda tx: start_manually(tx, "acme", task.id, worker))

    assert at(DUE - timedelta(hours=1)).status == 0
    (running,) = rows(team, "SELECT status FROM task_executions WHERE trigger = 'manual'")
    assert running == ("running",)

    assert at(gone + timedelta(minutes=2)).status == 0
    assert rows(team, "SELECT status, takeovers FROM task_executions WHERE trigger = 'manual'") == [("completed", 1)]
