"""Ninety days of passes at odd moments, over changes of clocks and outages, against an oracle of its own."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from tests.domain.worlds import endings
from wsq.agent.providers import ScriptedProvider, say
from wsq.zone_rules import zone as rules

BEGIN = datetime(2026, 2, 14, 10, 0, tzinfo=UTC)
END = BEGIN + timedelta(days=90)
"""Within: New York on 8 March, Berlin on 29 March, Lord Howe (by half an hour) on 5 April; each has a slot then."""

WINDOW = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)

TASKS = {
    "minutes": {"every": "3500 minutes", "missed": "skip"},
    "hours": {"every": "87 hours", "missed": "run_once"},
    "berlin": {"every": "3 days", "starting": "02:30", "timezone": "Europe/Berlin", "missed": "skip"},
    "new_york": {"every": "7 days", "starting": "02:15", "timezone": "America/New_York", "missed": "run_once"},
    "lord_howe": {"every": "7 days", "starting": "01:45", "timezone": "Australia/Lord_Howe", "missed": "skip"},
}


def elapsed(step: timedelta) -> Iterator[datetime]:
    """Every point of a grid of elapsed time that begins one step after the beginning."""
    slot = BEGIN
    while True:
        slot += step
        yield slot


def by_the_wall(day: date, every: int, wall: time, zone: str) -> Iterator[datetime]:
    """For each such day the first minute at which the wall clock shows `wall` or later, found by looking at all."""
    clock = rules(zone)
    while True:
        meant = datetime.combine(day, wall)
        instant = meant.replace(tzinfo=UTC) - timedelta(hours=15)
        while instant.astimezone(clock).replace(tzinfo=None) < meant:
            instant += MINUTE
        yield instant
        day += timedelta(days=every)


def oracles():
    """What each task's slots are, by means of its own."""
    return {
        "minutes": elapsed(timedelta(minutes=3500)),
        "hours": elapsed(timedelta(hours=87)),
        "berlin": by_the_wall(date(2026, 2, 15), 3, time(2, 30), "Europe/Berlin"),
        "new_york": by_the_wall(date(2026, 2, 15), 7, time(2, 15), "America/New_York"),
        "lord_howe": by_the_wall(date(2026, 2, 15), 7, time(1, 45), "Australia/Lord_Howe"),
    }


def test_in_ninety_days_no_slot_drifts_is_left_out_or_settled_twice(open_workspace, clock):
    # given
    chance = random.Random(7)
    clock.move_to(BEGIN)

    async def some_work(request):
        await clock.sleep(chance.uniform(0, 290))
        return say("" if chance.random() < 0.1 else "It is done.")

    ws = open_workspace(provider=ScriptedProvider([some_work]))
    acme = ws.store("acme")
    tasks = {name: acme.create_recurring_task(name, "Work.", **given) for name, given in TASKS.items()}
    outages = [(BEGIN + timedelta(days=day), timedelta(hours=hours)) for day, hours in ((9, 7), (21, 50), (42, 20))]

    # when
    idle = 0
    nexts = [task.next_execution_at for task in tasks.values()]
    while clock.now() < END:
        clock.advance(chance.uniform(120, 480))
        now = clock.now()
        if any(start <= now < start + length for start, length in outages):
            continue
        if min(nexts) > now and chance.random() > 0.003:
            continue  # a pass with nothing to do, of which some are kept below
        report = ws.process()
        idle += report.due == 0
        nexts = [task.next_execution_at for task in acme.recurring_tasks()]
    last_pass = ws.process().started_at

    # then
    assert idle > 20
    totals: Counter[str] = Counter()
    slots = oracles()
    for name, task in tasks.items():
        rows = acme.executions(task.id, 1000)[::-1]
        expected = []
        while not expected or expected[-1] <= last_pass:
            expected.append(next(slots[name]))
        following = expected.pop()

        place = 0
        for row in rows:  # the settlements lie side by side on the oracle's grid, from its first slot to its last
            covered = expected[place : place + row.slots]
            assert (row.first_slot, row.scheduled_for) == (covered[0], covered[-1]), name
            place += row.slots
            late = row.started_at - row.scheduled_for
            assert late >= timedelta(0)
            assert (row.reason == "missed") == (late > WINDOW and task.missed == "skip"), name
            totals[row.reason or row.status] += 1
        assert place == len(expected) == sum(row.slots for row in rows), name
        assert acme.recurring_task(task.id).next_execution_at == following

    assert set(totals) == {"completed", "empty_answer", "missed"}
    assert totals["missed"] >= 3
    assert 0 < totals["empty_answer"] < totals["completed"] / 4
    assert set(endings(acme).values()) == {1}
    claims = ws._log.read(lambda cursor: cursor.query("SELECT count(*) FROM processed_task_executions"))
    assert claims == [(totals.total(),)]
    assert ws.verify() == []
