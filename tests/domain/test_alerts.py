"""What is not as it should be is told by one definition of each kind: appears when it begins, and goes when it ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

import wsq
from tests.conftest import NOON
from wsq.agent.providers import ProviderError, ScriptedProvider, finish
from wsq.clock import ManualClock
from wsq.commands.executions import WINDOW
from wsq.errors import InvalidInput
from wsq.projections import Rows
from wsq.runner import heartbeat
from wsq.statistics.health import KINDS, Alert

BROKEN = ProviderError("The service is\ngone.", retryable=False)


def told(ws: wsq.Workspace) -> list[tuple[str, str, str | None]]:
    return [(alert.kind, alert.level, alert.recurring_task_id) for alert in ws.alerts()]


@pytest.fixture
def broken(open_workspace: Callable[..., wsq.Workspace]) -> wsq.Workspace:
    return open_workspace(provider=ScriptedProvider([BROKEN]))


def test_where_all_is_well_nothing_is_told(ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock) -> None:
    assert ws.alerts() == []
    acme.create_recurring_task("Triage", "List the tasks", every="1 hour")
    ws.process()
    assert ws.alerts() == []
    clock.advance(timedelta(hours=1))
    ws.process()
    assert ws.alerts() == []


def test_a_scheduler_that_was_never_seen_or_has_stopped_is_told_once_it_is_missed(
    ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock
) -> None:
    acme.create_recurring_task("Triage", "List the tasks", every="1 day")
    (never,) = ws.alerts()
    assert (never.kind, never.since) == ("scheduler", NOON)
    assert "No scheduler has run yet" in never.sentence

    heartbeat.note(ws._engine, NOON, NOON, interval=60)
    clock.advance(180)
    assert ws.alerts() == []
    clock.advance(1)

    (stopped,) = ws.alerts()
    assert (stopped.key, stopped.level, stopped.since) == ("scheduler", "problem", NOON)
    assert "its last pass was at 2026-03-02 12:00 UTC on " in stopped.sentence
    assert "usually one runs every 60 s" in stopped.sentence


def test_a_failing_task_is_told_until_it_completes_and_one_that_failed_five_times_until_it_is_enabled(
    broken: wsq.Workspace, open_workspace: Callable[..., wsq.Workspace], clock: ManualClock
) -> None:
    acme = broken.store("acme")
    task = acme.create_recurring_task("Tri'age", "List the tasks", every="1 day")
    broken.process()
    execution = acme.run_now(task.id)

    (failing,) = broken.alerts()
    assert (failing.kind, failing.execution_id, failing.since) == ("failing", execution.id, execution.completed_at)
    assert failing.sentence.startswith('"Tri\'age" failed: ')
    assert "The service is gone." in failing.sentence
    for _ in range(3):
        acme.run_now(task.id)
    assert [alert.key for alert in broken.alerts()] == [failing.key]
    acme.run_now(task.id)

    assert told(broken) == [("failed_repeatedly", "problem", task.id)]
    acme.enable_recurring_task(task.id)
    assert broken.alerts() == []
    acme.run_now(task.id)
    assert told(broken) == [("failing", "problem", task.id)]
    open_workspace(provider=ScriptedProvider([finish("done", "Well.")])).store("acme").run_now(task.id)
    assert broken.alerts() == []


def test_what_is_due_and_not_settled_is_late_and_what_nobody_was_ever_there_for_has_never_run(
    ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock
) -> None:
    # Given a task that ran, one that is new, and passes five minutes apart
    ran = acme.create_recurring_task("Ran", "List the tasks", every="1 hour")
    acme.run_now(ran.id)
    ws.process()
    new = acme.create_recurring_task("New", "List the tasks", every="1 hour")

    # When a slot of each is due for three times as long
    clock.advance(timedelta(minutes=60 + 15))
    heartbeat.note(ws._engine, clock.now(), clock.now())
    assert [kind for kind, _, _ in told(ws)] == []
    clock.advance(timedelta(hours=2))
    beats = [clock.now() - timedelta(minutes=n) for n in range(100, -1, -5)]
    for beat in beats:
        heartbeat.note(ws._engine, beat, beat)

    # Then each is told, and only the one that never ran still is after a pass that came too late for it
    assert told(ws) == [("never_ran", "problem", new.id), ("late", "problem", ran.id)]
    ws.process()
    (never,) = ws.alerts()
    assert (never.kind, never.recurring_task_id, never.since) == ("never_ran", new.id, NOON + timedelta(hours=1))
    assert "the scheduler always ran too late" in never.sentence
    acme.run_now(new.id)
    assert ws.alerts() == []


def test_nothing_is_late_within_the_window_however_often_passes_come(
    ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock
) -> None:
    # Given tasks that wait for room, one of which has run before, and a pass every two seconds
    ran = acme.create_recurring_task("Ran", "List the tasks", every="1 hour")
    acme.run_now(ran.id)
    acme.create_recurring_task("New", "List the tasks", every="1 hour")
    clock.advance(timedelta(hours=1) + WINDOW)
    heartbeat.note(ws._engine, clock.now(), clock.now(), interval=2)

    assert ws.alerts() == []
    clock.advance(1)
    assert [kind for kind, _, _ in told(ws)] == ["never_ran", "late"]


@pytest.mark.parametrize("instant", [NOON.replace(tzinfo=None), 5])
def test_alerts_are_asked_of_an_instant(ws: wsq.Workspace, instant: Any) -> None:
    with pytest.raises(InvalidInput, match="time zone"):
        ws.alerts(instant)


def test_a_pause_is_information_and_nothing_is_late_in_it(
    ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock
) -> None:
    acme.create_recurring_task("Triage", "List the tasks", every="1 hour")
    ws.pause(until=NOON + timedelta(hours=9), reason="moving house")
    acme.pause()
    clock.advance(timedelta(hours=3))
    heartbeat.note(ws._engine, clock.now(), clock.now())

    assert [(alert.kind, alert.level, alert.store_id, alert.sentence) for alert in ws.alerts()] == [
        ("paused", "information", None, "The workspace is paused until 2026-03-02 21:00 UTC: moving house"),
        ("paused", "information", "acme", "Store 'acme' is paused until it is resumed."),
    ]


def test_a_budget_is_warned_of_at_four_fifths_and_told_when_it_is_spent_until_the_next_day(
    open_workspace: Callable[..., wsq.Workspace], clock: ManualClock
) -> None:
    costs = iter((1.5, 0.1, 0.4, 2.1))
    ws = open_workspace(provider=ScriptedProvider([lambda _: replace(finish("done", "Well."), cost_usd=next(costs))]))
    acme = ws.store("acme")
    task = acme.create_recurring_task("Dear", "List the tasks", every="1 day", budget_per_day=2.0)
    ws.process()
    for expected in (
        [],
        [("over_budget", "warning", task.id)],
        [("over_budget", "problem", task.id)],
        [("over_budget", "problem", task.id), ("over_budget", "warning", None)],
    ):
        acme.run_now(task.id)
        assert told(ws) == expected
    assert (
        ws.alerts()[0].sentence == "'Dear' has spent $4.10 of its $2.00 for today; nothing more starts until tomorrow."
    )
    assert ws.alerts(NOON + timedelta(minutes=14))[0].since == NOON.replace(hour=0)
    tomorrow = NOON + timedelta(hours=12)
    heartbeat.note(ws._engine, tomorrow, tomorrow)
    assert ws.alerts(tomorrow) == []


def test_an_execution_that_its_worker_has_left_is_told_and_an_archived_store_is_not(
    ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock
) -> None:
    task = acme.create_recurring_task("Triage", "List the tasks", every="1 day")
    ws.process()
    execution = acme.run_now(task.id)
    with ws._log.engine.write() as cursor:  # as a worker leaves it that is killed
        cursor.query(
            "INSERT INTO leases (execution_id, store_id, holder, epoch, expires_at) VALUES ($1, 'acme', 'x', 1, $2)",
            [execution.id, NOON],
        )

    (left,) = ws.alerts()
    assert (left.kind, left.execution_id, left.since) == ("lease_expired", execution.id, NOON)
    assert left.sentence.startswith("The worker of a run of 'Triage' was lost at 2026-03-02 12:00 UTC;")
    ws.archive_store("acme")
    assert ws.alerts() == []


def test_alerts_show_themselves_as_a_table_in_which_nothing_is_markup(acme: wsq.Store, ws: wsq.Workspace) -> None:
    ws.create_store("acme")
    acme.pause(reason="<b>now</b>")
    shown = ws.alerts()._repr_html_()

    assert "&lt;b&gt;now&lt;/b&gt;" in shown
    assert "<b>" not in shown
    assert set(KINDS.values()) == {"problem", "information"}
    assert isinstance(ws.alerts(), Rows)
    assert isinstance(ws.alerts()[0], Alert)


def test_what_was_tried_out_counts_for_the_stores_budget(
    open_workspace: Callable[..., wsq.Workspace], clock: ManualClock
) -> None:
    agent = ScriptedProvider([replace(finish("done", "Well."), cost_usd=4.0)])
    agent.kind = "anthropic"
    ws = open_workspace(provider=agent)
    ws.create_store("acme")

    ws.store("acme").dry_run("List the tasks")

    (alert,) = ws.alerts()
    assert (alert.kind, alert.level, alert.store_id, alert.recurring_task_id) == (
        "over_budget",
        "warning",
        "acme",
        None,
    )
    assert alert.sentence == "Store 'acme' has spent $4.00 of its $5.00 for today."
