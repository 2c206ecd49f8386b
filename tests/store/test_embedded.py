"""What the embedded engine promises to whoever reads and writes through it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from tests.store import crew
from tests.store.crew import Counters, counted, increment, kill, start, wait_for
from wsq.errors import Conflict, InvalidInput, NewerWorkspace, WorkspaceError
from wsq.store import instance
from wsq.store.embedded import EmbeddedEngine


def row_count(engine):
    with engine.read() as cursor:
        return cursor.query("SELECT count(*) FROM marks")[0][0]


# Reading and writing


def test_the_file_and_its_folder_are_made_when_they_are_missing(tmp_path):
    path = tmp_path / "a" / "b c's" / "team.duckdb"
    with_quote = EmbeddedEngine(path, Counters())
    assert counted(with_quote) == 0
    assert with_quote.place == str(path)
    assert path.is_file()
    with_quote.close()


def test_a_write_is_there_when_its_block_has_ended(engine, path):
    increment(engine)
    engine.close()

    again = EmbeddedEngine(path, Counters())
    assert counted(again) == 1
    again.close()


def test_a_write_that_raises_is_rolled_back_and_the_error_goes_on(engine):
    with pytest.raises(ZeroDivisionError), engine.write() as cursor:  # noqa: PT012 - the write before it is the point
        cursor.query("UPDATE counters SET n = 5")
        1 / 0  # noqa: B018 - it raises
    assert counted(engine) == 0
    increment(engine)
    assert counted(engine) == 1


def test_a_read_refuses_to_write(engine):
    with pytest.raises(WorkspaceError, match="only being read"), engine.read() as cursor:
        cursor.query("UPDATE counters SET n = 5")
    assert counted(engine) == 0


def test_a_second_row_with_the_same_key_is_a_conflict(engine):
    for number in range(2):
        with engine.write() as cursor:
            cursor.query("INSERT INTO marks (worker, number) VALUES ('a', $1)", (number,))

    with pytest.raises(Conflict, match="there already") as raised, engine.write() as cursor:
        cursor.query("INSERT INTO marks (worker, number) VALUES ('a', 1)")

    assert isinstance(raised.value.__cause__, duckdb.ConstraintException)
    assert row_count(engine) == 2


def test_a_broken_rule_that_is_no_uniqueness_is_no_conflict(engine):
    with pytest.raises(duckdb.ConstraintException), engine.write() as cursor:
        cursor.query("INSERT INTO counters VALUES ('x', NULL)")


def test_a_write_in_which_a_statement_failed_is_never_taken_for_done(engine):
    failed = pytest.raises(WorkspaceError, match="a statement of the transaction had failed")
    with failed, engine.write() as cursor:
        cursor.query("INSERT INTO marks (worker, number) VALUES ('a', 1)")
        with pytest.raises(Conflict):
            cursor.query("INSERT INTO marks (worker, number) VALUES ('a', 1)")
    assert row_count(engine) == 0


def test_a_cursor_answers_no_more_after_its_block(engine):
    with engine.read() as cursor:
        pass
    with pytest.raises(WorkspaceError, match="after its read or write had ended"):
        cursor.query("SELECT 1")


@pytest.mark.alone
def test_a_read_is_consistent_while_others_write(engine):
    begun, written = threading.Event(), threading.Event()

    def write():
        begun.wait(10)
        increment(engine)
        written.set()

    writer = threading.Thread(target=write)
    writer.start()
    with engine.read() as cursor:
        before = cursor.query("SELECT n FROM counters")
        begun.set()
        written.wait(0.5)
        assert cursor.query("SELECT n FROM counters") == before
    writer.join()
    assert counted(engine) == 1


# Values


def test_instants_of_any_zone_come_back_as_the_same_instant_in_utc(engine):
    berlin = ZoneInfo("Europe/Berlin")
    twice = [datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=fold) for fold in (0, 1)]
    for instant in [*twice, datetime(1, 1, 2, tzinfo=UTC), datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)]:
        with engine.read() as cursor:
            [(back, among)] = cursor.query("SELECT $1::TIMESTAMPTZ, [$1::TIMESTAMPTZ, NULL]", (instant,))
        assert back == instant.astimezone(UTC)
        assert back.tzinfo is UTC
        assert among == [back, None]
        assert among[0].tzinfo is UTC


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("INTERVAL", timedelta(days=40, seconds=3, microseconds=5)),
        ("INTERVAL", timedelta(days=-3, seconds=1)),
        ("VARCHAR[]", ["a", None, "ü 🐙 '\"\\"]),
        ("VARCHAR[]", []),
        ("VARCHAR", None),
        ("TIMESTAMPTZ", None),
        ("VARCHAR", "x" * 1_000_000),
        ("BOOLEAN", True),
        ("BIGINT", 2**62),
        ("DOUBLE", 0.1),
        ("BLOB", b"\0\xff"),
    ],
)
def test_values_come_back_as_they_were_given(engine, kind, value):
    with engine.write() as cursor:
        cursor.query(f"CREATE TABLE kept (value {kind})")
        cursor.query("INSERT INTO kept VALUES ($1)", (value,))
    with engine.read() as cursor:
        assert cursor.query("SELECT value FROM kept") == [(value,)]


# The change counter


def test_the_counter_rises_with_every_write_of_anybody_and_with_nothing_else(engine, path):
    before = engine.changes()
    counted(engine)
    with pytest.raises(ZeroDivisionError), engine.write():
        1 / 0  # noqa: B018 - it raises
    assert engine.changes() == before

    increment(engine)
    after = engine.changes()
    assert after > before

    crew.finish(start(crew.count, path, 1))
    assert engine.changes() > after


@pytest.mark.alone
def test_asking_for_the_counter_waits_for_nobody(engine):
    with engine.write():
        began = time.perf_counter()
        for _ in range(1000):
            engine.changes()
        assert time.perf_counter() - began < 0.5


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


def test_a_write_knows_whether_somebody_else_has_written_since_the_last_one(engine, path):
    def undisturbed(engine):
        with engine.write() as cursor:
            cursor.query("UPDATE counters SET n = n + 1")
            return cursor.undisturbed

    assert not undisturbed(engine)
    assert undisturbed(engine)
    counted(engine)
    assert undisturbed(engine)

    crew.finish(start(crew.count, path, 1))
    assert not undisturbed(engine)
    assert undisturbed(engine)

    beside = EmbeddedEngine(path, Counters())
    assert not undisturbed(beside)
    assert not undisturbed(engine)
    beside.close()


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
        "from wsq.store.embedded import EmbeddedEngine;"
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


def test_an_upgrade_that_fails_leaves_the_workspace_as_it_was(engine, path):
    class Failing(Counters):
        def upgrade(self, cursor, version):
            super().upgrade(cursor, version)
            raise ZeroDivisionError

    engine.close()
    with pytest.raises(ZeroDivisionError):
        EmbeddedEngine(path, Failing(2))

    old = EmbeddedEngine(path, Counters(1))
    assert counted(old) == 0
    old.close()


def test_a_newer_workspace_is_refused_in_one_sentence(engine, path):
    engine.close()
    EmbeddedEngine(path, Counters(2)).close()
    content = path.read_bytes()

    with pytest.raises(NewerWorkspace, match=r"team\.duckdb was written by a newer wsq .+: update wsq here\.$"):
        EmbeddedEngine(path, Counters(1))
    assert path.read_bytes() == content


def test_an_old_process_stops_when_another_has_upgraded_the_workspace(engine, path):
    increment(engine)
    newer = EmbeddedEngine(path, Counters(2))

    for use in (counted, increment):
        with pytest.raises(NewerWorkspace):
            use(engine)
    assert counted(newer) == 1
    newer.close()


# Heartbeats


def test_the_newest_twenty_notes_of_passes_are_kept_in_order(engine, path):
    before = engine.changes()
    for number in range(30):
        engine.note_pass(str(number).encode())

    assert engine.passes() == [str(number).encode() for number in range(10, 30)]
    other = EmbeddedEngine(path, Counters())
    assert other.passes() == engine.passes()
    other.close()
    assert engine.changes() == before


def test_a_workspace_without_passes_has_none(engine):
    assert engine.passes() == []


# Studies, snapshots, backups


def test_a_study_sees_the_workspace_and_holds_nobody_up(engine, path):
    increment(engine)
    with engine.study() as cursor:
        assert cursor.query("SELECT n FROM counters") == [(1,)]
        increment(engine)
        crew.finish(start(crew.count, path, 1))
        assert cursor.query("SELECT n FROM counters") == [(1,)]
        with pytest.raises(WorkspaceError, match="only being read"):
            cursor.query("UPDATE counters SET n = 5")
    assert counted(engine) == 3


def test_a_study_ends_soon_when_its_engine_is_closed_and_says_so(engine):
    asked, told = threading.Event(), []

    def study():
        try:
            with engine.study() as cursor:
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
    assert time.monotonic() - began < 1
    studying.join(5)
    assert told == [f"The workspace {engine.place} has been closed."]


def test_a_snapshot_is_used_again_until_something_changes(engine):
    increment(engine)
    with engine.snapshot() as first, engine.snapshot() as second:
        assert first == second
    with engine.snapshot() as third:
        assert third == first

    increment(engine)
    with engine.snapshot() as fourth:
        assert fourth != first
        assert not first.exists()


def test_a_snapshot_stays_while_it_is_used_and_goes_when_the_engine_is_closed(engine, path):
    with engine.snapshot() as first:
        increment(engine)
        with engine.snapshot() as second:
            assert first.exists()
            assert second.exists()
    assert not first.exists()

    engine.close()
    assert not second.exists()
    assert list((path.with_name("team.duckdb.wsq") / "private").iterdir()) == []


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

    with engine.snapshot():
        assert len(list(private.iterdir())) == 2
    kill(process)


def test_a_backup_is_one_file_that_opens_as_a_workspace(engine, tmp_path):
    for _ in range(3):
        increment(engine)
    target = tmp_path / "backups" / "monday.duckdb"

    engine.backup(target)

    assert [found.name for found in target.parent.iterdir()] == ["monday.duckdb"]
    copy = EmbeddedEngine(target, Counters())
    increment(copy)
    assert counted(copy) == 4
    assert counted(engine) == 3
    copy.close()


def test_a_backup_overwrites_nothing(engine, path, tmp_path):
    target = tmp_path / "precious"
    target.write_text("keep me")
    for taken in (target, path):
        with pytest.raises(InvalidInput, match="is there already"):
            engine.backup(taken)
    assert target.read_text() == "keep me"
    assert counted(engine) == 0
    assert not list(tmp_path.glob(".*part*"))


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
