import json

import pytest

from wsq.views.dispatch import LATER, Dispatcher


@pytest.fixture
def ask(store):
    dispatcher = Dispatcher(store)

    def asked(kind, **fields):
        return dispatcher.answer(json.dumps({"ask": kind, "ref": 7, **fields}))

    return asked


@pytest.fixture
def form():
    return {
        "name": "Triage",
        "description": "",
        "prompt": "List the tasks",
        "every": "4",
        "unit": "hours",
        "project": None,
    }


def test_a_recurring_task_is_made_of_what_the_form_says(store, ask, form):
    answer = ask("create_recurring", **form)

    assert answer["ok"]
    assert answer["ref"] == 7
    made = store.recurring_task(answer["value"]["id"])
    assert (made.name, made.prompt, made.interval_value, made.interval_unit) == (
        "Triage",
        "List the tasks",
        4,
        "hours",
    )


@pytest.mark.parametrize(
    "wrong",
    [{"name": " "}, {"prompt": ""}, {"every": ""}, {"every": "0"}, {"every": "-1"}, {"every": "1.5"},
     {"every": "4 hours; drop"}, {"name": "x" * 201}, {"name": "a\x00b"}, {"project": "nowhere"}],
)  # fmt: skip
def test_what_a_command_refuses_comes_back_as_one_sentence_and_nothing_is_written(store, ask, form, wrong):
    store.create_task("so that the store is there")

    answer = ask("create_recurring", **(form | wrong))

    assert not answer["ok"]
    assert answer["error"].endswith(".")
    assert store.recurring_tasks() == []


def test_a_malformed_message_is_refused_and_writes_nothing(store):
    store.create_task("so that the store is there")
    before = len(store.events())

    answer = Dispatcher(store).answer('{"ask": "archive_task", "ref": 1}')

    assert not answer["ok"]
    assert len(store.events()) == before


def test_an_id_of_another_store_is_not_found(workspace, store, ask):
    store.create_task("ours")
    theirs = workspace.store("globex").create_task("theirs")

    answer = ask("archive_task", id=theirs.id)

    assert not answer["ok"]
    assert workspace.store("globex").task(theirs.id).archived_at is None


def test_a_form_that_was_opened_before_someone_else_saved_is_refused(store, ask):
    task = store.create_task("Write copy")
    opened = ask("open_task", id=task.id)["value"]
    store.update_task(task.id, title="Write good copy")

    answer = ask(
        "update_task",
        id=task.id,
        version=opened["version"],
        title="Mine",
        description="",
        assignees=[],
        project=None,
    )

    assert not answer["ok"]
    assert store.task(task.id).title == "Write good copy"


def test_a_task_is_moved_to_a_place_in_a_lane(store, ask):
    for title in ("a", "b"):
        store.create_task(title, status="done")
    task = store.create_task("c")

    assert ask("move_task", id=task.id, lane="done", position=1)["ok"]

    assert [each.title for each in store.tasks(status="done")] == ["a", "c", "b"]


def test_a_disabled_task_is_not_run_and_the_page_hears_why(store, ask):
    task = store.create_recurring_task("Triage", "List the tasks", every="4 hours")
    assert ask("disable", id=task.id)["ok"]

    answer = ask("run", id=task.id)

    assert not answer["ok"]
    assert "disabled" in answer["error"]
    assert store.executions() == []


def test_an_execution_is_opened_with_its_transcript_and_what_it_made(store, ask):
    task = store.create_recurring_task("Triage", "Create a task called 'Check mail'", every="4 hours")
    run = store.run_now(task.id)

    detail = ask("open_execution", id=run.id)["value"]

    assert detail["word"] == "Completed"
    assert detail["trigger"] == "Manual"
    assert [each["title"] for each in detail["created"]] == ["Check mail"]
    assert "create_task" in [step["who"] for step in detail["steps"]]


def test_a_failure_that_nobody_thought_of_is_answered_without_its_details(caplog):
    answer = Dispatcher(None).answer('{"ask": "run", "ref": 1, "id": "abc"}')

    assert answer == {"type": "answer", "ref": 1, "ok": False, "error": LATER}
    assert "NoneType" in caplog.text
