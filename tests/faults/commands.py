"""The commands of these tests, and what a workspace's file holds, asked without wsq."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb

import wsq
from tests.commands import Said, run, run_cold
from wsq.clock import ManualClock

BEGIN = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""When the workspaces of these tests are made."""

CLOCK_LINE = re.compile(r"\Awsq-process: --now sets the clock to [^\n]*\n")

DUE = BEGIN + timedelta(minutes=1)
"""When the first slot of each of their tasks is due."""


class Ledger(NamedTuple):
    """How much stands in a workspace: no command that is refused may change any of it."""

    events: int
    claims: int
    executions: int
    due: list[tuple[str, datetime]]


def process(*arguments: str | bytes | Path, cold: bool = False, **given) -> Said:
    """Run `wsq-process` to its end, warm or `cold`."""
    return (run_cold if cold else run)("wsq-process", *arguments, **given)


def at(instant: datetime, *arguments: str | Path, **given) -> Said:
    """A pass of `wsq-process` with its clock set; the line that says so is left out."""
    said = process("--now", instant.isoformat(), *arguments, **given)
    return said._replace(err=CLOCK_LINE.sub("", said.err))


def command(*arguments: str | bytes | Path, cold: bool = False, **given) -> Said:
    """Run `wsq` to its end, warm or `cold`."""
    return (run_cold if cold else run)("wsq", *arguments, **given)


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
