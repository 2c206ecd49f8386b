"""An answer that was paid for is recorded once, though the workspace cannot be written to for a while."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

import wsq
from tests.agent.peer import KEY, Peer, calls, finished, turn_of
from tests.commands import Forked, main_of, run
from tests.conftest import NOON
from tests.domain.worlds import until
from tests.store import crew
from wsq.agent.providers.anthropic import AnthropicProvider
from wsq.clock import ManualClock
from wsq.commands.executions import LEASE
from wsq.store.duckdb.engine import EmbeddedEngine

BUSY = 6.0
"""Seconds for which another program has the file open."""

CREATE = calls(("create_task", {"title": "Made"}))


class Somebody:
    """Another process that opens the file with DuckDB, which locks out everybody else."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._path, self._folder, self._processes = path, folder, []

    def opens(self, seconds: float | None = None) -> None:
        """Return when the file is open; it is closed after so many seconds."""
        flag = self._folder / f"open {len(self._processes)}"
        self._processes.append(crew.start(crew.hold_with_another_program, self._path, flag))
        crew.wait_for(flag)
        if seconds is not None:
            threading.Timer(seconds, self.leaves).start()

    def leaves(self) -> None:
        """Close the file."""
        while self._processes:
            crew.kill(self._processes.pop())


@pytest.fixture
def somebody(database, tmp_path):
    """Another program on the test's file."""
    crew.finish(crew.start(os.getpid), within=250)  # the process that others are forked from takes long to start
    other = Somebody(database, tmp_path)
    yield other
    other.leaves()


@pytest.fixture
def asked(serve, open_workspace):
    """A task whose model makes a task and ends; `meanwhile` is called before each answer, with its turn."""

    def made(meanwhile, **given):
        def line(body):
            meanwhile(turn_of(body))
            return CREATE if turn_of(body) == 0 else finished()

        peer = serve(line)
        ws = open_workspace(provider=AnthropicProvider(api_key=KEY, base_url=peer.url), **given)
        acme = ws.store("acme")
        return peer, ws, acme, acme.create_recurring_task("Triage", "Make a task.", every="1 hour")

    return made


def assert_recorded_once(peer, ws, acme, execution):
    """Each answer was asked for once, recorded once and charged at its price; nothing is repeated or left over."""
    assert (execution.status, execution.verdict, execution.takeovers, execution.attempts) == ("completed", "done", 0, 1)
    assert peer.answered == [0, 1]
    assert [task.title for task in acme.tasks()] == ["Made"]
    answers = [event.fact for event in acme.events() if event.fact.stored_name == "task_execution.answer"]
    assert execution.cost_usd == pytest.approx(sum(answer.cost_usd for answer in answers))
    assert 0 < execution.cost_usd < 0.05
    assert not execution.cost_estimated
    assert (acme.spending().spent, acme.spending().reserved) == (pytest.approx(execution.cost_usd), 0)
    assert ws.verify() == []


@pytest.mark.file
@pytest.mark.parametrize("turn", [0, 1], ids=["an answer with calls", "the last answer"])
def test_somebody_looks_at_the_file_with_another_program_and_the_answer_is_kept(asked, somebody, turn):
    peer, ws, acme, task = asked(lambda now: now == turn and somebody.opens(BUSY))

    execution = acme.run_now(task.id)

    assert_recorded_once(peer, ws, acme, execution)


@pytest.mark.file
def test_a_pass_of_the_real_command_keeps_it_too(serve, somebody, database, monkeypatch, tmp_path):
    def line(body):
        if turn_of(body) == 0:
            somebody.opens(BUSY)
            return CREATE
        return finished()

    peer = serve(line)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", peer.url)
    with wsq.open(database) as ws:
        due = ws._log.clock.now() + timedelta(seconds=1)
        ws.store("acme").create_recurring_task("Triage", "Make a task.", every="1 day", starting=due)
        until(lambda: ws._log.clock.now() > due)

    said = Forked(main_of("wsq-process", "--database", database), cwd=tmp_path).ended()

    assert said.status == 0, said
    with wsq.open(database) as ws:
        acme = ws.store("acme")
        execution = acme.executions()[0]
        assert_recorded_once(peer, ws, acme, execution)


@pytest.mark.file
def test_a_lease_is_renewed_as_soon_as_the_file_can_be_written_again(asked, somebody, clock):
    ends = []

    def meanwhile(turn):
        if turn == 0:
            somebody.opens()
            clock.advance(LEASE * 0.6)
            time.sleep(3)  # the renewal fails meanwhile
            somebody.leaves()
            until(lambda: ends.append(lease_of(ws)) or ends[-1] == clock.now() + LEASE)
            clock.advance(LEASE * 0.6)

    peer, ws, acme, task = asked(meanwhile)
    execution = acme.run_now(task.id)

    assert_recorded_once(peer, ws, acme, execution)


def lease_of(ws):
    """When the one lease ends."""
    return ws._log.read(lambda cursor: cursor.query("SELECT expires_at FROM leases"))[0][0]


@pytest.mark.file
def test_once_the_lease_may_have_passed_it_is_given_up_and_the_next_pass_goes_on(asked, somebody, clock):
    def meanwhile(turn):
        if turn == 0 and len(peer.answered) == 0:
            somebody.opens()
            clock.advance(LEASE)

    peer, ws, acme, task = asked(meanwhile)
    with pytest.raises(wsq.WorkspaceBusy, match="is open in process"):
        acme.run_now(task.id)
    somebody.leaves()

    (execution,) = ws.process().executions

    assert (execution.status, execution.takeovers, peer.answered) == ("completed", 1, [0, 0, 1])
    assert [task.title for task in acme.tasks()] == ["Made"]
    assert execution.cost_estimated  # with what was reserved for the answer that is lost
    assert ws.verify() == []


@pytest.mark.file
def test_an_interrupt_ends_the_waiting_at_once(asked, somebody):
    def meanwhile(turn):
        somebody.opens()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    _, ws, acme, task = asked(meanwhile)

    with pytest.raises((KeyboardInterrupt, wsq.WorkspaceBusy)):
        acme.run_now(task.id)
    ws.close()

    assert somebody._processes[0].is_alive()


@pytest.mark.file
def test_what_was_written_though_the_database_said_otherwise_is_not_written_twice(asked, monkeypatch, caplog):
    commit, failures = EmbeddedEngine._commit, []

    def unheard(engine, connection):
        commit(engine, connection)
        if peer.answered == [0] and not failures:
            failures.append(1)
            raise wsq.WorkspaceBusy("The outcome cannot be determined.")

    peer, ws, acme, task = asked(lambda _turn: None)
    monkeypatch.setattr(EmbeddedEngine, "_commit", unheard)
    with pytest.raises(wsq.WorkspaceError, match="the next pass takes it up"):
        acme.run_now(task.id)
    monkeypatch.undo()
    assert "steps on record, not" in caplog.text

    ws._log.clock.advance(LEASE)
    (execution,) = ws.process().executions

    assert (execution.status, peer.answered) == ("completed", [0, 1])
    assert [task.title for task in acme.tasks()] == ["Made"]
    assert execution.steps == 4


@pytest.mark.file
@pytest.mark.parametrize("is_begun", [False, True], ids=["before the run", "before the answer"])
def test_a_run_whose_log_is_restored_to_before_what_it_knows_writes_nothing_more(asked, tmp_path, is_begun):
    backup = tmp_path / "backup.duckdb"

    def meanwhile(turn):
        if turn == 0 and is_begun and not backup.exists():
            ws.backup(backup)
        if turn == 1 and peer.answered == [0]:
            assert run("wsq", "restore", backup, "--database", ws.place).status == 0

    peer, ws, acme, task = asked(meanwhile)
    if not is_begun:
        ws.backup(backup)
    with pytest.raises(wsq.WsqError):
        acme.run_now(task.id)
    assert acme.tasks() == []
    assert [execution.steps for execution in acme.executions()] == [0] * is_begun

    ws._log.clock.advance(LEASE)
    ended = [(each.status, each.takeovers) for each in ws.process().executions]

    assert ended == [("completed", 1)] * is_begun
    assert [task.title for task in acme.tasks()] == ["Made"] * is_begun
    assert ws.verify() == []


def test_a_disk_that_is_full_for_a_while_loses_no_answer(tmp_path):
    crew.on_a_file_system_of_its_own(_full_for_a_while, tmp_path, "32m")


def _full_for_a_while(directory: Path) -> None:
    clock = ManualClock(NOON)

    def line(body):
        if turn_of(body) == 0:
            crew.fill_the_disk(directory)
            threading.Timer(3, crew.free_the_disk, [directory]).start()
            return calls(("create_task", {"title": "Made", "description": os.urandom(8_000).hex()}))
        return finished()

    with peer_of(line) as peer, wsq.open(directory / "team.duckdb", clock=clock, provider=provider_of(peer)) as ws:
        acme = ws.store("acme")
        execution = acme.run_now(acme.create_recurring_task("Triage", "Make a task.", every="1 hour").id)
        assert not (directory / "filler").exists()
        assert_recorded_once(peer, ws, acme, execution)


def provider_of(peer: Peer) -> AnthropicProvider:
    return AnthropicProvider(api_key=KEY, base_url=peer.url)


@contextmanager
def peer_of(line):
    peer = Peer(line)
    try:
        yield peer
    finally:
        peer.close()
