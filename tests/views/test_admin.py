"""What the page of administration may ask for, and what it is told."""

import json
from datetime import timedelta

import pytest

from wsq.clock import ManualClock
from wsq.events.recurring import RecurringTaskUpdated
from wsq.views import Admin
from wsq.views.admin.component import Overseer
from wsq.views.live.dispatch import Dispatcher
from wsq.views.live.hub import forget
from wsq.views.live.table import COLUMNS, TaskTable
from wsq.views.page.cards import notify_line


@pytest.fixture
def ask(workspace):
    overseer = Overseer(workspace, TaskTable(workspace), actor="grace")

    def asked(kind, **fields):
        return overseer.answer(json.dumps({"type": kind, "ref": 7, **fields}))

    return asked


def lines(answer):
    return [dict(zip(COLUMNS, line, strict=True)) for line in answer["value"]["lines"]]


def test_a_page_is_told_the_whole_table_once_and_then_what_is_new(workspace, store, ask):
    first, second = (store.create_recurring_task(name, "List the tasks", every="4 hours") for name in ("A", "B"))

    opened = ask("overview", known=0)
    rev = opened["value"]["rev"]
    assert [(line["name"], line["every"], line["enabled"]) for line in lines(opened)] == [
        ("A", "Every 4 hours", True),
        ("B", "Every 4 hours", True),
    ]
    assert opened["value"]["whole"]

    same = ask("overview", known=rev)["value"]
    assert (same["lines"], same["gone"], same["whole"]) == ([], [], False)

    store.disable_recurring_task(first.id, reason="Audit")
    store.delete_recurring_task(second.id)
    news = ask("overview", known=same["rev"])
    assert [(line["id"], line["why"]) for line in lines(news)] == [(first.id, "Audit")]
    assert news["value"]["gone"] == [second.id]

    # One that missed an answer is told all of it again
    again = ask("overview", known=rev)
    assert again["value"]["whole"]
    assert [line["id"] for line in lines(again)] == [first.id]


def test_many_are_switched_on_the_name_of_who_has_logged_in(workspace, store, ask):
    tasks = [store.create_recurring_task(name, "List the tasks", every="1 day") for name in ("A", "B")]
    ids = [task.id for task in tasks]

    assert ask("disable_many", ids=ids, reason="Audit")["value"] == {"changed": ids}
    assert ask("disable_many", ids=ids, reason="Again")["value"] == {"changed": []}
    assert store.events()[-1].actor == "grace"
    assert ask("enable_many", ids=ids[:1])["value"] == {"changed": ids[:1]}

    refused = ask("enable_many", ids=[ids[1], "nobody"])
    assert (refused["ok"], refused["error"]) == (
        False,
        "There is no recurring task 'nobody' in any store; nothing was changed.",
    )
    assert not store.recurring_task(ids[1]).enabled


def test_the_workspace_and_a_store_are_paused_and_resumed_as_the_message_says(workspace, store, ask):
    store.create_task("so that the store is there")
    until = (workspace.clock.now() + timedelta(hours=1)).isoformat()

    assert ask(
        "within", store="acme", message={"type": "pause", "ref": 0, "whole": False, "until": until, "reason": "x"}
    )["ok"]
    assert (store.paused().workspace, store.paused().reason) == (False, "x")
    assert ask("pause", whole=True, until=None, reason=None)["ok"]
    assert store.paused().workspace
    assert ask("resume", whole=True)["ok"]
    assert not store.paused().workspace
    assert ask("within", store="acme", message={"type": "resume", "ref": 0, "whole": False})["ok"]
    assert store.paused() is None

    past = ask("pause", whole=True, until="2020-01-01T00:00:00Z", reason=None)
    assert "has passed already" in past["error"]
    assert not ask("pause", whole=True, until="2099-01-01T00:00:00", reason=None)["ok"]  # of which zone?


@pytest.mark.parametrize(
    "message",
    [
        {"type": "create_task", "title": "x", "lane": "todo", "project": None},
        {"type": "run", "id": "x"},
        {"type": "pause", "whole": False, "until": None, "reason": None},
        {"type": "delete", "id": "x"},
        {"type": "within", "store": "acme", "message": {"type": "delete", "ref": 0, "id": "x"}},
        {"type": "within", "store": "acme", "message": {"type": "enable_many", "ref": 0, "ids": []}},
        {"type": "within", "store": "no such!", "message": {"type": "run", "ref": 0, "id": "x"}},
        {"type": "within", "store": "acme", "message": {"type": "within", "ref": 0, "store": "b", "message": {}}},
    ],
)
def test_what_it_has_no_button_for_is_refused_and_writes_nothing(store, ask, message):
    store.create_task("so that the store is there")
    before = store.head()

    assert not ask(message.pop("type"), **message)["ok"]

    assert store.head() == before


def test_a_task_of_another_store_than_the_one_named_is_not_found(workspace, store, ask):
    task = store.create_recurring_task("Triage", "List the tasks", every="1 day")
    workspace.store("beta").create_task("so that the store is there")

    answer = ask("within", store="beta", message={"type": "run", "ref": 0, "id": task.id})

    assert not answer["ok"]
    assert task.id in answer["error"]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "overview", "known": 0},
        {"type": "alerts"},
        {"type": "enable_many", "ids": []},
        {"type": "disable_many", "ids": [], "reason": None},
        {"type": "within", "store": "acme", "message": {"type": "run", "ref": 0, "id": "x"}},
        {"type": "since", "since": "2026-03-02T12:00:00Z"},
    ],
)
def test_a_page_of_one_store_reaches_no_others(store, message):
    answer = Dispatcher(store).answer(json.dumps({"ref": 1, **message}))

    assert not answer["ok"]


def test_what_was_missed_is_run_late_by_one_message_and_the_policy_goes_back_by_another(store):
    task = store.create_recurring_task("Triage", "List the tasks", every="1 day")
    page = Dispatcher(store)

    late = page.answer(json.dumps({"type": "run_late", "ref": 1, "id": task.id}))
    assert store.execution(late["value"]["execution"]).trigger == "manual"
    assert store.recurring_task(task.id).missed == "run_once"
    assert page.answer(json.dumps({"type": "missed", "ref": 2, "id": task.id, "policy": "skip"}))["ok"]
    assert store.recurring_task(task.id).missed == "skip"

    # One that cannot start keeps its policy
    store.disable_recurring_task(task.id)
    assert not page.answer(json.dumps({"type": "run_late", "ref": 3, "id": task.id}))["ok"]
    assert store.recurring_task(task.id).missed == "skip"


def test_a_log_that_names_people_for_no_end_shows_nobody_as_told(workspace, store, ask):
    task = store.create_recurring_task("Triage", "List the tasks", every="4 hours", notify=["ada"])
    before = ask("overview", known=0)
    of_none = RecurringTaskUpdated(recurring_task_id=task.id, notify_on=())

    workspace._log.write(lambda tx: tx.record(store.id, of_none))

    after = ask("overview", known=before["value"]["rev"])
    assert [lines(answer)[0]["notify"] for answer in (before, after)] == [["ada"], []]
    assert notify_line(store.recurring_task(task.id)) is None


def test_what_has_started_late_is_told_though_its_policy_cannot_be_changed_any_more(store):
    class DeletedMeanwhile:
        """The store, where somebody deletes the task between its start and the change of its policy."""

        def __getattr__(self, name):
            return getattr(store, name)

        def start_now(self, task_id):
            execution = store.start_now(task_id)
            store.delete_recurring_task(task_id)
            return execution

    task = store.create_recurring_task("Triage", "List the tasks", every="1 day")

    answer = Dispatcher(DeletedMeanwhile()).answer(json.dumps({"type": "run_late", "ref": 1, "id": task.id}))

    assert answer["ok"]
    assert store.execution(answer["value"]["execution"]).recurring_task_id == task.id
    assert task.id in answer["value"]["stayed"]


def test_the_table_is_read_again_only_when_somebody_has_written_or_a_minute_is_over(open_workspace):
    clock = ManualClock(open_workspace().clock.now())
    ws = open_workspace(clock=clock)
    ws.store("acme").create_recurring_task("Triage", "List the tasks", every="1 day")
    survey = TaskTable(ws)

    known = survey.lines()
    assert survey.lines() is known
    clock.advance(61)
    later = survey.lines()
    assert later is not known
    ws.store("acme").create_task("Something else")
    assert survey.lines() is not later


def test_in_a_notebooks_cell_it_has_a_height_and_needs_no_store(workspace):
    shown = Admin(workspace)

    assert shown.height == 640
    assert json.loads(shown.first)["opening"] == {"store": None, "project": None, "page": False, "path": "admin"}
    shown.close()
    forget(workspace)
