"""Files that are damaged, or something else, or out of reach: one sentence each, and nothing is touched."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from tests.store import crew
from tests.store.crew import Counters, counted, increment, kill, start, wait_for
from wsq.errors import NotAWorkspace, WorkspaceBusy, WorkspaceError, WorkspaceUnwritable
from wsq.store.duckdb.engine import EmbeddedEngine
from wsq.store.duckdb.lease import CHECKPOINT_AFTER


@pytest.fixture
def path(tmp_path):
    return tmp_path / "team.duckdb"


@pytest.fixture
def content(tmp_path):
    """The bytes of a workspace with some rows in it."""
    source = tmp_path / "source" / "w.duckdb"
    engine = EmbeddedEngine(source, Counters())
    with engine.write() as cursor:
        cursor.query("INSERT INTO marks SELECT 'w', range, hash(range)::VARCHAR FROM range(20000)")
    whole = tmp_path / "source" / "copy.duckdb"
    engine.backup(whole)
    engine.close()
    return whole.read_bytes()


def refuse_and_leave_alone(path: Path, error: type[WorkspaceError] = NotAWorkspace) -> str:
    """Opening it fails with one sentence that names it; returns the sentence."""
    beside = {found.name for found in path.parent.iterdir()}
    content = path.read_bytes()
    with pytest.raises(error) as raised:
        EmbeddedEngine(path, Counters())
    sentence = str(raised.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert path.read_bytes() == content
    assert {found.name for found in path.parent.iterdir()} == beside
    return sentence


@pytest.mark.parametrize("name", ["team?mode=ro", "folder?/team.duckdb", "a\\b.duckdb"])
def test_a_path_that_duckdb_reads_otherwise_is_refused_and_nothing_is_made(tmp_path, name):
    with pytest.raises(NotAWorkspace, match=r"DuckDB takes no path with a (question mark|backslash) in it\.$"):
        EmbeddedEngine(tmp_path / name, Counters())
    (tmp_path / "link.duckdb").symlink_to(tmp_path / name)
    with pytest.raises(NotAWorkspace):
        EmbeddedEngine(tmp_path / "link.duckdb", Counters())
    assert [found.name for found in tmp_path.iterdir()] == ["link.duckdb"]


@pytest.mark.parametrize("name", ["a#b.duckdb", "100%.duckdb", "a%20b c.duckdb", 'it\'s "so".duckdb', "é*[☃];$HOME"])
def test_every_other_path_is_one(tmp_path, name):
    engine = EmbeddedEngine(tmp_path / name, Counters())
    increment(engine)
    assert counted(engine) == crew.studied(engine) == 1
    engine.backup(tmp_path / f"copy of {name}")
    engine.close()
    assert {found.name for found in tmp_path.iterdir()} >= {name, f"{name}.wsq", f"copy of {name}"}
    for made in (tmp_path / name, tmp_path / f"copy of {name}"):
        again = EmbeddedEngine(made, Counters())
        assert counted(again) == 1
        again.close()


def test_a_backup_goes_to_no_path_that_duckdb_reads_otherwise(path, tmp_path):
    engine = EmbeddedEngine(path, Counters())
    with pytest.raises(NotAWorkspace, match="question mark"):
        engine.backup(tmp_path / "copy?.duckdb")
    engine.close()
    assert not (tmp_path / "copy?.duckdb").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"Dear diary,\n" * 5000, b"SQLite format 3\0" + bytes(20000), bytes(20000)],
    ids=["empty", "short", "text", "sqlite", "zeros"],
)
def test_a_file_that_is_something_else_is_refused(path, content):
    path.write_bytes(content)
    refuse_and_leave_alone(path)


def test_a_workspace_that_was_cut_short_is_refused(path, content):
    for length in (4096, 3 * 4096, 3 * 4096 + 1000):
        path.write_bytes(content[:length])
        refuse_and_leave_alone(path)


def test_a_workspace_with_flipped_bits_is_refused(path, content):
    for first, step in ((20, 10**9), (12288 + 100, 5000)):
        damaged = bytearray(content)
        for place in range(first, len(damaged), step):
            damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        assert "damaged" in refuse_and_leave_alone(path)


def test_damage_that_shows_only_when_it_is_read_is_said_in_a_sentence(path, content):
    path.write_bytes(content)
    engine = EmbeddedEngine(path, Counters())
    damaged = bytearray(content)
    damaged[3 * 4096 :] = bytes(byte ^ 0xFF for byte in damaged[3 * 4096 :])
    path.write_bytes(damaged)
    with pytest.raises(NotAWorkspace, match=r"team\.duckdb is damaged"), engine.read() as cursor:
        cursor.query("SELECT sum(length(note)) FROM marks")
    path.write_bytes(content)
    assert counted(engine) == 0
    engine.close()


def test_a_damaged_write_ahead_log_is_refused_rather_than_dropped(path, content):
    engine = EmbeddedEngine(path, Counters())
    increment(engine)
    engine.close()
    log = Path(f"{path}.wal")
    damaged = bytearray(log.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    log.write_bytes(damaged)
    refuse_and_leave_alone(path)
    assert log.read_bytes() == damaged


def test_a_log_without_its_file_is_not_passed_over_by_making_a_new_file(path):
    engine = EmbeddedEngine(path, Counters())
    increment(engine)
    engine.close()
    path.unlink()
    with pytest.raises(NotAWorkspace, match=r"team\.duckdb is missing, but its write-ahead log"):
        EmbeddedEngine(path, Counters())


def test_a_duckdb_file_that_is_no_workspace_is_refused(path):
    for statement in (
        "CREATE TABLE t (i INTEGER)",
        "CREATE TABLE schema_version (v INTEGER)",
        "CREATE TABLE schema_version (version INTEGER)",
        "CREATE TABLE schema_version AS SELECT 'one' AS version",
    ):
        path.unlink(missing_ok=True)
        connection = duckdb.connect(str(path))
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute("CHECKPOINT")
        connection.execute(statement)
        connection.close()
        assert Path(f"{path}.wal").exists()
        refuse_and_leave_alone(path)
        Path(f"{path}.wal").unlink()


def test_a_folder_or_a_pipe_in_place_of_the_file_is_refused(path, tmp_path):
    path.mkdir()
    with pytest.raises(NotAWorkspace, match="is a folder"):
        EmbeddedEngine(path, Counters())
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(NotAWorkspace, match="is a device or pipe"):
        EmbeddedEngine(pipe, Counters())
    assert not list(tmp_path.glob("*.wsq"))


def test_a_file_in_place_of_a_folder_on_the_way_is_said(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(WorkspaceUnwritable, match="team"):
        EmbeddedEngine(tmp_path / "file" / "team.duckdb", Counters())


def test_a_file_that_another_program_has_open_is_busy(path, tmp_path):
    EmbeddedEngine(path, Counters()).close()
    program = start(crew.hold_with_another_program, path, tmp_path / "flag")
    wait_for(tmp_path / "flag")

    with pytest.raises(WorkspaceBusy, match=rf"team\.duckdb is open in process {program.pid} .+: close it there\.$"):
        EmbeddedEngine(path, Counters())

    kill(program)
    engine = EmbeddedEngine(path, Counters())
    assert counted(engine) == 0
    engine.close()


def test_a_file_that_this_process_has_open_through_duckdb_is_busy(path):
    EmbeddedEngine(path, Counters()).close()
    connection = duckdb.connect(str(path))
    with pytest.raises(WorkspaceBusy, match="already open in this process outside of wsq"):
        EmbeddedEngine(path, Counters())
    connection.close()
    EmbeddedEngine(path, Counters()).close()


def test_a_workspace_that_is_deleted_under_an_engine_is_not_made_anew_in_silence(path):
    engine = EmbeddedEngine(path, Counters())
    increment(engine)
    with engine.read():
        pass
    content = {file: file.read_bytes() for file in (path, Path(f"{path}.wal"))}
    for file in content:
        file.unlink()

    with pytest.raises(NotAWorkspace, match="has gone"):
        counted(engine)
    assert not path.exists()

    for file, kept in content.items():
        file.write_bytes(kept)
    assert counted(engine) == 1
    engine.close()


# Disks of their own


def test_a_full_disk_refuses_to_write_and_loses_nothing(tmp_path):
    crew.on_a_file_system_of_its_own(_fill_up_and_free, tmp_path)


def _fill_up_and_free(directory):
    path = directory / "team.duckdb"
    engine = EmbeddedEngine(path, Counters())
    for round_ in range(3):
        before = counted(engine)
        crew.fill_the_disk(directory)
        assert counted(engine) == before
        acknowledged = before + _increment_until_the_disk_is_full(engine)
        for _ in range(3):
            with pytest.raises(WorkspaceUnwritable, match="is full"), engine.write() as cursor:
                cursor.query("INSERT INTO marks SELECT 'w', range, repeat('x', 500) FROM range(3000)")
        with pytest.raises(WorkspaceUnwritable, match="is full"):
            engine.backup(directory / "b.duckdb")
        with pytest.raises(WorkspaceUnwritable, match="is full"):
            engine.console().query("SELECT 1")
        assert not (directory / "b.duckdb").exists()
        with pytest.raises(WorkspaceUnwritable, match="is full"):
            EmbeddedEngine(directory / "new.duckdb", Counters())
        assert not (directory / "new.duckdb").exists()
        assert counted(engine) == acknowledged, round_

        crew.free_the_disk(directory)
        increment(engine)
        assert counted(engine) == acknowledged + 1
        engine.close()
        engine = EmbeddedEngine(path, Counters())
        assert counted(engine) == acknowledged + 1
    engine.close()


def _increment_until_the_disk_is_full(engine):
    for done in range(200):
        try:
            increment(engine)
        except WorkspaceUnwritable:
            return done
    raise AssertionError("there was room all the time")


def test_a_disk_that_fills_up_during_a_checkpoint_loses_nothing(tmp_path):
    crew.on_a_file_system_of_its_own(_fill_up_before_the_checkpoint, tmp_path)


def _fill_up_before_the_checkpoint(directory):
    engine = EmbeddedEngine(directory / "team.duckdb", Counters())
    with engine.write() as cursor:
        cursor.query("INSERT INTO marks SELECT 'w', range, hash(range)::VARCHAR FROM range(2000)")
        reserve = directory / "reserve"
        reserve.write_bytes(bytes(150_000))
        crew.fill_the_disk(directory)
        reserve.unlink()
    log = directory / "team.duckdb.wal"
    assert log.stat().st_size > CHECKPOINT_AFTER, "the checkpoint did not fail"
    with engine.read() as cursor:
        assert cursor.query("SELECT count(*) FROM marks") == [(2000,)]
    crew.free_the_disk(directory)
    increment(engine)
    with engine.read() as cursor:
        assert cursor.query("SELECT count(*) FROM marks") == [(2000,)]
    assert counted(engine) == 1
    engine.close()


def test_a_read_only_disk_is_said_and_serves_again_when_it_is_writable(tmp_path):
    crew.on_a_file_system_of_its_own(_make_read_only, tmp_path)


def _make_read_only(directory):
    path = directory / "team.duckdb"
    engine = EmbeddedEngine(path, Counters())
    increment(engine)
    crew.remount_read_only(directory)
    for use in (increment, counted, lambda engine: EmbeddedEngine(directory / "new.duckdb", Counters())):
        with pytest.raises(WorkspaceUnwritable, match=r"cannot be written to \(read-only file system\)"):
            use(engine)

    crew.remount_writable(directory)
    increment(engine)
    assert counted(engine) == 2
    engine.close()
