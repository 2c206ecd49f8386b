import json
import re
import threading
import time
from pathlib import Path

import pytest

import wsq.views
from wsq.views import Board
from wsq.views.live.hub import forget

VIEWS = Path(wsq.views.__file__).parent


@pytest.fixture
def board(store):
    """A board that writes down what it sends to its browser."""
    made = Board(store)
    made.sent = []
    made.arrived = threading.Event()

    def note(text):
        made.sent.append(json.loads(text))
        made.arrived.set()

    made._send_msg = note
    yield made
    made.close()
    forget(store.workspace)


def answers(board, count):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found = [message for message in board.sent if message["type"] == "answer"]
        if len(found) >= count:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{count} answers were expected, these came: {board.sent}")


def test_the_first_state_holds_the_whole_board(workspace, store):
    store.create_task("first")
    board = Board(store)

    first = json.loads(board.first)

    assert [card["title"] for card in first["cards"]] == ["first"]
    assert first["opening"]["store"] == "acme"
    board.close()
    forget(workspace)


def test_a_page_begins_without_a_read_and_asks_for_the_board_itself(workspace, store):
    store.create_task("first")
    page = Board(store, page=True)

    first = json.loads(page.first)

    assert (first["type"], first["rev"], first["cards"]) == ("opening", 0, [])
    assert first["header"]["stores"] == []
    page.close()
    forget(workspace)


def test_messages_are_carried_out_in_the_order_in_which_they_came(board, store):
    for number in range(10):
        board._handle_msg(json.dumps(
            {"type": "create_task", "ref": number, "title": f"task {number}", "lane": "todo", "project": None}
        ))  # fmt: skip

    assert [answer["ref"] for answer in answers(board, 10)] == list(range(10))
    assert [task.title for task in store.tasks()] == [f"task {number}" for number in range(10)]


def test_a_forged_message_is_answered_with_a_refusal_and_the_page_lives_on(board, store):
    for forged in (None, 7, {"type": "run"}, "nonsense", '{"type": "run", "ref": 1, "id": "x", "store": "y"}'):
        board._handle_msg(forged)
    board._handle_msg(json.dumps({"type": "create_task", "ref": 9, "title": "a", "lane": "todo", "project": None}))

    *refusals, last = answers(board, 6)
    assert not any(answer["ok"] for answer in refusals)
    assert last["ok"]


def test_a_page_that_has_missed_something_gets_the_whole_board(board, store):
    store.create_task("first")
    board._handle_msg('{"type": "sync", "ref": 1, "rev": 0}')
    answers(board, 1)
    [snapshot] = [message for message in board.sent if message["type"] == "snapshot"]
    assert [card["title"] for card in snapshot["cards"]] == ["first"]

    board.sent.clear()
    board._handle_msg(json.dumps({"type": "sync", "ref": 2, "rev": snapshot["rev"]}))
    answers(board, 1)
    assert not [message for message in board.sent if message["type"] == "snapshot"]


@pytest.mark.parametrize("script", sorted(str(each.relative_to(VIEWS)) for each in VIEWS.rglob("*.js")))
def test_the_scripts_never_make_markup_or_code_of_text(script):
    text = (VIEWS / script).read_text("utf-8")

    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc", text)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
