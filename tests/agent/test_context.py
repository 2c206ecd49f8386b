"""Each part of what an execution is told reaches the service, byte for byte, and nobody else's does."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from tests.agent.peer import calls, finished
from tests.agent.test_provider import HARD


def told(peer, number=0):
    """What stands in the fences of a request's first message, by tag; lists, since a tag may come twice."""
    data = peer.requests[number]["messages"][0]["content"][0]["text"]
    found = {}
    for tag, _mark, inside in re.findall(r"<(\w+) mark=(\w+)>\n(.*?)\n</\1 mark=\2>", data, re.DOTALL):
        found.setdefault(tag, []).append(json.loads(inside))
    return found


@pytest.fixture
def board(serve, ask):
    """A store with two projects, each with a document, a person and tasks, and one task of none."""
    peer = serve([calls(("create_task", {"title": "Made"})), finished("Did it: " + HARD)])
    acme = ask(peer.url).store("acme")

    class Board:
        store, service = acme, peer
        launch = acme.create_project("Launch " + HARD, description=HARD)
        other = acme.create_project("Hidden project", description="Hidden description")

    acme.create_document("Brief " + HARD, HARD * 3, project_id=Board.launch.id)
    acme.create_document("Hidden title", "Hidden content", project_id=Board.other.id)
    acme.create_contact("Ada " + HARD, email="Ada.Lovelace@example.com", notes=HARD, project_id=Board.launch.id)
    acme.create_contact("Hidden person", email="hidden@example.com", project_id=Board.other.id)
    acme.create_task("Open " + HARD, description=HARD, assignees=["Ada"], project_id=Board.launch.id)
    acme.create_task("Hidden task", project_id=Board.other.id)
    acme.create_task("Nobody's task")
    done = acme.create_task("Over and done", project_id=Board.launch.id)
    acme.move_task(done.id, status="done")
    return Board


def test_in_a_project_all_of_it_is_told_and_nothing_of_another(board):
    task = board.store.create_recurring_task(
        "Triage " + HARD, "Look.", every="1 day", description=HARD, assignees=["Ada", "Bob"], project_id=board.launch.id
    )

    board.store.run_now(task.id)

    parts = told(board.service)
    assert parts["project"] == [{"id": board.launch.id, "name": "Launch " + HARD, "description": HARD}]
    (document,) = parts["document"]
    assert (document["title"], document["text"]) == ("Brief " + HARD, HARD * 3)
    (person,) = parts["contacts"][0]["contacts"]
    assert (person["name"], person["email"], person["notes"]) == ("Ada " + HARD, "Ada.Lovelace@example.com", HARD)
    (open_task,) = parts["board"][0]["open_tasks"]
    assert (open_task["title"], open_task["description"]) == ("Open " + HARD, HARD)
    assert (open_task["status"], open_task["assignees"]) == ("todo", ["Ada"])
    (execution,) = parts["execution"]
    assert (execution["task"], execution["description"]) == ("Triage " + HARD, HARD)
    assert execution["assignees"] == ["Ada", "Bob"]
    assert (execution["trigger"], execution["scheduled_for"]) == ("manual", None)
    assert execution["now"] == "2026-03-02T12:00:00+00:00"
    whole = json.dumps(board.service.requests)
    assert "Hidden" not in whole
    assert "Nobody" not in whole
    assert "hidden@example.com" not in whole


def test_without_a_project_the_board_is_counted_and_no_projects_part_is_told(board):
    board.store.run_now(board.store.create_recurring_task("Triage", "Look.", every="1 day").id)

    parts = told(board.service)
    assert set(parts) == {"board", "execution"}
    (about,) = parts["board"]
    assert about["tasks_by_lane"] == {"todo": 3, "doing": 0, "in_review": 0, "done": 1}
    assert [task["title"] for task in about["open_tasks_of_no_project"]] == ["Nobody's task"]
    whole = json.dumps(board.service.requests)
    assert "Hidden" not in whole
    assert "Lovelace" not in whole
    assert "Launch" not in whole


def test_whom_the_task_is_assigned_to_gets_what_the_agent_makes(board):
    task = board.store.create_recurring_task("Triage", "Look.", every="1 day", assignees=["Ada", "Bob"])

    execution = board.store.run_now(task.id)

    assert board.store.task(execution.created_task_ids[0]).assignees == ("Ada", "Bob")


def test_the_slot_and_the_last_outcome_are_told_to_the_next_execution(board, clock):
    acme = board.store
    task = acme.create_recurring_task(
        "Triage", "{{last_outcome}} at {{scheduled_time}}", every="1 hour", timezone="Asia/Kolkata"
    )
    for _ in range(2):
        clock.advance(timedelta(hours=1, minutes=2))
        assert acme.workspace.process().completed == 1

    assert "last_execution" not in told(board.service)
    parts = told(board.service, 2)
    (last,) = parts["last_execution"]
    assert (last["status"], last["verdict"], last["reason"]) == ("completed", "done", None)
    assert last["output"] == "Did it: " + HARD
    (execution,) = parts["execution"]
    assert execution["scheduled_for"] == "2026-03-02T19:30:00+05:30"
    assert execution["now"].startswith("2026-03-02T19:34:")
    prompts = [board.service.requests[number]["messages"][0]["content"][1]["text"] for number in (0, 2)]
    assert prompts == ["none yet at 2026-03-02T18:30+05:30", "done at 2026-03-02T19:30+05:30"]
    assert acme.executions(task.id)[0].trigger == "automatic"


def test_a_document_of_two_projects_is_told_in_both_and_an_archived_one_in_none(board):
    acme = board.store
    both = acme.create_document("Both", "Shared text", project_id=board.launch.id)
    acme.add_document_to_project(both.id, board.other.id)
    gone = acme.create_document("Gone", "Old text", project_id=board.other.id)
    acme.archive_document(gone.id)

    for project in (board.launch, board.other):
        acme.run_now(acme.create_recurring_task("T", "Look.", every="1 day", project_id=project.id).id)

    for number in (0, 2):
        titles = [document["title"] for document in told(board.service, number)["document"]]
        assert "Both" in titles
        assert "Gone" not in titles


def test_the_system_prompt_and_the_tools_are_the_same_for_all_of_a_kind(board):
    acme = board.store
    for _ in range(2):
        acme.run_now(acme.create_recurring_task("T", "Look.", every="1 day", project_id=board.launch.id).id)

    first, second = board.service.requests[0], board.service.requests[2]
    assert first["system"] == second["system"]
    assert first["tools"] == second["tools"]
    assert "2026" not in str([first["system"], first["tools"]])
