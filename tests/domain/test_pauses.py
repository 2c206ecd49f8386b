"""Nothing starts in a pause, of a store or of the workspace; afterwards everything goes on as if it had not been."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import wsq
from tests.conftest import NOON
from wsq.clock import ManualClock


def hourly(store: wsq.Store, **given: object) -> wsq.RecurringTask:
    return store.create_recurring_task("Triage", "Create a task called 'Check mail'", every="1 hour", **given)


def came_to(store: wsq.Store, task: wsq.RecurringTask) -> list[tuple[str, str | None, int]]:
    return [(row.status, row.reason, row.slots) for row in store.executions(task.id)]


@pytest.mark.parametrize("whole", [True, False], ids=["workspace", "store"])
def test_slots_in_a_pause_are_skipped_as_paused_and_the_grid_is_unmoved_by_resuming(
    whole: bool, ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock
) -> None:
    # Given an hourly task, one that is disabled, and a pause
    task = hourly(acme)
    off = hourly(acme, enabled=False)
    paused = ws if whole else acme
    row = paused.pause(reason="  moving house ")
    assert (row.paused_at, row.paused_until, row.paused_reason) == (NOON, None, "moving house")

    # When slots fall due, some seen by a pass and some not, and it is resumed
    clock.advance(timedelta(hours=2))
    report = ws.process()
    assert (report.completed, report.skipped) == (0, 1)
    clock.advance(timedelta(minutes=62))
    paused.resume()

    # Then each is settled as paused, once, and the next slot is where it always was
    assert came_to(acme, task) == [("skipped", "paused", 1), ("skipped", "paused", 2)]
    assert acme.recurring_task(task.id).next_execution_at == NOON + timedelta(hours=4)
    assert acme.recurring_task(task.id).version == task.version
    assert acme.recurring_task(off.id) == off
    assert ws.process().executions == []
    clock.advance(timedelta(hours=1))
    assert ws.process().completed == 1
    assert ws.verify() == []


@pytest.mark.parametrize("missed", ["skip", "run_once"])
def test_a_pause_with_an_end_ends_by_itself_and_what_fell_into_it_is_never_made_up_for(
    missed: str, ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock
) -> None:
    task = hourly(acme, missed=missed)
    acme.pause(until=NOON + timedelta(minutes=61))
    clock.advance(timedelta(minutes=61))
    assert acme.paused() is None
    assert ws.process().skipped == 1
    assert came_to(acme, task) == [("skipped", "paused", 1)]
    clock.advance(timedelta(minutes=59))
    assert ws.process().completed == 1


def test_a_slot_at_the_very_end_of_a_pause_is_carried_out(
    ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock
) -> None:
    hourly(acme)
    acme.pause(until=NOON + timedelta(hours=2))
    clock.advance(timedelta(hours=2))
    report = ws.process()
    assert [(row.status, row.slots) for row in report.executions] == [("completed", 2)]


def test_nothing_is_started_by_hand_in_a_pause_and_the_refusal_says_why(ws: wsq.Workspace, acme: wsq.Store) -> None:
    task = hourly(acme)
    ws.pause(reason="audit")
    with pytest.raises(wsq.NotRunnable, match=r"The workspace is paused: audit; resume it to run 'Triage'\."):
        acme.run_now(task.id)
    assert acme.executions() == []


def test_resuming_the_workspace_leaves_a_store_paused_that_was_so_itself(
    ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock
) -> None:
    ours = hourly(acme)
    theirs = hourly(ws.store("beta"))
    acme.pause(reason="ours alone")
    ws.pause()
    assert acme.paused().workspace
    ws.resume()
    assert (acme.paused().workspace, acme.paused().reason) == (False, "ours alone")
    clock.advance(timedelta(hours=1))
    ws.process()
    assert came_to(acme, ours) == [("skipped", "paused", 1)]
    assert came_to(ws.store("beta"), theirs) == [("completed", None, 1)]


def test_saying_the_same_again_writes_nothing_and_another_end_goes_on_with_the_same_pause(
    ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock
) -> None:
    acme.create_project("Launch")
    acme.pause(reason="audit")
    before = acme.head()
    acme.pause(reason="audit")
    assert acme.head() == before
    clock.advance(timedelta(minutes=5))
    row = acme.pause(until=NOON + timedelta(days=1), reason="audit")
    assert (row.paused_at, row.paused_until) == (NOON, NOON + timedelta(days=1))
    acme.resume()
    before = acme.head()
    acme.resume()
    ws.resume()
    assert acme.head() == before


@pytest.mark.parametrize(
    ("until", "sentence"),
    [
        (NOON, "which has passed already"),
        (NOON.replace(tzinfo=None), "expected a datetime with its time zone"),
        ("17:00", "expected a datetime with its time zone"),
    ],
)
def test_an_end_that_is_none_is_refused_and_nothing_is_paused(until: object, sentence: str, acme: wsq.Store) -> None:
    acme.create_project("Launch")
    with pytest.raises(wsq.InvalidInput, match=sentence):
        acme.pause(until=until)
    assert acme.paused() is None


def test_a_store_that_is_not_there_is_not_made_by_pausing_it(ws: wsq.Workspace) -> None:
    ws.create_store("acme")
    with pytest.raises(wsq.NotFound, match="the nearest is 'acme'"):
        ws.store("acmee").pause()
    assert [row.id for row in ws.stores()] == ["acme"]


def test_what_runs_when_a_pause_begins_ends_normally(ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock) -> None:
    task = hourly(acme)
    running = acme.start_now(task.id)
    acme.pause()
    while acme.execution(running.id).status == "running":
        pass
    assert acme.execution(running.id).status == "completed"


def test_who_is_told_of_which_ends_is_kept_and_what_makes_no_sense_is_refused(acme: wsq.Store) -> None:
    task = hourly(acme, notify=[" Ada ", "ops@example.com", "Ada"], notify_on=["done", "failed"])
    assert (task.notify, task.notify_on) == (("Ada", "ops@example.com"), ("failed", "done"))
    assert hourly(acme).notify_on == ("failed", "could_not")
    task = acme.update_recurring_task(task.id, notify=None, notify_on=None)
    assert (task.notify, task.notify_on) == ((), ("failed", "could_not"))
    with pytest.raises(wsq.InvalidInput, match="failed, could_not and done"):
        acme.update_recurring_task(task.id, notify_on=["always"])
    with pytest.raises(wsq.InvalidInput, match="name the outcomes to notify of"):
        hourly(acme, notify=["Ada"], notify_on=[])
    quiet = acme.update_recurring_task(task.id, notify_on=[])
    with pytest.raises(wsq.InvalidInput, match="name the outcomes to notify of"):
        acme.update_recurring_task(quiet.id, notify=["Ada"])
    assert acme.update_recurring_task(quiet.id, notify=["Ada"], notify_on=["done"]).notify == ("Ada",)
    with pytest.raises(wsq.InvalidInput, match="name the outcomes to notify of"):
        acme.update_recurring_task(quiet.id, notify_on=[])


def test_a_pause_holds_whatever_zone_its_end_is_given_in(ws: wsq.Workspace, acme: wsq.Store) -> None:
    acme.create_project("Launch")
    acme.pause(until=datetime.fromisoformat("2030-01-01T00:00:00+05:30"))
    assert acme.paused().until == datetime(2029, 12, 31, 18, 30, tzinfo=UTC)


def test_an_end_beyond_all_calendars_is_refused(acme: wsq.Store) -> None:
    acme.create_project("Launch")
    with pytest.raises(wsq.InvalidInput, match="expected an instant before 2200"):
        acme.pause(until=datetime.max.replace(tzinfo=UTC))


def test_a_slot_of_a_pause_that_has_run_out_stays_its_own_when_another_begins(
    ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock
) -> None:
    task = hourly(acme, starting="12:58", missed="run_once")
    acme.pause(until=NOON + timedelta(hours=1))
    clock.advance(timedelta(minutes=62))
    acme.pause(until=NOON + timedelta(minutes=63))
    clock.advance(timedelta(minutes=3))
    assert ws.process().executions == []
    assert came_to(acme, task) == [("skipped", "paused", 1)]


def test_a_slot_from_before_a_pause_is_made_up_for_after_it(
    ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock
) -> None:
    task = hourly(acme, missed="run_once")
    clock.advance(timedelta(minutes=90))
    ws.pause()
    clock.advance(timedelta(minutes=5))
    ws.resume()
    assert acme.executions(task.id) == []
    assert ws.process().completed == 1
