"""Time zones: SQL shows UTC, a wall time is what was meant, and a zone that is unknown spoils its own task alone."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

import wsq
from tests.conftest import NOON
from tests.zone_files import pythons_path, rules_in, tzif
from wsq.views.dialogs.recurring_form import RecurringTaskForm
from wsq.views.page.cards import recurring_card


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
