"""What every engine promises to whoever reads and writes through it: on a file and on a server alike."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import psycopg
import pytest

from tests.rings import within
from tests.store import crew
from tests.store.crew import Counters, counted, engine_at, increment, start
from wsq.errors import Conflict, InvalidInput, NewerWorkspace, WorkspaceError
from wsq.store.duckdb.engine import EmbeddedEngine
from wsq.store.rows import insert

BROKEN_RULES = (duckdb.ConstraintException, psycopg.IntegrityError)


@pytest.fixture
def database(kept_in, path, request):
    """A place at which there is nothing yet: the engine's schema is the tests' own."""
    return path if kept_in == "file" else request.getfixturevalue("server").url


@pytest.fixture
def opening(database):
    """Opens further engines at the test's database; all are closed at the end."""
    opened = []

    def another(schema=None):
        opened.append(engine_at(database, schema))
        return opened[-1]

    yield another
    for engine in opened:
        engine.close()


@pytest.fixture
def engine(opening):
    return opening()


def row_count(engine):
    with engine.read() as cursor:
        return cursor.query("SELECT count(*) FROM marks")[0][0]


def kept_in_files(database, request):
    """All that the database's files hold."""
    if isinstance(database, Path):
        place = database.parent
    else:
        server = request.getfixturevalue("server")
        server.run("CHECKPOINT")
        place = server.folder / "base"
    return b"".join(file.read_bytes() for file in place.rglob("*") if file.is_file())


# Reading and writing


def test_a_write_is_there_when_its_block_has_ended(engine, opening):
    increment(engine)
    engine.close()

    assert counted(opening()) == 1


def test_a_write_that_raises_is_rolled_back_and_the_error_goes_on(engine):
    with pytest.raises(ZeroDivisionError), engine.write() as cursor:  # noqa: PT012 - the write before it is the point
        cursor.query("UPDATE counters SET n = 5")
        1 / 0  # noqa: B018 - it raises
    assert counted(engine) == 0
    increment(engine)
    assert counted(engine) == 1


def test_a_read_refuses_to_write(engine):
    with pytest.raises(WorkspaceError, match=r"open for reading here|is read-only"), engine.read() as cursor:
        cursor.query("UPDATE counters SET n = 5")
    assert counted(engine) == 0


def test_a_second_row_with_the_same_key_is_a_conflict(engine):
    for number in range(2):
        with engine.write() as cursor:
            cursor.query("INSERT INTO marks (worker, number) VALUES ('a', $1)", (number,))

    with pytest.raises(Conflict, match="already exists") as raised, engine.write() as cursor:
        cursor.query("INSERT INTO marks (worker, number) VALUES ('a', 1)")

    assert isinstance(raised.value.__cause__, BROKEN_RULES)
    assert row_count(engine) == 2


def test_a_broken_rule_that_is_no_uniqueness_is_no_conflict(engine):
    with pytest.raises(BROKEN_RULES), engine.write() as cursor:
        cursor.query("INSERT INTO counters VALUES ('x', NULL)")
    assert counted(engine) == 0


def test_a_write_in_which_a_statement_failed_is_never_taken_for_done(engine):
    failed = pytest.raises(WorkspaceError, match="an earlier statement of the transaction failed")
    with failed, engine.write() as cursor:
        cursor.query("INSERT INTO marks (worker, number) VALUES ('a', 1)")
        with pytest.raises(Conflict):
            cursor.query("INSERT INTO marks (worker, number) VALUES ('a', 1)")
    assert row_count(engine) == 0


def test_what_was_posted_is_there_with_what_follows_and_with_the_commit_and_tells_when_it_fails(engine):
    with engine.write() as cursor:
        cursor.post("INSERT INTO marks (worker, number) VALUES ($1, 1)", ("a",))
        assert cursor.query("SELECT number FROM marks WHERE worker = $1", ("a",)) == [(1,)]
        cursor.post("INSERT INTO marks (worker, number) VALUES ('a', 2)")
    assert row_count(engine) == 2

    with pytest.raises(Conflict), engine.write() as cursor:  # noqa: PT012 - the second may fail, or the commit
        cursor.post("INSERT INTO marks (worker, number) VALUES ('b', 1)")
        cursor.post("INSERT INTO marks (worker, number) VALUES ('a', 2)")
    assert row_count(engine) == 2


def test_many_rows_are_loaded_and_read_in_batches(engine):
    kinds = {"worker": "VARCHAR", "number": "BIGINT", "note": "VARCHAR"}
    notes = ["\\N", "", None, "tab\t\"'\n\r\n", "ü 🐙", "{}", "x" * 20_000] * 100
    with engine.write() as cursor:
        cursor.load("marks", kinds, [["a"] * 700, list(range(700)), notes])
        batches = list(cursor.batches("SELECT note FROM marks ORDER BY number", 300))
    assert [len(batch) for batch in batches] == [300, 300, 100]
    assert [note for batch in batches for (note,) in batch] == notes


def test_a_cursor_answers_no_more_after_its_block(engine):
    for block in (engine.read, engine.write, engine.snapshot):
        with block() as cursor:
            pass
        with pytest.raises(WorkspaceError, match="after its read or write had ended"):
            cursor.query("SELECT 1")


@pytest.mark.timed
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


def test_writes_of_many_threads_and_processes_follow_each_other(engine, database):
    others = [start(crew.count, database, 10) for _ in range(2)]
    threads = [threading.Thread(target=lambda: [increment(engine) for _ in range(5)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    crew.finish(*others)
    assert counted(engine) == 40


# Values


def test_instants_of_any_zone_come_back_as_the_same_instant_in_utc(engine):
    berlin = ZoneInfo("Europe/Berlin")
    twice = [datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=fold) for fold in (0, 1)]
    for instant in [*twice, datetime(1, 1, 2, tzinfo=UTC), datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)]:
        with engine.read() as cursor:
            [(back, among)] = cursor.query("SELECT $1::TIMESTAMPTZ, ARRAY[$1::TIMESTAMPTZ, NULL]", (instant,))
        assert back == instant.astimezone(UTC)
        assert back.tzinfo is UTC
        assert among == [back, None]
        assert among[0].tzinfo is UTC


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("INTERVAL", timedelta(days=40, seconds=3, microseconds=5)),
        ("INTERVAL", timedelta(days=-3, seconds=1)),
        ("VARCHAR[]", ["a", None, "ü 🐙 '\"\\", "", "NULL", "{a,b}", "x, y"]),
        ("VARCHAR[]", []),
        ("VARCHAR", None),
        ("TIMESTAMPTZ", None),
        ("VARCHAR", "x" * 1_000_000),
        ("VARCHAR", "\\N"),
        ("VARCHAR", "NULL"),
        ("VARCHAR", "\r\n\t'\"\\ \\x00 \x01"),
        ("BOOLEAN", True),
        ("BIGINT", 2**62),
        ("DOUBLE PRECISION", 0.1),
        ("BLOB", b"\0\xff"),
        ("BLOB", b""),
    ],
    ids=lambda given: repr(given)[:20],
)
def test_values_come_back_as_they_were_given(engine, kind, value):
    with engine.write() as cursor:
        cursor.query(f"CREATE TABLE kept (value {kind})")
        cursor.query("INSERT INTO kept VALUES ($1)", (value,))
        if kind != "BLOB":  # these are nowhere loaded in bulk
            cursor.load("kept", {"value": kind}, [[value]])
    with engine.read() as cursor:
        assert set(map(repr, cursor.query("SELECT value FROM kept"))) == {repr((value,))}


def test_texts_are_ordered_by_their_code_points_and_known_by_their_lower_letters(engine):
    texts = ["b", "B", "a", "Ä", "ä", "Z", "z", "ß", "é", "", " ", "_", "10", "9", "🦆", "﹏", "日", "a b", "a-b", "İ"]
    with engine.write() as cursor:
        cursor.load("marks", {"worker": "VARCHAR", "number": "BIGINT"}, [texts, list(range(len(texts)))])
    with engine.read() as cursor:
        assert [row[0] for row in cursor.query("SELECT worker FROM marks ORDER BY worker")] == sorted(texts)
        assert cursor.query("SELECT max(worker), min(worker) FROM marks") == [("🦆", "")]
        assert cursor.query("SELECT worker FROM marks WHERE worker > 'b' AND worker < 'ä' ORDER BY worker") == [
            ("z",), ("Ä",), ("ß",),
        ]  # fmt: skip
        found = cursor.query("SELECT worker FROM marks WHERE contains(lower(worker), lower($1::VARCHAR))", ("Ä",))
        assert sorted(found) == [("Ä",), ("ä",)]


# The change counter


def test_the_counter_rises_with_every_write_of_anybody_and_with_nothing_else(engine, database):
    before = engine.changes()
    counted(engine)
    with pytest.raises(ZeroDivisionError), engine.write():
        1 / 0  # noqa: B018 - it raises
    assert engine.changes() == before

    increment(engine)
    after = engine.changes()
    assert after > before

    crew.finish(start(crew.count, database, 1))
    until = time.monotonic() + 1
    while engine.changes() == after and time.monotonic() < until:
        time.sleep(0.005)
    assert engine.changes() > after


@pytest.mark.timed
def test_asking_for_the_counter_waits_for_nobody(engine):
    engine.changes()
    with engine.write():
        began = time.perf_counter()
        for _ in range(1000):
            engine.changes()
        assert time.perf_counter() - began < within(0.5)


def test_a_write_knows_whether_somebody_else_has_written_since_the_last_one(engine, opening, database):
    def undisturbed(engine):
        with engine.write() as cursor:
            cursor.query("UPDATE counters SET n = n + 1")
            return cursor.undisturbed

    assert not undisturbed(engine)
    assert undisturbed(engine)
    counted(engine)
    assert undisturbed(engine)

    crew.finish(start(crew.count, database, 1))
    assert not undisturbed(engine)
    assert undisturbed(engine)

    beside = opening()
    assert not undisturbed(beside)
    assert not undisturbed(engine)


# Versions


def test_a_workspace_is_made_once_however_many_want_it_at_the_same_moment(database, opening, tmp_path):
    flags = [tmp_path / f"flag{n}" for n in range(8)]
    crew.finish(*[start(crew.open_slowly, database, flag) for flag in flags])
    assert counted(opening()) == 0


def test_an_upgrade_keeps_what_is_there(engine, opening):
    increment(engine)
    engine.close()

    with opening(Counters(3)).read() as cursor:
        assert cursor.query("SELECT n, since_2, since_3 FROM counters") == [(1, 7, 7)]
        assert cursor.query("SELECT version FROM schema_version") == [(3,)]


def test_an_upgrade_that_fails_leaves_the_workspace_as_it_was(engine, opening):
    class Failing(Counters):
        def upgrade(self, cursor, version):
            super().upgrade(cursor, version)
            raise ZeroDivisionError

    engine.close()
    with pytest.raises(ZeroDivisionError):
        opening(Failing(2))

    assert counted(opening(Counters(1))) == 0


def test_a_newer_workspace_is_refused_in_one_sentence(engine, opening):
    opening(Counters(2))
    with pytest.raises(NewerWorkspace, match=r"by a newer wsq[^.]*\.$"):
        opening(Counters(1))


def test_an_old_process_stops_when_another_has_upgraded_the_workspace(engine, opening):
    increment(engine)
    newer = opening(Counters(2))

    for use in (counted, increment, crew.studied):
        with pytest.raises(NewerWorkspace):
            use(engine)
    assert counted(newer) == 1


# Beside the log


def test_the_newest_twenty_notes_of_passes_are_kept_in_order(engine, opening):
    before = engine.changes()
    for number in range(30):
        engine.note_pass(str(number).encode())

    assert engine.passes() == [str(number).encode() for number in range(10, 30)]
    assert opening().passes() == engine.passes()
    assert engine.changes() == before


def test_a_workspace_without_passes_has_none(engine):
    assert engine.passes() == []


def test_how_far_an_execution_is_replaces_what_was_said_before_until_it_is_taken_away(engine, opening):
    other, before = opening(), engine.changes()
    engine.note_progress("a", b"half\0")
    engine.note_progress("a", b"whole\xff")
    other.note_progress("b", b"")

    assert other.progress(["a", "b", "c"]) == {"a": b"whole\xff", "b": b""}
    assert other.progress([]) == {}
    engine.note_progress("a", None)
    engine.note_progress("a", None)
    assert other.progress(["a", "b"]) == {"b": b""}
    assert engine.changes() == before


def test_a_shared_note_is_in_one_charge_at_a_time(engine, opening):
    other = opening()
    with engine.shared_note("told") as note:
        assert note.read() is None
        note.write(b"\0one")
        with other.shared_note("told") as theirs, engine.shared_note("told") as mine:
            assert theirs is mine is None
        with other.shared_note("else") as apart:
            assert apart.read() is None
    with other.shared_note("told") as note:
        assert note.read() == b"\0one"
        note.write(b"two")
        note.write(b"two", force=True)
        assert note.read() == b"two"


# Studies, snapshots, backups


def test_a_study_sees_the_workspace_and_holds_nobody_up(engine, database):
    increment(engine)
    with engine.snapshot() as cursor:
        assert cursor.query("SELECT n FROM counters") == [(1,)]
        increment(engine)
        crew.finish(start(crew.count, database, 1))
        assert cursor.query("SELECT n FROM counters") == [(1,)]
        assert list(cursor.batches("SELECT * FROM marks", 10)) == []
        cursor.query("CREATE OR REPLACE TEMP TABLE mine AS SELECT n FROM counters")
        cursor.query("UPDATE mine SET n = n + 1")
        assert cursor.query("SELECT n FROM mine") == [(2,)]
        with pytest.raises(WorkspaceError, match=r"open for reading here|is read-only"):
            cursor.query("UPDATE counters SET n = 5")
    assert counted(engine) == 3
    with engine.snapshot() as cursor:
        assert cursor.query("SELECT n FROM counters") == [(3,)]


def test_a_study_of_what_nobody_has_written_to_yet_is_none_of_what_comes(engine):
    assert crew.studied(engine) == 0
    increment(engine)
    assert crew.studied(engine) == 1


def test_a_snapshot_is_used_again_until_something_changes(engine):
    increment(engine)
    with engine.snapshot_file() as first, engine.snapshot_file() as second:
        assert first == second
    with engine.snapshot_file() as third:
        assert third == first

    increment(engine)
    with engine.snapshot_file() as fourth:
        assert fourth != first
        assert not first.exists()


def test_a_snapshot_stays_while_it_is_used_and_goes_when_the_engine_is_closed(engine):
    with engine.snapshot_file() as first:
        increment(engine)
        with engine.snapshot_file() as second:
            assert first.exists()
            assert second.exists()
    assert not first.exists()

    engine.close()
    assert not second.exists()


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


def test_a_backup_overwrites_nothing(engine, database, tmp_path):
    target = tmp_path / "precious"
    target.write_text("keep me")
    for taken in (target, *([database] if isinstance(database, Path) else [])):
        with pytest.raises(InvalidInput, match="already exists"):
            engine.backup(taken)
    assert target.read_text() == "keep me"
    assert counted(engine) == 0
    assert not list(tmp_path.glob(".*part*"))


def test_a_closed_engine_says_so(engine, tmp_path):
    engine.close()
    engine.close()
    uses = (
        counted, increment, crew.studied, lambda e: e.passes(), lambda e: e.changes(), lambda e: e.note_pass(b""),
        lambda e: e.backup(tmp_path / "b"), lambda e: e.snapshot().__enter__(),
    )  # fmt: skip
    for use in uses:
        with pytest.raises(WorkspaceError, match="is closed"):
            use(engine)


def test_lists_of_many_rows_come_back_as_they_were_given_each_as_long_as_it_is(engine):
    lists = [[], ["a"], ["b", None, "", "NULL"], None, ['"', "\\", "{a,b}", "ü 🦆", "[1]", "\n\x01"], ["a"] * 30]
    with engine.write() as cursor:
        cursor.query("CREATE TABLE kept (n BIGINT, value VARCHAR[])")
        insert(cursor, "kept", {"n": "BIGINT", "value": "VARCHAR[]"}, list(enumerate(lists)))
    with engine.read() as cursor:
        assert cursor.query("SELECT value FROM kept ORDER BY n") == [(value,) for value in lists]


def test_what_was_deleted_and_scrubbed_is_in_no_file_any_more_and_the_rest_is_as_it_was(engine, database, request):
    # Given a text that is deleted, and copies from before
    secret = "a secret that nobody knows"
    with engine.write() as cursor:
        cursor.query("INSERT INTO marks VALUES ('a', 1, $1), ('b', 2, 'kept')", (secret,))
    with engine.snapshot() as cursor, engine.snapshot_file() as copy:
        assert len(cursor.query("SELECT note FROM marks")) == 2
    with engine.write() as cursor:
        cursor.query("DELETE FROM marks WHERE number = 1")

    # When the workspace is scrubbed
    engine.scrub()

    # Then it is gone, also from the copies, and everything else is there and goes on
    assert not copy.exists()
    assert crew.studied(engine) == counted(engine) == 0
    with engine.read() as cursor:
        assert cursor.query("SELECT note FROM marks") == [("kept",)]
    increment(engine)
    held = kept_in_files(database, request)
    assert b"kept" in held
    assert secret.encode() not in held
