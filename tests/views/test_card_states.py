"""Every state in which a recurring task's card can be, without a browser."""

import asyncio
from datetime import timedelta

import pytest

import wsq
from tests.conftest import NOON
from tests.domain.worlds import PaidProvider
from wsq.agent.providers import ProviderError, ScriptedProvider, call, finish, say
from wsq.clock import ManualClock
from wsq.views.page import cards, words

HOUR = timedelta(hours=1)
REASON = "No room: " + "a\u0301" * 600
"""An error that is longer than a card's share of it, in letters of two code points."""


async def ponder(_request):
    await asyncio.sleep(60)


@pytest.fixture
def clock():
    return ManualClock(NOON)


@pytest.fixture
def at_work(tmp_path, clock):
    """Opens a workspace whose agent says these things; its store, its one hourly task and how to see the card."""
    opened = []

    def begin(*script, provider=None, **wishes):
        ws = wsq.open(tmp_path / "team.duckdb", clock=clock, provider=provider or ScriptedProvider(list(script)))
        opened.append(ws)
        store = ws.store("acme")
        task = store.create_recurring_task("Triage", "Look.", every="1 hour", **wishes)
        return ws, store, task

    yield begin
    for ws in opened:
        ws.close()


def card_of(store, task):
    row = store.recurring_task(task.id)
    return cards.recurring_card(
        row, store.recent_runs(cards.RUNS_SHOWN).get(task.id, ()), store.spendings().get(row.id)
    )


def test_enabled_and_never_run(at_work):
    _, store, task = at_work(say("ok"))

    card = card_of(store, task)

    assert (card["enabled"], card["disabled_reason"]) == (True, None)
    assert card["next"] == cards.instant(NOON + HOUR)
    assert (card["runs"], card["running"], card["output"], card["spent"]) == ([], None, "", None)


@pytest.mark.parametrize("reason", [None, "Too noisy"])
def test_disabled_with_or_without_a_reason(at_work, reason):
    _, store, task = at_work(say("ok"))
    store.disable_recurring_task(task.id, reason=reason)

    card = card_of(store, task)

    assert (card["enabled"], card["next"], card["disabled_reason"]) == (False, None, reason)


def test_running(at_work):
    _, store, task = at_work(ponder)
    running = store.start_now(task.id)

    card = card_of(store, task)

    [run] = card["runs"]
    assert card["running"] == run["id"] == running.id
    assert (run["word"], run["trigger"], run["seconds"], run["verdict"]) == ("Running", "Manual", None, None)
    store.cancel_execution(running.id)
    assert [run["word"] for run in card_of(store, task)["runs"]] == ["Cancelled"]
    assert card_of(store, task)["running"] is None


def test_completed_on_schedule(at_work, clock):
    ws, store, task = at_work(finish("done", "All is sorted."))
    clock.advance(HOUR)
    ws.process()

    card = card_of(store, task)

    [run] = card["runs"]
    assert (run["word"], run["trigger"], run["verdict"], run["slots"]) == ("Completed", "Automatic", "Done", 1)
    assert (run["could_not"], run["reason"], run["loud"]) == (False, "", False)
    assert card["output"] == "All is sorted."


def test_failed_with_the_first_five_hundred_characters_of_the_reason(at_work):
    def broken(_request):
        raise ProviderError(REASON, retryable=False)

    _, store, task = at_work(broken)
    failed = store.run_now(task.id)

    card = card_of(store, task)

    [run] = card["runs"]
    assert (run["word"], run["verdict"], card["failures"]) == ("Failed", None, 1)
    start = failed.error.index("No room: ")
    accented = cards.TEXT_SHOWN - start - len("No room: ")
    assert run["reason"] == failed.error[:start] + "No room: " + "a\u0301" * accented + "…"
    assert cards.execution_detail(failed, (), task=None, titles={})["reason"] == failed.error


def test_failed_five_times_and_disabled_for_it(at_work):
    _, store, task = at_work(say("", stop_reason="end_turn"))
    for _ in range(5):
        store.run_now(task.id)

    card = card_of(store, task)

    assert (card["enabled"], card["failures"]) == (False, 5)
    assert card["disabled_reason"] == "It failed 5 times in a row."
    assert [run["count"] for run in card["runs"]] == [1] * 5, "failures are told one by one"


def test_could_not(at_work):
    _, store, task = at_work(finish("could_not", "There is no mail."))
    store.run_now(task.id)

    [run] = card_of(store, task)["runs"]

    assert (run["word"], run["verdict"], run["could_not"]) == ("Completed", "Could not do it", True)


def test_an_answer_without_a_verdict(at_work):
    _, store, task = at_work(say("Nothing more to say."))
    store.run_now(task.id)

    [run] = card_of(store, task)["runs"]

    assert (run["verdict"], run["could_not"]) == ("Verdict unknown", False)


def test_skipped_aloud_when_nobody_wished_it(at_work, clock):
    ws, store, task = at_work(say("ok"))
    clock.advance(3 * HOUR + timedelta(minutes=20))
    ws.process()

    [run] = card_of(store, task)["runs"]

    assert (run["word"], run["count"], run["slots"], run["loud"]) == ("Skipped", 1, 3, True)
    assert run["reason"] == "No scheduler was running when it was due."


def test_skipped_quietly_when_it_was_asked_for(at_work, clock):
    _, store, task = at_work(say("ok"))
    clock.advance(HOUR)
    store.disable_recurring_task(task.id)

    [run] = card_of(store, task)["runs"]

    assert (run["word"], run["loud"], run["reason"]) == ("Skipped", False, "It was disabled before it ran.")


def test_skips_that_are_told_as_one_and_what_came_before_them(at_work, clock):
    ws, store, task = at_work(finish("done", "All is sorted."))
    store.run_now(task.id)
    clock.advance(timedelta(minutes=20))
    for _ in range(12):
        clock.advance(2 * HOUR)
        ws.process()

    card = card_of(store, task)

    assert [(run["word"], run["count"], run["slots"]) for run in card["runs"]] == [
        ("Skipped", 12, 24),
        ("Completed", 1, 0),
    ]
    assert card["runs"][0]["at"] == cards.instant(clock.now())
    assert card["output"] == "All is sorted.", "what it said last is still there"


def test_over_its_budget(at_work, clock):
    ws, store, task = at_work(provider=PaidProvider([say("ok")], price=0.3), budget_per_day=0.25)
    for _ in range(3):
        clock.advance(HOUR)
        ws.process()

    card = card_of(store, task)

    assert card["spent"]["state"] == "used_up"
    skipped, carried_out = card["runs"]
    assert (skipped["count"], skipped["slots"], skipped["loud"]) == (2, 2, True)
    assert skipped["reason"] == words.reason("over_budget")
    assert carried_out["word"] == "Completed"


def test_what_an_execution_made_is_counted_and_marked(at_work):
    _, store, task = at_work(
        call(("create_task", {"title": "Check mail"}), ("create_task", {"title": "Answer it"})),
        finish("done", "Two of them."),
    )
    store.run_now(task.id)

    [run] = card_of(store, task)["runs"]

    assert run["tasks"] == 2
    assert [cards.task_card(made)["by_agent"] for made in store.tasks()] == [True, True]
