"""Passes of the scheduler: every slot is settled once, and nothing but an edit moves the grid."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

import wsq
from tests.domain.worlds import for_ever, head, names, nothing_written, refused, until
from wsq.agent.providers import ScriptedProvider, finish, say
from wsq.runner import passes

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def ws(open_workspace):
    """A workspace whose agent is through at once."""
    return open_workspace(provider=ScriptedProvider([finish()]))


def hourly(store, **given):
    return store.create_recurring_task("Triage", "Look.", **{"every": "1 hour", **given})


def settled(store, task):
    """The settlements of a task, oldest first: (status or reason, first slot, newest slot, how many)."""
    rows = [row for row in reversed(store.executions(task.id, 1000)) if row.slots]
    return [(row.reason or row.status, row.first_slot, row.scheduled_for, row.slots) for row in rows]


def test_due_exactly_now_is_due_and_a_moment_earlier_is_not(ws, acme, clock):
    task = hourly(acme)

    clock.move_to(NOON + HOUR - timedelta(microseconds=1))
    assert ws.process().due == 0
    clock.move_to(NOON + HOUR)
    report = ws.process()

    assert (report.due, report.completed, report.failed, report.skipped) == (1, 1, 0, 0)
    (execution,) = report.executions
    assert (execution.scheduled_for, execution.first_slot, execution.slots) == (NOON + HOUR, NOON + HOUR, 1)
    assert (execution.trigger, execution.started_at) == ("automatic", NOON + HOUR)
    row = acme.recurring_task(task.id)
    assert (row.next_execution_at, row.last_executed_at) == (NOON + 2 * HOUR, NOON + HOUR)


@pytest.mark.parametrize(("late", "status"), [
    (10 * MINUTE, "completed"), (10 * MINUTE + timedelta(microseconds=1), "missed"), (10 * MINUTE + SECOND, "missed"),
    (59 * MINUTE, "missed"), (60 * MINUTE, "completed"),
])  # fmt: skip
def test_a_slot_not_older_than_ten_minutes_is_carried_out(ws, acme, clock, late, status):
    task = hourly(acme)
    clock.move_to(NOON + HOUR + late)

    ws.process()

    assert settled(acme, task)[0][0] == status
    assert acme.recurring_task(task.id).next_execution_at == NOON + HOUR * (2 if late < HOUR else 3)


@pytest.mark.parametrize(("missed", "status"), [("skip", "missed"), ("run_once", "completed")])
def test_many_missed_slots_are_one_settlement_by_the_tasks_policy(ws, acme, clock, missed, status):
    task = hourly(acme, missed=missed)
    clock.move_to(NOON + timedelta(days=3, minutes=30))

    report = ws.process()

    assert settled(acme, task) == [(status, NOON + HOUR, NOON + timedelta(days=3), 72)]
    assert (report.due, report.completed + report.skipped) == (1, 1)
    (execution,) = report.executions
    assert execution.trigger == "automatic"
    assert acme.recurring_task(task.id).next_execution_at == NOON + timedelta(days=3, hours=1)


def test_the_newest_of_many_slots_decides_whether_they_are_late(ws, acme, clock):
    task = hourly(acme, missed="skip")
    clock.move_to(NOON + timedelta(days=1, minutes=4))

    ws.process()

    assert settled(acme, task) == [("completed", NOON + HOUR, NOON + timedelta(days=1), 24)]


def test_a_skipped_execution_shows_when_why_and_how_much_was_skipped(ws, acme, clock):
    task = hourly(acme)
    clock.move_to(NOON + timedelta(hours=2, minutes=30))

    (execution,) = ws.process().executions

    assert (execution.status, execution.reason, execution.trigger) == ("skipped", "missed", "automatic")
    assert (execution.started_at, execution.completed_at) == (clock.now(), clock.now())
    assert (execution.duration, execution.attempts, execution.verdict) == (timedelta(), 0, None)
    assert acme.transcript(execution.id) == []
    assert acme.recurring_task(task.id).last_executed_at is None


def test_three_days_without_a_scheduler_are_settled_once_for_each_task(ws, acme, clock):
    skipping = hourly(acme)
    catching_up = hourly(acme, missed="run_once")
    on_time = acme.create_recurring_task("Daily", "Look.", every="1 day", starting=NOON)
    edited, off, deleted = (hourly(acme) for _ in range(3))
    clock.move_to(NOON + timedelta(days=3, minutes=5))  # within the window of the daily task's newest slot
    acme.update_recurring_task(edited.id, every="7 hours")
    acme.disable_recurring_task(off.id)
    acme.delete_recurring_task(deleted.id)

    clock.move_to(NOON + timedelta(days=3, minutes=30))
    ws.process()

    newest, first = NOON + timedelta(days=3), NOON + HOUR
    assert settled(acme, skipping) == [("missed", first, newest, 72)]
    assert settled(acme, catching_up) == [("completed", first, newest, 72)]
    assert settled(acme, on_time) == [("missed", NOON, newest, 4)]
    assert settled(acme, edited) == [("rescheduled", first, newest, 72)]
    assert settled(acme, off) == [("disabled", first, newest, 72)]
    assert settled(acme, deleted) == [("deleted", first, newest, 72)]
    assert acme.recurring_task(skipping.id).next_execution_at == newest + HOUR
    assert acme.recurring_task(catching_up.id).next_execution_at == newest + HOUR
    assert acme.recurring_task(on_time.id).next_execution_at == newest + timedelta(days=1)
    assert acme.recurring_task(edited.id).next_execution_at == newest + timedelta(hours=7, minutes=5)
    assert acme.recurring_task(off.id).next_execution_at is None


def test_a_second_pass_at_the_same_instant_finds_nothing_and_writes_no_event(ws, acme, clock):
    hourly(acme)
    hourly(acme, missed="run_once")
    clock.advance(timedelta(hours=5, minutes=30))
    ws.process()

    with nothing_written(acme):
        report = ws.process()

    assert (report.due, report.executions) == (0, [])


def test_a_dry_run_says_what_would_run_and_writes_nothing(ws, acme, clock):
    task = hourly(acme)
    hourly(acme, every="1 day")
    clock.advance(timedelta(hours=2, minutes=5))

    with nothing_written(acme):
        report = ws.process(dry_run=True)

    assert (report.due, report.executions, report.completed) == (1, [], 0)
    (would,) = report.would_run
    assert (would.store_id, would.recurring_task_id, would.name) == ("acme", task.id, "Triage")
    assert (would.scheduled_for, would.slots) == (NOON + 2 * HOUR, 2)


def test_a_pass_can_be_told_the_time_it_is(ws, acme, clock):
    task = hourly(acme)

    report = ws.process(now=NOON + HOUR)

    assert report.started_at == NOON + HOUR
    assert settled(acme, task) == [("completed", NOON + HOUR, NOON + HOUR, 1)]
    assert clock.now() == NOON
    with pytest.raises(wsq.InvalidInput):
        ws.process(now=NOON.replace(tzinfo=None))


# Runs that take their time


def test_slots_that_fall_due_while_the_task_still_runs_are_skipped_visibly(open_workspace, clock):
    ws = open_workspace(provider=ScriptedProvider([for_ever]))
    acme = ws.store("acme")
    task = hourly(acme)
    running = acme.start_now(task.id)
    clock.move_to(NOON + timedelta(hours=2))

    report = ws.process(stores=["acme"])

    rows = acme.executions(task.id)
    assert ("still_running", NOON + HOUR, NOON + 2 * HOUR, 2) in settled(acme, task)
    assert report.skipped == 1
    assert acme.recurring_task(task.id).next_execution_at == NOON + 3 * HOUR
    assert len(rows) == 2
    assert acme.execution(running.id).status == "running"
    acme.cancel_execution(running.id)


def test_a_manual_run_never_moves_the_grid_and_settles_no_slot(ws, acme, clock):
    task = hourly(acme)
    clock.advance(25 * MINUTE)

    execution = acme.run_now(task.id)

    assert (execution.trigger, execution.scheduled_for, execution.first_slot) == ("manual", None, None)
    assert execution.slots == 0
    row = acme.recurring_task(task.id)
    assert (row.anchor, row.next_execution_at) == (task.anchor, NOON + HOUR)
    assert row.last_executed_at == NOON + 25 * MINUTE
    clock.move_to(NOON + HOUR)
    ws.process()
    assert settled(acme, task) == [("completed", NOON + HOUR, NOON + HOUR, 1)]


def test_a_manual_run_while_a_slot_is_due_leaves_the_slot_to_the_scheduler(ws, acme, clock):
    task = hourly(acme)
    clock.move_to(NOON + HOUR)

    acme.run_now(task.id)
    ws.process()

    assert settled(acme, task) == [("completed", NOON + HOUR, NOON + HOUR, 1)]
    assert len(acme.executions(task.id)) == 2


def test_a_run_that_takes_minutes_does_not_move_the_grid(open_workspace, clock):
    async def four_minutes(request):
        await clock.sleep(240)
        return finish()

    ws = open_workspace(provider=ScriptedProvider([four_minutes]))
    acme = ws.store("acme")
    task = hourly(acme, every="10 minutes")
    for _ in range(5):
        clock.advance(10 * MINUTE - (clock.now() - NOON) % (10 * MINUTE) + 2 * SECOND)
        ws.process()

    rows = [row for row in reversed(acme.executions(task.id)) if row.status == "completed"]
    assert [row.scheduled_for - NOON for row in rows] == [n * 10 * MINUTE for n in range(1, 6)]
    assert {row.duration for row in rows} == {timedelta(minutes=4)}


def test_a_failed_run_settles_its_slot_too(open_workspace, clock):
    ws = open_workspace(provider=ScriptedProvider([say("")]))
    acme = ws.store("acme")
    task = hourly(acme)
    for n in (1, 2):
        clock.move_to(NOON + n * HOUR)
        assert ws.process().failed == 1

    row = acme.recurring_task(task.id)
    assert (row.failures_in_row, row.next_execution_at) == (2, NOON + 3 * HOUR)
    assert [each[0] for each in settled(acme, task)] == ["empty_answer", "empty_answer"]


# Between the scan and the start


@pytest.mark.parametrize("what", ["disable", "delete", "edit", "archive_project", "archive_store"])
def test_what_happens_between_the_scan_and_the_start_is_heeded(ws, acme, clock, what):
    project = acme.create_project("Launch")
    task = hourly(acme, project_id=project.id)
    clock.move_to(NOON + HOUR)
    seen = ws._log.read(lambda cursor: passes.look(cursor, clock.now()))
    assert len(seen.due) == 1
    {
        "disable": lambda: acme.disable_recurring_task(task.id),
        "delete": lambda: acme.delete_recurring_task(task.id),
        "edit": lambda: acme.update_recurring_task(task.id, every="2 hours"),
        "archive_project": lambda: acme.archive_project(project.id),
        "archive_store": lambda: ws.archive_store("acme"),
    }[what]()

    with nothing_written(acme):
        executor = ws._service.executor(clock)
        this = executor.begin_round(seen).result(timeout=10)

    assert this.ended == []
    assert all(row.status == "skipped" for row in acme.executions())


def test_disabled_during_a_run_the_run_ends_normally_and_no_next_time_is_set(open_workspace, clock):
    def switch_off(_request):
        acme.disable_recurring_task(task.id)
        return finish()

    ws = open_workspace(provider=ScriptedProvider([switch_off]))
    acme = ws.store("acme")
    task = hourly(acme)
    clock.move_to(NOON + HOUR)

    report = ws.process()

    assert report.completed == 1
    assert acme.recurring_task(task.id).next_execution_at is None
    assert settled(acme, task) == [("completed", NOON + HOUR, NOON + HOUR, 1)]


# Stores


def test_an_archived_store_is_not_served(ws, acme, clock):
    hourly(acme)
    ws.archive_store("acme")
    clock.advance(HOUR)

    with nothing_written(acme):
        report = ws.process()

    assert (report.stores, report.due) == (0, 0)


def test_a_store_that_is_used_again_has_missed_what_came_due_meanwhile_and_goes_on(ws, acme, clock):
    skips, late = hourly(acme), hourly(acme, missed="run_once")
    ws.archive_store("acme")
    clock.advance(10 * HOUR + HOUR / 2)
    ws.process()
    assert [row.id for row in ws.stores()] == []

    ws.unarchive_store("acme")
    ws.unarchive_store("acme")
    ws.process()

    assert [row.id for row in ws.stores()] == ["acme"]
    assert acme.recurring_task(skips.id).next_execution_at == NOON + 11 * HOUR
    newest = acme.latest_execution(late.id)
    assert (newest.status, newest.reason) == ("completed", None)
    assert {row.reason for row in acme.executions(skips.id)} == {"missed"}
    assert sum(row.slots for row in acme.executions(skips.id)) == 10
    assert ws.unsettled() == []
    assert ws.verify() == []


def test_a_pass_can_serve_some_of_the_stores(ws, acme, clock):
    other = ws.store("other")
    mine, theirs = hourly(acme), hourly(other)
    clock.advance(HOUR)

    report = ws.process(stores=["other"])

    assert (report.stores, report.due) == (1, 1)
    assert len(other.executions(theirs.id)) == 1
    assert acme.executions(mine.id) == []
    with refused(acme, wsq.NotFound, "'other'"):
        ws.process(stores=["othr"])


def test_the_report_counts_what_a_pass_did_over_all_stores(ws, acme, clock):
    other = ws.store("other")
    hourly(acme)
    hourly(acme, every="40 minutes")
    hourly(other)
    clock.advance(HOUR)

    report = ws.process()

    assert (report.stores, report.due, report.completed, report.skipped) == (2, 3, 2, 1)
    assert (report.started_at, report.finished_at) == (NOON + HOUR, NOON + HOUR)
    assert len(report.executions) == 3
    assert sorted({row.store_id for row in report.executions}) == ["acme", "other"]


def test_the_zone_of_the_machine_does_not_change_the_slots(open_workspace, monkeypatch, clock):
    slots = []
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        monkeypatch.setenv("WSQ_TIMEZONE", zone)
        ws = open_workspace(provider=ScriptedProvider([finish()]))
        if not slots:
            ws.create_store("acme", timezone="Europe/Berlin")
            task = hourly(ws.store("acme"), every="1 day", starting="02:30")
            clock.move_to(datetime(2026, 3, 29, 0, 30, tzinfo=UTC))
        ws.process(now=clock.now() + timedelta(days=len(slots), hours=1))
        slots.append(ws.store("acme").recurring_task(task.id).next_execution_at)

    assert slots == [datetime(2026, 3, day, 0, 30, tzinfo=UTC) for day in (30, 31)] + [
        datetime(2026, 4, 1, 0, 30, tzinfo=UTC)
    ]


def test_a_time_that_is_left_out_runs_after_the_gap_and_one_that_occurs_twice_runs_once(ws, acme, clock):
    spring = datetime(2026, 3, 28, 0, 0, tzinfo=UTC)
    clock.move_to(spring)
    task = hourly(acme, every="1 day", starting="02:30", timezone="Europe/Berlin")
    for day in range(3):
        clock.move_to(spring + timedelta(days=day, hours=3))
        ws.process(now=acme.recurring_task(task.id).next_execution_at)

    assert [row[2] for row in settled(acme, task)] == [
        datetime(2026, 3, 28, 1, 30, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 0, tzinfo=UTC),  # 03:00 by the clock on the wall
        datetime(2026, 3, 30, 0, 30, tzinfo=UTC),
    ]
    clock.move_to(datetime(2026, 10, 24, 0, 0, tzinfo=UTC))
    twice = hourly(acme, every="1 day", starting="02:30", timezone="Europe/Berlin")
    clock.move_to(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    ws.process()
    assert acme.latest_execution(twice.id).scheduled_for == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert acme.recurring_task(twice.id).next_execution_at == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


# The claim


def test_the_claim_the_first_event_and_the_advance_are_one_transaction(ws, acme, clock):
    task = hourly(acme)
    clock.move_to(NOON + HOUR)
    before = head(acme)
    ws.process()

    started = acme.events(after=before)[0]
    assert started.fact.stored_name == "task_execution.start"
    assert started.fact.next_execution_at == NOON + 2 * HOUR
    as_it_was = acme.as_of(started.seq)
    assert as_it_was.recurring_task(task.id).next_execution_at == NOON + 2 * HOUR
    assert as_it_was.latest_execution(task.id).status == "running"
    with as_it_was._engine.read() as cursor:
        assert cursor.query("SELECT * FROM processed_task_executions") == [
            (task.id, NOON + HOUR, "acme", NOON + HOUR),
        ]


def test_every_settlement_has_one_claim_and_a_manual_run_has_none(ws, acme, clock):
    task = hourly(acme)
    acme.run_now(task.id)
    clock.advance(timedelta(hours=3, minutes=20))
    ws.process()
    acme.disable_recurring_task(task.id)

    claims = ws._log.read(lambda c: c.query("SELECT task_id, scheduled_time, store_id FROM processed_task_executions"))
    assert claims == [(task.id, NOON + 3 * HOUR, "acme")]
    assert ws.verify() == []


def test_two_workers_that_look_at_once_carry_a_slot_out_once(open_workspace, clock):
    workers = [open_workspace(provider=ScriptedProvider([finish()])) for _ in range(2)]
    acme = workers[0].store("acme")
    tasks = [hourly(acme) for _ in range(5)]
    clock.move_to(NOON + HOUR)

    waiting = [worker.begin_pass() for worker in workers]
    reports = [each() if callable(each) else each for each in waiting]

    assert sum(report.completed for report in reports) == 5
    assert sorted(row.recurring_task_id for row in acme.executions()) == sorted(task.id for task in tasks)
    assert names(acme).count("task_execution.start") == 5
    assert until(lambda: workers[0].verify() == [])


def test_a_callback_that_raises_holds_nobody_up_and_its_error_is_told(open_workspace, clock):
    ws = open_workspace()
    for n in range(3):
        ws.store("acme").create_recurring_task(f"Task {n}", "List the tasks", every="1 hour")
    clock.advance(timedelta(hours=1))

    def breaks(_execution):
        raise ValueError("not this one")

    with pytest.raises(ValueError, match="not this one"):
        ws.begin_pass(on_end=breaks)()
    assert [row.status for row in ws.store("acme").executions()] == ["completed"] * 3


def test_no_more_are_taken_over_at_a_time_than_may_run(open_workspace, clock, monkeypatch):
    # Given ten executions whose worker is gone
    async def ponder(_request):
        await asyncio.sleep(60)

    first = open_workspace(provider=ScriptedProvider([ponder]))
    tasks = [first.store("acme").create_recurring_task(f"T {n}", "Look", every="1 day") for n in range(10)]
    for task in tasks:
        first.store("acme").start_now(task.id)
    first.close()
    clock.advance(timedelta(minutes=2))
    side_by_side, most = 0, 0

    async def count(_request):
        nonlocal side_by_side, most
        side_by_side += 1
        most = max(most, side_by_side)
        await asyncio.sleep(0.01)
        side_by_side -= 1
        return finish()

    # When a worker that may carry out two takes them over
    monkeypatch.setenv("WSQ_MAX_CONCURRENCY", "2")
    report = open_workspace(provider=ScriptedProvider([count])).process()

    assert (report.resumed, report.completed) == (10, 10)
    assert most == 2
