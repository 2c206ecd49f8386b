"""Disks that are full, read-only or too small, under real mounts: nothing acknowledged is lost, no slot is spent.

Commands start cold under a mount of its own, which a process that was forked from elsewhere does not see.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from logging import handlers
from pathlib import Path

import pytest

import wsq
from tests.commands import side_by_side
from tests.faults.commands import DUE, assert_a_sentence, at, command, ledger, make, process, refused, rows
from tests.store.crew import (
    fill_the_disk,
    free_the_disk,
    on_a_file_system_of_its_own,
    remount_read_only,
    remount_writable,
)
from wsq.agent.providers import Request, ScriptedProvider, Turn, call, finish
from wsq.clock import ManualClock
from wsq.errors import WorkspaceUnwritable

# Read-only


def test_a_read_only_disk_is_refused_and_no_slot_is_spent(tmp_path):
    on_a_file_system_of_its_own(_read_only, tmp_path, "32m")


def _read_only(directory: Path) -> None:
    path = directory / "team.duckdb"
    make(path, "acme", "umbrella")
    before = ledger(path)
    remount_read_only(directory)

    for said in side_by_side(
        lambda: at(DUE, "--database", path, "--json", cold=True),
        lambda: process("--database", path, cold=True),
        lambda: command("disable", "Tick 1", "--store", "acme", "--database", path, cold=True),
        lambda: command("init", cwd=directory, env={**os.environ, "WSQ_DATABASE": str(path)}, cold=True),
    ):
        refused(said, "cannot be written to (read-only file system)")

    remount_writable(directory)
    assert ledger(path) == before
    assert at(DUE, "--database", path, cold=True).status == 0
    assert ledger(path).claims == 2


def test_a_folder_that_may_not_be_written_is_refused_for_everybody_but_its_owner(tmp_path):
    refused(process("--database", "/proc/team.duckdb"), "/proc/team.duckdb")
    refused(process("--database", "/dev/null/team.duckdb"), "/dev/null/team.duckdb")
    refused(process("--database", "/dev/full"), "/dev/full is a device or pipe")


# Full


def test_a_full_disk_is_refused_and_no_slot_is_spent(tmp_path):
    on_a_file_system_of_its_own(_full, tmp_path, "32m")


def _full(directory: Path) -> None:
    path = directory / "team.duckdb"
    make(path, "acme", "umbrella")
    assert at(DUE - timedelta(seconds=1), "--database", path, cold=True).status == 0
    before = ledger(path)
    fill_the_disk(directory)

    long = "x" * 10_000  # what is short may find room in a block that the file has already
    new = directory / "new.duckdb"
    for said in side_by_side(
        lambda: at(DUE, "--database", path, "--json", cold=True),
        lambda: command("add", "New", "--prompt", long, "--every", "1 day", "--database", path, cold=True),
        lambda: command("rebuild", "--database", path, cold=True),
        lambda: command("backup", directory / "copy.duckdb", "--database", path, cold=True),
        lambda: command("add", "New", "--prompt", "x", "--every", "1 day", "--database", new, cold=True),
    ):
        refused(said, "is full", "What was saved before is safe")
    assert not (directory / "copy.duckdb").exists()
    assert not new.exists()

    free_the_disk(directory)
    assert ledger(path) == before
    assert at(DUE, "--database", path, cold=True).status == 0
    assert ledger(path).claims == 2
    assert command("verify", "--database", path, cold=True).status == 0


def test_a_disk_that_fills_up_in_the_middle_of_a_pass_loses_nothing_and_repeats_nothing(tmp_path):
    on_a_file_system_of_its_own(_fills_up_in_the_middle, tmp_path, "32m")


@contextmanager
def interrupted_soon() -> Iterator[None]:
    """Press Ctrl+C in three seconds, unless the block has ended."""
    keys = threading.Timer(3, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT])
    keys.start()
    try:
        yield
    finally:
        keys.cancel()


TITLES = ("Before", "During", "After")


def _fills_up_in_the_middle(directory: Path) -> None:
    path, clock = directory / "team.duckdb", ManualClock(DUE)
    make(path, tasks=3)
    waiting: list[int] = []

    async def full(_request: Request) -> Turn:
        """Answer when all three have come so far, on a disk that is full by then."""
        waiting.append(1)
        while len(waiting) < 3:
            await asyncio.sleep(0.005)
        fill_the_disk(directory)
        return call(("create_task", {"title": TITLES[1]}))

    create = [call(("create_task", {"title": title})) for title in TITLES]
    told = queue.SimpleQueue()
    logging.getLogger("wsq").addHandler(handlers.QueueHandler(told))
    with wsq.open(path, clock=clock, provider=ScriptedProvider([create[0], full, create[2], finish()])) as ws:
        with pytest.raises(KeyboardInterrupt), interrupted_soon():
            ws.process()  # which keeps the answers, in case there is room again
        acknowledged = [task.title for task in ws.store("acme").tasks()]
    assert acknowledged.count(TITLES[0]) == 3  # and some of the second, where the file had a block to fill
    assert len(acknowledged) < 6
    fill_the_disk(directory)  # anew: closing has given some of it back
    before = ledger(path)
    assert before.claims == 3
    clock.move_to(DUE + timedelta(minutes=3))
    with (
        wsq.open(path, clock=clock, provider=ScriptedProvider([*create, finish()])) as ws,
        pytest.raises((WorkspaceUnwritable, KeyboardInterrupt), match=r"is full|^$"),
        interrupted_soon(),
    ):
        ws.process()
    assert told.empty(), told.get()  # whoever waits for the pass hears of it, and nobody twice
    after = ledger(path)  # with a take-over or two, where the file had a block to fill
    assert (after.claims, after.executions, after.due) == (before.claims, before.executions, before.due)

    free_the_disk(directory)
    clock.move_to(DUE + timedelta(minutes=6))
    with wsq.open(path, clock=clock, provider=ScriptedProvider([*create, finish()])) as ws:
        report = ws.process()
        titles = sorted(task.title for task in ws.store("acme").tasks())
        assert report.resumed == 3
        assert [row.status for row in report.executions if row.takeovers] == ["completed"] * 3
        done = [row for row in ws.store("acme").executions() if row.status == "completed"]
        assert titles == sorted(TITLES * len(done))
        assert ws.verify() == []
    assert rows(path, "SELECT count(*), count(DISTINCT (task_id, scheduled_time)) FROM processed_task_executions") == [
        (ledger(path).claims,) * 2
    ]


# As much as one file may hold


def limited(blocks: int) -> tuple[str, ...]:
    """A wrapper under which no file may grow past so many KiB."""
    return (sys.executable, "-c", (
        "import os, resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({blocks * 1024}, resource.RLIM_INFINITY))\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    ))  # fmt: skip


@pytest.mark.parametrize("room", [0, 4])
def test_a_limit_on_a_files_size_is_told_in_a_sentence_and_spends_no_slot(team, room):
    before = ledger(team)
    log = Path(f"{team}.wal")
    size = log.stat().st_size if log.exists() else 0

    said = at(DUE, wrapper=limited(size // 1024 + room), cold=True)

    assert said.status == 2
    assert_a_sentence(said.err, "ulimit -f", "What was saved before is safe")
    assert ledger(team) == before
    assert at(DUE).status == 0
    assert ledger(team).claims == 2
    assert command("verify").status == 0
