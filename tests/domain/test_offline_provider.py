"""The provider for when there is no model: the sentences that it understands, and what it says of itself."""

from __future__ import annotations

import pytest

from wsq.agent.providers.offline import SIGNED, understand


@pytest.fixture
def ask(acme):
    """Carries a prompt out with the offline provider and gives the ended execution."""

    def asking(prompt, **given):
        task = acme.create_recurring_task("Triage", prompt, every="1 hour", **given)
        return acme.run_now(task.id)

    return asking


def board(store):
    """Title and lane of every task, in order."""
    return [(task.title, task.status) for task in store.tasks()]


@pytest.mark.parametrize(("prompt", "title", "status"), [
    ("Create a task called 'Check mail'", "Check mail", "todo"),
    ("Create a task called 'Check mail'.", "Check mail", "todo"),
    ('create a task named "Check mail"', "Check mail", "todo"),
    ("Please create a task called Check mail", "Check mail", "todo"),
    ("Create a task named Check mail.", "Check mail", "todo"),
    ("Create a task called 'Check mail' in doing", "Check mail", "doing"),
    ("Create a task called Check mail in doing", "Check mail", "doing"),
    ('Create a task called "Check mail" in in review!', "Check mail", "in_review"),
    ("Create a task called 'Check mail' in to do", "Check mail", "todo"),
    ("CREATE A TASK CALLED 'Check mail' IN DONE", "Check mail", "done"),
    ("Create a task called 'Ada's mail'", "Ada's mail", "todo"),
    ("Create a task called O'Brien's mail", "O'Brien's mail", "todo"),
    ("Create a task called \"It's time\"", "It's time", "todo"),
    ("Create a task called 'Ship \"1.0\"'", 'Ship "1.0"', "todo"),
    ("Create a task called Ship 1.0. Thanks.", "Ship 1.0", "todo"),
    ("Create a task called 'Salt and pepper; then more, now.'", "Salt and pepper; then more, now.", "todo"),
    ("Create a task called 'Übermut 🎉 日本語 שלום'", "Übermut 🎉 日本語 שלום", "todo"),
    ("Create a task called “Curly”", "Curly", "todo"),
    ("Every morning:\n\n  Create a task called 'Check mail'\n\nThank you", "Check mail", "todo"),
    ("Create a task called '<b>{title}</b> & %s'", "<b>{title}</b> & %s", "todo"),
    ("Create a task called 'in doing'", "in doing", "todo"),
])  # fmt: skip
def test_it_creates_the_task_that_is_asked_for(acme, ask, prompt, title, status):
    execution = ask(prompt)

    assert board(acme) == [(title, status)]
    assert (execution.status, execution.verdict) == ("completed", "done")
    assert execution.created_task_ids == (acme.tasks()[0].id,)
    assert execution.output.endswith(SIGNED)
    assert (execution.provider, execution.model, execution.cost_usd) == ("offline", None, None)


@pytest.mark.parametrize(("prompt", "status"), [
    ("Move 'Check mail' to done", "done"), ('move "check MAIL" to in review.', "in_review"),
    ("Move Check mail to doing", "doing"), ("Please move the task 'Check mail' to the done lane", "done"),
])  # fmt: skip
def test_it_moves_a_task(acme, ask, prompt, status):
    acme.create_task("Another")
    acme.create_task("Check mail")

    execution = ask(prompt)

    assert execution.verdict == "done"
    assert set(board(acme)) == {("Another", "todo"), ("Check mail", status)}


@pytest.mark.parametrize("prompt", ["Archive 'Check mail'", 'archive "Check mail".', "Archive Check mail"])
def test_it_archives_a_task(acme, ask, prompt):
    acme.create_task("Another")
    acme.create_task("Check mail")

    assert ask(prompt).verdict == "done"
    assert board(acme) == [("Another", "todo")]


def test_it_lists_the_tasks_and_summarises_the_board(acme, ask):
    assert "no tasks" in ask("List the tasks").output
    acme.create_task("Check mail")
    acme.create_task("Write", status="doing")

    listed, told = ask("List the tasks"), ask("Summarise the board")

    assert "Check mail" in listed.output
    assert "Write" in listed.output
    assert "2 tasks" in told.output
    assert ask("Summarize the board.").output == told.output
    assert {row.verdict for row in (listed, told)} == {"done"}


@pytest.mark.parametrize("prompt", [
    "Write a poem about mail", "Create a document called 'X'", "Move 'X' to nowhere", "…", "Tasks?",
    "Recreate a task called", "Look at the board and think.",
])  # fmt: skip
def test_anything_else_ends_as_nothing_to_do_and_says_that_no_model_was_asked(acme, ask, prompt):
    execution = ask(prompt)

    assert (execution.status, execution.verdict, execution.reason) == ("completed", "nothing_to_do", None)
    assert "No language model was asked" in execution.output
    assert board(acme) == []
    assert execution.created_task_ids == ()


def test_several_sentences_are_carried_out_one_after_another(acme, ask):
    execution = ask(
        "Create a task called 'A' and create a task called 'B' in doing. Move 'A' to done, then archive 'B'.\n"
        "Create a task called 'C'. List the tasks. Summarise the board."
    )

    assert execution.verdict == "done"
    assert board(acme) == [("C", "todo"), ("A", "done")]
    assert "2 tasks: 1 todo, 1 done" in execution.output
    assert len(execution.created_task_ids) == 3


def test_sentences_that_need_many_looks_at_the_board_stay_within_the_limits(acme, ask):
    for n in range(9):
        acme.create_task(f"T{n}")

    moved = ask(" ".join(f"Move 'T{n}' to done." for n in range(9)))
    looked = ask("List the tasks. Summarise the board. " * 3)

    assert (moved.status, moved.verdict) == ("completed", "done")
    assert board(acme) == [(f"T{n}", "done") for n in range(9)]
    assert (looked.status, looked.verdict) == ("completed", "done")


def test_a_task_that_is_not_there_is_told_and_the_rest_is_done(acme, ask):
    execution = ask("Archive 'Nowhere'. Create a task called 'After'. Archive 'After'. Archive 'After'.")

    assert (execution.status, execution.verdict) == ("completed", "could_not")
    assert "no task called 'Nowhere'" in execution.output
    assert "no task called 'After'" in execution.output
    assert board(acme) == []


def test_what_cannot_be_done_is_told(acme, ask):
    execution = ask(f"Create a task called '{'x' * 201}'")

    assert (execution.status, execution.verdict) == ("completed", "could_not")
    assert "200" in execution.output


def test_in_a_project_it_sees_and_makes_that_projects_tasks_alone(acme, ask):
    project = acme.create_project("Launch")
    acme.create_task("Elsewhere")

    execution = ask("Archive 'Elsewhere'. Create a task called 'Here'", project_id=project.id)

    assert execution.verdict == "could_not"
    assert [task.title for task in acme.tasks(project.id)] == ["Here"]
    assert ("Elsewhere", "todo") in board(acme)


def test_it_says_of_itself_that_it_is_offline(ws):
    assert ws.provider_kind == "offline"
    assert ws.provider().kind == "offline"


def test_wishes_come_in_the_order_of_the_prompt():
    kinds = [
        wish.kind for wish in understand("Archive 'a'. List the tasks. Create a task called 'b'. Move 'b' to done")
    ]

    assert kinds == ["archive", "list", "create", "move"]
