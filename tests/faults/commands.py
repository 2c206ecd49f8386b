"""The real commands in processes of their own, and what a workspace's file holds, asked without wsq."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb

import wsq
from wsq.clock import ManualClock

BEGIN = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""When the workspaces of these tests are made."""

DUE = BEGIN + timedelta(minutes=1)
"""When the first slot of each of their tasks is due."""


class Said(NamedTuple):
    """What a command ended with, and what it said."""

    status: int
    out: str
    err: str


class Ledger(NamedTuple):
    """How much stands in a workspace: no command that is refused may change any of it."""

    events: int
    claims: int
    executions: int
    due: list[tuple[str, datetime]]


def process(*arguments: str | Path, **given) -> Said:
    """Run `wsq-process` to its end."""
    return _run("wsq.cli.process", *arguments, **given)


def at(instant: datetime, *arguments: str | Path, **given) -> Said:
    """A pass of `wsq-process` with its clock set."""
    return process("--now", instant.isoformat(), *arguments, **given)


def command(*arguments: str | Path, **given) -> Said:
    """Run `wsq` to its end."""
    return _run("wsq.cli.main", *arguments, **given)


def _run(module: str, *arguments: str | Path, wrapper: tuple[str, ...] = (), **given) -> Said:
    settings = {"stdin": subprocess.DEVNULL, "capture_output": True, "timeout": 60, **given}
    done = subprocess.run([*wrapper, sys.executable, "-m", module, *map(os.fspath, arguments)], **settings)
    return Said(done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode())


def side_by_side(*runs: Callable[[], Said]) -> list[Said]:
    """Run commands that have nothing to do with each other at the same time; what they said, in their order."""
    with ThreadPoolExecutor(len(runs)) as threads:
        return [each.result() for each in [threads.submit(run) for run in runs]]


def refused(said: Said, *words: str) -> None:
    """It was refused as it should be: status 2, nothing on standard output, one sentence that names `words`."""
    assert said.status == 2, said
    assert said.out == "", said
    assert_a_sentence(said.err, *words)


def assert_a_sentence(text: str, *words: str) -> None:
    """One line that begins with who speaks, ends with a full stop, and names `words`."""
    assert len(text.splitlines()) == 1, text
    assert text.startswith(("wsq: ", "wsq-process: ")), text
    assert text.endswith(".\n"), text
    assert "Traceback" not in text, text
    for word in words:
        assert word in text


def make(path: Path, *stores: str, prompt: str = "Create a task called 'Ping'", tasks: int = 1) -> None:
    """A workspace at `path`; in each store recurring tasks of a minute, whose first slot is at `DUE`."""
    with wsq.open(path, clock=ManualClock(BEGIN)) as ws:
        for store in stores or ("acme",):
            for number in range(1, tasks + 1):
                ws.store(store).create_recurring_task(f"Tick {number}", prompt, every="1 minute")


def ledger(path: Path) -> Ledger:
    """What stands in the file, read by DuckDB alone."""
    with duckdb.connect(str(path), read_only=True) as connection:

        def count(table: str) -> int:
            return connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]

        due = connection.execute("SELECT id, next_execution_at FROM recurring_tasks ORDER BY id").fetchall()
        return Ledger(count("events"), count("processed_task_executions"), count("task_executions"), due)


def by_hand(path: Path, *statements: str) -> None:
    """Do to the file what only somebody with another program does."""
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def rows(path: Path, query: str) -> list[tuple]:
    """Ask the file, with DuckDB alone."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file in a folder and its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
