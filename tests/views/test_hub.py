import gc
import threading
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wsq
from tests.commands import run
from tests.conftest import NOON
from tests.rings import within
from tests.store.crew import eventually
from tests.views.browsers import patched
from wsq.agent.providers import ProviderError, ScriptedProvider
from wsq.clock import ManualClock
from wsq.runner import heartbeat
from wsq.views.live.hub import GRACE, Hub, scheduler_state


@pytest.fixture
def hub(workspace):
    made = Hub(workspace)
    yield made
    made.close()


class Page:
    """Applies what it hears as the script in the browser does."""

    def __init__(self, hub, store_id):
        self.heard = []
        self.news = threading.Event()
        self.subscription = hub.subscribe(store_id, self.hear)
        snapshot = self.subscription.snapshot()
        self.rev = snapshot["rev"]
        self.cards = {card["id"]: card for card in snapshot["cards"]}

    def hear(self, message):
        self.heard.append(message)
        if message["type"] == "patch" and message["rev"] > getattr(self, "rev", message["rev"]):
            assert message["from"] == self.rev, "a gap"
            self.rev = message["rev"]
            self.cards = patched(self.cards, message)
            self.news.set()

    def waits_for_news(self, seconds=30):
        assert self.news.wait(seconds), "nothing was heard in time"
        self.news.clear()
        return self.heard[-1]

    def titles(self):
        return sorted(card["title"] for card in self.cards.values())


@pytest.mark.timed
def test_a_change_by_another_process_is_heard_by_every_page_within_a_second_and_a_half(workspace, hub, store):
    store.create_task("first")
    pages = [Page(hub, "acme") for _ in range(3)]

    with wsq.open(workspace.place) as elsewhere:
        elsewhere.store("acme").create_task("second")

    for page in pages:
        page.waits_for_news(within(1.5))
        assert page.titles() == ["first", "second"]


def test_a_patch_holds_the_changed_cards_alone(hub, store):
    tasks = [store.create_task(f"task {number}") for number in range(20)]
    page = Page(hub, "acme")

    store.move_task(tasks[7].id, status="doing")

    patch = page.waits_for_news()
    assert [card["id"] for card in patch["cards"]] == [tasks[7].id]
    assert patch["gone"] == []


def test_a_deleted_task_is_gone_from_the_pages(hub, store):
    kept = store.create_recurring_task("Keep", "List the tasks", every="1 day")
    lost = store.create_recurring_task("Lose", "List the tasks", every="1 day")
    page = Page(hub, "acme")

    store.delete_recurring_task(lost.id)

    assert page.waits_for_news()["gone"] == [lost.id]
    assert list(page.cards) == [kept.id]


def test_an_execution_is_seen_to_end(hub, store):
    task = store.create_recurring_task("Triage", "Create a task called 'Check mail'", every="4 hours")
    page = Page(hub, "acme")

    store.run_now(task.id)

    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and [run["word"] for run in page.cards[task.id]["runs"]] != ["Completed"]:
        page.waits_for_news()
    assert [run["word"] for run in page.cards[task.id]["runs"]] == ["Completed"]
    assert "Check mail" in page.titles()


def test_a_page_hears_nothing_of_another_store(workspace, hub, store):
    store.create_task("ours")
    page = Page(hub, "acme")

    workspace.store("globex").create_task("theirs")
    hub.look()

    assert page.titles() == ["ours"]
    assert not [message for message in page.heard if message["type"] == "patch"][1:]


def test_a_page_that_has_gone_hears_nothing_more_and_the_thread_ends(hub, store):
    store.create_task("first")
    page = Page(hub, "acme")

    page.subscription.close()
    store.create_task("second")

    assert hub.listeners() == 0
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(thread.name == "wsq-hub" for thread in threading.enumerate()):
        time.sleep(0.02)
    assert not [thread for thread in threading.enumerate() if thread.name == "wsq-hub"]
    assert page.titles() == ["first"]


def test_a_store_that_is_not_there_yet_is_an_empty_board(hub, store):
    page = Page(hub, "acme")
    assert page.cards == {}

    store.create_task("first")

    page.waits_for_news()
    assert page.titles() == ["first"]


def test_a_log_that_went_back_and_another_way_is_read_anew(workspace, hub, store, tmp_path):
    store.create_task("first")
    workspace.backup(tmp_path / "backup.duckdb")
    lost = store.create_task("second")
    store.update_task(lost.id, title="changed")
    page = Page(hub, "acme")
    assert page.titles() == ["changed", "first"]

    assert run("wsq", "restore", tmp_path / "backup.duckdb", "--database", workspace.place).status == 0
    with wsq.open(workspace.place) as elsewhere:
        for title in ("third", "fourth", "fifth"):
            elsewhere.store("acme").create_task(title)

    assert eventually(lambda: page.titles() == ["fifth", "first", "fourth", "third"])
    assert store.create_task("sixth").position == 4
    assert workspace.verify() == []
    assert eventually(lambda: "sixth" in page.titles())


def test_a_page_that_opens_later_starts_from_the_board_as_it_is(hub, store):
    store.create_task("first")
    first = Page(hub, "acme")
    store.create_task("second")
    first.waits_for_news()

    second = Page(hub, "acme")

    assert second.rev == first.rev
    assert second.titles() == ["first", "second"]


def test_a_scheduler_that_was_never_seen_is_missed_after_a_moment():
    assert scheduler_state(None, GRACE / 2) == {"state": "unknown"}
    assert scheduler_state(None, GRACE + 1) == {"state": "never"}


def test_a_scheduler_whose_passes_stopped_is_missed_with_the_time_of_its_last(workspace):
    workspace.process()
    seen = workspace.scheduler()

    assert scheduler_state(seen, GRACE) == {"state": "ok", "within": 300}
    stopped = SimpleNamespace(last=seen.last, usual=seen.usual, missed=True)
    assert scheduler_state(stopped, GRACE)["state"] == "late"


def state_at(usual, shown=None):
    seen = SimpleNamespace(last=None, usual=usual, missed=False)
    return scheduler_state(seen, GRACE, shown)


@pytest.mark.parametrize(
    ("usual", "seconds"),
    [(0.5, 5), (15, 15), (17, 20), (30, 30), (59.7, 60), (60, 60), (60.4, 60), (90, 120), (120.5, 120), (3601, 3600)],
)
def test_the_next_pass_is_shown_in_round_numbers(usual, seconds):
    assert state_at(usual) == {"state": "ok", "within": seconds}


@given(
    centre=st.floats(5, 4_000),
    jitters=st.lists(st.floats(-0.05, 0.05), min_size=2, max_size=30),
)
def test_passes_that_come_a_little_early_or_late_make_no_news(centre, jitters):
    first, *later = [centre * (1 + jitter) for jitter in jitters]
    shown = state_at(first)

    for usual in later:
        assert state_at(usual, shown) == shown


def test_a_scheduler_that_comes_at_another_interval_is_shown_anew():
    assert state_at(15, state_at(60)) == {"state": "ok", "within": 15}
    assert state_at(300, state_at(60)) == {"state": "ok", "within": 300}
    assert state_at(60, {"state": "late", "last": "2026-03-02T12:00:00.000+00:00"})["within"] == 60


def test_a_scheduler_that_watches_beside_one_that_cron_starts_is_the_one_that_is_told(tmp_path):
    clock = ManualClock(NOON)
    with wsq.open(tmp_path / "team.duckdb", clock=clock) as workspace:
        told = []
        for second in range(0, 300, 15):
            clock.advance(timedelta(seconds=second) - (clock.now() - NOON))
            heartbeat.note(workspace._engine, clock.now(), clock.now(), interval=15.0)
            told.append(workspace.scheduler().usual)
            if second % 60 == 0:
                heartbeat.note(workspace._engine, clock.now() + timedelta(seconds=1), clock.now(), interval=None)
                told.append(workspace.scheduler().usual)
        assert set(told) == {15.0}

        # And once it has gone, the other is
        for minute in range(5, 9):
            clock.advance(timedelta(minutes=minute) - (clock.now() - NOON))
            heartbeat.note(workspace._engine, clock.now(), clock.now(), interval=None)
        assert workspace.scheduler().usual == 60.0
        assert not workspace.scheduler().missed


def test_pages_know_how_much_needs_attention_in_each_store_but_for_what_banners_say(tmp_path, monkeypatch):
    monkeypatch.setattr("wsq.views.live.hub.ALERTS_AFTER", 0.0)
    broken = ScriptedProvider([ProviderError("The service is gone.", retryable=False)])
    with wsq.open(tmp_path / "team.duckdb", provider=broken) as workspace:
        for name in ("acme", "acme", "globex"):
            store = workspace.store(name)
            store.run_now(store.create_recurring_task("Triage", "Look", every="1 day").id)
        workspace.pause()
        hub = Hub(workspace)
        page = Page(hub, "acme")

        assert eventually(lambda: hub.opening()["header"]["alerts"] == {"acme": 2, "globex": 1})
        assert eventually(lambda: any(each.get("header", {}).get("alerts") for each in page.heard))

        for task in store.recurring_tasks():
            store.disable_recurring_task(task.id)
        assert eventually(lambda: hub.opening()["header"]["alerts"] == {"acme": 2})
        hub.close()


def test_pages_hear_nothing_of_passes_while_they_come_as_usual(tmp_path):
    clock = ManualClock(NOON)
    with wsq.open(tmp_path / "team.duckdb", clock=clock) as workspace:
        workspace.store("acme").create_task("first")
        hub = Hub(workspace)
        for second in (0, 61, 118, 181, 240, 299, 362):
            clock.advance(timedelta(seconds=second) - (clock.now() - NOON))
            workspace.process()
        page = Page(hub, "acme")
        heard = len(page.heard)

        for second in (419, 481, 540, 602, 658):
            clock.advance(timedelta(seconds=second) - (clock.now() - NOON))
            workspace.process()
            hub._header_due = 0.0  # as if five seconds had passed
            hub.look()

        assert [message for message in page.heard[heard:] if message["type"] == "header"] == []
        hub.close()


def test_a_board_in_a_notebook_that_was_forgotten_is_not_kept_alive_by_the_hub(store):
    from wsq.views.live.component import weakly
    from wsq.views.live.hub import forget, hub_of

    class Cell:
        def send(self, message):
            raise AssertionError("nobody is left to hear this")

    cell = Cell()
    deliver = weakly(cell.send)
    hub_of(store.workspace).subscribe("acme", deliver)
    del cell
    gc.collect()

    store.create_task("first")
    hub_of(store.workspace).look()

    forget(store.workspace)
