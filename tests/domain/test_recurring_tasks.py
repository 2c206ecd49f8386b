"""Recurring tasks: what they are made with, edited to, and what becomes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

import wsq
from tests.domain.worlds import head, names, nothing_written, refused

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def make(store, **given):
    return store.create_recurring_task("Triage", "List the tasks", **{"every": "1 hour", **given})


def settlements(store, task):
    """Of every skipped or started execution that settles slots: its reason (or status), how many, and the newest."""
    rows = [row for row in reversed(store.executions(task.id, 100)) if row.slots]
    return [(row.reason or row.status, row.slots, row.scheduled_for) for row in rows]


def test_a_recurring_task_has_what_it_was_made_with(acme):
    project = acme.create_project("Launch")

    task = acme.create_recurring_task(
        " Triage ", "  Look.\n", every="4 hours", starting="09:00", timezone="Europe/Berlin", description="d",
        project_id=project.id, assignees=["Ada"], model="m", missed="run_once", budget_per_day=1.5,
        time_limit="90 seconds", skip_unchanged=True,
    )  # fmt: skip

    assert (task.name, task.prompt, task.description) == ("Triage", "  Look.\n", "d")
    assert (task.interval_value, task.interval_unit, task.interval_hours) == (4, "hours", 4.0)
    assert (task.starting, task.timezone, task.project_id, task.assignees) == (
        "09:00", "Europe/Berlin", project.id, ("Ada",),
    )  # fmt: skip
    assert (task.model, task.missed, task.budget_per_day) == ("m", "run_once", 1.5)
    assert (task.time_limit, task.skip_unchanged, task.enabled) == (timedelta(seconds=90), True, True)
    assert (task.disabled_reason, task.failures_in_row, task.last_executed_at, task.version) == (None, 0, None, 1)
    assert task.created_at == task.updated_at == NOON
    assert acme.recurring_task(task.id) == task


def test_what_is_left_out_has_its_default(acme):
    task = make(acme)

    assert (task.missed, task.time_limit, task.budget_per_day) == ("skip", timedelta(minutes=5), None)
    assert (task.starting, task.timezone, task.assignees, task.model) == (None, "UTC", (), None)
    assert (task.skip_unchanged, task.enabled, task.description) == (False, True, "")


@pytest.mark.parametrize(("every", "value", "unit", "hours"), [
    ("1 minutes", 1, "minutes", 1 / 60), ("30m", 30, "minutes", 0.5), ("90 minutes", 90, "minutes", 1.5),
    ("4 hours", 4, "hours", 4.0), ("4h", 4, "hours", 4.0), ("1 day", 1, "days", 24.0), ("7 days", 7, "days", 168.0),
    (timedelta(days=1), 24, "hours", 24.0), (timedelta(minutes=90), 90, "minutes", 1.5),
])  # fmt: skip
def test_an_interval_is_kept_in_the_unit_it_was_given_in(acme, every, value, unit, hours):
    task = make(acme, every=every)

    assert (task.interval_value, task.interval_unit, task.interval_hours) == (value, unit, hours)
    assert task.next_execution_at == NOON + timedelta(hours=hours)


@pytest.mark.parametrize("given", [
    {"every": "0 minutes"}, {"every": "1.5 hours"}, {"every": "often"}, {"every": timedelta(seconds=90)},
    {"every": timedelta(0)}, {"every": timedelta(minutes=-5)}, {"every": "-1 hours"}, {"every": 5}, {"every": None},
    {"every": "99999 days"}, {"starting": "25:00"}, {"starting": "9"}, {"starting": NOON.replace(tzinfo=None)},
    {"starting": "2026-03-02T09:00"}, {"timezone": "Mars/Base"}, {"timezone": ""}, {"missed": "catch_up"},
    {"time_limit": "0 seconds"}, {"time_limit": "2 hours"}, {"time_limit": None}, {"budget_per_day": -1},
    {"budget_per_day": float("nan")}, {"budget_per_day": "1"}, {"skip_unchanged": "yes"}, {"enabled": 1},
    {"assignees": "Ada"}, {"model": ""},
])  # fmt: skip
def test_what_makes_no_sense_is_refused_and_nothing_is_written(acme, given):
    task = make(acme)

    with refused(acme, wsq.InvalidInput):
        make(acme, **given)
    if "enabled" not in given:
        with refused(acme, wsq.InvalidInput):
            acme.update_recurring_task(task.id, **given)


@pytest.mark.parametrize("prompt", ["", "  \n", None, 5, "x" * 20_001, "a\0", "\ud800"])
def test_a_prompt_is_a_text_of_at_most_20_000_characters(acme, prompt):
    task = make(acme)

    with refused(acme, wsq.InvalidInput):
        acme.create_recurring_task("Triage", prompt, every="1 hour")
    with refused(acme, wsq.InvalidInput):
        acme.update_recurring_task(task.id, prompt=prompt)


def test_recurring_tasks_come_newest_first_also_of_one_instant(acme):
    made = [make(acme).id for _ in range(6)]

    assert [task.id for task in acme.recurring_tasks()] == made[::-1]


def test_recurring_tasks_can_be_asked_for_by_project(acme):
    project = acme.create_project("Launch")
    within = make(acme, project_id=project.id)
    make(acme)

    assert acme.recurring_tasks(project.id) == [within]


def test_the_zone_is_that_of_the_store_and_its_own_from_then_on(ws, acme):
    ws.create_store("berlin", timezone="Europe/Berlin")
    task = make(ws.store("berlin"), every="1 day", starting="09:00")
    assert (task.timezone, task.next_execution_at) == ("Europe/Berlin", datetime(2026, 3, 3, 8, 0, tzinfo=UTC))

    ws.update_store("berlin", timezone="Asia/Tokyo")
    assert ws.store("berlin").recurring_task(task.id) == task


def test_the_zone_and_the_anchor_stand_in_the_events(acme):
    make(acme, every="1 day", starting="09:00", timezone="Europe/Berlin")

    fact = acme.events()[-1].fact
    assert (fact.timezone, fact.anchor) == ("Europe/Berlin", datetime(2026, 3, 3, 8, 0, tzinfo=UTC))


# Starting


def test_without_a_start_the_grid_begins_when_the_task_is_made_to_the_second(acme, clock):
    clock.move_to(NOON + timedelta(seconds=7, microseconds=654_321))

    task = make(acme, every="10 minutes")

    assert task.anchor == NOON + timedelta(seconds=7)
    assert task.next_execution_at == NOON + timedelta(minutes=10, seconds=7)


@pytest.mark.parametrize(("starting", "zone", "first"), [
    ("12:00", "UTC", NOON),
    ("11:59", "UTC", NOON + timedelta(hours=23, minutes=59)),
    ("9:00", "America/New_York", NOON + timedelta(hours=2)),
    (NOON + timedelta(days=3), "UTC", NOON + timedelta(days=3)),
    ("2026-03-02T14:30:00+02:00", "UTC", NOON + timedelta(minutes=30)),
    (datetime(2026, 3, 2, 22, 0, tzinfo=timezone(timedelta(hours=9))), "UTC", NOON + timedelta(hours=1)),
])  # fmt: skip
def test_a_start_is_a_wall_time_or_an_instant_and_the_first_slot_its_next_occurrence(acme, starting, zone, first):
    task = make(acme, every="1 day", starting=starting, timezone=zone)

    assert task.next_execution_at == first


def test_a_start_in_the_past_fixes_the_grid_and_the_first_slot_is_its_next_point(acme):
    task = make(acme, every="45 minutes", starting=NOON - timedelta(minutes=100))

    assert task.next_execution_at == NOON + timedelta(minutes=35)


def test_a_timedelta_of_a_day_is_elapsed_time_and_the_unit_days_keeps_the_wall_clock(acme, clock):
    clock.move_to(datetime(2026, 3, 28, 12, 0, tzinfo=UTC))  # on the 29th Berlin puts its clocks on

    days = make(acme, every="1 day", starting="09:00", timezone="Europe/Berlin")
    elapsed = make(acme, every=timedelta(days=1), starting="09:00", timezone="Europe/Berlin")
    assert days.next_execution_at == elapsed.next_execution_at == datetime(2026, 3, 29, 7, 0, tzinfo=UTC)
    clock.move_to(datetime(2026, 3, 28, 6, 0, tzinfo=UTC))
    days = make(acme, every="1 day", starting="09:00", timezone="Europe/Berlin")
    elapsed = make(acme, every=timedelta(days=1), starting="09:00", timezone="Europe/Berlin")

    clock.move_to(datetime(2026, 3, 28, 8, 0, tzinfo=UTC))
    acme.workspace.process()

    assert acme.recurring_task(days.id).next_execution_at == datetime(2026, 3, 29, 7, 0, tzinfo=UTC)
    assert acme.recurring_task(elapsed.id).next_execution_at == datetime(2026, 3, 29, 8, 0, tzinfo=UTC)


# Editing


def test_an_edit_of_anything_but_the_grid_leaves_the_grid(acme, clock):
    task = make(acme, assignees=["Ada"], model="m", budget_per_day=1)
    clock.advance(timedelta(minutes=20))

    edited = acme.update_recurring_task(
        task.id, name="Sort", prompt="p", description=None, assignees=None, model=None, budget_per_day=None,
        missed="run_once", time_limit=timedelta(seconds=30), skip_unchanged=True,
    )  # fmt: skip

    assert (edited.anchor, edited.next_execution_at) == (task.anchor, task.next_execution_at)
    assert (edited.name, edited.description, edited.assignees, edited.model) == ("Sort", "", (), None)
    assert (edited.budget_per_day, edited.missed, edited.time_limit) == (None, "run_once", timedelta(seconds=30))
    assert (edited.skip_unchanged, edited.version, edited.updated_at) == (True, 2, clock.now())


def test_an_edit_that_changes_nothing_writes_no_event(acme, clock):
    task = make(acme, every="1 day", starting="09:00", timezone="Europe/Berlin", time_limit=60)
    clock.advance(timedelta(days=3))

    with nothing_written(acme):
        same = acme.update_recurring_task(
            task.id, name=" Triage", every="1d", starting="9:00", timezone="Europe/Berlin", time_limit="1 minute",
            missed="skip", assignees=[], model=None, budget_per_day=None, skip_unchanged=False, project_id=None,
        )  # fmt: skip
    assert same == task


def test_a_new_interval_anchors_the_grid_anew_and_settles_what_was_due(acme, clock):
    task = make(acme)
    clock.move_to(NOON + timedelta(hours=2, minutes=30))

    edited = acme.update_recurring_task(task.id, every="2 hours")

    assert (edited.anchor, edited.next_execution_at) == (clock.now(), clock.now() + timedelta(hours=2))
    assert edited.interval_hours == 2.0
    assert settlements(acme, task) == [("rescheduled", 2, NOON + timedelta(hours=2))]
    assert names(acme)[-2:] == ["task_execution.skip", "recurring_task.update"]


def test_a_new_interval_keeps_the_start_that_was_given(acme, clock):
    task = make(acme, every="1 day", starting="09:00", timezone="Europe/Berlin")

    edited = acme.update_recurring_task(task.id, every="2 days")

    assert (edited.starting, edited.next_execution_at) == ("09:00", datetime(2026, 3, 3, 8, 0, tzinfo=UTC))
    assert settlements(acme, task) == []


def test_a_new_start_and_a_start_that_is_taken_away_move_the_grid(acme, clock):
    task = make(acme, every="1 hour")
    clock.advance(timedelta(minutes=5))

    moved = acme.update_recurring_task(task.id, starting="12:20")
    assert moved.next_execution_at == NOON + timedelta(minutes=20)
    cleared = acme.update_recurring_task(task.id, starting=None)
    assert (cleared.starting, cleared.next_execution_at) == (None, NOON + timedelta(minutes=65))


def test_a_new_zone_moves_a_grid_of_days_and_settles_what_was_due(acme, clock):
    task = make(acme, every="1 day", starting="09:00", timezone="Europe/Berlin")
    clock.move_to(datetime(2026, 3, 4, 8, 0, tzinfo=UTC))

    moved = acme.update_recurring_task(task.id, timezone="America/New_York")

    assert moved.next_execution_at == datetime(2026, 3, 4, 14, 0, tzinfo=UTC)
    assert settlements(acme, task) == [("rescheduled", 2, datetime(2026, 3, 4, 8, 0, tzinfo=UTC))]


@pytest.mark.parametrize(
    ("made", "given"),
    [
        ({"every": "1 hour"}, {"every": "60 minutes"}),
        ({"every": "120 minutes", "starting": "09:00"}, {"every": timedelta(hours=2), "starting": " 9:00"}),
        ({"every": "1 hour"}, {"timezone": "America/New_York"}),
        ({"every": "4 hours", "starting": "2026-03-02T14:00:00+01:00"}, {"timezone": "America/New_York"}),
        ({"every": "1 day", "starting": "14:00"}, {"timezone": "Etc/UTC"}),
        ({"every": "1 day", "timezone": "Asia/Calcutta"}, {"every": "1d", "timezone": "Asia/Kolkata"}),
        (
            {"every": "7 days", "starting": "2026-03-02T14:00:00+01:00", "timezone": "Europe/Berlin"},
            {"starting": "2026-03-02T13:00:00Z", "timezone": "Europe/Copenhagen"},
        ),
        (
            {"every": "1 day", "starting": "2026-03-02T14:00+01:00", "timezone": "Europe/Berlin"},
            {"starting": datetime(2026, 3, 2, 8, 0, tzinfo=ZoneInfo("America/New_York")), "every": "1 day"},
        ),
    ],
)
def test_a_schedule_that_is_only_spelled_otherwise_keeps_its_grid_and_what_is_due(ws, acme, clock, made, given):
    # Given a task with a slot that is due
    task = make(acme, missed="run_once", **made)
    clock.move_to(task.next_execution_at)

    # When its schedule is given in other words that mean the same
    edited = acme.update_recurring_task(task.id, **given)
    upcoming = acme.upcoming(recurring_task_id=task.id, **given)

    # Then they are what it shows, and the slot that is due runs
    assert (edited.anchor, edited.next_execution_at) == (task.anchor, task.next_execution_at)
    assert edited.timezone == given.get("timezone", task.timezone)
    assert upcoming[0] == task.next_execution_at
    assert ws.process().completed == 1
    assert settlements(acme, task) == [("completed", 1, task.next_execution_at)]
    assert ws.unsettled() == []


@pytest.mark.parametrize(
    "given",
    [
        {"every": "24 hours"},
        {"starting": None},
        {"timezone": "Europe/London"},
        {"starting": "2026-03-02T14:00:00+02:00"},
    ],
)
def test_a_schedule_that_means_something_else_moves_the_grid(ws, acme, clock, given):
    task = make(acme, every="1 day", starting="2026-03-02T14:00+01:00", timezone="Europe/Berlin")
    clock.move_to(task.next_execution_at)

    acme.update_recurring_task(task.id, **given)

    assert settlements(acme, task) == [("rescheduled", 1, task.next_execution_at)]
    assert ws.unsettled() == []


def test_a_slot_that_is_due_exactly_at_the_edit_is_settled_by_it(acme, clock):
    task = make(acme)
    clock.move_to(NOON + timedelta(hours=1))

    edited = acme.update_recurring_task(task.id, every="30 minutes")

    assert settlements(acme, task) == [("rescheduled", 1, NOON + timedelta(hours=1))]
    assert edited.next_execution_at == NOON + timedelta(hours=1, minutes=30)


def test_the_grid_of_a_disabled_task_can_be_edited(acme, clock):
    task = make(acme, enabled=False)
    clock.advance(timedelta(hours=3))

    edited = acme.update_recurring_task(task.id, every="2 hours")

    assert (edited.next_execution_at, edited.anchor) == (None, clock.now())
    assert settlements(acme, task) == []
    assert acme.enable_recurring_task(task.id).next_execution_at == clock.now() + timedelta(hours=2)


# Switching off and on


def test_a_disabled_task_has_no_next_time_and_its_due_slots_are_settled(acme, clock):
    task = make(acme)
    clock.move_to(NOON + timedelta(hours=3))

    off = acme.disable_recurring_task(task.id, reason=" too noisy ")

    assert (off.enabled, off.next_execution_at, off.disabled_reason, off.version) == (False, None, "too noisy", 2)
    assert settlements(acme, task) == [("disabled", 3, NOON + timedelta(hours=3))]
    with nothing_written(acme):
        assert acme.disable_recurring_task(task.id) == off


def test_an_enabled_task_goes_on_with_the_next_point_of_its_old_grid(acme, clock):
    task = make(acme)
    clock.advance(timedelta(minutes=20))
    acme.disable_recurring_task(task.id)
    clock.advance(timedelta(hours=5))

    on = acme.enable_recurring_task(task.id)

    assert (on.enabled, on.disabled_reason, on.next_execution_at) == (True, None, NOON + timedelta(hours=6))
    assert settlements(acme, task) == []
    with nothing_written(acme):
        assert acme.enable_recurring_task(task.id) == on


def test_a_task_can_be_made_disabled(acme):
    task = make(acme, enabled=False)

    assert (task.enabled, task.next_execution_at) == (False, None)
    assert acme.workspace.process().due == 0


# Deleting


def test_deleting_returns_the_last_row_and_settles_what_was_due(acme, clock):
    task = make(acme)
    clock.move_to(NOON + timedelta(hours=2))

    last = acme.delete_recurring_task(task.id)

    assert (last.id, last.name, last.version) == (task.id, "Triage", 1)
    assert acme.recurring_tasks() == []
    assert settlements(acme, task) == [("deleted", 2, NOON + timedelta(hours=2))]
    for gone in (
        acme.recurring_task, acme.delete_recurring_task, acme.enable_recurring_task,
        acme.disable_recurring_task, acme.run_now,
    ):  # fmt: skip
        with refused(acme, wsq.NotFound):
            gone(task.id)


def test_the_executions_of_a_deleted_task_stay_readable_by_its_id(acme):
    task, never_run = make(acme), make(acme)
    execution = acme.run_now(task.id)

    acme.delete_recurring_task(task.id)
    acme.delete_recurring_task(never_run.id)

    assert acme.executions(task.id) == [execution]
    assert acme.latest_execution(task.id) == execution
    assert acme.execution(execution.id) == execution
    assert acme.transcript(execution.id)
    assert acme.executions(never_run.id) == []
    assert acme.latest_execution(never_run.id) is None


def test_the_version_rises_only_with_what_people_change(acme, clock):
    task = make(acme)

    clock.advance(timedelta(hours=1))
    acme.workspace.process()
    acme.run_now(task.id)
    after = acme.recurring_task(task.id)
    assert (after.version, after.updated_at) == (1, NOON)
    assert after.last_executed_at == clock.now()

    clock.advance(timedelta(days=2))
    acme.workspace.process()
    assert acme.recurring_task(task.id).version == 1
    assert acme.update_recurring_task(task.id, name="x", expected_version=1).version == 2


def test_what_happened_stands_in_the_log_under_its_names(acme, clock):
    task = make(acme)
    acme.update_recurring_task(task.id, name="x")
    acme.disable_recurring_task(task.id)
    acme.enable_recurring_task(task.id)
    acme.delete_recurring_task(task.id)

    assert names(acme) == [
        "store.create", "recurring_task.create", "recurring_task.update", "recurring_task.disable",
        "recurring_task.enable", "recurring_task.delete",
    ]  # fmt: skip
    assert [event.seq for event in acme.events()] == list(range(1, head(acme) + 1))
