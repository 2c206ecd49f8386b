"""What has happened since an instant: counted from the log, told in lines, and one line when nothing has."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

import wsq
from tests.conftest import NOON
from wsq.agent.providers import ProviderError, ScriptedProvider, Turn, Usage, call, finish, say
from wsq.clock import ManualClock
from wsq.errors import InvalidInput
from wsq.runner.report import as_json


def in_turn(*lines: Turn | Exception) -> ScriptedProvider:
    """An agent that gives these answers one after another, over however many executions."""
    left = iter(lines)

    def line(_request: object) -> Turn:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ScriptedProvider([line])


def test_where_nothing_has_happened_that_is_one_line(acme: wsq.Store, ws: wsq.Workspace, clock: ManualClock) -> None:
    acme.create_task("Before")
    clock.advance(60)

    found = acme.since(clock.now())

    assert found.is_nothing
    assert found.text() == "Nothing happened since 2026-03-02 12:01 UTC."
    assert found._repr_html_() == "<p>Nothing happened since 2026-03-02 12:01 UTC.</p>"
    assert [each.store_id for each in ws.since(clock.now())] == ["acme"]


def test_a_span_that_cannot_be_is_refused_in_one_sentence(
    acme: wsq.Store, ws: wsq.Workspace, clock: ManualClock
) -> None:
    now: Any = clock.now()
    for asked in (acme.since, ws.since):
        with pytest.raises(InvalidInput, match="has no time zone"):
            asked(now.replace(tzinfo=None))
        with pytest.raises(InvalidInput, match="9999 is not an instant"):
            asked(9999)
        with pytest.raises(InvalidInput, match="'tomorrow' is not an instant"):
            asked(now, "tomorrow")
        with pytest.raises(InvalidInput, match=r"^until is .*, expected an instant not before 2026-03-02T12:00:00"):
            asked(now, now - timedelta(seconds=1))
    acme.create_task("One")
    assert acme.since(now, now).is_nothing


def test_everything_that_happened_is_counted_and_told_by_whom(
    open_workspace: Callable[..., wsq.Workspace], clock: ManualClock
) -> None:
    # Given an agent that makes and finishes a card, could not, says nothing of itself, and fails
    agent = in_turn(
        call(("create_task", {"title": "Made <by> agent"})),
        finish("done", "Well."),
        finish("could_not", "No key\nto the shop."),
        say("Hm."),
        ProviderError("The service is gone.", retryable=False),
    )
    ws = open_workspace(provider=agent)
    acme = ws.store("acme")
    task = acme.create_recurring_task("Triage", "List the tasks", every="1 hour")
    gone = acme.create_recurring_task("Gone", "List the tasks", every="1 hour")
    kept = acme.create_task("Kept")
    clock.advance(60)
    begun = clock.now()

    # When they work, people do too, and slots pass
    for _ in range(4):
        acme.run_now(task.id)
    acme.move_task(acme.create_task("Made by Ada").id, status="doing")
    acme.move_task(kept.id, status="done")
    acme.move_task(kept.id, position=0)
    acme.update_recurring_task(task.id, description="Another")
    acme.pause(reason="lunch")
    clock.advance(timedelta(hours=2))
    ws.pause()
    acme.resume()
    acme.delete_recurring_task(gone.id)
    end = clock.now()
    clock.advance(60)
    acme.create_task("After")

    # Then all of it is told, and nothing else
    found = acme.since(begun, end + timedelta(seconds=1))
    counts = ("done", "could_not", "unknown", "failed", "cancelled", "skipped_slots", "edits", "pauses", "unpriced")
    assert [getattr(found, name) for name in counts] == [1, 1, 1, 1, 0, 4, 2, 3, 0]
    assert (found.made_by_agents, found.made_by_people, found.moved_by_people, found.finished_by_people) == (1, 1, 1, 1)
    assert found.text() == (
        "Since 2026-03-02 12:01 UTC: 1 done, 1 could not, 1 of unknown verdict, 1 failed, 4 scheduled runs skipped, "
        "1 card made by agents, 1 card made by people, 1 card moved by people, 1 card finished by people, "
        "2 changes of recurring tasks, 3 pauses begun or ended.\n"
        f"- 'Triage' failed (provider): {found.ended[0].said}\n"
        "- 'Triage' could not: No key to the shop.\n"
        "- 'Gone' skipped 2 scheduled runs: paused\n"
        "- 'Triage' skipped 2 scheduled runs: paused\n"
        "- 'Kept' was finished by ada\n"
        "- 'Made by Ada' was made and moved by ada\n"
        "- 'Made <by> agent' was made by an agent\n"
        "- 'Gone' was deleted by ada\n"
        "- the store was resumed by ada\n"
        "- the workspace was paused by ada\n"
        "- the store was paused by ada: lunch\n"
        "- 'Triage' was edited by ada"
    )
    assert "&lt;by&gt;" in found._repr_html_()
    assert acme.since(begun, end + timedelta(seconds=1)) == found
    assert '"done":1' in as_json(found)
    assert acme.since(end + timedelta(seconds=1)).made_by_people == 1
    assert acme.since(NOON, begun).edits == 2


def test_what_was_spent_is_told_and_what_has_no_price_is_counted_apart(
    open_workspace: Callable[..., wsq.Workspace], clock: ManualClock
) -> None:
    answer = finish("done", "Well.")
    agent = in_turn(replace(answer, cost_usd=0.25), replace(answer, usage=Usage(input_tokens=5, output_tokens=5)))
    agent.kind = "anthropic"
    ws = open_workspace(provider=agent)
    acme = ws.store("acme")
    task = acme.create_recurring_task("Triage", "List the tasks", every="1 hour")
    acme.run_now(task.id)
    acme.run_now(task.id)

    found = acme.since(NOON)

    assert (found.done, found.spent_usd, found.unpriced) == (2, 0.25, 1)
    assert found.text().startswith("Since 2026-03-02 12:00 UTC: 2 done, 1 of unknown cost, ")
    assert "$0.25 spent" in found.text()


def test_calls_that_reached_no_model_have_no_unknown_cost_and_a_rule_is_no_person(
    open_workspace: Callable[..., wsq.Workspace], clock: ManualClock
) -> None:
    agent = ScriptedProvider([ProviderError("The service is gone.", retryable=False)])
    agent.kind = "anthropic"
    acme = open_workspace(provider=agent).store("acme")
    task = acme.create_recurring_task("Triage", "List the tasks", every="1 hour")
    for _ in range(5):
        acme.run_now(task.id)

    found = acme.since(NOON)

    assert (found.failed, found.unpriced) == (5, 0)
    assert "- 'Triage' was disabled by wsq: It failed 5 times in a row." in found.text()


def test_a_person_who_gives_the_rules_own_words_as_a_reason_stays_a_person(
    acme: wsq.Store, clock: ManualClock, open_workspace: Callable[..., wsq.Workspace]
) -> None:
    failing = ScriptedProvider([ProviderError("The service is gone.", retryable=False)])
    acme = open_workspace(provider=failing).store("acme")
    task = acme.create_recurring_task("Triage", "List the tasks", every="1 hour")
    acme.run_now(task.id)
    clock.advance(1)
    acme.disable_recurring_task(task.id, reason="It failed 5 times in a row.")

    assert "- 'Triage' was disabled by ada: It failed 5 times in a row." in acme.since(NOON).text()


def test_a_rule_is_no_person_when_the_failed_task_also_had_missed_runs(
    clock: ManualClock, open_workspace: Callable[..., wsq.Workspace]
) -> None:
    # Given a task whose fifth failure comes in a run that took so long that the next one is due
    failing = ScriptedProvider([ProviderError("The service is gone.", retryable=False)])
    acme = open_workspace(provider=failing).store("acme")
    task = acme.create_recurring_task("Triage", "List the tasks", every="1 hour")
    for _ in range(4):
        acme.run_now(task.id)
    clock.advance(timedelta(hours=2))

    # When it fails once more, then what was due is skipped before the task is disabled
    acme.run_now(task.id)
    assert [event.name for event in acme.events()[-3:]] == [
        "task_execution.fail", "task_execution.skip", "recurring_task.disable",
    ]  # fmt: skip
    assert "- 'Triage' was disabled by wsq: It failed 5 times in a row." in acme.since(NOON).text()


def test_what_dry_runs_cost_is_told_apart(open_workspace: Callable[..., wsq.Workspace]) -> None:
    agent = ScriptedProvider([replace(finish("done", "Well."), cost_usd=0.25)])
    agent.kind = "anthropic"
    acme = open_workspace(provider=agent).store("acme")
    acme.create_project("Launch")
    acme.dry_run("List the tasks")

    found = acme.since(NOON)

    assert (found.spent_usd, found.tried_usd, found.is_nothing) == (0.0, 0.25, False)
    assert found.text().endswith("$0.25 spent on trying prompts out.")
    statistics = acme.workspace.statistics("acme")
    assert (statistics.tried_usd, statistics.total.cost_usd) == (0.25, 0.0)
