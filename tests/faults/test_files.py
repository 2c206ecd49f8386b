"""What stands where the workspace should be is something else: one sentence, and not a byte of it changes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import pytest

import wsq
from tests.commands import side_by_side
from tests.faults.commands import DUE, at, by_hand, command, make, process, refused


def nothing(path: Path) -> None:
    path.write_bytes(b"")


def random_bytes(path: Path) -> None:
    path.write_bytes(bytes((n * 7919 + n // 251) % 256 for n in range(50_000)))


def a_sqlite_file(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE events (store_id TEXT, seq INTEGER)")
    connection.executemany("INSERT INTO events VALUES ('a', ?)", [[n] for n in range(5_000)])
    connection.commit()
    connection.close()


def another_programs_duckdb_file(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE events AS SELECT range AS n FROM range(10000)")


def a_newer_workspace(path: Path) -> None:
    make(path)
    by_hand(path, "UPDATE schema_version SET version = 99", "CHECKPOINT")


FOREIGN = [nothing, random_bytes, a_sqlite_file, another_programs_duckdb_file, a_newer_workspace]


@pytest.mark.parametrize("something", FOREIGN, ids=[each.__name__ for each in FOREIGN])
def test_a_file_that_is_no_workspace_of_this_wsq_is_refused_and_left_as_it_is(folder, something):
    path = folder / "team.duckdb"
    something(path)
    before = path.read_bytes()

    for said in side_by_side(
        lambda: process("--json"), lambda: command("add", "A", "--prompt", "B", "--every", "1 day")
    ):
        refused(said, str(path))
    with pytest.raises(wsq.WsqError, match=r"team\.duckdb"):
        wsq.open(path)

    assert path.read_bytes() == before
    assert {beside.name for beside in folder.iterdir()} <= {path.name, f"{path.name}.wsq"}


def test_a_workspace_that_was_cut_short_is_refused_and_left_as_it_is(team):
    by_hand(team, "CHECKPOINT")
    whole = team.read_bytes()
    team.write_bytes(whole[: len(whole) // 2])

    for said in side_by_side(lambda: at(DUE), lambda: command("add", "A", "--prompt", "B", "--every", "1 day")):
        refused(said, "team.duckdb")

    assert team.read_bytes() == whole[: len(whole) // 2]
    team.write_bytes(whole)
    assert at(DUE).status == 0


def test_a_newer_workspace_is_not_called_damaged(folder):
    a_newer_workspace(folder / "team.duckdb")

    refused(process(), "newer wsq", "99", "update wsq")


def test_the_doctor_calls_a_foreign_file_a_problem(folder):
    random_bytes(folder / "team.duckdb")

    said = command("doctor")

    assert said.status == 1
    assert said.err == ""
    assert str(folder / "team.duckdb") in said.out


def test_a_folder_in_place_of_the_file_is_refused(folder):
    (folder / "team.duckdb").mkdir()

    refused(process(), "team.duckdb is a folder")
    assert not any((folder / "team.duckdb").iterdir())


def test_a_symlink_that_leads_nowhere_makes_the_workspace_where_it_leads_and_one_in_a_circle_is_refused(folder):
    path = folder / "team.duckdb"
    path.symlink_to(folder / "elsewhere" / "real.duckdb")

    refused(process(), "No database at", str(folder / "elsewhere"))
    assert command("init").status == 0
    assert path.is_symlink()
    assert (folder / "elsewhere" / "real.duckdb").is_file()

    path.unlink()
    path.symlink_to(path)
    refused(process(), str(path))


def test_a_symlink_onto_a_disk_that_is_not_there_is_refused(folder):
    (folder / "team.duckdb").symlink_to("/proc/nowhere/team.duckdb")

    refused(process(), "team.duckdb")


def test_a_write_ahead_log_whose_file_is_missing_is_not_passed_over(team):
    team.rename(team.with_name("away"))
    log = Path(f"{team}.wal")
    log.write_bytes(log.read_bytes() if log.exists() else b"WAL")

    refused(process(), "write-ahead log", str(log))
    assert not team.exists()


def test_a_backup_onto_something_that_is_there_is_refused(team, folder):
    (folder / "copy.duckdb").write_bytes(b"mine")

    refused(command("backup", folder / "copy.duckdb"), "already exists")
    assert (folder / "copy.duckdb").read_bytes() == b"mine"
