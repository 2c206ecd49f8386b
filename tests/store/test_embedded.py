"""What is true of the engine on a file alone; what every engine promises is in `test_engine.py`."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest

from tests.rings import within
from tests.store import crew
from tests.store.crew import Counters, counted, increment, kill, start, wait_for
from wsq.errors import WorkspaceError
from wsq.store.duckdb import instance
from wsq.store.duckdb.engine import EmbeddedEngine


def test_the_file_and_its_folder_are_made_when_they_are_missing(tmp_path):
    path = tmp_path / "a" / "b c's" / "team.duckdb"
    with_quote = EmbeddedEngine(path, Counters())
    assert counted(with_quote) == 0
    assert with_quote.place == str(path)
    assert path.is_file()
    with_quote.close()


# The change counter


def test_the_counter_rises_when_a_writer_was_killed_in_its_commit(engine, path, tmp_path):
    writer = start(crew.die_in_a_write, path, tmp_path / "flag")
    wait_for(tmp_path / "flag")
    seen = engine.changes()
    kill(writer)

    assert counted(engine) == 0
    assert engine.changes() > seen


def test_the_counter_rises_when_the_file_was_changed_or_replaced_by_something_else(engine, path):
    counted(engine)
    before = engine.changes()
    other = duckdb.connect(str(path))
    other.execute("UPDATE counters SET n = 70")
    other.close()

    assert counted(engine) == 70
    assert engine.changes() > before


def test_a_counter_that_was_deleted_begins_higher_than_it_was(engine, path):
    increment(engine)
    before = engine.changes()
    (path.with_name("team.duckdb.wsq") / "counter").unlink()

    assert engine.changes() == before
    counted(engine)
    assert engine.changes() > before


def test_a_killed_writer_counts_as_somebody_who_has_written(engine, path, tmp_path):
    increment(engine)
    writer = start(crew.die_in_a_write, path, tmp_path / "flag")
    wait_for(tmp_path / "flag")
    kill(writer)
    with engine.write() as cursor:
        assert not cursor.undisturbed


# The file


def test_the_write_ahead_log_stays_short(engine, path):
    log = Path(f"{path}.wal")
    longest = 0
    for _ in range(40):
        with engine.write() as cursor:
            cursor.query("INSERT INTO marks SELECT 'a', coalesce(max(number), 0) + 1, repeat('x', 2000) FROM marks")
        longest = max(longest, log.stat().st_size if log.exists() else 0)
    assert 0 < longest < 20_000


def test_nothing_is_held_between_leases(engine, path):
    counted(engine)
    theirs = subprocess.run(
        [sys.executable, "-c", f"import duckdb; duckdb.connect({str(path)!r}).execute('SELECT 1')"], timeout=60
    )
    assert theirs.returncode == 0


def test_an_idle_process_stays_small(path):
    script = (
        "import sys; from pathlib import Path; from tests.store.crew import Counters, counted, increment;"
        "from wsq.store.duckdb.engine import EmbeddedEngine;"
        f"engine = EmbeddedEngine(Path({str(path)!r}), Counters());"
        "[increment(engine) for _ in range(5)]; counted(engine); engine.changes();"
        "assert not {'pandas', 'pyarrow', 'numpy', 'panel'} & set(sys.modules), sorted(sys.modules);"
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) / 1024 <= 90


# Versions


def test_an_older_workspace_is_backed_up_and_upgraded(engine, path):
    increment(engine)
    engine.close()

    newer = EmbeddedEngine(path, Counters(3))
    with newer.read() as cursor:
        assert cursor.query("SELECT n, since_2, since_3 FROM counters") == [(1, 7, 7)]
        assert cursor.query("SELECT version FROM schema_version") == [(3,)]
    newer.close()

    backup = EmbeddedEngine(path.with_name("team.duckdb.v1.bak"), Counters(1))
    assert counted(backup) == 1
    backup.close()


# Snapshots


@pytest.mark.timed
def test_a_study_ends_soon_when_its_engine_is_closed_and_says_so(engine):
    asked, told = threading.Event(), []

    def study():
        try:
            with engine.snapshot() as cursor:
                asked.set()
                cursor.query("SELECT count(*) FROM range(1_000_000_000) AS a, range(1_000_000) AS b WHERE a <> b")
        except WorkspaceError as refusal:
            told.append(str(refusal))

    studying = threading.Thread(target=study)
    studying.start()
    assert asked.wait(10)
    time.sleep(0.1)

    began = time.monotonic()
    engine.close()
    assert time.monotonic() - began < within(1)
    studying.join(5)
    assert told == [f"The workspace {engine.place} is closed."]


def test_snapshots_of_a_killed_process_are_thrown_away_by_the_next_one_and_those_of_the_living_are_not(
    engine, path, tmp_path
):
    private = path.with_name("team.duckdb.wsq") / "private"
    for flag in ("dead", "alive"):
        process = start(crew.take_a_snapshot_and_wait, path, tmp_path / flag)
        wait_for(tmp_path / flag)
        if flag == "dead":
            kill(process)
    assert len(list(private.iterdir())) == 1

    with engine.snapshot_file():
        assert len(list(private.iterdir())) == 2
    kill(process)


def test_an_instance_that_was_made_ready_is_used_once_and_by_whom_it_suits():
    instance.make_ready()
    other = instance.connect(1)
    first, second = instance.connect(instance.THREADS), instance.connect(instance.THREADS)

    threads = "SELECT current_setting('threads'), current_setting('TimeZone')"
    assert [each.execute(threads).fetchall() for each in (other, first, second)] == [
        [(1, "UTC")],
        [(instance.THREADS, "UTC")],
        [(instance.THREADS, "UTC")],
    ]
    first.execute("CREATE TABLE t (n INTEGER)")
    assert second.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]
    for each in (other, first, second):
        each.close()


def test_what_takes_long_draws_no_bar_on_standard_output():
    connection = instance.connect(1)

    asked = "SELECT current_setting('enable_progress_bar')"
    drawn = [each.execute(asked).fetchone() for each in (connection, connection.cursor())]
    connection.close()

    assert drawn == [(False,), (False,)]


def test_a_transaction_that_changes_nothing_leaves_no_log_and_one_that_does_goes_on_with_it(path):
    engine = EmbeddedEngine(path, Counters())
    log = Path(f"{path}.wal")

    with engine.write():
        pass
    assert not log.exists()

    with engine.writing() as writing:  # the log that the first of them leaves empty is what the second writes to
        with writing.transaction():
            pass
        assert log.stat().st_size == 0
        with writing.transaction() as cursor:
            cursor.query("UPDATE counters SET n = 7")
    assert log.stat().st_size > 0
    engine.close()
    again = EmbeddedEngine(path, Counters())
    assert counted(again) == 7
    again.close()
