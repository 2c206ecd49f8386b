"""`%load_ext wsq`: SQL and prompts in cells of their own, in a real IPython shell."""

import subprocess
import sys
import types

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import wsq


class Notebook:
    """An IPython shell that runs cells, and what they gave and said."""

    def __init__(self, shell, capsys, **variables):
        self.shell, self._capsys = shell, capsys
        shell.push(variables, interactive=False)

    def run(self, cell):
        """What the cell gave, and what it printed."""
        self._capsys.readouterr()
        ran = self.shell.run_cell(cell, store_history=False)
        said = self._capsys.readouterr()
        assert ran.success, said
        return ran.result, said.out

    def refusal(self, cell):
        """The one sentence with which the cell failed."""
        self._capsys.readouterr()
        ran = self.shell.run_cell(cell, store_history=False)
        said = self._capsys.readouterr()
        assert not ran.success
        assert (said.out, said.err.count("\n")) == ("", 1)
        assert said.err.startswith("UsageError: ")
        return said.err.removeprefix("UsageError: ").removesuffix("\n")


@pytest.fixture(scope="module")
def one_shell(tmp_path_factory):
    """Made once: a shell looks after its own end, when the process ends."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        # Its module is no `__main__`: the one that there is, later tests need.
        reader = types.ModuleType("reader")
        return InteractiveShell(user_module=reader, config=Config({"HistoryManager": {"enabled": False}}))


@pytest.fixture
def shell(one_shell):
    yield one_shell
    one_shell.reset(new_session=False)


@pytest.fixture
def notebook(shell, capsys, ws, acme):
    """One in which a store with a project and two tasks is open, and wsq's magics are loaded."""
    launch = acme.create_project("Launch")
    acme.create_task("Write copy", project_id=launch.id)
    acme.create_task("Ask Ada", status="doing")
    made = Notebook(shell, capsys, ws=ws, acme=acme, launch=launch)
    made.run("%load_ext wsq")
    return made


def test_a_cell_of_sql_is_a_dataframe(notebook):
    found, _ = notebook.run("%%wsql\nselect title, status from tasks order by title")

    assert found.values.tolist() == [["Ask Ada", "doing"], ["Write copy", "todo"]]


def test_a_dataframe_goes_into_a_variable_when_one_is_named(notebook):
    shown, _ = notebook.run("%%wsql --into found\nselect count(*)::int as n from tasks")

    assert shown is None
    assert notebook.shell.user_ns["found"].n.tolist() == [2]


def test_a_variable_is_handed_over_and_never_pasted(notebook, acme):
    hostile = ["x' or '1'='1", "'; drop table tasks; --", "{launch}", "漢字 \\"]
    for title in hostile:
        acme.create_task(title)
    ask = "%%wsql\nselect title, $wanted as asked from tasks where title = $wanted and status = $lane"

    for title in hostile:
        notebook.shell.push({"wanted": title, "lane": "todo"})
        found, _ = notebook.run(ask)
        assert found.values.tolist() == [[title, title]]


def test_a_dollar_or_a_brace_in_a_text_is_meant_as_it_stands(notebook):
    found, _ = notebook.run("%%wsql\nselect '$launch {launch}' as said, {'a': 1}.a as one, $$it's$$ as quoted")

    assert found.values.tolist() == [["$launch {launch}", 1, "it's"]]


def test_the_workspace_is_the_newest_open_one_unless_another_is_named(notebook, tmp_path):
    other = wsq.open(tmp_path / "other.duckdb")
    other.create_store("beta")
    ask = "%%wsql {}\nselect string_agg(id) as ids from stores"
    notebook.shell.push({"a_name_bound_late": notebook.shell.user_ns["ws"], "other": other})

    def ids(option=""):
        return notebook.run(ask.format(option))[0].ids[0]

    assert ids() == "beta"
    assert ids("--workspace ws") == "acme"
    assert ids(f"--database '{tmp_path / 'other.duckdb'}'") == "beta"
    other.close()
    assert ids() == "acme"


REFUSALS = [
    ("%%wsql\nselect 1; select 2", "Expected one SQL statement, got 2."),
    ("%%wsql\ndelete from tasks", "Only statements that read are allowed here; this is DELETE."),
    ("%%wsql\nselect $nobody", "The statement uses $nobody, but there is no variable nobody."),
    ("%%wsql\nselect ?", "Parameters are variables: write $name instead of ? or $1."),
    (
        "%%wsql\nselect * from tasks where id = {launch}",
        "Variables are passed as parameters: write $launch instead of {launch}.",
    ),
    ("%%wsql --into 2x\nselect 1", "'2x' is not a valid variable name."),
    ("%%wsql --workspace launch\nselect 1", "There is no workspace in a variable launch. Create one with wsq.open(…)."),
    (
        "%%wsql --database a --workspace ws\nselect 1",
        "Use either --workspace or --database, not both.",
    ),
    ("%%wsql --limit 5\nselect 1", "Unrecognized arguments: --limit 5 (see `%%wsql?`)."),
    ("%%wsql --into 'a\nselect 1", "The options cannot be parsed: no closing quotation."),
    ("%%recurring\nList the tasks", "The following arguments are required: NAME (see `%%recurring?`)."),
    ("%%recurring A --save\n  ", "The cell has no prompt. Write what the agent should do below the first line."),
    (
        "%%recurring A --save\nList the tasks",
        "'A' is a new task and needs --every, such as --every '1 day'.",
    ),
]


def test_what_cannot_be_done_is_one_sentence(notebook, acme):
    before = acme.head()

    told = [(cell, notebook.refusal(cell)) for cell, _ in REFUSALS]

    assert told == REFUSALS
    assert acme.head() == before


def test_a_database_or_a_store_that_is_missing_is_refused_with_the_nearest_and_nothing_is_made(notebook, ws, tmp_path):
    typo = tmp_path / "taem.duckdb"

    missing = notebook.refusal(f"%%wsql --database '{typo}'\nselect 1")
    unknown = [
        notebook.refusal(f"%%recurring A --store acne --every '1 day' {option}\nList the tasks")
        for option in ("", "--save")
    ]

    assert missing.startswith(f"No database at {typo}; the nearest is {tmp_path / 'team.duckdb'}. ")
    assert unknown == ["There is no store 'acne'; the nearest is 'acme'."] * 2
    assert not typo.exists()
    assert [row.id for row in ws.stores()] == ["acme"]
    notebook.run("%%recurring A --store beta --create-store --every '1 day' --save\nList the tasks")
    assert [row.id for row in ws.stores()] == ["acme", "beta"]


def test_what_is_wrong_with_a_value_is_said_by_the_rules_of_the_command(notebook):
    for options, word in (("--every often", "often"), ("--every '1 day' --starting 25:00", "25:00")):
        assert word in notebook.refusal(f"%%recurring A {options} --save\nList the tasks")
        assert word in notebook.refusal(f"%%recurring A {options}\nList the tasks")
    assert "Lunch" in notebook.refusal("%%recurring A --every '1 day' --project Lunch --save\nList the tasks")
    assert "The query failed" in notebook.refusal("%%wsql\nselect no_such_column from tasks")


def test_a_notebook_without_a_workspace_is_told_how_to_open_one(shell, capsys):
    notebook = Notebook(shell, capsys)
    notebook.run("%load_ext wsq")

    told = notebook.refusal("%%wsql\nselect 1")

    assert told == "No workspace is open. Open one with ws = wsq.open(…), or name its file with --database."


def test_a_prompt_that_is_saved_is_a_recurring_task(notebook, acme, launch_id):
    row, said = notebook.run(
        "%%recurring 'Daily plan' --every '1 day' --starting 09:00 --project launch --model some-model --save\n"
        "Create a task called 'Plan'.\n\nThen summarise the board.\n"
    )

    assert said.startswith("Created 'Daily plan' in store acme; its next run is 2026-03-03 09:00+00:00.")
    assert row == acme.recurring_task(row.id)
    assert row.prompt == "Create a task called 'Plan'.\n\nThen summarise the board."
    assert (row.interval_value, row.interval_unit, row.starting) == (1, "days", "09:00")
    assert (row.project_id, row.model) == (launch_id, "some-model")


def test_a_prompt_saved_again_changes_the_task_and_nothing_that_is_not_said(notebook, acme, launch_id):
    first, _ = notebook.run("%%recurring Plan --every '1 day' --starting 09:00 --project Launch --save\nList the tasks")

    again, said = notebook.run("%%recurring plan --save\nSummarise the board")

    assert said.startswith("Updated 'Plan' in store acme;")
    assert (again.id, again.prompt, again.project_id) == (first.id, "Summarise the board", launch_id)
    assert again.next_execution_at == first.next_execution_at
    assert len(acme.recurring_tasks()) == 1
    _, said = notebook.run("%%recurring Plan --every '1 day' --save\nSummarise the board")
    assert said.startswith("Nothing to change in 'Plan' in store acme;")


def test_a_prompt_that_is_not_saved_is_tried_and_changes_nothing(notebook, acme, launch_id):
    before = acme.head()

    tried, said = notebook.run(
        "%%recurring Plan --every '1 day' --project launch\nCreate a task called 'Plan'. Move 'Write copy' to done."
    )

    assert "Dry run\n  status    completed\n" in said
    assert (tried.status, tried.verdict, tried.project_id) == ("completed", "done", launch_id)
    assert [(each.what, each.name) for each in tried.changes] == [("created", "Plan"), ("changed", "Write copy")]
    assert acme.head() == before
    assert acme.recurring_tasks() == []


def test_of_two_tasks_with_one_name_none_is_changed(notebook, acme):
    for _ in range(2):
        acme.create_recurring_task("Plan", "List the tasks", every="1 day")

    told = notebook.refusal("%%recurring plan --save\nSummarise the board")

    assert told == "2 recurring tasks of store acme are named 'plan'. Rename one first."


def test_which_store_is_meant_is_said_or_is_the_only_one(notebook, ws, tmp_path):
    ws.create_store("beta")

    row, _ = notebook.run("%%recurring Plan --store beta --every '1 day' --save\nList the tasks")
    assert row.store_id == "beta"
    row, _ = notebook.run("%%recurring Plan --every '1 day' --save\nList the tasks")
    assert row.store_id == "acme"  # the one that a variable holds
    notebook.run("del acme")
    told = notebook.refusal("%%recurring Plan --every '1 day' --save\nList the tasks")
    assert told == "Choose a store with --store: acme, beta."


@pytest.fixture
def launch_id(notebook):
    return notebook.shell.user_ns["launch"].id


def test_the_help_of_a_magic_names_its_options(notebook):
    magics = notebook.shell.magics_manager.magics["cell"]

    assert "--into NAME" in magics["wsql"].__doc__
    assert "--save" in magics["recurring"].__doc__


def test_importing_wsq_does_not_load_ipython():
    ask = "import sys, wsq; print({'IPython', 'wsq.magics', 'wsq.api'} & set(sys.modules))"

    there = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)

    assert there.stdout == "set()\n"
