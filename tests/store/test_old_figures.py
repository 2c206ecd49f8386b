"""Logs in which an earlier wsq wrote whatever a service sent: they are read, and nothing of them changes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

import wsq
from tests.agent.crowd import Own, crowd_of
from tests.conftest import NOON
from wsq.agent.providers import Usage, call, finish
from wsq.cli.main import main
from wsq.clock import ManualClock
from wsq.events.stores import WorkspaceRepaired
from wsq.queries import log as log_queries

USAGE = Usage(input_tokens=1000, output_tokens=50)
AS_IT_WAS = {
    "half a token": {"input_tokens": 7.5},
    "null": {"output_tokens": None},
    "minus two millions": {"input_tokens": -2_000_000},
    "beyond 64 bits": {"cache_read_tokens": 10**19},
    "beyond integers": {"input_tokens": 1e19},
    "text": {"output_tokens": "50"},
    "true": {"cache_write_tokens": True},
    "a negative cost": {"cost_usd": -29.0},
    "a cost of true": {"cost_usd": True},
    "a stop reason of null": {"stop_reason": None},
    "a stop reason that is a list": {"stop_reason": ["end_turn"]},
    "a request id that is a number": {"request_id": 7},
}
"""What stands in an answer's event that nobody can use."""
FIGURES = [name for name in AS_IT_WAS if "reason" not in name and "id" not in name]
LOOSE = ("task_execution.answer", "task_execution.call", "task_execution.charge", "task_execution.retry")


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of schema version 3 with an execution for each case: something in its first answer is unusable."""
    file = tmp_path_factory.mktemp("old") / "team.duckdb"
    own = Own()
    with crowd_of(file.parent, own, own) as world:
        world.run([[call(("create_task", {"title": "Made"}), usage=USAGE), finish()]] * len(AS_IT_WAS))
    with duckdb.connect(file) as connection:
        found = connection.execute("SELECT store_id, seq, name, args FROM events ORDER BY store_id, seq").fetchall()
        odd = iter(AS_IT_WAS.values())
        begun = set()
        for store_id, seq, name, args in found:
            if name not in LOOSE:
                continue
            fields = {name: value for name, value in json.loads(args).items() if name != "estimated"}
            first = name == "task_execution.answer" and fields["execution_id"] not in begun
            text = json.dumps(fields | (next(odd) if first else {}))
            begun.add(fields["execution_id"])
            connection.execute(
                "UPDATE events SET version = 1, args = $1 WHERE store_id = $2 AND seq = $3", [text, store_id, seq]
            )
        connection.execute("ALTER TABLE task_executions DROP COLUMN cost_estimated")
        connection.execute("UPDATE schema_version SET version = 3")
        assert next(odd, None) is None
    return file


@pytest.fixture
def old(left: Path, database: Path) -> Path:
    """A copy of it."""
    shutil.copyfile(left, database)
    return database


def stored(database: Path) -> list[tuple[Any, ...]]:
    """The log as it is stored."""
    with duckdb.connect(database, read_only=True) as connection:
        return connection.execute("SELECT * FROM events WHERE store_id <> '*' ORDER BY store_id, seq").fetchall()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs `wsq` on a database: its status and what it printed."""

    def running(database: Path, *words: str) -> tuple[int, str]:
        monkeypatch.setenv("WSQ_DATABASE", str(database))
        status = main(list(words))
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return running


def test_an_old_log_with_unusable_figures_is_read_everywhere(old: Path, tmp_path: Path) -> None:
    before = stored(old)
    clock = ManualClock(NOON + timedelta(days=2))

    with wsq.open(old, clock=clock, actor="ada") as ws:
        assert ws.verify() == []
        acme = ws.store("acme")
        rows = acme.executions()
        assert [row.status for row in rows] == ["completed"] * len(AS_IT_WAS)
        for row in rows:
            assert min(row.input_tokens, row.output_tokens, row.cache_read_tokens, row.cache_write_tokens) >= 0
            assert row.cost_usd is None or row.cost_usd >= 0
        assert sum(row.cost_estimated for row in rows) == len(FIGURES)
        assert len(acme.events()) == acme.head()
        assert acme.as_of(acme.head()).executions() == rows
        ws.rebuild()
        ws.export(tmp_path / "all.gz")
    with wsq.open(tmp_path / "copy.duckdb", clock=clock, actor="ada") as copy:
        copy.import_from(tmp_path / "all.gz")
        assert copy.verify() == []
        assert copy.store("acme").executions() == rows

    assert stored(old) == before


def test_the_doctor_repairs_it_once_and_says_so_in_the_log(
    old: Path, run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    before = stored(old)

    _, said = run(old, "doctor", "--repair", "--backup", str(tmp_path / "before.duckdb"))
    _, again = run(old, "doctor", "--repair", "--backup", str(tmp_path / "again.duckdb"))

    assert f"{len(FIGURES)} events with figures that are not usable, which count as unknown" in said
    assert "nothing to repair" in again
    assert not (tmp_path / "again.duckdb").exists()
    assert stored(old) == before == stored(tmp_path / "before.duckdb")
    with wsq.open(old, actor="ada") as ws:
        assert ws.verify() == []
        events = ws._log.read(lambda cursor: log_queries.events(cursor, "*"))
    repairs = [event.fact for event in events if isinstance(event.fact, WorkspaceRepaired)]
    assert repairs == [WorkspaceRepaired(differences=0, figures=len(FIGURES))]


@pytest.mark.parametrize("backup", [True, False])
def test_the_doctor_repairs_tables_that_differ_from_the_log(
    database: Path, run: Callable[..., tuple[int, str]], tmp_path: Path, backup: bool
) -> None:
    with wsq.open(database, actor="ada") as ws:
        ws.store("acme").create_task("Mail")
        ws._log.write(lambda tx: tx.query("UPDATE tasks SET title = 'by hand'"))
        assert len(ws.verify()) == 1

    status, said = run(
        database, "doctor", "--repair", *(["--backup", str(tmp_path / "b" / "old.duckdb")] if backup else [])
    )

    assert status == 0
    assert "1 difference between the projections and the log" in said
    with wsq.open(database, actor="ada") as ws:
        assert ws.verify() == []
        assert [task.title for task in ws.store("acme").tasks()] == ["Mail"]
    (copy,) = [tmp_path / "b" / "old.duckdb"] if backup else database.parent.glob("before-repair-*.duckdb")
    with duckdb.connect(copy, read_only=True) as connection:
        assert connection.execute("SELECT title FROM tasks").fetchall() == [("by hand",)]


def test_the_doctor_makes_no_workspace_to_repair_it(run: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    status, said = run(tmp_path / "nowhere.duckdb", "doctor", "--repair")

    assert status == 2
    assert "No database at" in said
    assert list(tmp_path.glob("*.duckdb")) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--backup", "b.duckdb"], "--repair is not given"),
        (["--repair", "--backup", "md:copy"], "expected ./ before it"),
        (["--repair", "--backup", "{old}"], "exists"),
    ],
)
def test_a_backup_that_cannot_be_made_is_refused(
    run: Callable[..., tuple[int, str]], old: Path, arguments: list[str], said: str
) -> None:
    status, printed = run(old, "doctor", *(each.format(old=old) for each in arguments))

    assert status == 2
    assert said in printed
