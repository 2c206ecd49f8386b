"""Time zones: SQL shows UTC, a wall time is what was meant, and a zone that is unknown spoils its own task alone."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta

import pytest

import wsq
from tests.conftest import NOON
from tests.rings import count
from tests.zone_files import pythons_path, rules_in, tzif
from wsq.agent.providers import ScriptedProvider, finish
from wsq.views.dialogs.recurring_form import RecurringTaskForm
from wsq.views.page.cards import recurring_card
from wsq.zone_rules import zone


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_sql_shows_instants_in_utc_whatever_the_zone_of_the_machine_is(open_workspace, monkeypatch, zone):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        patch.setenv("PGTZ", zone)
        time.tzset()
        ws = open_workspace()
        ws.store("acme").create_recurring_task("T", "List", every="1 day", starting="09:00", timezone=zone)

        found = ws.sql("SELECT current_setting('TimeZone') AS zone, created_at::VARCHAR AS said FROM recurring_tasks")
    time.tzset()

    assert (found.zone[0], found.said[0]) == ("UTC", "2026-03-02 12:00:00+00")


# A zone that is not known


MARS = "Mars/Olympus"
"""A zone that some machine knows: a newer database, or one of its own."""


@pytest.fixture
def on_mars(open_workspace, clock, tmp_path):
    """A store with tasks in a zone that is no longer known, a store that is in it, and one that has none of it."""
    with pythons_path(rules_in(tmp_path / "zones", None, {MARS: tzif((0, 39))})):
        ws = open_workspace()
        acme = ws.store("acme")
        for name, every in (("Rover", "1 day"), ("Probe", "3 hours")):
            acme.create_recurring_task(name, "List the tasks", every=every, starting="09:00", timezone=MARS)
        acme.create_recurring_task("Daily", "List the tasks", every="1 day", starting="09:00", missed="run_once")
        ws.create_store("mars", timezone=MARS)
        ws.store("mars").create_recurring_task("Hourly", "List the tasks", every="1 hour", timezone="UTC")
        ws.store("other").create_recurring_task("Hourly", "List the tasks", every="1 hour")
    clock.move_to(NOON + timedelta(days=2))
    return ws


def task_named(ws, name, store="acme"):
    return next(task for task in ws.store(store).recurring_tasks() if task.name == name)


def test_a_pass_names_the_tasks_of_an_unknown_zone_and_serves_all_else(on_mars):
    foreseen = on_mars.process(dry_run=True)
    report = on_mars.process()

    for each in (foreseen, report):
        assert each.unserved == {}
        assert sorted(each.unplanned.values()) == [
            f"{name!r} has the time zone {MARS!r}, which this machine does not know."
            " Update the package tzdata here, or choose another zone."
            for name in ("Probe", "Rover")
        ]
    assert sorted(would.name for would in foreseen.would_run) == ["Daily", "Hourly", "Hourly"]
    assert (report.completed, report.failed) == (3, 0)
    assert task_named(on_mars, "Rover").next_execution_at < NOON + timedelta(days=2)
    assert on_mars.unsettled() == on_mars.verify() == []


def test_alerts_cards_statistics_and_administration_go_on_with_a_zone_that_is_unknown(on_mars):
    on_mars.process()

    alerts = {alert.recurring_task_id or alert.store_id: alert for alert in on_mars.alerts()}
    found = [alert for alert in alerts.values() if alert.kind == "unknown_zone"]
    assert [(alert.level, alert.store_id) for alert in found] == [
        ("problem", "acme"), ("problem", "acme"), ("warning", "mars"),
    ]  # fmt: skip
    assert "Store 'mars' has the time zone 'Mars/Olympus'" in alerts["mars"].sentence
    assert not {"late", "never_ran"} & {alert.kind for alert in alerts.values()}
    rover = task_named(on_mars, "Rover")
    card = recurring_card(rover, [])
    assert card["unknown_zone"].startswith("It has the time zone 'Mars/Olympus', which this machine does not know.")
    assert recurring_card(task_named(on_mars, "Daily"), [])["unknown_zone"] is None
    assert {row.name for row in on_mars.overview()} == {"Rover", "Probe", "Daily", "Hourly"}
    assert on_mars.store("mars").since(NOON).text().startswith("Since 2026-03-02 12:00 UTC: 1 done")
    assert on_mars.statistics("mars").timezone == MARS
    assert on_mars.store("mars").spending().spent == 0
    assert RecurringTaskForm.of(rover).problems().keys() == {"timezone"}
    with pytest.raises(wsq.NotRunnable, match="which this machine does not know"):
        on_mars.store("acme").run_now(rover.id)


@pytest.mark.parametrize("way", ["disable", "delete", "edit"])
def test_a_task_of_an_unknown_zone_can_be_edited_disabled_and_deleted_and_its_slots_are_settled(on_mars, tmp_path, way):
    acme, rover = on_mars.store("acme"), task_named(on_mars, "Rover")

    if way == "edit":
        edited = acme.update_recurring_task(rover.id, timezone="UTC")
        assert edited.next_execution_at == datetime(2026, 3, 5, 9, tzinfo=UTC)
    else:
        getattr(acme, f"{way}_recurring_task")(rover.id)

    (skipped,) = acme.executions(rover.id)
    assert (skipped.first_slot, skipped.slots) == (rover.next_execution_at, 2)
    assert on_mars.unsettled() == []
    with pythons_path(rules_in(tmp_path / "zones", None, {MARS: tzif((0, 39))})):
        assert on_mars.unsettled() == []


# The wall time is what was meant


SUMMER = tzif((0, 60))
"""Casablanca's clock by some rules."""

WINTER = tzif((0, 0))
"""And by others, an hour behind them."""

ZONE = "Africa/Casablanca"
LATE, EARLY = [datetime(2026, 3, 3, hour, tzinfo=UTC) for hour in (9, 8)]
"""09:00 on the first day, by winter's rules and by summer's."""

DAY = timedelta(days=1)


@pytest.fixture
def by(tmp_path):
    """Has a zone's rules be others while it is entered."""

    def rules(data, version=None):
        return pythons_path(rules_in(tmp_path / f"{len(list(tmp_path.iterdir()))}", version, {ZONE: data}))

    return rules


@pytest.mark.long_on_server
@pytest.mark.parametrize(("old", "new", "first"), [(SUMMER, WINTER, LATE), (WINTER, SUMMER, EARLY)])
@pytest.mark.parametrize(
    ("every", "starting", "shown"),
    [
        ("1 day", "09:00", "09:00"),
        ("7 days", "typed", "09:00"),
        ("1 day", "typed", "09:00"),
        ("1 day", datetime(2026, 3, 3, 9, tzinfo=UTC), None),
        ("2 days", None, None),
    ],
)
def test_a_grid_of_days_keeps_its_wall_time_when_the_rules_of_its_zone_change(
    open_workspace, clock, by, old, new, first, every, starting, shown
):
    # Given a task that was made by other rules, at a wall time, a date that was typed, an instant, or from then on
    with by(old):
        ws = open_workspace(provider=ScriptedProvider([finish()]))
        if starting == "typed":
            starting = RecurringTaskForm(timezone=ZONE, starting="2026-03-03T09:00")._meant(["starting"])["starting"]
        given = {"every": every, "starting": starting, "timezone": ZONE}
        task = ws.store("acme").create_recurring_task("T", "List", missed="run_once", **given)
        meant = [
            slot.astimezone(zone(ZONE)).replace(tzinfo=None) for slot in ws.store("acme").upcoming(**given, count=4)
        ]

    # When those are new, in another process
    with by(new):
        ws = open_workspace(provider=ScriptedProvider([finish()]))
        acme = ws.store("acme")
        ws.process()

        # Then every slot is at the wall time that was meant, each once, from the first one on
        slots = [acme.recurring_task(task.id).next_execution_at, *acme.upcoming(recurring_task_id=task.id, count=4)[1:]]
        assert [slot.astimezone(zone(ZONE)).replace(tzinfo=None) for slot in slots] == meant
        if shown:
            assert {f"{each:%H:%M}" for each in meant} == {shown}
            assert slots[0] == first
        for slot in slots:
            clock.move_to(slot - timedelta(hours=2))
            assert ws.process().due == 0
            clock.move_to(slot)
            assert ws.process().completed == 1
        found = [row.scheduled_for for row in acme.executions(task.id)]
        assert found == slots[::-1]
        assert ws.unsettled() == ws.verify() == []
    with by(old):
        assert ws.unsettled() == []


def test_a_task_of_an_earlier_wsq_follows_the_wall_time_of_its_start(open_workspace, clock, by):
    # Given a task whose events say nothing of a wall time beside its anchor
    with by(SUMMER):
        ws = open_workspace()
        task = ws.store("acme").create_recurring_task("T", "List", every="1 day", starting="00:30", timezone=ZONE)
        with ws._log.engine.write() as cursor:
            cursor.query('UPDATE events SET args = replace(args, \'"anchor_local":"2026-03-03T00:30:00"\', \'"x":1\')')
        ws.rebuild()
        ws.close()
    with by(WINTER):
        ws = open_workspace()
        assert ws.store("acme").recurring_task(task.id).anchor_local is None
        clock.move_to(NOON + timedelta(hours=1))

        # When a pass plans by other rules
        ws.process()
        clock.move_to(NOON + timedelta(days=3))
        ws.process()

        # Then its slots are at the time of its start, and are proven so
        (execution,) = ws.store("acme").executions(task.id)
        assert (execution.first_slot, execution.slots) == (datetime(2026, 3, 3, 0, 30, tzinfo=UTC), 3)
        assert ws.unsettled() == []


def test_a_task_that_is_switched_off_and_on_by_other_rules_does_not_run_again_at_the_same_wall_time(
    open_workspace, clock, by
):
    # Given a task that ran at 09:00 by the rules of one machine
    with by(SUMMER):
        acme = open_workspace().store("acme")
        task = acme.create_recurring_task("T", "List the tasks", every="1 day", starting="09:00", timezone=ZONE)
        clock.move_to(EARLY)
        assert acme.workspace.process().completed == 1

    # When it is switched off and on, or gets another interval, on a machine on which it is 08:30
    clock.move_to(EARLY + timedelta(minutes=30))
    with by(WINTER):
        ws = open_workspace()
        acme = ws.store("acme")
        acme.disable_recurring_task(task.id)
        on_again = acme.enable_recurring_task(task.id)
        edited = acme.update_recurring_task(task.id, every="3 days")
        later = acme.update_recurring_task(task.id, starting="10:00")

        # Then it goes on with the next day, unless another time is meant
        assert on_again.next_execution_at == LATE + DAY
        assert edited.next_execution_at == LATE + 3 * DAY
        assert later.next_execution_at == LATE + timedelta(hours=1)
        assert ws.unsettled() == ws.verify() == []
    with by(SUMMER):
        assert ws.unsettled() == []


@pytest.mark.long_on_server
def test_two_machines_with_different_rules_never_settle_a_wall_time_twice(open_workspace, clock, by):
    # Given a task that two machines serve, by rules that are an hour apart
    machines = [(SUMMER, "2998a"), (WINTER, "2999a")]
    with by(*machines[0]):
        first = open_workspace(provider=ScriptedProvider([finish()]))
        task = first.store("acme").create_recurring_task("T", "List", every="1 day", starting="09:00", timezone=ZONE)
    chance, days = random.Random(3), count(4, 60)

    # When they serve it in turn around the time at which it is due, and people switch it off and on
    for step in range(6 * days):
        day, place = divmod(step, 6)
        clock.move_to(EARLY + day * DAY + timedelta(minutes=20 * place - 10))
        rules = chance.choice(machines)
        with by(*rules), open_workspace(provider=ScriptedProvider([finish()])) as ws:
            ws.process()
            if chance.random() < 0.4:
                ws.store("acme").disable_recurring_task(task.id)
                ws.store("acme").enable_recurring_task(task.id)
    for rules in machines:
        with by(*rules), open_workspace() as ws:
            assert ws.unsettled() == []

    # Then no two of its slots are of the same day; a few are lost to who switches it on by rules by which it is over
    found = first.sql("SELECT scheduled_for::DATE::VARCHAR AS day FROM task_executions").day
    assert len(found) == len(set(found)) >= 0.75 * days


def test_a_machine_with_older_rules_does_not_undo_what_one_with_newer_rules_has_planned(open_workspace, clock, by):
    with by(SUMMER, "2998a"):
        task = open_workspace().store("acme").create_recurring_task(
            "T", "List", every="1 day", starting="09:00", timezone=ZONE
        )  # fmt: skip
    planned = []
    for data, version in [(WINTER, "2999a"), (SUMMER, "2998a"), (WINTER, "2999a"), (SUMMER, "2998a")]:
        with by(data, version):
            ws = open_workspace()
            ws.process()
            planned.append(ws.store("acme").recurring_task(task.id).next_execution_at)

    assert planned == [LATE] * 4
    assert [event.name for event in ws.store("acme").events()][-1] == "recurring_task.replan"
    row = ws.store("acme").recurring_task(task.id)
    assert (row.version, row.updated_at) == (task.version, task.updated_at)


@pytest.mark.long_on_server
@pytest.mark.parametrize(("old", "new"), [(SUMMER, WINTER), (WINTER, SUMMER)])
@pytest.mark.parametrize("mend", ["repair", "edit", "enable"])
@pytest.mark.parametrize("minutes", [-30, 30])
def test_what_a_clock_that_was_ahead_has_settled_is_cut_off_at_the_wall_time_that_was_meant(
    open_workspace, clock, tmp_path, by, old, new, mend, minutes
):
    # Given a task that was settled for a year by a clock that was ahead
    with by(old):
        ws = open_workspace(provider=ScriptedProvider([finish()]))
        task = ws.store("acme").create_recurring_task("T", "List", every="1 day", starting="09:00", timezone=ZONE)
        clock.move_to(LATE + 365 * DAY)
        ws.process()

    # When that is put right by other rules of its zone, shortly before or after the time of its next slot
    clock.move_to(EARLY + 3 * DAY + timedelta(minutes=minutes))
    with by(new):
        ws = open_workspace(provider=ScriptedProvider([finish()]))
        acme = ws.store("acme")
        if mend == "repair":
            ws.repair(tmp_path / "before.duckdb")
        elif mend == "edit":
            acme.update_recurring_task(task.id, every="1 day")
        else:
            acme.disable_recurring_task(task.id)
            acme.enable_recurring_task(task.id)
        for day in range(3, 6):
            clock.move_to(max(LATE + day * DAY, clock.now()))
            ws.process()

        # Then each day lies in one settlement, by whatever rules
        rows = acme.executions(task.id)[::-1]
        days = [zoned + step * DAY for row in rows for zoned in [row.first_slot.date()] for step in range(row.slots)]
        assert days == [LATE.date() + day * DAY for day in range(6)]
        assert ws.unsettled() == ws.verify() == []
    with by(old):
        assert ws.unsettled() == []


def test_an_edit_by_other_rules_does_not_repeat_the_wall_time_that_it_settles(open_workspace, clock, by):
    with by(SUMMER):
        acme = open_workspace().store("acme")
        task = acme.create_recurring_task("T", "List the tasks", every="1 day", starting="09:00", timezone=ZONE)
    clock.move_to(EARLY + timedelta(minutes=30))
    with by(WINTER):
        ws = open_workspace()
        edited = ws.store("acme").update_recurring_task(task.id, every="3 days")

        assert edited.next_execution_at == LATE + 3 * DAY
        assert [row.reason for row in ws.store("acme").executions(task.id)] == ["rescheduled"]
        assert ws.unsettled() == ws.verify() == []
    with by(SUMMER):
        assert ws.unsettled() == []
