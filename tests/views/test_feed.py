import asyncio
from datetime import UTC, datetime, timedelta

import pytest

import wsq
from tests.domain.worlds import PaidProvider
from tests.views.browsers import patched
from wsq.agent.providers import ScriptedProvider, say
from wsq.clock import ManualClock
from wsq.views.live.feed import Feed
from wsq.views.page import cards


@pytest.fixture
def feed(store):
    made = Feed(store)
    made.refresh()
    return made


def what_shows(feed):
    shown = feed.snapshot()
    cards = {card["id"]: {**card, "rev": None} for card in shown["cards"]}
    return cards, shown["projects"]


def read_anew(store):
    fresh = Feed(store)
    fresh.refresh()
    return what_shows(fresh)


def a_day_at_work(store):
    """A store's commands one after the other, each of which the board must follow."""
    launch = store.create_project("Launch")
    yield
    copy = store.create_task("Write copy", project_id=launch.id, assignees=["Ada"])
    store.create_task("Check links")
    yield
    triage = store.create_recurring_task("Triage", "Create a task called 'Check mail'", every="4 hours")
    other = store.create_recurring_task("Other", "List the tasks", every="1 day")
    yield
    for _ in range(7):
        store.run_now(triage.id)
        yield
    store.move_task(copy.id, status="done", position=0)
    store.update_project(launch.id, name="Launch in May")
    yield
    store.archive_task(copy.id)
    yield
    store.update_task(copy.id, title="Write good copy")
    store.unarchive_task(copy.id)
    yield
    store.disable_recurring_task(triage.id, reason="Too noisy")
    store.archive_project(launch.id)
    yield
    store.unarchive_project(launch.id)
    store.enable_recurring_task(triage.id)
    store.update_recurring_task(triage.id, every="2 hours", name="Sorting")
    yield
    store.delete_recurring_task(other.id)
    store.create_document("Brief", "Ship it")
    yield


def test_a_board_that_follows_the_log_shows_what_one_that_is_read_anew_shows(store, feed):
    for _ in a_day_at_work(store):
        feed.refresh()

        assert what_shows(feed) == read_anew(store)


def test_a_page_that_hears_patches_alone_shows_what_one_that_is_opened_later_shows(store):
    feed = Feed(store)
    shown = {}
    for _ in a_day_at_work(store):
        patch = feed.refresh()
        shown = patched(shown, patch) if patch else shown

        assert shown == {card["id"]: card for card in feed.snapshot()["cards"]}


def test_a_patch_tells_of_a_card_and_its_runs_what_has_changed_alone(store):
    copy = store.create_task("Write copy", description="Of the page.")
    triage = store.create_recurring_task("Triage", "List the tasks", every="1 day", description="Every day.")
    old = store.run_now(triage.id)
    feed = Feed(store)
    feed.refresh()

    store.update_task(copy.id, title="Write good copy")
    (news,) = feed.refresh()["cards"]
    new = store.run_now(triage.id)
    (ran,) = feed.refresh()["cards"]

    assert news == {"id": copy.id, "title": "Write good copy", "version": copy.version + 1, "rev": 2}
    assert not {"title", "about", "next"} & ran.keys()
    assert [run["id"] if isinstance(run, dict) else run for run in ran["runs"]] == [new.id, old.id]
    assert ran["runs"][1] == old.id


def test_a_change_is_followed_with_one_question_however_large_the_board(store, monkeypatch):
    tasks = [store.create_task(f"task {number}") for number in range(30)]
    feed = Feed(store)
    feed.refresh()
    asked = []
    ask = type(store)._read
    monkeypatch.setattr(type(store), "_read", lambda store, question: asked.append(question) or ask(store, question))
    store.move_task(tasks[3].id, status="doing")
    asked.clear()

    patch = feed.refresh()

    assert [card["id"] for card in patch["cards"]] == [tasks[3].id]
    assert len(asked) == 1


def test_of_a_large_board_only_the_cards_that_may_have_changed_are_drawn_anew(store, monkeypatch):
    tasks = [store.create_task(f"task {number}") for number in range(30)]
    triage, *_ = [store.create_recurring_task(name, "List the tasks", every="1 day") for name in ("Triage", "Other")]
    feed = Feed(store)
    feed.refresh()
    drawn = []
    for kind in ("task_card", "recurring_card"):
        draw = getattr(cards, kind)
        monkeypatch.setattr(cards, kind, lambda row, *more, draw=draw: drawn.append(row.id) or draw(row, *more))
    store.move_task(tasks[3].id, status="doing")
    store.disable_recurring_task(triage.id)

    feed.refresh()

    assert sorted(drawn) == sorted([tasks[3].id, triage.id])


def test_what_does_not_stand_on_the_board_makes_no_patch(store, feed):
    store.create_task("first")
    assert feed.refresh() is not None

    store.create_document("Brief", "Ship it")
    store.create_contact("Ada")

    assert feed.refresh() is None


def test_a_board_that_was_read_while_somebody_wrote_is_read_again(store, feed):
    store.create_task("first")

    class Hurried:
        """Somebody writes between two of its questions, once."""

        id = store.id
        late = iter([lambda: store.create_task("second")])

        def __getattr__(self, name):
            return getattr(store, name)

        def projects(self):
            next(self.late, lambda: None)()
            return store.projects()

    followed = Feed(Hurried())
    followed.refresh()
    followed.refresh()

    assert what_shows(followed) == read_anew(store)


def test_a_board_tells_what_the_day_has_cost_and_when_it_is_over(tmp_path):
    clock = ManualClock(datetime(2026, 3, 2, 12, 0, tzinfo=UTC))
    with wsq.open(tmp_path / "paid.duckdb", provider=PaidProvider([say("ok")], price=0.3), clock=clock) as opened:
        store = opened.store("acme")
        task = store.create_recurring_task("Triage", "Look.", every="1 hour", budget_per_day=1.0)
        feed = Feed(store)
        feed.refresh()
        (card,) = feed.snapshot()["cards"]
        assert (card["spent"], feed.snapshot()["spent"]) == (None, None)

        store.run_now(task.id)
        patch = feed.refresh()

        assert patch["cards"][0]["spent"] == {"text": "$0.30 of $1.00 today", "state": "fine"}
        assert patch["spent"] == {"text": "$0.30 of $5.00 today", "state": "fine"}
        store.run_now(task.id)
        store.run_now(task.id)
        assert feed.refresh()["cards"][0]["spent"]["state"] == "warning"
        store.update_recurring_task(task.id, budget_per_day=0.5)
        assert feed.refresh()["cards"][0]["spent"] == {"text": "$0.90 of $0.50 today", "state": "used_up"}
        assert not feed.is_outdated(clock.now())
        assert feed.refresh(clock.now()) is None

        clock.advance(timedelta(hours=12))

        assert feed.is_outdated(clock.now())
        patch = feed.refresh(clock.now())
        assert (patch["cards"][0]["spent"], patch["spent"]) == (None, None)
        assert not feed.is_outdated(clock.now())


def test_what_runs_stays_on_its_card_however_many_slots_are_skipped_meanwhile(tmp_path):
    async def ponder(_request):
        await asyncio.sleep(60)

    clock = ManualClock(datetime(2026, 3, 2, 12, 0, tzinfo=UTC))
    with wsq.open(tmp_path / "long.duckdb", provider=ScriptedProvider([ponder]), clock=clock) as opened:
        store = opened.store("acme")
        task = store.create_recurring_task("Long", "Ponder.", every="1 minute", time_limit="1 hour")
        running = store.start_now(task.id)
        feed = Feed(store)
        feed.refresh()
        for _ in range(6):
            clock.advance(60)
            opened.process()
            feed.refresh()

        assert feed.running() == {running.id}
        assert read_anew(store) == what_shows(feed)
        (card,) = feed.snapshot()["cards"]
        assert card["running"] == running.id
        store.cancel_execution(running.id)
