"""What a form asks before it is saved: when a task would run, what it would cost, who changed it."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

import wsq

NINE = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


def test_the_slots_that_are_foretold_are_those_that_the_task_then_has(acme, clock):
    foretold = acme.upcoming(every="4 hours", starting="13:30", timezone="Europe/Berlin", count=3)

    made = acme.create_recurring_task("Triage", "Look.", every="4 hours", starting="13:30", timezone="Europe/Berlin")

    assert foretold[0] == made.next_execution_at
    assert [b - a for a, b in pairwise(foretold)] == [timedelta(hours=4)] * 2


def test_foretelling_writes_nothing_and_needs_no_store(ws):
    assert len(ws.store("nobody").upcoming(every="1 day", starting="09:00")) == 3
    assert ws.stores() == []


def test_a_change_that_moves_no_grid_foretells_the_slots_that_are_there(acme, clock):
    task = acme.create_recurring_task("Triage", "Look.", every="4 hours")
    clock.advance(timedelta(minutes=90))

    assert acme.upcoming(recurring_task_id=task.id)[0] == task.next_execution_at
    assert acme.upcoming(every="4 hours", recurring_task_id=task.id)[0] == task.next_execution_at


@pytest.mark.parametrize(
    "change",
    [{"every": "5 hours"}, {"starting": "09:00"}, {"every": "2 days", "starting": NINE}, {"timezone": "Asia/Tokyo"}],
)
def test_a_change_that_moves_the_grid_foretells_where_it_goes(acme, clock, change):
    task = acme.create_recurring_task("Triage", "Look.", every="1 day", starting="08:00")
    clock.advance(timedelta(hours=3))

    foretold = acme.upcoming(recurring_task_id=task.id, **change)

    assert foretold[0] == acme.update_recurring_task(task.id, **change).next_execution_at


def test_a_disabled_task_foretells_what_it_will_do_once_it_is_enabled(acme):
    task = acme.create_recurring_task("Triage", "Look.", every="4 hours", enabled=False)

    assert acme.upcoming(recurring_task_id=task.id)[0] == acme.enable_recurring_task(task.id).next_execution_at


@pytest.mark.parametrize("wrong", [{"every": "0 hours"}, {"every": None}, {"every": "1 day", "timezone": "Mars/Base"}])
def test_what_cannot_be_made_is_not_foretold(acme, wrong):
    with pytest.raises(wsq.WsqError):
        acme.upcoming(**wrong)


def test_a_forecast_can_be_asked_of_another_interval(acme):
    task = acme.create_recurring_task("Triage", "Look.", every="4 hours")

    assert acme.forecast(task.id).runs_per_day == 6
    assert acme.forecast(task.id, every="1 hour").runs_per_day == 24


def test_who_changed_a_row_last_is_told_and_running_it_is_no_change(ws, acme, clock):
    task = acme.create_recurring_task("Triage", "List the tasks", every="4 hours")
    clock.advance(timedelta(minutes=5))
    acme.as_actor("grace").update_recurring_task(task.id, name="Sort the mail")
    acme.create_task("another")
    acme.run_now(task.id)

    edit = acme.last_edit("recurring_task", task.id)

    assert (edit.actor, edit.at) == ("grace", acme.recurring_task(task.id).updated_at)
    assert acme.last_edit("recurring_task", "nowhere") is None
