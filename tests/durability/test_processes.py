"""Many processes work on one file at once."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import wsq
from tests.commands import run, side_by_side
from tests.conftest import NOON
from tests.faults.commands import CLOCK_LINE
from wsq.clock import ManualClock


def test_two_stores_with_the_same_slot_both_run(acme: wsq.Store, ws: wsq.Workspace, clock: ManualClock) -> None:
    # Given the same slot in two stores
    other = ws.store("other")
    for store in (acme, other):
        store.create_recurring_task("Note", "Create a task called 'Noted'", every="1 hour")
    clock.advance(timedelta(hours=1))

    # When a pass is made
    report = ws.process()

    # Then both were carried out, each in its own store
    assert report.completed == 2
    assert [t.title for t in acme.tasks()] == ["Noted"]
    assert [t.title for t in other.tasks()] == ["Noted"]


def test_ten_processes_carry_out_each_of_fifty_slots_once(database: Path) -> None:
    # Given fifty slots that are due
    clock = ManualClock(NOON)
    with wsq.open(database, clock=clock) as ws:
        for n in range(50):
            store = ws.store(f"store-{n % 5}")
            store.create_recurring_task(f"Note {n}", f"Create a task called 'Noted {n}'", every="1 hour")
    due = (NOON + timedelta(hours=1)).isoformat()

    # When ten processes start at once
    command = ["wsq-process", "--database", database, "--now", due, "--json"]
    ended = side_by_side(*[lambda: run(*command)] * 10)

    # Then each slot was claimed once and carried out once, and no process had anything to complain of
    assert [said for said in ended if said.status or CLOCK_LINE.sub("", said.err)] == []
    reports = [json.loads(said.out) for said in ended]
    settled = [execution["id"] for report in reports for execution in report["executions"]]
    assert len(settled) == len(set(settled)) == 50
    with wsq.open(database) as ws:
        counted = ws.sql(
            """select (select count(*) from task_executions where status = 'completed') as executions,
            (select count(*) from processed_task_executions) as claims,
            (select count(*) from tasks) as tasks,
            (select count(distinct title) from tasks) as titles,
            (select count(*) from leases) as leases"""
        )
        assert counted.iloc[0].to_dict() == {"executions": 50, "claims": 50, "tasks": 50, "titles": 50, "leases": 0}
        assert ws.verify() == []
