"""A clock that stood in the future once: it is said, it is put right, and every slot is settled once all the same."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

import wsq
from tests.conftest import NOON
from tests.domain.worlds import nothing_written
from tests.rings import count
from wsq.agent.providers import ScriptedProvider, finish
from wsq.clock import ManualClock
from wsq.commands import executions as commands
from wsq.queries import executions as queries
from wsq.runner import heartbeat
from wsq.runner.starting import Worker, start_manually
from wsq.runner.unmoved import JITTER, NOTE, STOOD, Seen, unmoved

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FAR = NOON + 400 * DAY + timedelta(minutes=1)
LATER = NOON + 90 * timedelta(minutes=1)
"""When the clock is right again: one slot of every hour had come due by then."""


def kinds(ws: wsq.Workspace) -> list[str]:
    return [alert.kind for alert in ws.alerts() if alert.kind.endswith("_ahead")]


def is_sound(ws: wsq.Workspace) -> None:
    assert ws.verify() == []
    assert ws.unsettled() == []


def settled(store: wsq.Store, task: wsq.RecurringTask) -> list[tuple[datetime | None, datetime | None, int]]:
    """The settlements of a task, by the log's order."""
    rows = [row for row in reversed(store.executions(task.id, limit=1000)) if row.slots]
    return [(row.first_slot, row.scheduled_for, row.slots) for row in rows]


def follow_each_other(store: wsq.Store, task: wsq.RecurringTask, step: timedelta) -> None:
    """Every slot of a task from its first one to its next one lies in one settlement."""
    due = task.next_execution_at
    for first, newest, slots in settled(store, task):
        assert first is not None
        assert newest is not None
        assert (first, newest) == (due, first + (slots - 1) * step)
        due = newest + step
    assert store.recurring_task(task.id).next_execution_at == due


@pytest.fixture
def ahead(ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock) -> wsq.RecurringTask:
    """A task of every hour that a pass has settled for 400 days; the clock is right again."""
    task = acme.create_recurring_task("Triage", "Create a task called 'Ping'", every="1 hour")
    clock.move_to(FAR)
    assert ws.process().completed == 1
    clock.move_to(LATER)
    return task


MENDS: dict[str, Callable[[wsq.Workspace, wsq.Store, str, Path], Any]] = {
    "repair": lambda ws, _acme, _id, folder: ws.repair(folder / "before.duckdb"),
    "edit": lambda _ws, acme, id_, _folder: acme.update_recurring_task(id_, every="60 minutes"),
    "same": lambda _ws, acme, id_, _folder: acme.update_recurring_task(id_, every="1 hour", starting=None),
    "enable": lambda _ws, acme, id_, _folder: (acme.disable_recurring_task(id_), acme.enable_recurring_task(id_)),
}


@pytest.mark.long_on_server
@pytest.mark.parametrize("mend", MENDS)
def test_a_settlement_of_the_future_is_said_and_mended_and_each_slot_is_settled_once(
    ws: wsq.Workspace, acme: wsq.Store, ahead: wsq.RecurringTask, clock: ManualClock, tmp_path: Path, mend: str
) -> None:
    (alert,) = (each for each in ws.alerts() if each.kind == "schedule_ahead")
    assert alert.sentence.startswith(
        "The scheduled runs of 'Triage' are settled up to 2027-04-06 12:00 UTC and its next run is at"
        " 2027-04-06 13:00 UTC, which is in the future: it is 2026-03-02 13:30 UTC"
    )
    assert ws.process().due == 0

    MENDS[mend](ws, acme, ahead.id, tmp_path)

    assert kinds(ws) == []
    assert settled(acme, ahead) == [(NOON + HOUR, NOON + HOUR, 1)]
    nxt = acme.recurring_task(ahead.id).next_execution_at
    assert nxt is not None
    assert LATER < nxt <= LATER + HOUR
    is_sound(ws)
    clock.move_to(nxt)
    assert ws.process().completed == 1
    clock.move_to(FAR)  # the time at which it had been
    report = ws.process()
    assert (report.due, report.failed) == (1, 0)
    assert sum(slots for _, _, slots in settled(acme, ahead)) == 2 + (FAR - nxt) // HOUR
    is_sound(ws)


@pytest.mark.long_on_server
def test_the_present_and_the_newest_execution_are_right_afterwards(
    ws: wsq.Workspace, acme: wsq.Store, ahead: wsq.RecurringTask, clock: ManualClock, tmp_path: Path
) -> None:
    assert acme.as_of(clock.now()).recurring_tasks() == acme.recurring_tasks()
    ws.repair(tmp_path / "before.duckdb")
    run = acme.run_now(ahead.id)

    for moment in (LATER, FAR + DAY):  # and also once that time has really come
        clock.move_to(moment)
        past = acme.as_of(LATER)
        assert past.recurring_tasks() == acme.recurring_tasks()
        assert past.tasks() == acme.tasks()
        assert past.latest_execution(ahead.id) == acme.latest_execution(ahead.id) == acme.execution(run.id)
        assert acme.as_of(LATER - timedelta(minutes=1)).executions() == []
    first, second = acme.executions(ahead.id)
    assert (first.id, [row.id for row in acme.executions(before=first.id)]) == (run.id, [second.id])


@pytest.mark.long_on_server
def test_what_was_made_edited_or_enabled_by_such_a_clock_goes_on_from_now(
    ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock, tmp_path: Path
) -> None:
    # Given tasks whose grid begins in the future by mistake, and one that somebody wants to begin there
    edited, enabled = (acme.create_recurring_task(name, "List", every="1 hour") for name in ("Edited", "Enabled"))
    acme.disable_recurring_task(enabled.id)
    clock.move_to(FAR)
    made = acme.create_recurring_task("Made", "List", every="4 hours")
    daily = acme.create_recurring_task("Daily", "List", every="1 day", starting="09:00", timezone="Europe/Berlin")
    acme.update_recurring_task(edited.id, every="2 hours")
    acme.enable_recurring_task(enabled.id)
    clock.move_to(LATER)
    wanted = acme.create_recurring_task("Wanted", "List", every="1 day", starting=FAR.isoformat())
    assert kinds(ws) == ["schedule_ahead"] * 4

    done = ws.repair(tmp_path / "before.duckdb")

    assert done is not None
    assert (done.schedules, done.differences, done.figures, kinds(ws)) == (4, 0, 0, [])
    nxt = {task.name: task.next_execution_at for task in acme.recurring_tasks()}
    assert nxt == {
        "Edited": LATER + 2 * HOUR, "Enabled": NOON + 2 * HOUR, "Made": LATER + 4 * HOUR,
        "Daily": NOON + 20 * HOUR, "Wanted": FAR,
    }  # fmt: skip
    assert {wanted.id, made.id, daily.id} <= {task.id for task in acme.recurring_tasks()}
    assert ws.repair(tmp_path / "again.duckdb") is None
    is_sound(ws)


@pytest.mark.long_on_server
def test_a_clock_that_is_a_few_minutes_ahead_is_no_mistake(
    ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock, tmp_path: Path
) -> None:
    task = acme.create_recurring_task("Triage", "List", every="5 minutes")
    clock.move_to(NOON + timedelta(minutes=10))
    assert ws.process().completed == 1
    clock.move_to(NOON)

    assert (kinds(ws), ws.repair(tmp_path / "before.duckdb")) == ([], None)
    moved = acme.update_recurring_task(task.id, every="4 minutes")

    assert moved.next_execution_at == NOON + timedelta(minutes=12)
    assert settled(acme, task) == [(NOON + timedelta(minutes=5), NOON + timedelta(minutes=10), 2)]
    is_sound(ws)


@pytest.mark.long_on_server
def test_a_first_run_that_waits_for_its_time_of_day_is_no_mistake(
    ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock, tmp_path: Path
) -> None:
    # Given tasks that begin at 09:00 tomorrow, some of them with a shorter interval than that is away
    for every, zone in (("20 minutes", "UTC"), ("4 hours", "Pacific/Apia"), ("1 day", "UTC"), ("7 days", "UTC")):
        acme.create_recurring_task(f"{every} in {zone}", "List", every=every, starting="09:00", timezone=zone)
    assert (kinds(ws), ws.repair(tmp_path / "before.duckdb")) == ([], None)

    # When such a task is made by a clock that is ahead by more than a day
    clock.move_to(NOON + 3 * DAY)
    acme.create_recurring_task("Made ahead", "List", every="20 minutes", starting="09:00")
    clock.move_to(NOON)

    # Then that is a mistake
    assert kinds(ws) == ["schedule_ahead"]
    ws.repair(tmp_path / "before.duckdb")
    assert kinds(ws) == []
    assert {task.next_execution_at for task in acme.recurring_tasks()} <= {NOON + 21 * HOUR, NOON + 8 * HOUR}


@pytest.mark.parametrize("seed", range(count(1, 60)))
def test_no_jump_of_a_clock_loses_a_slot_or_settles_one_twice(
    open_workspace: Callable[..., wsq.Workspace], clock: ManualClock, tmp_path: Path, seed: int
) -> None:
    # Given a task of every hour that is only ever edited to what it is, and another one that is edited at will
    chance = random.Random(seed)
    ws = open_workspace(provider=ScriptedProvider([finish()]))
    acme, right = ws.store("acme"), NOON
    plain, other = (acme.create_recurring_task(name, "List", every="1 hour") for name in ("Plain", "Other"))
    deeds: list[Callable[[], object]] = [
        *[ws.process] * 4,
        lambda: acme.run_now(plain.id),
        lambda: acme.update_recurring_task(plain.id, every="1 hour"),
        lambda: acme.update_recurring_task(other.id, every=f"{chance.randrange(1, 90)} minutes"),
        lambda: acme.update_recurring_task(other.id, every="1 day", starting="09:00", timezone="Europe/Berlin"),
        lambda: acme.disable_recurring_task(other.id),
        lambda: acme.enable_recurring_task(other.id),
        lambda: ws.repair(tmp_path / f"{chance.random()}.duckdb"),
    ]

    # When the clock jumps ahead by up to a year and back, time and again, and anything is done in between
    for _ in range(count(2, 6)):
        clock.move_to(right + timedelta(minutes=chance.choice((20, 300, 2_000, 60_000, 500_000))))
        for _ in range(3):
            chance.choice(deeds)()
            clock.advance(timedelta(minutes=chance.choice((0, 7, 70, 9_000))))
        right += timedelta(minutes=chance.choice((1, 45, 90, 3_000)))
        clock.move_to(right)
        for _ in range(2):
            chance.choice(deeds)()
        is_sound(ws)

    # Then, once it is right for good, everything goes on, and each slot of the first lies in one settlement
    ws.repair(tmp_path / "last.duckdb")
    clock.move_to(right + 2 * HOUR)
    ws.process()
    assert kinds(ws) == []
    follow_each_other(acme, plain, HOUR)
    nxt = acme.recurring_task(plain.id).next_execution_at
    assert nxt is not None
    assert clock.now() < nxt <= clock.now() + HOUR
    is_sound(ws)


@pytest.mark.parametrize("every", ["1 hour", "2 hours"])
def test_an_edit_of_a_disabled_task_mends_it_too(
    ws: wsq.Workspace, acme: wsq.Store, ahead: wsq.RecurringTask, clock: ManualClock, every: str
) -> None:
    acme.disable_recurring_task(ahead.id)
    assert kinds(ws) == ["schedule_ahead"]

    acme.update_recurring_task(ahead.id, every=every)

    assert kinds(ws) == []
    assert settled(acme, ahead) == [(NOON + HOUR, NOON + HOUR, 1)]
    is_sound(ws)
    nxt = acme.enable_recurring_task(ahead.id).next_execution_at
    assert nxt is not None
    assert LATER < nxt <= LATER + 2 * HOUR
    is_sound(ws)


# Leases


def leave(ws: wsq.Workspace, acme: wsq.Store, begun_at: datetime, clock: ManualClock) -> wsq.Execution:
    """A run whose worker was killed right after it had started it."""
    task = acme.create_recurring_task("Left", "List the tasks", every="1 day")
    now = clock.now()
    clock.move_to(begun_at)
    worker = Worker(holder="elsewhere:1", provider=ws.provider(), model=None)
    started = ws._log.write(lambda tx: start_manually(tx, acme.id, task.id, worker))
    clock.move_to(now)
    return started.execution


def test_a_lease_that_ends_in_the_future_passes_once_it_has_stood_still_for_a_minute(
    ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock
) -> None:
    # Given a run whose worker had a clock that was ahead, and is gone
    run = leave(ws, acme, FAR, clock)
    assert kinds(ws) == ["lease_ahead"]

    # When two passes on one machine see its lease unchanged, a minute apart
    look = lambda at: unmoved(ws._engine, ws._log.read(lambda c: queries.leases_ahead(c, clock.now())), at)
    begin = 1e6
    assert [look(begin), look(begin + STOOD - JITTER - 1)] == [[], []]
    (seen,) = look(begin + STOOD)

    # Then it may be taken over, unless it was renewed in the meantime
    take = lambda lease: ws._log.write(
        lambda tx: commands.take_over(tx, "acme", run.id, "another:2", passed=lease)
    )  # fmt: skip
    assert take(None) is None
    ws._log.write(lambda tx: tx.query("UPDATE leases SET expires_at = $1", [FAR + HOUR]))
    assert take(seen.lease) is None
    assert look(begin + STOOD) == []
    (again,) = look(begin + 2 * STOOD)
    taken = take(again.lease)
    assert taken is not None
    assert (taken.epoch, taken.status) == (2, "running")
    assert kinds(ws) == []
    with pytest.raises(wsq.WsqError, match="taken over"):
        ws._log.write(lambda tx: commands.held(tx, run.id, 1))


@pytest.mark.long_on_server
@pytest.mark.parametrize("begun_at", [FAR, NOON], ids=["begun ahead", "renewed ahead"])
def test_a_run_that_was_left_by_a_clock_that_was_ahead_comes_to_its_end(
    ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, begun_at: datetime
) -> None:
    run = leave(ws, acme, begun_at, clock)
    ws._log.write(lambda tx: tx.query("UPDATE leases SET expires_at = $1", [FAR]))

    with nothing_written(acme):
        reports = [ws.process()]
    put_back(ws, STOOD)
    reports.append(ws.process())

    assert [report.resumed for report in reports] == [0, 1]
    ended = acme.execution(run.id)
    assert (ended.status, ended.takeovers, ended.duration) == ("completed", 1, timedelta())
    assert kinds(ws) == []
    is_sound(ws)


def test_leases_of_the_future_pass_also_when_each_pass_serves_other_stores(
    ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock
) -> None:
    others = ws.store("others")
    runs = [leave(ws, store, FAR, clock) for store in (acme, others)]

    resumed = []
    for _ in range(2):
        resumed += [ws.process(stores=[run.store_id]).resumed for run in runs]
        put_back(ws, STOOD / 2)
    resumed += [ws.process(stores=[run.store_id]).resumed for run in runs]

    assert resumed == [0, 0, 0, 0, 1, 1]
    assert [ws.store(run.store_id).execution(run.id).status for run in runs] == ["completed"] * 2


def put_back(ws: wsq.Workspace, seconds: float) -> None:
    """As if so many seconds had gone by since a pass saw leases that end in the future."""
    with ws._engine.shared_note(NOTE) as note:
        assert note is not None
        seen = msgspec.json.decode(note.read() or b"[]", type=list[Seen])
        assert seen
        note.write(msgspec.json.encode([msgspec.structs.replace(each, at=each.at - seconds) for each in seen]))


# What else such a clock leaves behind


@pytest.mark.long_on_server
def test_heartbeats_of_the_future_do_not_hide_that_the_scheduler_has_stopped(
    ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock
) -> None:
    acme.create_recurring_task("Triage", "List", every="1 hour")
    ws.process()
    clock.move_to(FAR)
    heartbeat.note(ws._engine, FAR, FAR)
    clock.move_to(NOON + HOUR)

    (alert,) = ws.alerts()
    assert alert.sentence.startswith("The scheduler has stopped: its last pass was at 2026-03-02 12:00 UTC")
    assert ws.clock_gap() is None
    clock.move_to(FAR + 2 * DAY)
    assert ws.clock_gap() == 2 * DAY


@pytest.mark.long_on_server
def test_a_scheduler_that_was_seen_in_the_future_alone_counts_as_never_seen(
    ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock
) -> None:
    acme.create_recurring_task("Triage", "List", every="1 hour")
    heartbeat.note(ws._engine, FAR, FAR)
    clock.move_to(NOON + 3 * HOUR)

    assert "scheduler" in [each.kind for each in ws.alerts()]


@pytest.mark.long_on_server
def test_what_was_spent_by_a_clock_that_was_ahead_is_not_of_today(
    open_workspace: Callable[..., wsq.Workspace], clock: ManualClock
) -> None:
    dear = ScriptedProvider([msgspec.structs.replace(finish(), cost_usd=2.0)])
    dear.kind = "anthropic"
    ws = open_workspace(provider=dear)
    acme = ws.store("acme")
    task = acme.create_recurring_task("Dear", "List", every="1 day", budget_per_day=1.0)
    clock.move_to(FAR)
    assert acme.run_now(task.id).cost_usd == 2.0
    clock.move_to(LATER)

    assert acme.spending(task.id).spent == 0
    assert [alert.kind for alert in ws.alerts()] == ["scheduler"]
    assert acme.run_now(task.id).status == "completed"
    assert acme.spending(task.id).spent == 2.0
