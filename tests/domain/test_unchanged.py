"""A task may ask to be skipped when nothing has changed that it looks at."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import NOON
from wsq.agent.providers import ScriptedProvider, call, finish
from wsq.commands import unchanged

HOUR = timedelta(hours=1)


@pytest.fixture
def world(open_workspace, clock):
    """A store with two projects, and a recurring task of the first that makes a task and ends."""
    ws = open_workspace(provider=ScriptedProvider([call(("create_task", {"title": "Made"})), finish()]))
    acme = ws.store("acme")
    launch, other = acme.create_project("Launch"), acme.create_project("Other")
    task = acme.create_recurring_task("Triage", "Look.", every="1 hour", project_id=launch.id, skip_unchanged=True)

    def next_slot():
        clock.advance(HOUR)
        (row,) = ws.process().executions
        return row.status, row.reason

    return ws, acme, launch, other, task, next_slot


def test_what_it_did_itself_is_no_change(world):
    _, _, _, _, _, next_slot = world

    assert [next_slot() for _ in range(3)] == [("completed", None), ("skipped", "unchanged"), ("skipped", "unchanged")]


@pytest.mark.parametrize(
    "change",
    [
        lambda acme, launch, _other, _task: acme.create_task("New", project_id=launch.id),
        lambda acme, launch, _other, _task: acme.update_project(launch.id, description="More"),
        lambda acme, launch, _other, _task: acme.create_document("Brief", "…", project_id=launch.id),
        lambda acme, launch, _other, _task: acme.create_contact("Ada", project_id=launch.id),
        lambda acme, _launch, _other, _task: acme.move_task(acme.tasks()[0].id, status="done"),
        lambda acme, _launch, other, _task: acme.move_task(acme.tasks()[0].id, project_id=other.id),
        lambda acme, _launch, _other, task: acme.update_recurring_task(task.id, prompt="Look again."),
    ],
    ids=["task", "project", "document", "contact", "moved", "moved away", "its own prompt"],
)
def test_a_change_in_its_project_gives_it_work(world, change):
    _, acme, launch, other, task, next_slot = world
    next_slot()
    assert next_slot() == ("skipped", "unchanged")

    change(acme, launch, other, task)

    assert next_slot() == ("completed", None)
    assert next_slot() == ("skipped", "unchanged")


@pytest.mark.parametrize(
    "change",
    [
        lambda acme, other: acme.create_task("New", project_id=other.id),
        lambda acme, _other: acme.create_task("New"),
        lambda acme, other: acme.update_project(other.id, description="More"),
        lambda acme, other: acme.create_document("Brief", "…", project_id=other.id),
    ],
    ids=["another project's task", "no project's task", "another project", "another project's document"],
)
def test_what_lies_outside_its_project_is_no_change_for_it(world, change):
    _, acme, _, other, _, next_slot = world
    next_slot()

    change(acme, other)

    assert next_slot() == ("skipped", "unchanged")


def test_more_changes_than_are_looked_at_count_as_a_change(world, monkeypatch):
    monkeypatch.setattr(unchanged, "_LOOKED_AT", 3)
    _, acme, _, other, _, next_slot = world
    next_slot()
    for number in range(2):
        acme.create_task(f"New {number}", project_id=other.id)
    assert next_slot() == ("skipped", "unchanged")

    acme.create_task("New 2", project_id=other.id)

    assert next_slot() == ("completed", None)


def test_without_a_project_whatever_happens_in_the_store_gives_it_work(open_workspace, clock):
    ws = open_workspace(provider=ScriptedProvider([finish()]))
    acme = ws.store("acme")
    acme.create_recurring_task("Triage", "Look.", every="1 hour", skip_unchanged=True)
    reasons = []

    for step in range(4):
        if step == 2:
            acme.create_document("Brief", "…")
        clock.advance(HOUR)
        (row,) = ws.process().executions
        reasons.append(row.reason)

    assert reasons == [None, "unchanged", None, "unchanged"]


def test_after_a_failure_it_runs_again(open_workspace, clock):
    ws = open_workspace(provider=ScriptedProvider([ValueError("broken")]))
    acme = ws.store("acme")
    acme.create_recurring_task("Triage", "Look.", every="1 hour", skip_unchanged=True)
    clock.advance(HOUR)
    assert ws.process().failed == 1

    clock.advance(HOUR)

    assert ws.process().failed == 1


def test_a_task_that_does_not_ask_runs_every_time(open_workspace, clock):
    ws = open_workspace(provider=ScriptedProvider([finish()]))
    ws.store("acme").create_recurring_task("Triage", "Look.", every="1 hour")

    for _ in range(2):
        clock.advance(HOUR)
        assert ws.process().completed == 1
    assert clock.now() == NOON + 2 * HOUR
