"""All recurring tasks of all stores in one table, and many of them switched on and off at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import wsq
from tests.domain.worlds import PaidProvider, nothing_written
from wsq.agent.providers import ScriptedProvider, finish
from wsq.agent.providers.base import ProviderError
from wsq.clock import ManualClock
from wsq.statistics.overview import month_begins

Opening = Callable[..., wsq.Workspace]


def test_it_holds_every_task_of_every_store_that_is_not_archived(ws: wsq.Workspace) -> None:
    # Given three stores, one of them archived, with a task each
    for store_id in ("acme", "beta", "closed"):
        ws.store(store_id).create_recurring_task("Triage", "List the tasks", every="4 hours", notify=["ada"])
    ws.archive_store("closed")
    launch = ws.store("beta").create_project("Launch")
    ws.store("beta").create_recurring_task("Brief", "List the tasks", every="1 day", project_id=launch.id)

    # When the overview is asked for
    rows = ws.overview()

    # Then it has the open stores' tasks, by store and name, with what is known of each
    assert [(row.store_id, row.name, row.project_name) for row in rows] == [
        ("acme", "Triage", None),
        ("beta", "Brief", "Launch"),
        ("beta", "Triage", None),
    ]
    [triage] = [row for row in rows if row.store_id == "acme"]
    assert (triage.state, triage.every, triage.notify) == ("enabled", "4 hours", ("ada",))
    assert triage.next_execution_at == ws.store("acme").recurring_tasks()[0].next_execution_at
    assert (triage.last_status, triage.success_rate_7_days, triage.success_rate_30_days) == (None, None, None)


@pytest.mark.file
def test_alerts_and_the_overview_of_many_executions_are_found_on_a_copy(
    ws: wsq.Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = ws.store("acme")
    acme.run_now(acme.create_recurring_task("Triage", "List the tasks", every="1 hour").id)
    usual = ws.overview(), ws.alerts()
    assert not list(tmp_path.rglob("private/*/*.duckdb"))

    monkeypatch.setattr("wsq.store.log.MOST_IN_A_READ", 0)

    assert (ws.overview(), ws.alerts()) == usual
    assert list(tmp_path.rglob("private/*/*.duckdb"))
    acme.pause()
    assert [each.kind for each in ws.alerts()] == [*[each.kind for each in usual[1]], "paused"]


def test_the_state_tells_what_keeps_a_task_from_running(ws: wsq.Workspace, clock: ManualClock) -> None:
    acme, beta = ws.store("acme"), ws.store("beta")
    off = acme.create_recurring_task("Off", "List the tasks", every="1 day")
    acme.create_recurring_task("On", "List the tasks", every="1 day")
    beta.create_recurring_task("Still", "List the tasks", every="1 day")
    acme.disable_recurring_task(off.id, reason="On holiday.")

    beta.pause(until=clock.now() + timedelta(hours=1), reason="Stocktaking")

    states = {row.name: (row.state, row.disabled_reason, row.paused and row.paused.reason) for row in ws.overview()}
    assert states == {
        "Off": ("disabled", "On holiday.", None),
        "On": ("enabled", None, None),
        "Still": ("paused", None, "Stocktaking"),
    }
    clock.advance(3600)
    assert {row.state for row in ws.overview() if row.name == "Still"} == {"enabled"}


def test_rates_count_the_completed_of_the_completed_and_failed_by_when_they_began(
    open_workspace: Opening, clock: ManualClock
) -> None:
    # Given one failure 40 days ago, one completion 20 days ago, a skip, and a failure and a completion today
    ways = {
        "fails": ScriptedProvider([ProviderError("Refused.", retryable=False)] * 3),
        "works": ScriptedProvider([finish("done", "Well.")] * 3),
    }
    acme = open_workspace().store("acme")
    task = acme.create_recurring_task("Triage", "Look.", every="10 days")

    def carry_out(way: str) -> wsq.Execution:
        return open_workspace(provider=ways[way]).store("acme").run_now(task.id)

    carry_out("fails")
    clock.advance(20 * 86400)
    carry_out("works")
    clock.advance(20 * 86400 + 3600)
    acme.workspace.process()
    carry_out("fails")
    clock.advance(60)
    newest = carry_out("works")

    # When the overview is asked for
    [row] = acme.workspace.overview()

    # Then each span has its own, and the skips count in neither
    assert "skipped" in {run.status for run in acme.executions(task.id)}
    assert (row.completed_7_days, row.failed_7_days, row.success_rate_7_days) == (1, 1, 0.5)
    assert (row.completed_30_days, row.failed_30_days, row.success_rate_30_days) == (2, 1, 2 / 3)
    assert (row.last_execution_id, row.last_status, row.last_verdict) == (newest.id, "completed", "done")
    assert row.last_started_at == newest.started_at


def test_the_last_outcome_may_lie_long_ago_or_be_a_skip(ws: wsq.Workspace, clock: ManualClock) -> None:
    acme = ws.store("acme")
    old = acme.create_recurring_task("Old", "List the tasks", every="300 days")
    acme.create_recurring_task("Missed", "List the tasks", every="1 day")
    ran = acme.run_now(old.id)
    clock.advance(90 * 86400)
    ws.process(now=clock.now() + timedelta(hours=1))

    last = {row.name: (row.last_status, row.last_reason, row.last_started_at) for row in ws.overview()}

    assert last["Old"] == ("completed", None, ran.started_at)
    assert last["Missed"][:2] == ("skipped", "missed")


def test_cost_is_of_the_calendar_month_of_the_stores_zone_and_unpriced_ones_are_counted_apart(
    open_workspace: Opening, clock: ManualClock
) -> None:
    # Given a store in Tokyo, where April begins at 15:00 UTC on the 31st of March
    clock.advance((datetime(2026, 3, 31, 14, 0, tzinfo=UTC) - clock.now()).total_seconds())
    ws = open_workspace()
    ws.create_store("acme", timezone="Asia/Tokyo")
    task = ws.store("acme").create_recurring_task("Triage", "Look.", every="10 days", budget_per_day=100)

    def pay(price: float | None) -> None:
        provider = PaidProvider([finish("done", "Well.")], price=price, most=price)
        open_workspace(provider=provider).store("acme").run_now(task.id)

    pay(0.5)
    assert [row.cost_this_month for row in ws.overview()] == [0.5]

    # When April has begun there
    clock.advance(3600)
    pay(0.25)
    pay(None)

    # Then March is not counted any more
    [row] = ws.overview()
    assert (row.cost_this_month, row.unpriced_this_month) == (0.25, 1)


def test_a_month_begins_at_the_first_midnight_of_its_zone_also_where_that_is_skipped() -> None:
    # In Paraguay, clocks went from midnight to one on the 1st of October 2017
    noon = datetime(2017, 10, 5, 12, tzinfo=UTC)

    assert month_begins(noon, "America/Asuncion") == datetime(2017, 10, 1, 4, tzinfo=UTC)
    assert month_begins(noon, "Europe/Berlin") == datetime(2017, 9, 30, 22, tzinfo=UTC)


def test_many_are_switched_off_with_a_reason_and_on_again_across_stores(ws: wsq.Workspace) -> None:
    tasks = [
        ws.store(store_id).create_recurring_task(name, "List the tasks", every="1 day")
        for store_id in ("acme", "beta")
        for name in ("One", "Two")
    ]
    ws.store("acme").disable_recurring_task(tasks[0].id, reason="Before.")

    changed = ws.disable_recurring_tasks([task.id for task in tasks], reason="Audit", actor="grace")

    # Only those that were on are written, each in its own store, on the name of who did it
    assert {row.id for row in changed} == {task.id for task in tasks[1:]}
    assert [row.disabled_reason for row in ws.overview()] == ["Before.", "Audit", "Audit", "Audit"]
    assert ws.store("beta").events()[-1].actor == "grace"

    changed = ws.enable_recurring_tasks(row.id for row in changed)
    assert len(changed) == 3
    assert [row.enabled for row in ws.overview()] == [False, True, True, True]
    assert [row.next_execution_at for row in changed] == [task.next_execution_at for task in tasks[1:]]
    assert ws.verify() == []


@pytest.mark.parametrize(
    ("unknown", "said"),
    [
        *((unknown, "There is no recurring task") for unknown in ("nobody", "", "\ud800")),
        *((unknown, "expected a list of ids") for unknown in (None, 7)),
    ],
)
def test_one_unknown_id_leaves_all_as_they_were_and_is_named(ws: wsq.Workspace, unknown: object, said: str) -> None:
    acme = ws.store("acme")
    task = acme.create_recurring_task("Triage", "List the tasks", every="1 day")

    with nothing_written(acme), pytest.raises(wsq.InvalidInput if "list" in said else wsq.NotFound, match=said):
        ws.disable_recurring_tasks([task.id, unknown], reason="Audit")


def test_a_task_of_an_archived_project_leaves_all_as_they_were(ws: wsq.Workspace) -> None:
    acme = ws.store("acme")
    launch = acme.create_project("Launch")
    bound = acme.create_recurring_task("Bound", "List the tasks", every="1 day", project_id=launch.id)
    free = acme.create_recurring_task("Free", "List the tasks", every="1 day", enabled=False)
    acme.archive_project(launch.id)

    with nothing_written(acme), pytest.raises(wsq.InvalidInput, match="Project 'Launch' is archived"):
        ws.enable_recurring_tasks([free.id, bound.id])
