"""A backup takes the workspace's place: by hand, beside an old log, or with `wsq restore`."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import duckdb
import pytest

import wsq
from tests.faults.commands import DUE, at, by_hand, command, contents, make, process, refused
from tests.rings import count
from tests.store import crew
from tests.store.crew import start, wait_for
from wsq.store.duckdb import restore as restoring
from wsq.store.duckdb.lease import CHECKPOINT_AFTER
from wsq.store.schema import WorkspaceSchema

FIRST, ALL = ["First", "Second"], ["First", "Second", "Long", "Fourth"]
"""Tasks in the backup, and in the workspace since."""


def add(path: Path, *tasks: str, backup: Path | None = None, checkpoints: int = 0) -> None:
    """Make a backup, have the file checkpointed so often, and add tasks, which stay in its log."""
    with wsq.open(path) as ws:
        if backup is not None:
            ws.backup(backup)
        for _ in range(checkpoints):
            ws.store("acme").create_task("Long", description="x" * CHECKPOINT_AFTER)
            assert crew.eventually(lambda: not log_of(path).exists(), within=30)
        for task in tasks:
            ws.store("acme").create_task(task)
    assert not tasks or log_of(path).exists()


def titles(path: Path) -> list[str]:
    """The tasks, in a workspace whose projections match its log."""
    with wsq.open(path) as ws:
        assert ws.verify() == []
        return [task.title for task in ws.store("acme").tasks()]


def log_of(path: Path) -> Path:
    return Path(f"{path}.wal")


def copy_of_earlier_versions(path: Path, target: Path) -> None:
    """What `wsq backup` made before: one checkpointed file with the identity of the original."""
    shutil.copy(path, target)
    if log_of(path).exists():
        shutil.copy(log_of(path), log_of(target))
    with duckdb.connect(str(target)) as connection:
        connection.execute("FORCE CHECKPOINT")


@pytest.fixture
def backup(team: Path, folder: Path) -> Path:
    """A backup with the first tasks. The workspace has gone on: its log was begun anew once, and is not empty."""
    add(team, *FIRST)
    assert command("backup", "backup.duckdb").status == 0
    add(team, "Fourth", checkpoints=1)
    return folder / "backup.duckdb"


# By hand


def test_a_backup_that_is_copied_over_the_file_is_not_mixed_with_the_log_beside_it(folder):
    path, rounds = folder / "team.duckdb", count(5, 40)
    add(path, *FIRST)
    for number in range(rounds):
        backup = folder / f"backup-{number}"
        add(path, *["Later"] * (1 + number % 3), backup=backup, checkpoints=number % 4)
        log = log_of(path).read_bytes()
        if number % 2:
            shutil.rmtree(f"{path}.wsq")  # another machine, or somebody was thorough

        shutil.copy(backup, path)

        said = command("list", "--store", "acme")
        aside = Path(f"{path}.aside-{number + 1}.wal")
        assert said.status == 0
        assert len(said.err.splitlines()) == 1
        assert str(aside) in said.err
        assert aside.read_bytes() == log
    assert titles(path) == FIRST


def test_no_two_copies_have_the_identity_of_their_original_or_of_each_other(team, folder):
    for name in ("a.duckdb", "b.duckdb"):
        assert command("backup", name).status == 0
    command("restore", "a.duckdb")
    headers = [(folder / name).read_bytes()[:4096] for name in ("team.duckdb", "a.duckdb", "b.duckdb")]
    assert len(set(headers)) == 3


def test_a_mixture_that_duckdb_does_not_see_is_refused_and_can_be_restored(team, folder):
    add(team, *FIRST)
    copy_of_earlier_versions(team, folder / "backup.duckdb")
    add(team, "Fourth", checkpoints=1)
    shutil.copy(folder / "backup.duckdb", team)
    files = (team, log_of(team))
    before = [file.read_bytes() for file in files]

    refused(command("list"), "team.duckdb.wal was not written for the state in which team.duckdb is", "wsq restore")
    refused(process(), "events acme: there are ")
    assert command("doctor").status == 1
    assert [file.read_bytes() for file in files] == before

    assert command("restore", "backup.duckdb").status == 0
    assert titles(team) == FIRST
    assert at(DUE).status == 0


def test_a_log_that_was_tampered_with_opens_whatever_killed_its_writer(team):
    by_hand(team, "DELETE FROM events WHERE store_id = 'acme' AND seq = 1")
    add(team, "Later")
    shutil.rmtree(f"{team}.wsq")

    said = command("verify")

    assert said.status == 1
    assert "there are" in said.out
    assert "no rebuild repairs" in said.out
    assert log_of(team).exists()


def test_what_is_checked_after_a_change_from_outside_is_not_checked_in_every_lease(tmp_path):
    class Checked(crew.Counters):
        times = 0

        def inconsistency(self, cursor):
            self.times += 1

    schema, path = Checked(), tmp_path / "team.duckdb"
    engine = crew.engine_at(path, schema)
    for _ in range(10):
        crew.increment(engine)
        crew.counted(engine)
    engine.close()
    for _ in range(3):
        crew.engine_at(path, schema).close()
    assert log_of(path).exists()
    assert schema.times == 0

    os.utime(path)
    for _ in range(3):
        crew.engine_at(path, schema).close()
    assert schema.times == 1


# The command


def test_the_command_restores_and_keeps_what_was_there(backup, team, folder):
    former, log = team.read_bytes(), log_of(team).read_bytes()
    kept = backup.read_bytes()

    said = command("restore", "backup.duckdb")

    assert (said.status, said.err) == (0, "")
    assert "Restored 2 stores" in said.out
    assert "team.duckdb.aside-1." in said.out
    assert titles(team) == FIRST
    aside = folder / "team.duckdb.aside-1"
    assert (aside.read_bytes(), log_of(aside).read_bytes()) == (former, log)
    assert titles(aside) == ALL
    assert backup.read_bytes() == kept

    assert command("restore", "backup.duckdb").status == 0
    assert (folder / "team.duckdb.aside-2").exists()


def test_it_restores_where_there_is_nothing_or_nothing_that_opens(backup, team):
    for spoil in (
        lambda: (team.unlink(), log_of(team).unlink(missing_ok=True)),
        team.unlink,
        lambda: team.write_bytes(b"x" * 50_000),
        lambda: team.write_bytes(b""),
        lambda: log_of(team).write_bytes(b"not a log at all" * 100),
    ):
        spoil()
        assert command("restore", backup).status == 0
        assert titles(team) == FIRST
        add(team, "Later")


def test_a_path_that_never_was_a_workspace_is_refused_and_takes_a_plain_copy(backup, folder):
    target = folder / "taem.duckdb"
    refused(command("restore", backup, "--database", target), "the nearest is", "team.duckdb", "copy it there")
    assert not list(folder.glob("taem*"))

    shutil.copy(backup, target)
    assert titles(target) == FIRST


def test_a_backup_with_its_own_log_is_restored_whole_and_one_with_anothers_without_it(backup, team, folder):
    add(backup, "Third")
    assert command("restore", backup).status == 0
    assert titles(team) == [*FIRST, "Third"]

    shutil.move(log_of(folder / "team.duckdb.aside-1"), log_of(backup))
    said = command("restore", backup)
    assert said.status == 0
    assert f"{backup}.wal was not written for the state" in said.err
    assert log_of(backup).exists()
    assert titles(team) == FIRST


def test_what_is_no_backup_is_refused_and_nothing_changes(backup, team, folder, tmp_path):
    other = folder / "other.duckdb"
    with duckdb.connect(str(other)) as connection:
        connection.execute("CREATE TABLE events AS SELECT range AS n FROM range(100)")
    (folder / "text").write_text("Dear diary,\n" * 5_000)
    newer = folder / "newer.duckdb"
    make(newer)
    by_hand(newer, "UPDATE schema_version SET version = 99")
    mixed = folder / "mixed.duckdb"
    copy_of_earlier_versions(team, mixed)
    add(team, "Later", checkpoints=1)
    shutil.copy(log_of(team), log_of(mixed))
    before = contents(folder)

    for given, words in {
        "nowhere.duckdb": "There is no backup that can be read at",
        "team.duckdb": "is the workspace itself",
        "other.duckdb": "not a wsq workspace",
        "text": "damaged or not a wsq workspace",
        "newer.duckdb": "written by a newer wsq",
        "mixed.duckdb": "mixed.duckdb.wal was not written for the state in which mixed.duckdb is",
        ".": "is a folder",
    }.items():
        refused(command("restore", given), words)
    refused(command("restore", backup, "--database", "postgresql://localhost/x"), "pg_restore")

    lasting = {name: content for name, content in contents(folder).items() if ".wsq" not in name}
    assert lasting == {name: content for name, content in before.items() if ".wsq" not in name}
    assert titles(team) == [*ALL, "Long", "Later"]


def test_a_file_that_another_program_has_open_is_not_replaced_under_it(backup, team, tmp_path):
    program = start(crew.hold_with_another_program, team, tmp_path / "flag")
    wait_for(tmp_path / "flag")

    refused(command("restore", backup), "is open in another program")

    crew.kill(program)
    assert titles(team) == ALL
    assert not list(team.parent.glob("*aside*"))


def test_a_restore_that_is_killed_at_any_step_leaves_the_one_state_or_the_other(backup, team):
    before, restored = titles(team), FIRST
    files = {file: file.read_bytes() for file in (team, log_of(team))}
    outcomes = []
    for step in range(0, 200, count(5, 1)):
        died = crew.start(_killed_at, step, backup, team)
        died.join(60)
        outcomes.append(titles(team))
        assert outcomes[-1] in (before, restored), step
        for aside in team.parent.glob("team.duckdb.aside-1"):  # whole, whenever it is there
            assert titles(aside) == before, step
        for file in team.parent.glob("team.duckdb*"):
            file.unlink() if file.is_file() else None
        for file, content in files.items():
            file.write_bytes(content)
        if died.exitcode == 0:
            break
    print(f"killed at {len(outcomes) - 1} steps, {outcomes.count(restored) - 1} of them restored")
    assert outcomes[0] == before
    assert outcomes[-1] == restored
    assert len(outcomes) > count(5, 30)


def _killed_at(step: int, backup: Path, team: Path) -> None:
    """Restore, and die before the operating system does the step."""
    left = step

    def count_down(event: str, _: tuple[object, ...]) -> None:
        nonlocal left
        if event in ("open", "os.rename", "os.remove", "os.truncate", "os.mkdir", "os.chmod", "os.chown"):
            if not left:
                os._exit(9)
            left -= 1

    sys.addaudithook(count_down)
    restoring.restore(backup, team, WorkspaceSchema())
