import pytest

from wsq.views import cards


def card_of(store, task):
    return cards.recurring_card(store.recurring_task(task.id), store.executions(task.id, limit=cards.RUNS_SHOWN))


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
    ("content", "text"),
    [
        ("plain", "plain"),
        (None, ""),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "a\nb"),
        ({"role": "assistant", "content": [{"type": "text", "text": "hi"}]}, "hi"),
        ({"type": "tool_use", "name": "list_tasks", "input": {}}, "list_tasks {}"),
        ({"ok": True}, '{\n  "ok": true\n}'),
    ],
)
def test_a_transcript_is_told_as_plain_text(content, text):
    assert cards.said(content) == text
