import json

import pytest

from wsq.views.live.dispatch import LATER, Dispatcher


@pytest.fixture
def ask(store):
    dispatcher = Dispatcher(store)

    def asked(kind, **fields):
        return dispatcher.answer(json.dumps({"type": kind, "ref": 7, **fields}))

    return asked


def fields(ask, kind, id_=None):
    return ask("open", form=kind, id=id_)["value"]["fields"]


def test_a_recurring_task_is_made_of_what_the_form_says(store, ask):
    typed = fields(ask, "recurring_task") | {
        "name": "Triage",
        "prompt": "List the tasks",
        "every": "4",
        "unit": "hours",
    }

    answer = ask("submit", form="recurring_task", id=None, version=None, fields=typed)

    assert answer["ok"]
    assert answer["ref"] == 7
    made = store.recurring_task(answer["value"]["id"])
    assert (made.name, made.prompt, made.interval_value, made.interval_unit) == (
        "Triage",
        "List the tasks",
        4,
        "hours",
    )


def test_a_form_is_judged_while_it_is_typed_and_nothing_is_written(store, ask):
    typed = fields(ask, "recurring_task") | {"name": " ", "every": "0", "prompt": "{{weather}}"}

    told = ask("check", form="recurring_task", id=None, fields=typed)["value"]

    assert set(told["problems"]) == {"name", "every"}
    assert told["remarks"]["kept"] == ["{{weather}}"]
    assert store.workspace.stores() == []


def test_a_form_that_names_who_is_told_says_of_which_ends(store, ask):
    typed = fields(ask, "recurring_task") | {"name": "Triage", "prompt": "List the tasks", "notify_on": []}
    quiet = ask("submit", form="recurring_task", id=None, version=None, fields=typed)["value"]
    assert store.recurring_task(quiet["id"]).notify_on == ()

    answer = ask("submit", form="recurring_task", **quiet, fields=typed | {"notify": ["ada"]})

    assert set(answer["problems"]) == {"notify_on"}
    assert answer["error"].endswith("is empty: name the outcomes to notify of, or remove the names.")
    assert store.recurring_task(quiet["id"]).notify == ()


def test_what_a_form_may_not_hold_comes_back_by_field_and_nothing_is_written(store, ask):
    store.create_task("so that the store is there")
    typed = fields(ask, "recurring_task") | {"name": "x" * 201, "prompt": ""}

    answer = ask("submit", form="recurring_task", id=None, version=None, fields=typed)

    assert not answer["ok"]
    assert set(answer["problems"]) == {"name", "prompt"}
    assert store.recurring_tasks() == []


@pytest.mark.parametrize(
    "forged",
    [
        {"form": "user", "id": None, "fields": {}},
        {"form": "task", "id": None, "fields": {"nothing_like_it": "x"}},
        {"form": "task", "id": None, "fields": {"title": 7}},
        {"form": "task", "id": None, "fields": {"title": None}},
        {"form": "task", "id": None, "fields": {"assignees": "Ada"}},
        {"form": "task", "id": None, "fields": {"status": "recurring"}},
        {"form": "recurring_task", "id": None, "fields": {"unit": "weeks"}},
        {"form": "recurring_task", "id": None, "fields": {"skip_unchanged": "yes"}},
        {"form": "task", "id": None, "fields": {"param": "x"}},
        {"form": "task", "id": None, "fields": {"_meanings": "x"}},
        {"form": "task", "id": None, "fields": {"name": "x"}},
        {"form": "task", "id": None, "fields": []},
        {"form": "task", "id": None, "fields": {str(number): "x" for number in range(41)}},
    ],
)
def test_a_forged_form_is_refused_and_writes_nothing(store, ask, forged):
    for kind, more in (("check", {}), ("submit", {"version": None})):
        answer = ask(kind, **forged, **more)
        assert not answer["ok"]
        assert answer["error"].endswith(".")
    assert store.workspace.stores() == []


def test_a_form_without_the_version_that_was_opened_changes_nothing(store, ask):
    task = store.create_task("Write copy")

    assert not ask("submit", form="task", id=task.id, version=None, fields={"title": "Mine"})["ok"]
    assert store.task(task.id).title == "Write copy"


def test_a_malformed_message_is_refused_and_writes_nothing(store):
    store.create_task("so that the store is there")
    before = len(store.events())

    answer = Dispatcher(store).answer('{"type": "archive_task", "ref": 1}')

    assert not answer["ok"]
    assert len(store.events()) == before


def test_an_id_of_another_store_is_not_found(workspace, store, ask):
    store.create_task("ours")
    theirs = workspace.store("globex").create_task("theirs")

    answer = ask("archive_task", id=theirs.id)

    assert not answer["ok"]
    assert workspace.store("globex").task(theirs.id).archived_at is None


def test_a_form_that_was_opened_before_someone_else_saved_is_refused_and_told_what_there_is_now(store, ask):
    task = store.create_task("Write copy")
    opened = ask("open", form="task", id=task.id)["value"]
    store.as_actor("grace").update_task(task.id, title="Write good copy")

    answer = ask(
        "submit", form="task", id=task.id, version=opened["version"], fields=opened["fields"] | {"title": "Mine"}
    )

    assert not answer["ok"]
    now = answer["conflict"]
    assert (now["fields"]["title"], now["version"], now["edited"]["by"]) == ("Write good copy", 2, "grace")
    assert store.task(task.id).title == "Write good copy"
    again = ask("submit", form="task", id=task.id, version=now["version"], fields=now["fields"] | {"title": "Mine"})
    assert again["ok"]
    assert store.task(task.id).title == "Mine"


@pytest.mark.parametrize(
    "message",
    [
        {"type": "open", "form": "task"},
        {"type": "check", "form": "document", "fields": {}},
        {"type": "archive_task"},
        {"type": "submit", "form": "contact", "version": 1, "fields": {}},
        {"type": "history", "before": None},
        {"type": "restore_task", "position": None},
        {"type": "open_execution"},
        {"type": "run"},
        {"type": "delete"},
    ],
)
def test_nothing_of_another_store_is_within_reach(workspace, store, ask, message):
    store.create_task("ours")
    other = workspace.store("globex")
    rows = [
        other.create_task("secret"),
        other.create_document("secret", "secret"),
        other.create_contact("secret"),
        other.create_recurring_task("secret", "secret", every="1 day"),
    ]
    before = len(other.events())

    answers = [
        ask(message["type"], **({"id": row.id} | {k: v for k, v in message.items() if k != "type"})) for row in rows
    ]

    assert "secret" not in json.dumps([answer for answer in answers if answer["ok"]])
    assert all(not answer["ok"] or message["type"] == "check" for answer in answers)
    assert len(other.events()) == before


def test_an_archived_task_is_put_back_where_it_stood(store, ask):
    first, second = store.create_task("a"), store.create_task("b")
    assert ask("archive_task", id=first.id)["ok"]

    answer = ask("restore_task", id=first.id, position=0)

    assert answer["value"]["version"] == store.task(first.id).version
    assert [each.id for each in store.tasks()] == [first.id, second.id]


def test_an_action_says_at_which_version_it_will_have_come_true(store, ask):
    task = store.create_recurring_task("Triage", "List the tasks", every="4 hours")

    assert ask("disable", id=task.id)["value"] == {"id": task.id, "version": 2}
    moved = ask("move_task", id=store.create_task("a").id, lane="done", position=None)["value"]
    assert (moved["lane"], moved["rank"], moved["version"]) == ("done", store.tasks()[0].rank, 2)


def test_a_history_is_read_page_by_page_newest_first(store, ask):
    task = store.create_recurring_task("Triage", "List the tasks", every="4 hours")
    runs = [store.run_now(task.id).id for _ in range(23)]

    first = ask("history", id=task.id, before=None)["value"]
    rest = ask("history", id=task.id, before=first["runs"][-1]["id"])["value"]

    assert [run["id"] for run in first["runs"] + rest["runs"]] == runs[::-1]
    assert (len(first["runs"]), first["more"], rest["more"]) == (20, True, False)
    assert {(run["word"], run["trigger"]) for run in first["runs"]} == {("Completed", "Manual")}


def test_a_text_is_previewed_as_markdown(ask):
    assert "hello" in json.dumps(ask("preview", text="**hello**")["value"]["tree"])


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
    assert detail["task_name"] == "Triage"
    [call] = [call for turn in detail["turns"] for call in turn.get("calls", ()) if call["tool"] == "create_task"]
    assert json.loads(call["arguments"])["title"] == "Check mail"
    assert json.loads(call["result"])["task"]["id"] == run.created_task_ids[0]


def test_a_failure_that_nobody_thought_of_is_answered_without_its_details(caplog):
    answer = Dispatcher(None).answer('{"type": "run", "ref": 1, "id": "abc"}')

    assert answer == {"type": "answer", "ref": 1, "ok": False, "error": LATER}
    assert "NoneType" in caplog.text
