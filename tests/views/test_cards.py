from datetime import UTC, datetime

import pytest

from wsq.rules.budgets import Spending
from wsq.views.page import cards


def card_of(store, task):
    return cards.recurring_card(store.recurring_task(task.id), store.recent_runs(cards.RUNS_SHOWN).get(task.id, ()))


@pytest.fixture
def triage(store):
    return store.create_recurring_task("Triage", "Create a task called 'Check mail'", every="4 hours")


def test_an_enabled_task_has_a_next_slot_and_a_disabled_one_has_none(store, triage):
    assert card_of(store, triage)["next"] is not None

    store.disable_recurring_task(triage.id, reason="Too noisy")

    card = card_of(store, triage)
    assert card["next"] is None
    assert not card["enabled"]
    assert card["disabled_reason"] == "Too noisy"


def test_a_card_tells_how_the_last_execution_ended_and_what_it_said(store, triage):
    store.run_now(triage.id)

    card = card_of(store, triage)

    [run] = card["runs"]
    assert (run["word"], run["trigger"], run["tasks"], run["verdict"]) == ("Completed", "Manual", 1, "Done")
    assert card["running"] is None
    assert card["output"] == store.latest_execution(triage.id).output[:500]


def test_a_card_shows_five_executions_at_most(store, triage):
    for _ in range(6):
        store.run_now(triage.id)

    assert len(card_of(store, triage)["runs"]) == 5


def test_a_task_that_an_execution_made_says_so(store, triage):
    mine = store.create_task("by hand")
    store.run_now(triage.id)

    made = next(each for each in store.tasks() if each.id != mine.id)
    assert cards.task_card(made)["by_agent"]
    assert not cards.task_card(store.task(mine.id))["by_agent"]


def test_a_long_text_is_shortened_on_a_card(store):
    task = store.create_task("Long", description="word " * 1_000)

    about = cards.task_card(task)["about"]

    assert len(about) <= cards.ABOUT_SHOWN + 1
    assert about.endswith("…")


@pytest.mark.parametrize(
    ("spent", "text", "state"),
    [
        (0.004, "<$0.01 of $1.00 today", "fine"),
        (0.79, "$0.79 of $1.00 today", "fine"),
        (0.8, "$0.80 of $1.00 today", "warning"),
        (1.0, "$1.00 of $1.00 today", "used_up"),
    ],
)
def test_four_fifths_of_a_budget_are_a_warning_and_all_of_it_the_end(spent, text, state):
    day = Spending(since=datetime(2026, 3, 2, tzinfo=UTC), budget=1.0, spent=spent)

    assert cards.spent_line(day) == {"text": text, "state": state}


def test_the_draft_of_an_email_has_a_link_and_another_document_has_none(store):
    draft = store.create_document("Draft: reminder", "To: ada@example.com\nSubject: The contract\n\nIt is due.")
    report = store.create_document("Report", "To: ada@example.com\nSubject: x\n\nNo draft.")

    link = cards.document_line(draft)["mailto"]

    assert link == "mailto:ada@example.com?subject=The%20contract&body=It%20is%20due."
    assert cards.document_line(report)["mailto"] is None
