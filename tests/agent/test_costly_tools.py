"""What a tool may cost: a paid answer is on record whatever its calls take, and others write meanwhile."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path

import pytest

from tests import rings
from tests.agent.peer import calls, finished, turn_of
from wsq.ids import seeded
from wsq.rules.searching import MOST_WORDS

pytestmark = pytest.mark.long_on_server

WORDS = [f"word{number:03}" for number in range(100)]
MEMORY = 100
"""MiB that a search may take beyond what the process had before."""
WAIT = 1.0
"""Seconds that somebody else's write may take meanwhile."""


@pytest.fixture
def library(ask, serve):
    """Runs one answer with these calls in a store with so many texts of a million characters; what they returned."""

    def made(*wanted, texts=0):
        peer = serve([calls(*wanted), finished()])
        ws = ask(peer.url)
        acme = ws.store("acme")
        text = (" ".join(WORDS) + " ") * (1_000_000 // 800)
        for number in range(texts):
            acme.create_document(f"Text {number:02}", text[:1_000_000])
        task = acme.create_recurring_task("Triage", "Look.", every="1 day")

        def run():
            execution = acme.run_now(task.id)
            assert (execution.status, execution.verdict) == ("completed", "done")
            assert peer.answered == [0, 1]
            blocks = peer.requests[1]["messages"][-1]["content"]
            return [(json.loads(block["content"]), block.get("is_error", False)) for block in blocks]

        return acme, run

    return made


@pytest.mark.timed
def test_searches_of_many_words_in_much_text_take_little_memory_and_nobody_waits_for_them(library):
    # Given a hundred words, and as many as are accepted, all of them in every text
    queries = [" ".join(WORDS), " ".join(WORDS[:MOST_WORDS])]
    acme, run = library(*(("search_documents", {"query": query}) for query in queries), texts=rings.count(2, 20))
    before = _forget_peak()
    waits, ended = [], threading.Event()

    def edit():
        while not ended.is_set():
            began = time.monotonic()
            acme.create_task("Meanwhile")
            waits.append(time.monotonic() - began)
            ended.wait(0.1)

    editor = threading.Thread(target=edit)
    editor.start()
    try:
        (refused, _), (found, is_error) = run()
    finally:
        ended.set()
        editor.join()

    # Then the first is refused with the limit, and the second finds every text
    assert refused["error"] == "query has 100 different words, expected at most 20."
    assert not is_error
    assert len(found["documents"]) == rings.count(2, 20)
    assert _peak() - before < MEMORY
    assert max(waits) < rings.within(WAIT)


def test_a_search_sees_what_the_calls_before_it_have_written(library):
    _, run = library(
        ("create_document", {"title": "Brief", "content": "The launch is in May."}),
        ("create_task", {"title": "Read it"}),
        ("search_documents", {"query": "MAY"}),
        ("search_documents", {"query": "june"}),
        ("create_task", {"title": "Write it"}),
    )

    (made, _), _, (found, _), (nothing, _), (last, is_error) = run()

    assert [each["id"] for each in found["documents"]] == [made["document"]["id"]]
    assert nothing["documents"] == []
    assert (last["task"]["title"], is_error) == ("Write it", False)


@pytest.mark.file
def test_a_search_that_cannot_be_made_is_an_error_result(library, database):
    # Given a folder for private copies that is a file
    acme, run = library(("search_documents", {"query": "may"}), ("create_task", {"title": "Ask Ada"}))
    private = Path(f"{database}.wsq") / "private"
    shutil.rmtree(private, ignore_errors=True)
    private.write_text("")

    (found, is_error), (made, _) = run()

    assert is_error
    assert found["error"].startswith("The tool failed, and nothing was changed: ")
    assert [task.id for task in acme.tasks()] == [made["task"]["id"]]


@pytest.mark.parametrize("place", [2, 3, 5, 6])
def test_a_call_at_which_wsq_fails_is_an_error_result_and_the_others_stand(open_workspace, serve, monkeypatch, place):
    # Given ids that give out once, at some place while an answer's calls run
    good, left = seeded(7), None

    def ids():
        nonlocal left
        left = None if left is None else left - 1
        if left == 0:
            left = None
            raise RuntimeError("no ids at the moment")
        return good()

    def script(body):
        nonlocal left
        if turn_of(body):
            return finished()
        left = place
        return calls(*(("create_task", {"title": title}) for title in "abc"))

    peer = serve(script)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", peer.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", peer.key)
    ws = open_workspace(ids=ids)
    acme = ws.store("acme")

    execution = acme.run_now(acme.create_recurring_task("Triage", "Make three.", every="1 day").id)

    assert (execution.status, execution.turns, peer.answered) == ("completed", 2, [0, 1])
    blocks = peer.requests[1]["messages"][-1]["content"]
    failed = [block for block in blocks if block.get("is_error")]
    assert [json.loads(block["content"])["error"] for block in failed] == [
        "The tool failed, and nothing was changed: no ids at the moment"
    ]
    assert len(blocks) == 3
    assert len(acme.tasks()) == 2
    assert ws.verify() == []


def _forget_peak() -> int:
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    """The most that this process has taken since `_forget_peak`, in MiB."""
    status = Path("/proc/self/status").read_text("ascii")
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
