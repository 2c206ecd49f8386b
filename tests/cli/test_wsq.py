"""`wsq`: the commands for people, what they print and how they end."""

import argparse
import io
import json
import re
from datetime import timedelta

import pytest

import wsq
from tests.commands import SCRIPTS
from wsq.agent.providers import ProviderError, ScriptedProvider
from wsq.cli.lab import copy
from wsq.cli.main import command as command_of
from wsq.cli.parser import parser
from wsq.clock import ManualClock, SystemClock

PING = "Create a task called 'Ping'"


def commands():
    """Every command's parser by its name."""
    (subparsers,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    return subparsers


def identifier(said):
    """The id that `wsq add` told."""
    return re.search(r"id (\w+);", said.out)[1]


def test_every_command_and_flag_is_documented_and_carried_out_by_something():
    top = parser().format_help()
    about = {choice.dest: choice.help for choice in commands()._choices_actions}
    for name, each in commands().choices.items():
        assert callable(command_of(name))
        assert about[name]
        assert name in top
        shown = " ".join(each.format_help().split())
        for action in each._actions:
            assert action.help, f"wsq {name}: {action.dest} has no help"
            assert all(flag in shown for flag in action.option_strings)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "COMMAND"),
        (["lst"], "invalid choice: 'lst'"),
        (["list", "--stoer", "x"], "--stoer"),
        (["add", "Tick", "--every", "1 hour"], "--prompt"),
        (["add", "Tick", "--prompt", "p", "--every", "often"], "'often'"),
        (["add", "Tick", "--prompt", "p", "--every", "1 day", "--timezone", "Europe/Berln"], "Europe/Berlin"),
        (["add", " ", "--prompt", "p", "--every", "1 hour"], "name"),
        (["add", "Tick", "--prompt", "p", "--every", "1 hour", "--project", "none"], "'none'"),
        (["add", "Tick", "--prompt", "p", "--every", "1 hour", "--missed", "maybe"], "'maybe'"),
        (["add", "Tick", "--prompt", "p", "--every", "1 hour", "--store", "a/b"], "'a/b'"),
        (["history", "Tick", "--limit", "0"], "--limit"),
        (["serve", "--port", "99999"], "--port"),
        (["serve", "--address", "0.0.0.0"], "--address is '0.0.0.0', expected a loopback address"),
        (["run", "Tick"], "default"),
        (["list", "--store", "acme"], "no store 'acme'"),
    ],
)
def test_what_it_does_not_understand_it_refuses_in_one_sentence(wsq_, arguments, named):
    wsq.open().close()

    said = wsq_(*arguments)

    assert (said.status, said.out) == (2, "")
    assert named in said.err
    assert len(said.err.splitlines()) == 1


def test_adding_tells_the_next_run_in_local_time(wsq_, monkeypatch):
    monkeypatch.setenv("WSQ_TIMEZONE", "Asia/Tokyo")

    said = wsq_("add", "Daily", "--prompt", PING, "--every", "1 day", "--starting", "09:00", "--timezone", "UTC")

    assert said.status == 0
    assert "18:00:00 JST" in said.out


def test_a_prompt_may_come_from_standard_input(wsq_, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("Line one\nLine two\n"))

    wsq_("add", "Long", "--prompt", "-", "--every", "2 hours", "--missed", "run_once", "--assignee", "Ada")

    (task,) = json.loads(wsq_("list", "--json").out)
    assert (task["prompt"], task["missed"], task["assignees"]) == ("Line one\nLine two\n", "run_once", ["Ada"])


def test_a_workspace_in_which_nothing_was_done_has_an_empty_list(wsq_):
    wsq_("init")

    plain, as_json = wsq_("list"), wsq_("list", "--json")

    assert (plain.status, as_json.status, as_json.out) == (0, 0, "[]\n")
    assert "no recurring task" in plain.out


def test_a_task_is_found_by_its_id_or_by_a_name_that_only_it_has(wsq_):
    first = identifier(wsq_("add", "Twin", "--prompt", PING, "--every", "1 hour"))
    second = identifier(wsq_("add", "twin", "--prompt", PING, "--every", "1 hour"))
    alone = identifier(wsq_("add", "Alone", "--prompt", PING, "--every", "1 hour"))

    ambiguous = wsq_("show", "TWIN")

    assert ambiguous.status == 2
    assert first in ambiguous.err
    assert second in ambiguous.err
    assert len(ambiguous.err.splitlines()) == 1
    assert json.loads(wsq_("show", " ALONE ", "--json").out)["id"] == alone
    assert json.loads(wsq_("show", second, "--json").out)["name"] == "twin"
    unknown = wsq_("show", "Alne")
    assert (unknown.status, "Alone" in unknown.err) == (2, True)


def test_show_tells_what_was_spent_today_and_what_a_day_will_cost(wsq_):
    wsq_("add", "Tick", "--prompt", PING, "--every", "30 minutes", "--budget", "2.5", "--skip-unchanged")

    said = wsq_("show", "Tick")

    assert "skip unchanged: yes\n" in said.out
    assert "every: 30 minutes, in " in said.out
    assert "last run: never\n" in said.out
    assert "seq" not in said.out
    assert "spent today: $0.00 of $2.50\n" in said.out
    assert "forecast: 48 runs a day, cost unknown\n" in said.out
    told = json.loads(wsq_("show", "Tick", "--json").out)
    assert (told["spending"]["budget"], told["spending"]["spent"]) == (2.5, 0.0)
    assert (told["forecast"]["runs_per_day"], told["forecast"]["cost_per_run"]) == (48, None)
    refused = wsq_("add", "Tock", "--prompt", PING, "--every", "1 day", "--budget", "-1")
    assert (refused.status, "zero or more" in refused.err) == (2, True)


def test_run_shows_the_outcome_and_history_lists_it(wsq_):
    wsq_("add", "Tick", "--prompt", PING, "--every", "1 hour")
    assert wsq_("history", "tick").out == "It has not run yet.\n"

    ran = wsq_("run", "tick")

    assert ran.status == 0
    assert ran.out.startswith("Tick: completed, done, ")
    assert "1 task created" in ran.out
    assert "No language model was asked" in ran.out
    (execution,) = json.loads(wsq_("history", "Tick", "--json").out)
    assert (execution["trigger"], execution["status"], execution["slots"]) == ("manual", "completed", 0)
    assert "manual" in wsq_("history", "Tick").out
    assert json.loads(wsq_("show", "Tick", "--json").out)["latest_execution"]["id"] == execution["id"]
    assert "completed" in wsq_("list").out


def test_disabling_enabling_and_deleting_are_each_told(wsq_):
    task = identifier(wsq_("add", "Tick", "--prompt", PING, "--every", "1 hour"))
    wsq_("run", "Tick")

    assert wsq_("disable", "Tick", "--reason", "Holidays").status == 0
    refused = wsq_("run", "Tick")
    assert (refused.status, "Holidays" in refused.err) == (2, True)
    assert "disabled" in wsq_("list").out
    assert "next run is" in wsq_("enable", "Tick").out
    assert wsq_("delete", "Tick").status == 0

    assert json.loads(wsq_("list", "--json").out) == []
    (execution,) = json.loads(wsq_("history", task, "--json").out)
    assert execution["recurring_task_id"] == task


def test_sql_answers_as_a_table_and_as_json_and_refuses_to_write(wsq_):
    wsq_("add", "Tick", "--prompt", PING, "--every", "1 hour")
    asked = "select name, next_execution_at, null as nothing, 1.5 as figure, ['a'] as listed from recurring_tasks"

    plain, as_json = wsq_("sql", asked), wsq_("sql", asked, "--json")
    refused = wsq_("sql", "delete from events")

    assert plain.out.splitlines()[0].split() == ["name", "next_execution_at", "nothing", "figure", "listed"]
    (row,) = json.loads(as_json.out)
    assert (row["name"], row["nothing"], row["figure"], row["listed"]) == ("Tick", None, 1.5, ["a"])
    assert row["next_execution_at"].endswith(("Z", "+00:00"))
    assert (refused.status, len(refused.err.splitlines())) == (2, 1)
    assert json.loads(wsq_("sql", "select name from recurring_tasks where false", "--json").out) == []


def test_a_backup_is_a_workspace_itself_and_overwrites_nothing(wsq_, folder):
    wsq_("add", "Tick", "--prompt", PING, "--every", "1 hour")

    assert wsq_("backup", "copy.duckdb").status == 0

    assert [task["name"] for task in json.loads(wsq_("list", "--json", "--database", "copy.duckdb").out)] == ["Tick"]
    again = wsq_("backup", "copy.duckdb")
    assert (again.status, len(again.err.splitlines())) == (2, 1)


def test_verify_lists_every_difference_and_rebuild_removes_them(wsq_):
    task = identifier(wsq_("add", "Tick", "--prompt", PING, "--every", "1 hour"))
    assert wsq_("verify").status == 0
    assert wsq_("verify", "--json").out == "[]\n"
    with wsq.open() as ws, ws._log.engine.write() as cursor:  # as nothing in wsq would
        cursor.query("UPDATE recurring_tasks SET name = 'Tock'")

    found, as_json = wsq_("verify"), wsq_("verify", "--json")

    assert (found.status, as_json.status) == (1, 1)
    assert "'Tock'" in found.out
    (difference,) = json.loads(as_json.out)
    assert (difference["table"], difference["key"], difference["expected"]) == ("recurring_tasks", [task], "Tick")
    assert wsq_("rebuild").status == 0
    assert wsq_("verify").status == 0


def test_the_doctor_finds_a_new_workspace_healthy_and_says_what_is_not(wsq_, process_, folder):
    missing = wsq_("doctor", "--json")
    assert (missing.status, list(folder.iterdir())) == (2, [])
    wsq_("add", "Tick", "--prompt", PING, "--every", "1 hour")

    lonely = wsq_("doctor")
    process_()
    healthy = wsq_("doctor")

    assert lonely.status == 1
    assert "problem  scheduler: No scheduler has run yet, and recurring tasks are waiting." in lonely.out
    assert healthy.status == 0
    assert healthy.out.endswith("Everything is healthy.\n")
    checks = json.loads(wsq_("doctor", "--json").out)
    assert [check["check"] for check in checks] == [
        *(
            "workspace",
            "write",
            "files",
            "secrets",
            "log",
            "settlements",
            "scheduler",
            "slots",
            "tasks",
            "budgets",
            "leases",
            "pauses",
            "zones",
            "provider",
            "outside",
        ),
    ]
    assert all(check["ok"] and check["sentence"] for check in checks)


def test_the_doctor_names_late_slots_and_tasks_that_fail_again_and_again(wsq_):
    clock = ManualClock(SystemClock().now() - timedelta(days=1))
    broken = ScriptedProvider([ProviderError("The service is gone.", retryable=False)])
    with wsq.open(clock=clock, provider=broken) as ws:
        store = ws.store("default")
        failing = store.create_recurring_task("Broken", PING, every="20 hours")
        for _ in range(5):
            store.run_now(failing.id)
        store.create_recurring_task("Waiting", PING, every="1 hour")

    found = {check["check"]: check for check in json.loads(wsq_("doctor", "--json").out)}

    assert not found["slots"]["ok"]
    assert "'Waiting'" in found["slots"]["sentence"] or "'Broken'" in found["slots"]["sentence"]
    assert not found["tasks"]["ok"]
    assert "'Broken' failed 5 times in a row" in found["tasks"]["sentence"]


def test_notebooks_are_copied_and_those_that_were_changed_are_kept(tmp_path):
    source, mine = tmp_path / "source", tmp_path / "mine"
    (source / "more").mkdir(parents=True)
    mine.mkdir()
    (source / "one.ipynb").write_text("new")
    (source / "two.ipynb").write_text("same")
    (source / "more" / "three.ipynb").write_text("deep")
    (source / ".hidden").write_text("not for you")
    (mine / "one.ipynb").write_text("changed by me")
    (mine / "two.ipynb").write_text("same")

    assert copy(source, mine) == (1, ["one.ipynb"])

    assert (mine / "one.ipynb").read_text() == "changed by me"
    assert (mine / "more" / "three.ipynb").read_text() == "deep"
    assert not (mine / ".hidden").exists()


def test_the_lab_opens_jupyterlab_or_says_how_to_install_it(wsq_, folder, tmp_path, monkeypatch):
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    (notebooks / "tour.ipynb").write_text("{}")
    monkeypatch.setattr("wsq.cli.lab.notebooks", lambda: notebooks)
    monkeypatch.setattr("wsq.cli.lab.find_spec", lambda name: None)

    copied, without = wsq_("lab", "--no-open"), wsq_("lab")

    assert copied.status == 0
    assert (folder / "tour.ipynb").read_text() == "{}"
    assert (without.status, without.err) == (
        2,
        "wsq: JupyterLab is not installed. Install it with: pip install 'wsq[notebook]'\n",
    )


def test_the_demo_is_made_whole_once_and_never_out_of_somebodys_workspace(wsq_, folder, monkeypatch):
    monkeypatch.setenv("WSQ_STORES", "acme")  # of another workspace
    place = str(folder / "example.duckdb")

    first, second = wsq_("demo", "--database", place), wsq_("demo", "--database", place)

    assert (first.status, first.err) == (0, "")
    assert second == first
    with wsq.open(place) as ws:
        assert ws.is_demo
        assert ws.verify() == []
        (row,) = ws.stores()
        demo = ws.store(row.id)
        assert row.name == "Northwind launch"
        assert {card.status for card in demo.tasks()} == {"todo", "doing", "in_review", "done"}
        assert {task.enabled for task in demo.recurring_tasks()} == {True, False}
        verdicts = {execution.verdict for execution in demo.executions()}
        assert verdicts == {"done", "nothing_to_do"}
        assert all(execution.status == "completed" for execution in demo.executions())
    wsq_("add", "Mine", "--prompt", PING, "--every", "1 hour")
    refused = wsq_("demo", "--database", str(folder / "team.duckdb"))
    assert (refused.status, "not an example" in refused.err) == (2, True)


def test_an_export_is_brought_into_a_new_workspace_and_overwrites_nothing(wsq_, started, folder):
    wsq_("add", "Tick", "--prompt", PING, "--every", "1 hour")
    wsq_("run", "Tick")

    written = wsq_("export", "team.gz")
    piped = started(SCRIPTS / "wsq", "export", text=False).communicate(timeout=60)[0]
    restored = wsq_("import", "team.gz", "--database", "back.duckdb")

    assert (written.status, restored.status) == (0, 0)
    assert (folder / "team.gz").read_bytes() == piped
    assert wsq_("verify", "--database", "back.duckdb").status == 0
    assert [task["name"] for task in json.loads(wsq_("list", "--json", "--database", "back.duckdb").out)] == ["Tick"]
    for again in (wsq_("export", "team.gz"), wsq_("import", "team.gz", "--database", "back.duckdb")):
        assert (again.status, len(again.err.splitlines())) == (2, 1)


def test_a_file_that_cannot_be_brought_in_leaves_no_workspace_behind(wsq_, folder):
    wsq_("add", "Tick", "--prompt", PING, "--every", "1 hour")
    wsq_("export", "team.gz")
    (folder / "cut.gz").write_bytes((folder / "team.gz").read_bytes()[:-20])

    for file, why in (
        ("cut.gz", "cut.gz is truncated in line "),
        ("none.gz", "no such file"),
        ("team.duckdb", "not a file of `wsq export`"),
        (".", "is not a regular file"),
    ):
        refused = wsq_("import", file, "--database", "back.duckdb")
        assert (refused.status, len(refused.err.splitlines())) == (2, 1)
        assert why in refused.err
    assert not list(folder.glob("back*"))


def test_forgetting_is_confirmed_and_tells_what_it_cannot_reach(wsq_, folder, monkeypatch):
    with wsq.open() as ws:
        contact = ws.store("acme").create_contact("Zephyrine Quill", email="zq@quill.example")
        ws.store("acme").create_task("Call Zephyrine Quill")
    (folder / "team.duckdb.v2.bak").write_bytes(b"an older one")
    words = ("forget", "contact", contact.id, "--store", "acme")

    # Nobody can be asked; then somebody says no; then yes
    unasked = wsq_(*words)
    monkeypatch.setattr("sys.stdin", terminal("no\n"))
    kept = wsq_(*words)
    monkeypatch.setattr("sys.stdin", terminal("y\n"))
    done = wsq_(*words)
    again = wsq_(*words, "--yes")
    unknown = wsq_("forget", "document", contact.id, "--store", "acme", "--yes")

    assert (unasked.status, len(unasked.err.splitlines()), "--yes" in unasked.err) == (2, 1, True)
    assert (kept.status, "cannot be undone" in kept.out, "Nothing was forgotten" in kept.out) == (1, True, True)
    assert (done.status, "in 1 event" in done.out, "task.create" in done.out) == (0, True, True)
    assert "Earlier backups and exports still contain it" in done.out
    assert "team.duckdb.v2.bak" in done.out
    assert (again.status, "nothing left to forget" in again.out) == (0, True)
    assert (unknown.status, len(unknown.err.splitlines())) == (2, 1)
    assert wsq_("verify").status == 0


def terminal(typed):
    """A terminal on which somebody types."""
    keys = io.StringIO(typed)
    keys.isatty = lambda: True
    return keys
