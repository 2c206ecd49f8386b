"""Clocks that stand far off, or that jump: nothing happens twice, and nothing is lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import wsq
from tests.faults.commands import BEGIN, DUE, at, command, ledger, process, rows
from wsq.clock import ManualClock
from wsq.runner import heartbeat
from wsq.runner.starting import Worker, start_manually

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
        store = ws.store("acme")
        (task,) = store.recurring_tasks()
        worker = Worker(holder="elsewhere:1", provider=ws.provider(), model=None)
        ws._log.write(lambda tx: start_manually(tx, "acme", task.id, worker))

    assert at(DUE - timedelta(hours=1)).status == 0
    (running,) = rows(team, "SELECT status FROM task_executions WHERE trigger = 'manual'")
    assert running == ("running",)

    assert at(gone + timedelta(minutes=2)).status == 0
    assert rows(team, "SELECT status, takeovers FROM task_executions WHERE trigger = 'manual'") == [("completed", 1)]


FUTURE = datetime(2036, 5, 5, 5, 5, 5, tzinfo=UTC)
LATE = timedelta(minutes=3)


def test_a_pass_far_in_the_future_says_so_and_is_mended_by_the_doctor(team):
    # Given a pass that was given 2036
    said = process("--now", FUTURE.isoformat())
    assert said.status == 0
    assert said.err.startswith("wsq-process: --now sets the clock to 2036-05-05 05:05:05 UTC, ")
    assert said.err.endswith(" days ahead of this machine's. The pass goes on.\n")
    assert "2 tasks were due in 2 stores" in said.out
    before = ledger(team)
    assert process().out == "Nothing was due in 2 stores.\n"
    assert ledger(team) == before

    # When the doctor looks, and repairs it
    looked, begun = command("doctor"), datetime.now(UTC)
    repaired = command("doctor", "--repair")

    # Then it says what lies in the future, and everything goes on from now
    (line,) = (line for line in looked.out.splitlines() if " slots: " in line)
    assert line.startswith("problem  slots: The scheduled runs of 'Tick 1' are settled up to 2036-05-05 05:05 UTC")
    assert looked.status == 1
    assert (
        "repair: 2 schedules had been put ahead by a clock: back on time from now. Before that copied" in repaired.out
    )
    assert "ok       slots: No run is late.\n" in repaired.out
    now = datetime.now(UTC)
    for _, nxt in ledger(team).due:
        assert begun < nxt < now + timedelta(minutes=2)
    again = at(now + LATE)
    assert (again.status, again.err) == (0, "")
    assert "2 tasks were due in 2 stores" in again.out
    with wsq.open(team) as ws:
        assert ws.verify() == []
        assert ws.unsettled() == []
        for store in ("acme", "umbrella"):
            slots = rows(team, f"SELECT sum(slots), max(scheduled_for) FROM task_executions WHERE store_id = '{store}'")
            ((settled, newest),) = slots
            assert settled == (newest - BEGIN) // timedelta(minutes=1)


def test_a_machine_whose_clock_was_ahead_is_noticed_by_the_next_pass(team):
    with wsq.open(team) as ws:  # as a pass leaves it on a machine that was off for ten days
        heartbeat.note(ws._engine, *[datetime.now(UTC) - timedelta(days=10)] * 2)

    first, second = process("--quiet", "--dry-run"), process()
    third = process()

    for said in (first, second):  # a dry run leaves no heartbeat
        assert said.status == 0
        assert said.err.startswith("wsq-process: The clock shows 2")
        assert said.err.endswith(", 10 days after the last pass. The pass goes on.\n")
    assert (third.status, third.err) == (0, "")


def test_a_lease_of_the_future_is_taken_over_by_the_second_of_two_passes_a_minute_apart(team):
    # Given a worker that started a run by a clock of 2036, and was killed
    with wsq.open(team, clock=ManualClock(FUTURE)) as ws:
        store = ws.store("acme")
        worker = Worker(holder="elsewhere:1", provider=ws.provider(), model=None)
        (task,) = store.recurring_tasks()
        ws._log.write(lambda tx: start_manually(tx, "acme", task.id, worker))
    assert (
        "The lease on a run of 'Tick 1' ends at 2036-05-05 05:06 UTC, which is in the future" in command("doctor").out
    )
    running = "SELECT status, takeovers FROM task_executions WHERE trigger = 'manual'"

    # When a pass sees it, and another one a minute later
    assert process().status == 0
    assert rows(team, running) == [("running", 0)]
    note = team.with_name("team.duckdb.wsq") / "leases-ahead"
    (seen,) = json.loads(note.read_text("utf-8"))
    note.write_text(json.dumps([seen | {"at": seen["at"] - 60}]), "utf-8")

    assert process().status == 0

    assert rows(team, running) == [("completed", 1)]
    assert "ok       leases: No run was abandoned by its worker.\n" in command("doctor").out
    with wsq.open(team) as ws:
        assert (ws.verify(), ws.unsettled()) == ([], [])
