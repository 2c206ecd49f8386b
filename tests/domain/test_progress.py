"""What an execution does is told to every process while it goes on, and is gone with its end."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

import wsq
from wsq.agent.providers import ScriptedProvider, call, finish
from wsq.files import Files
from wsq.runner.progress import EVERY, LONGEST, SHARE, TAIL, LiveProgress, Pace
from wsq.store.duckdb.engine import EmbeddedEngine
from wsq.store.duckdb.notes import FORGOTTEN, Latest
from wsq.store.schema import WorkspaceSchema


class Speaking:
    """Says a few words, and waits to be let on before it says more."""

    name, kind = "speaking", "scripted"

    def __init__(self, *words):
        self.words = words
        self.spoken, self.go_on = threading.Event(), threading.Event()
        self.script = ScriptedProvider([call(("create_task", {"title": "Made"})), finish()])

    async def turn(self, request, progress):
        for word in self.words:
            progress(word)
        await asyncio.sleep(EVERY * 1.5)
        self.spoken.set()
        while not self.go_on.is_set():
            await asyncio.sleep(0.01)
        return await self.script.turn(request, progress)


def test_another_process_sees_what_is_said_and_nothing_is_left_of_it(open_workspace, database):
    provider = Speaking("Let me ", "look: <b>ünïcode</b> 🦆")
    ws = open_workspace(provider=provider)
    acme = ws.store("acme")
    task = acme.create_recurring_task("Triage", "Look.", every="1 day")

    running = acme.start_now(task.id)
    assert provider.spoken.wait(30)
    with wsq.open(database) as elsewhere:
        doing = elsewhere.progress([running.id, "nobody"])

    assert list(doing) == [running.id]
    assert (doing[running.id].turn, doing[running.id].text) == (0, "Let me look: <b>ünïcode</b> 🦆")
    provider.go_on.set()
    wait_for(lambda: not ws.progress([running.id]))


def wait_for(condition):
    deadline = threading.Event()
    for _ in range(100):
        if condition():
            return
        deadline.wait(0.02)
    raise AssertionError("It did not come about within two seconds.")


@pytest.mark.file
def test_a_word_that_is_over_leaves_no_file(open_workspace, database):
    provider = Speaking("Let me ")
    acme = open_workspace(provider=provider).store("acme")

    running = acme.start_now(acme.create_recurring_task("Triage", "Look.", every="1 day").id)
    assert provider.spoken.wait(30)
    left = Path(f"{database}.wsq/running")
    assert [path.name for path in left.iterdir()] == [running.id]
    provider.go_on.set()

    wait_for(lambda: not list(left.iterdir()))


@pytest.mark.file
def test_an_execution_that_is_over_at_once_leaves_no_note(open_workspace, database):
    acme = open_workspace(provider=ScriptedProvider([finish()])).store("acme")

    acme.run_now(acme.create_recurring_task("Triage", "Look.", every="1 day").id)

    assert not Path(f"{database}.wsq/running").exists()


class Watched(EmbeddedEngine):
    """Remembers which notes were left."""

    def __init__(self, path):
        super().__init__(path, WorkspaceSchema())
        self.told = []

    def note_progress(self, execution_id, note):
        super().note_progress(execution_id, note)
        self.told.append((execution_id, note))


@pytest.fixture
def notes(tmp_path):
    engine = Watched(tmp_path / "team.duckdb")
    yield engine
    engine.close()


def test_a_flood_of_words_becomes_few_notes_of_bounded_length(notes):
    async def flood():
        live = LiveProgress(notes, "x", Pace())
        live.asking(3)
        for _ in range(60):
            live("word " * 100)
            await asyncio.sleep(0.01)
        live.calling("create_task")
        await asyncio.sleep(EVERY * 1.2)
        live.close()
        live("too late")
        await asyncio.sleep(EVERY * 1.2)

    began = time.monotonic()
    asyncio.run(flood())

    assert 3 <= len(notes.told) <= (time.monotonic() - began) / EVERY + 1
    assert notes.told[-1] == ("x", None)
    assert b'"turn":3' in notes.told[-2][1]
    assert b'"tool":"create_task"' in notes.told[-2][1]
    assert all(len(note) < TAIL + 100 for _, note in notes.told[:-1])


def test_on_a_slow_disk_many_executions_leave_the_loop_most_of_its_time(tmp_path):
    cost, most = 0.02, 10

    class OnASlowDisk(Watched):
        def note_progress(self, execution_id, note):
            time.sleep(cost)
            super().note_progress(execution_id, note)

    async def speak():
        pace = Pace()
        speakers = [LiveProgress(notes, f"x{n}", pace) for n in range(most)]
        began = time.monotonic()
        while (spent := time.monotonic() - began) < 3:
            for speaker in speakers:
                speaker("word ")
            await asyncio.sleep(0.01)
        written = len(notes.told)
        for speaker in speakers:
            speaker.close()
        return written, spent

    notes = OnASlowDisk(tmp_path / "team.duckdb")
    try:
        written, spent = asyncio.run(speak())
    finally:
        notes.close()

    assert written >= 2
    assert written * cost <= 2 * SHARE * spent
    assert len(notes.told) - written <= written


def test_a_note_that_was_held_up_does_not_silence_those_after_it():
    pace = Pace()
    pace.waiting = 20
    for _ in range(9):
        pace.spent(60)

    assert pace.interval() == LONGEST
    for _ in range(9):
        pace.spent(0.0001)
    assert pace.interval() == EVERY


@pytest.mark.parametrize("words", ["\ud800", "\0"])
def test_words_that_no_file_can_hold_disturb_nobody(notes, words):
    async def say():
        live = LiveProgress(notes, "x", Pace())
        live(words)
        await asyncio.sleep(EVERY * 1.2)
        live.close()

    asyncio.run(say())

    assert notes.told[-1] == ("x", None)


def test_a_note_whose_writer_was_killed_is_forgotten(tmp_path):
    latest = Latest(tmp_path / "running", Files(None))
    latest.put("killed", b"1")
    latest.put("alive", b"2")
    os.utime(tmp_path / "running" / "killed", (0, tmp_path.stat().st_mtime - FORGOTTEN - 60))

    latest.put("alive", b"3")
    assert latest.get(["killed", "alive", "other"]) == {"killed": b"1", "alive": b"3"}
    Latest(tmp_path / "running", Files(None)).put("other", b"4")  # another process

    assert latest.get(["killed", "alive", "other"]) == {"alive": b"3", "other": b"4"}
    latest.drop("alive")
    latest.drop("alive")
    assert latest.get(["alive"]) == {}
