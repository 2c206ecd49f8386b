"""One query proves that every slot belongs to exactly one settlement, and finds what a tampered log does to it."""

from __future__ import annotations

import random
import zoneinfo
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

import pytest

import wsq
from tests.conftest import NOON
from tests.store.histories import History, unruly
from wsq.clock import ManualClock
from wsq.commands import recurring
from wsq.queries.settlements import violations
from wsq.rules import schedule, values

APIA = datetime(2011, 12, 20, 12, 0, tzinfo=UTC)
"""Ten days before the day that Apia left out."""

ZONES = {
    "Europe/Berlin": "02:30",
    "America/New_York": "01:30",
    "Australia/Lord_Howe": "02:15",
    "Pacific/Apia": "11:00",
}

CHANGED_LATELY = ("America/Vancouver", "America/Winnipeg", "America/Edmonton", "America/Havana", "Africa/Casablanca")


def test_in_a_random_history_every_slot_belongs_to_exactly_one_settlement(open_workspace, clock):
    chance = random.Random(1)
    ws = open_workspace(provider=unruly(chance))

    history = History(ws, clock, chance)
    for _ in range(6):
        history.live(8)
        clock.advance(timedelta(hours=chance.randrange(1, 30)))
        ws.process()

    assert ws.sql("select count(*) n from processed_task_executions").n[0] > 5
    assert ws.unsettled() == []


def test_days_on_which_clocks_are_changed_or_left_out_are_counted_as_the_schedule_counts_them(open_workspace):
    # Given tasks of one and of several days in zones that change their clocks by an hour, by half, and by a day
    clock = ManualClock(APIA)
    ws = open_workspace(clock=clock)
    chance = random.Random(5)

    def add(zone: str, wall: str) -> None:
        for days in (1, 3):
            ws.store("acme").create_recurring_task(
                f"{zone} {days}", "List the tasks", every=f"{days} days", starting=wall, timezone=zone
            )

    def settle() -> None:
        ws.pause()
        clock.advance(timedelta(hours=chance.randrange(5, 200)))
        ws.resume()

    # When their slots are settled every few hours or days, fourteen years pass, and two changes of clocks come
    add("Pacific/Apia", "23:30")
    add("Pacific/Apia", "11:00")
    while clock.now() < APIA + timedelta(days=30):
        settle()
    ws.pause()
    clock.move_to(datetime(2026, 3, 1, 9, tzinfo=UTC))
    ws.resume()
    for zone, wall in ZONES.items():
        add(zone, wall)
    for month in (3, 10):
        ws.pause()
        clock.move_to(datetime(2026, month, 3, 9, tzinfo=UTC))
        ws.resume()
        while clock.now() < datetime(2026, month, 3, tzinfo=UTC) + timedelta(days=40):
            settle()

    # Then each slot, as Python's zones tell it, is one that the database's zones tell
    assert ws.sql("select max(slots) n from task_executions").n[0] > 5_000
    assert ws.unsettled() == []


def test_the_proof_has_the_zones_of_the_scheduler_and_not_those_of_the_database(open_workspace):
    # Given tasks in zones whose rules differ between the two, in some year
    clock = ManualClock(datetime(2025, 1, 10, 9, tzinfo=UTC))
    ws = open_workspace(clock=clock)
    for zone in CHANGED_LATELY:
        ws.store("acme").create_recurring_task(zone, "List", every="1 day", starting="00:00", timezone=zone)
    database = {zone: ws.sql(f"SELECT '2026-11-20 12:00:00Z'::TIMESTAMPTZ AT TIME ZONE '{zone}' t").t[0]
        for zone in CHANGED_LATELY}  # fmt: skip
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert any(database[zone] != noon.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for zone in CHANGED_LATELY)

    # When their clocks are changed, or are no longer changed
    for month in ((2025, 3), (2025, 11), (2026, 4), (2026, 11)):
        clock.move_to(datetime(*month, 30, 12, tzinfo=UTC))
        ws.process()

    assert ws.unsettled() == []


@pytest.mark.parametrize(
    ("begun", "planned", "like"), [(1, 6, "Africa/Lagos"), (6, 11, "Africa/Maputo")], ids=["later", "earlier"]
)
def test_slots_that_were_planned_by_older_rules_of_a_zone_are_settled_once_and_are_no_violations(
    open_workspace, tmp_path, begun, planned, like
):
    # Given a task that was settled and planned by rules that change the clock twice a year
    clock = ManualClock(datetime(2026, begun, 1, 5, tzinfo=UTC))
    ws = open_workspace(clock=clock)
    acme = ws.store("acme")
    task = acme.create_recurring_task("T", "List", every="1 day", starting="09:00", timezone="Europe/Berlin")
    clock.move_to(datetime(2026, planned, 1, 12, tzinfo=UTC))
    ws.process()
    clock.advance(timedelta(days=1))
    ws.process()
    acme.disable_recurring_task(task.id)
    owed = acme.enable_recurring_task(task.id).next_execution_at

    with rules_of(like, instead_of="Europe/Berlin", folder=tmp_path / "zones"):
        # When by others it is no longer changed, so that the slots of half a year are an hour beside theirs
        assert schedule.slot_at_or_after(recurring.schedule_of(acme.recurring_task(task.id)), owed) != owed
        assert ws.unsettled() == []
        for hours in range(42):
            clock.move_to(owed + timedelta(hours=hours - 2))
            ws.process()
        ws.pause()
        clock.advance(timedelta(days=10))
        ws.resume()

        # Then what was planned is carried out as it was, and the days after it by the new rules
        assert ws.unsettled() == []
        assert acme.recurring_task(task.id).next_execution_at.astimezone(ZoneInfo("Europe/Berlin")).hour == 9
    found = ws.sql("SELECT scheduled_for, slots FROM task_executions ORDER BY scheduled_for")
    assert list(found.slots)[1:] == [1, 1, 1, 10]
    assert found.scheduled_for[2] == owed


def test_no_slot_is_settled_twice_where_a_clock_was_ahead_and_was_put_right(open_workspace):
    # Given daily tasks whose slots up to the 10th were settled on the 1st, by a clock that was wrong
    clock = ManualClock(datetime(2026, 3, 1, 8, tzinfo=UTC))
    ws = open_workspace(clock=clock)
    acme = ws.store("acme")
    one, many, moved = (
        acme.create_recurring_task(name, "List", every="1 day", starting="09:00") for name in ("One", "Many", "Moved")
    )
    clock.move_to(datetime(2026, 3, 10, 9, 1, tzinfo=UTC))
    ws.process()

    # When they are enabled again, or get another grid, by the right one
    clock.move_to(datetime(2026, 3, 2, 8, tzinfo=UTC))
    for task in (one, many):
        acme.disable_recurring_task(task.id)
    acme.enable_recurring_task(one.id)
    ws.enable_recurring_tasks([many.id])
    acme.update_recurring_task(moved.id, every="12 hours")

    # Then they go on from now, and the one that has settled all those slots keeps those that had come due
    assert {task.next_execution_at.isoformat() for task in acme.recurring_tasks()} == {"2026-03-02T09:00:00+00:00"}
    assert sum(row.slots for row in acme.executions()) == 3
    for day in (2, 3, 10, 11):
        clock.move_to(datetime(2026, 3, day, 9, 1, tzinfo=UTC))
        assert ws.process().due == 3
    by_task = ws.sql("SELECT sum(slots) n FROM task_executions GROUP BY recurring_task_id ORDER BY n").n
    assert list(by_task) == [11, 11, 20]  # of the last one, every half a day from the 2nd on
    assert ws.unsettled() == []
    assert ws.verify() == []


CORRECT = "task_execution.correct"


@pytest.mark.parametrize(
    ("tampered", "told"),
    [
        (f"DELETE FROM events WHERE name = '{CORRECT}'", "and the next slot is 2026-03-11T09:00:00Z."),
        (f"DELETE FROM events WHERE name = '{CORRECT}'", "It has no claim to its newest slot, 2026-03-10T09:00:00Z."),
        (
            f"""UPDATE events SET args = replace(args, '"slots":1', '"slots":2') WHERE name = '{CORRECT}'""",
            "It leaves 2 slots settled, from 2026-03-01T09:00:00Z to 2026-03-01T09:00:00Z, and",
        ),
        (
            f"""UPDATE events SET args = regexp_replace(args, '"scheduled_for".*', '"scheduled_for":null,"slots":0}}')
            WHERE name = '{CORRECT}'""",
            "It takes back slots up to 2026-03-02T08:00:00Z, or of nothing that was settled.",
        ),
        (
            f"""UPDATE events SET args = replace(args, '"until":"2026-03-02', '"until":"2026-03-04')
            WHERE name = '{CORRECT}'""",
            "and up to 2026-03-04T08:00:00Z there are 1.",
        ),
        ("DELETE FROM events WHERE name = 'recurring_task.update'", "and the task does not go on with them."),
        (
            f"""UPDATE events SET seq = seq + 1000 WHERE name = '{CORRECT}'""",
            "It goes on with 2026-03-02T09:00:00Z, and the next slot is 2026-03-11T09:00:00Z.",
        ),
        (
            """UPDATE events SET args = replace(args, '2026-03-02T09:00:00Z', '2026-03-03T09:00:00Z')
            WHERE name = 'recurring_task.update'""",
            "It goes on with 2026-03-03T09:00:00Z, and the next slot is 2026-03-02T09:00:00Z.",
        ),
    ],
)
def test_a_tampered_correction_of_a_clock_that_was_ahead_is_found_out(corrected, tampered, told):
    found = tampering(corrected, tampered)

    assert any(told in str(each) for each in found), found


@pytest.fixture(scope="module")
def corrected(tmp_path_factory):
    """A workspace in which a clock was nine days ahead, and the schedule was edited by the right one."""
    clock = ManualClock(datetime(2026, 3, 1, 8, tzinfo=UTC))
    with wsq.open(tmp_path_factory.mktemp("corrected") / "team.duckdb", clock=clock, actor="ada") as ws:
        acme = ws.store("acme")
        task = acme.create_recurring_task("Daily", "List", every="1 day", starting="09:00")
        clock.move_to(datetime(2026, 3, 10, 9, 1, tzinfo=UTC))
        ws.process()
        clock.move_to(datetime(2026, 3, 2, 8, tzinfo=UTC))
        acme.update_recurring_task(task.id, every="1 day")
        assert ws.unsettled() == []
        yield ws


@contextmanager
def rules_of(zone, *, instead_of, folder):
    """Python's zones with other rules for one of them, as after an update."""
    place = folder / instead_of
    place.parent.mkdir(parents=True)
    place.write_bytes(resources.files("tzdata").joinpath("zoneinfo", *zone.split("/")).read_bytes())
    before = zoneinfo.TZPATH
    try:
        zoneinfo.reset_tzpath([str(folder)])
        ZoneInfo.clear_cache()
        values.zone.cache_clear()
        yield
    finally:
        zoneinfo.reset_tzpath(before)
        ZoneInfo.clear_cache()
        values.zone.cache_clear()


@pytest.fixture(scope="module")
def settled(tmp_path_factory):
    """A workspace with every way in which slots are settled or a grid begins."""
    clock = ManualClock(NOON)
    with wsq.open(tmp_path_factory.mktemp("settled") / "team.duckdb", clock=clock, actor="ada") as ws:
        acme = ws.store("acme")
        hourly = acme.create_recurring_task("Hourly", "List the tasks", every="1 hour")
        daily = acme.create_recurring_task("Daily", "List the tasks", every="1 day", timezone="Europe/Berlin")
        clock.advance(timedelta(hours=2))
        ws.process()
        clock.advance(timedelta(minutes=200))
        ws.process()
        acme.update_recurring_task(hourly.id, every="30 minutes")
        clock.advance(timedelta(hours=50))
        acme.update_recurring_task(hourly.id, every="2 hours")
        acme.disable_recurring_task(daily.id)
        acme.enable_recurring_task(daily.id)
        clock.advance(timedelta(hours=5))
        acme.delete_recurring_task(hourly.id)
        assert ws.unsettled() == []
        yield ws


def first(name: str, also: str = "TRUE") -> str:
    return f"store_id = 'acme' AND seq = (SELECT min(seq) FROM events WHERE name = '{name}' AND {also})"


SKIP, START = "task_execution.skip", "task_execution.start"
LATER = """regexp_replace(args, '"{0}":"[^"]*"', '"{0}":"2026-03-02T13:30:00Z"')"""


def tampering(ws, statement):
    """What is found after a statement as nothing in wsq would make it, which is then undone."""

    class Undone(Exception):
        pass

    found = []

    def tamper():
        with ws._log.engine.write() as cursor:
            cursor.query(statement)
            found.extend(violations(cursor))
            raise Undone

    with pytest.raises(Undone):
        tamper()
    return found


@pytest.mark.parametrize(
    ("tampered", "told"),
    [
        (f"DELETE FROM events WHERE {first(START)}", "the oldest slot that was not settled is 2026-03-02T13:00:00Z"),
        (f"DELETE FROM events WHERE {first(START)}", "is claimed, and no settlement took it"),
        (
            f"""INSERT INTO events SELECT store_id, seq + 1000, 'again', name, version, args, actor, cause, recorded_at
            FROM events WHERE {first(START)}""",
            "It settles from 2026-03-02T13:00:00Z on, and the oldest slot that was not settled is none",
        ),
        (
            f"UPDATE events SET args = {LATER.format('first_slot')} WHERE {first(START)}",
            "It settles from 2026-03-02T13:30:00Z to 2026-03-02T14:00:00Z, which are not both slots.",
        ),
        (
            f"""UPDATE events SET args = replace(args, '"slots":2', '"slots":1') WHERE {first(START)}""",
            "It records 1 slots, and there are 2",
        ),
        (
            f"UPDATE events SET args = {LATER.format('next_execution_at')} WHERE {first(START)}",
            "It goes on with 2026-03-02T13:30:00Z, and the next slot is 2026-03-02T15:00:00Z.",
        ),
        (
            """UPDATE events SET args = regexp_replace(args, '"next_execution_at":"[^"]*"', '"next_execution_at":null')
            WHERE """
            + first(START),
            "It goes on with no slot, and the task is neither disabled nor deleted with it.",
        ),
        ("DELETE FROM events WHERE " + first(SKIP, "contains(args, 'deleted')"), "which had come due, unsettled."),
        ("DELETE FROM events WHERE " + first(SKIP, "contains(args, 'disabled')"), "which had come due, unsettled."),
        ("DELETE FROM events WHERE " + first(SKIP, "contains(args, 'rescheduled')"), "which had come due, unsettled."),
        (
            "DELETE FROM events WHERE " + first("recurring_task.update", "contains(args, ':2,')"),
            "of another grid, and no such grid begins with it.",
        ),
        (
            "UPDATE events SET recorded_at = recorded_at + INTERVAL 1 DAY WHERE " + first("recurring_task.enable"),
            "and the next slot is",
        ),
        (
            """UPDATE events SET args = replace(args, '"interval_value":1', '"interval_value":2') WHERE """
            + first("recurring_task.create", "contains(args, 'Berlin')"),
            "which are not both slots",
        ),
        ("DELETE FROM processed_task_executions WHERE scheduled_time = '2026-03-02T14:00:00Z'", "It has no claim"),
        (
            """INSERT INTO processed_task_executions BY NAME
            SELECT task_id, '2026-03-02T13:00:00Z' AS scheduled_time, store_id, processed_at
            FROM processed_task_executions WHERE scheduled_time = '2026-03-02T14:00:00Z'""",
            "The slot at 2026-03-02T13:00:00Z is claimed, and no settlement took it.",
        ),
        ("DELETE FROM events WHERE " + first("recurring_task.create"), "the oldest slot that was not settled is none"),
    ],
)
def test_what_was_tampered_with_is_found_out(settled, tampered, told):
    found = tampering(settled, tampered)

    assert any(told in str(each) for each in found), found
    assert all(str(each).startswith("Store acme, recurring task ") for each in found)
