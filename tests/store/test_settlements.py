"""One query proves that every slot belongs to exactly one settlement, and finds what a tampered log does to it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

import wsq
from tests.conftest import NOON
from tests.store.histories import History, unruly
from wsq.clock import ManualClock
from wsq.queries.settlements import violations

APIA = datetime(2011, 12, 20, 12, 0, tzinfo=UTC)
"""Ten days before the day that Apia left out."""

ZONES = {
    "Europe/Berlin": "02:30",
    "America/New_York": "01:30",
    "Australia/Lord_Howe": "02:15",
    "Pacific/Apia": "11:00",
}


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
            "It says that it settles 1 slots, and there are 2",
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
