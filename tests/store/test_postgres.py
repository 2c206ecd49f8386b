"""What is true of the engine on a PostgreSQL server alone: lost connections, others at the server, its clock."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

import wsq
from tests.conftest import NOON
from tests.servers import Relay
from tests.store import crew
from tests.store.crew import Counters, counted, engine_at, increment, kill, start, wait_for
from tests.store.test_upgrade import LATER
from wsq.clock import ManualClock
from wsq.errors import NotAWorkspace, SettingError, WorkspaceBusy, WorkspaceError, WorkspaceLost
from wsq.events.stores import StoreCreated
from wsq.store.log import TRIES, stored_world
from wsq.store.postgres import engine as postgres_engine
from wsq.store.postgres.clock import KEPT, PAUSE, ServerClock
from wsq.store.postgres.create import WRITING
from wsq.store.postgres.cursor import COLLATION
from wsq.store.postgres.faults import without_password
from wsq.store.postgres.listening import QUIET, Listener
from wsq.store.schema import VERSION

OURS = "application_name = 'wsq'"


@pytest.fixture
def opening(server):
    """Opens engines at the server, or at another URL of it; all are closed at the end."""
    opened = []

    def another(url=server.url, schema=None, **given):
        opened.append(engine_at(url, schema, **given))
        return opened[-1]

    yield another
    for engine in opened:
        engine.close()


@pytest.fixture
def engine(opening):
    return opening()


@pytest.fixture
def relay(server):
    there = Relay(server)
    yield there
    there.close()


def numbers(engine):
    with engine.read() as cursor:
        return [row[0] for row in cursor.query("SELECT number FROM marks ORDER BY number")]


def eventually(question, within=5.0):
    """Whether it comes true."""
    until = time.monotonic() + within
    while not question() and time.monotonic() < until:
        time.sleep(0.01)
    return question()


# Connections that are lost


class Scribe(threading.Thread):
    """Writes one number after the other, the same again when it was told that nothing was written."""

    def __init__(self, engine):
        super().__init__(daemon=True)
        self.engine, self.done, self.lost, self.at_end = engine, 0, 0, threading.Event()
        self.failure = None

    def run(self):
        try:
            while not self.at_end.is_set():
                try:
                    with self.engine.write() as cursor:
                        cursor.query("INSERT INTO marks (worker, number) VALUES ('a', $1)", (self.done,))
                except WorkspaceLost:
                    self.lost += 1
                else:
                    self.done += 1
        except Exception as error:  # noqa: BLE001 - the test tells it
            self.failure = error


def test_when_the_server_is_started_anew_everybody_goes_on_and_nothing_is_lost_or_done_twice(opening, server):
    # Given one who writes without a pause, one who reads, and one who listens
    engine, reader, listener = opening(), opening(), opening()
    engine.note_pass(b"before")
    heard = listener.changes()
    scribe = Scribe(engine)
    scribe.start()

    for mode in ("immediate", "fast"):
        assert eventually(lambda: listener.changes() > heard)  # noqa: B023 - asked at once

        # When the server is gone and comes again, as after a crash and as after an upgrade
        before = scribe.done
        server.restart(mode)

        # Then who writes and who reads goes on, and who listens hears it
        assert eventually(lambda: scribe.done > before + 5, 15), scribe.failure  # noqa: B023 - asked at once
        found = numbers(reader)
        assert found == list(range(len(found)))
        assert len(found) > before
        heard = listener.changes()

    # And what lies beside the log is there, and goes on
    engine.note_pass(b"after")
    assert reader.passes() == [b"before", b"after"]
    assert listener.progress(["a"]) == {}
    scribe.at_end.set()
    scribe.join(10)
    assert scribe.failure is None
    assert numbers(engine) == list(range(scribe.done))


def test_a_server_that_is_away_is_told_in_a_sentence_and_waited_for(opening, server):
    engine = opening(timeout=0.3)
    increment(engine)
    server.stop()
    try:
        for use in (counted, increment, crew.studied):
            with pytest.raises(WorkspaceError, match=r"^postgresql://"):
                use(engine)
        threading.Timer(0.3, server.start).start()
        assert eventually(lambda: _answers(server))
        assert eventually(lambda: _counts(engine))
        assert counted(engine) == 1
    finally:
        server.start()


def _answers(server):
    try:
        return server.run("SELECT 1") == [(1,)]
    except psycopg.OperationalError:
        return False


def _counts(engine):
    try:
        return counted(engine) == 1
    except WorkspaceError:
        return False


def test_a_session_that_is_ended_in_a_write_has_written_nothing_and_the_next_one_is_well(engine, server):
    def ended():
        assert server.terminate(f"{OURS} AND state <> 'idle'")

    def asked(cursor):
        ended()
        cursor.query("UPDATE counters SET n = 7")

    def written(cursor):
        cursor.query("UPDATE counters SET n = 7")
        ended()

    def posted(cursor):
        cursor.post("UPDATE counters SET n = 7")
        ended()

    def gone_through(cursor):
        cursor.query("UPDATE counters SET n = 7")
        for _ in cursor.batches("SELECT * FROM generate_series(1, 9)", 3):
            ended()

    for number, deed in enumerate((asked, written, posted, gone_through)):
        with pytest.raises(WorkspaceLost, match="cannot be reached"), engine.write() as cursor:
            deed(cursor)
        assert counted(engine) == number
        increment(engine)


def test_connections_that_were_lost_while_nobody_used_them_are_not_noticed(engine, server, caplog):
    uses = (counted, increment, crew.studied, lambda e: e.passes(), lambda e: e.note_progress("a", b""))
    uses += (lambda e: e.note_pass(b""), lambda e: e.progress(["a"]))
    threads = [threading.Thread(target=lambda: [counted(engine) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for use in uses:
        assert counted(engine) in (0, 1)
        assert server.terminate(OURS)
        use(engine)
    assert caplog.records == []


@pytest.mark.parametrize("cut", ["before", "after", "dark"])
def test_a_commit_whose_answer_did_not_come_is_found_out(opening, relay, cut):
    # Given a way to the server that is cut while a write is committed
    engine, apart = opening(relay.url), opening()
    increment(engine)
    changes = engine.changes()
    relay.cut = cut

    # When that is told to have been done, or not
    began = time.monotonic()
    if cut == "after":
        increment(engine)
        assert engine.changes() > changes
    else:
        with pytest.raises(WorkspaceLost):
            increment(engine)

    # Then so it is, and it does not take long to know
    assert relay.cuts == 1
    assert time.monotonic() - began < 5
    assert counted(apart) == (2 if cut == "after" else 1)
    with engine.write() as cursor:
        assert cursor.undisturbed is (cut == "after")
        cursor.query("UPDATE counters SET n = n + 1")
    assert counted(apart) == (3 if cut == "after" else 2)


def test_a_command_whose_connection_is_lost_is_done_once(server, relay):
    with wsq.open(relay.url, clock=ManualClock(NOON)) as ws:
        acme = ws.store("acme")
        for n, cut in enumerate(("before", "after", "dark", "before")):
            relay.cut = cut
            acme.create_task(f"Task {n}")
        relay.cut = None
        server.terminate(OURS)
        assert [task.title for task in acme.tasks()] == [f"Task {n}" for n in range(4)]
        assert relay.cuts == 4
        assert ws.verify() == []


# Others at the server


def test_who_waits_too_long_for_the_others_is_told_so(opening, server):
    engine = opening(timeout=0.2)
    with psycopg.connect(server.url) as other:
        other.execute(f"SELECT pg_advisory_xact_lock({WRITING})")
        with pytest.raises(WorkspaceBusy, match=r"was locked by other writers for too long\. Try again\.$"):
            increment(engine)
        assert counted(engine) == 0
    increment(engine)


def test_a_machine_that_is_suspended_while_it_writes_keeps_the_others_out_for_a_while_only(opening, server, tmp_path):
    # Given a process that has the right to write, and is stopped
    engine, flag, report = opening(timeout=10), tmp_path / "flag", tmp_path / "report"
    away = start(crew.write_and_be_away, server.url, flag, report)
    wait_for(flag)
    os.kill(away.pid, signal.SIGSTOP)

    # When others write
    increment(engine)

    # Then they can, and it learns that it has written nothing
    assert counted(engine) == 1
    flag.unlink()
    os.kill(away.pid, signal.SIGCONT)
    crew.finish(away)
    assert "cannot be reached" in report.read_text()
    assert counted(engine) == 1


def test_a_writer_that_was_killed_has_written_nothing(opening, server, tmp_path):
    engine = opening()
    writer = start(crew.write_and_be_away, server.url, tmp_path / "flag", tmp_path / "report")
    wait_for(tmp_path / "flag")
    kill(writer)
    increment(engine)
    assert counted(engine) == 1


def test_of_two_who_wait_for_each_other_both_are_done(server):
    # Given two who write to different stores, and lay the same bodies beside the log, each in its own order
    met, done = threading.Barrier(2), []

    def write(log, store, *bodies):
        tries = []

        def decide(tx):
            tries.append(store)
            for body in bodies:
                tx.keep(body)
                tx.flush()
                tx.query("SELECT count(*) FROM bodies")
                if len(tries) == 1 and body is bodies[0]:
                    met.wait(10)
            return len(tries)

        done.append(log.write(decide, scope=frozenset({store})))

    with wsq.open(server.url) as one, wsq.open(server.url) as other:
        # When they do so at once
        threads = [
            threading.Thread(target=write, args=(one._log, "acme", b"1", b"2")),
            threading.Thread(target=write, args=(other._log, "beta", b"2", b"1")),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)

        # Then one of them had to do it again, and nobody was told
        assert len(done) == 2
        assert min(done) == 1 < max(done)
        assert one._log.read(lambda cursor: cursor.query("SELECT count(*) FROM bodies")) == [(2,)]


def test_a_decision_that_was_lost_and_lost_and_then_concerns_more_is_done(server):
    tries = []

    def decide(tx):
        tries.append(tx)
        if len(tries) < TRIES + 1:
            raise WorkspaceLost("Gone.")
        tx.record("beta", StoreCreated(name="beta", timezone="UTC"))

    with wsq.open(server.url) as ws:
        ws._log.submit(decide, scope=frozenset({"acme"})).result(timeout=5)
        assert [store.id for store in ws.stores()] == ["beta"]
        with pytest.raises(WorkspaceLost):
            ws._log.submit(lambda _: decide(tries.clear()), scope=frozenset({"acme"})).result(timeout=5)


def test_a_value_that_cannot_be_sent_spoils_no_later_write(engine):
    insert = "INSERT INTO marks (worker, number, note) VALUES ('a', $1, $2)"

    def write(*notes):
        with engine.write() as cursor:
            for number, note in notes:
                cursor.post(insert, (number, note))

    write((0, "once, so that it is prepared the next time"))
    with pytest.raises(psycopg.DataError):
        write((1, "well"), (2, "a\0b"))
    for number in (3, 4):
        write((number, "well"))
    assert numbers(engine) == [0, 3, 4]


def test_a_write_that_was_rolled_back_spoils_no_later_one(engine):
    for _ in range(10):
        increment(engine)
        with pytest.raises(ZeroDivisionError), engine.write() as cursor:
            1 / len(cursor.query("SELECT n FROM counters WHERE id = $1", ("nobody",)))
    with engine.write() as cursor:
        cursor.query("DROP TABLE marks")
    increment(engine)
    increment(engine)
    assert counted(engine) == 12


def test_nobody_decides_on_what_was_before_whatever_isolation_the_database_has_by_default(opening, server):
    server.run("ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'")
    try:
        engines = [opening() for _ in range(3)]
        threads = [threading.Thread(target=lambda e=e: [increment(e) for _ in range(30)]) for e in engines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        server.run("ALTER DATABASE postgres RESET default_transaction_isolation")
    assert counted(engines[0]) == 90


def test_what_was_committed_and_could_not_be_told_is_done(opening, server):
    server.run("DROP ROLE IF EXISTS quiet")
    server.run("CREATE ROLE quiet LOGIN")
    server.run("GRANT CREATE ON DATABASE postgres TO quiet")
    server.run("REVOKE EXECUTE ON FUNCTION pg_notify(TEXT, TEXT) FROM PUBLIC")
    try:
        engine = opening(server.url.replace("postgres:@", "quiet@"))
        for _ in range(2):
            increment(engine)
            time.sleep(QUIET)
        assert counted(engine) == 2
    finally:
        server.run("GRANT EXECUTE ON FUNCTION pg_notify(TEXT, TEXT) TO PUBLIC")
        server.empty()
        server.run("REVOKE CREATE ON DATABASE postgres FROM quiet")
        server.run("DROP ROLE quiet")


def test_the_last_write_of_who_was_killed_before_it_was_told_is_heard_of(opening, server):
    listener = opening()
    before = listener.changes()
    writer = start(crew.write_twice_and_die, server.url)
    writer.join(10)

    assert counted(listener) == 2
    assert eventually(lambda: listener.changes() >= before + 2, 2.5)  # of the first, and of the second


def test_the_copies_of_who_was_killed_are_removed_by_the_next(opening, server, tmp_path):
    # Given a process that has copies and is killed, and one that has some and lives
    holders = [start(crew.hold_copies, server.url, tmp_path / name) for name in ("dead", "alive")]
    for name in ("dead", "alive"):
        wait_for(tmp_path / name)
    homes = {name: Path((tmp_path / name).read_text()) for name in ("dead", "alive")}
    kill(holders[0])
    assert homes["dead"].exists()

    # When another makes one
    with opening().snapshot_file():
        # Then those of the dead are gone
        assert not homes["dead"].exists()
        assert homes["alive"].exists()
    kill(holders[1])


def test_what_is_scrubbed_is_in_no_sample_that_the_server_took(engine, server):
    with engine.write() as cursor:
        for number, note in enumerate(["the heron nests"] * 9 + ["elsewhere"] * 9):
            cursor.post("INSERT INTO marks (worker, number, note) VALUES ('a', $1, $2)", (number, note))
    server.run("ANALYZE wsq.marks")
    with engine.write() as cursor:
        cursor.query("UPDATE marks SET note = 'forgotten' WHERE note = 'the heron nests'")
    engine.scrub()
    server.run("CHECKPOINT")

    kept = b"".join(file.read_bytes() for file in (server.folder / "base").rglob("*") if file.is_file())
    assert b"the heron nests" not in kept
    assert b"elsewhere" in kept


# What cannot be used


def told(error):
    """Everything that anybody may come to read of an error."""
    chain, seen = [error], []
    while chain:
        one = chain.pop()
        seen += [str(one), repr(one)]
        chain += [each for each in (one.__cause__, one.__context__) if each is not None]
    return "\n".join(seen) + "".join(traceback.format_exception(error))


@pytest.fixture(scope="module")
def locked(postgres):
    """A user who has to say a password."""
    hba = postgres.folder / "pg_hba.conf"
    before = hba.read_text()
    hba.write_text(f"local all locked scram-sha-256\n{before}")
    postgres.run("CREATE ROLE locked LOGIN PASSWORD 'right'")
    postgres.run("SELECT pg_reload_conf()")
    yield
    hba.write_text(before)
    postgres.run("DROP ROLE locked")
    postgres.run("SELECT pg_reload_conf()")


@pytest.mark.parametrize(
    ("url", "kind", "says"),
    [
        ("postgresql://locked:sesame@HERE/postgres", WorkspaceError, "password authentication failed"),
        ("postgresql://locked@HERE/postgres", WorkspaceError, "no password supplied"),
        ("postgresql://postgres:sesame@HERE/elsewhere", WorkspaceError, 'database "elsewhere" does not exist'),
        ("postgresql://nobody:sesame@HERE/postgres", WorkspaceError, 'role "nobody" does not exist'),
        ("postgresql://u:sesame@nosuchhost.invalid/db", WorkspaceError, "failed to resolve host"),
        ("postgresql://u:sesame@127.0.0.1:1/db", WorkspaceError, "Connection refused"),
        ("postgresql://u:sesame@HERE/db?sslmode=require", WorkspaceError, "does not support SSL"),
        ("postgresql://u:sesame@HERE/db?sslmode=perhaps", WorkspaceError, "perhaps"),
        ("postgresql://u:sesame@HERE/db?sesame=1", SettingError, "not a URL"),
        ("postgresql://u:se/sesame@127.0.0.1/db", SettingError, "not a URL"),
        ("postgresql://u:se%zzsesame@127.0.0.1/db", SettingError, "not a URL"),
        ("postgresql://u:sesame@[::1/db", SettingError, "not a URL"),
        ("postgresql://u:sesame@host:port/db", SettingError, "not a URL"),
    ],
)
def test_what_cannot_be_reached_is_told_at_once_in_a_sentence_without_the_password(url, kind, says, locked, relay):
    began = time.monotonic()
    with pytest.raises(kind) as raised:
        engine_at(url.replace("HERE", relay.url.split("@")[1].split("/")[0]), timeout=0.2)

    assert time.monotonic() - began < 4
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith(".")
    assert "sesame" not in told(raised.value)


def test_a_place_is_shown_without_its_password_and_options():
    for url, shown in (
        ("postgresql://u:p@h:1/db?sslmode=require", "postgresql://u@h:1/db"),
        ("postgresql://h/db", "postgresql://h/db"),
        ("postgres://u@h/db?password=p", "postgres://u@h/db"),
        ("postgresql://u:p/p@h/db", "postgresql://u@h/db"),
        ("postgresql://u:p@p?p#p@h/db", "postgresql://u@h/db"),
        ("postgresql://u:p@h:1,i:2/db", "postgresql://u@h:1,i:2/db"),
        ("postgresql:///db?host=/run", "postgresql:///db"),
    ):
        assert without_password(url) == shown


@pytest.mark.parametrize(
    "other",
    [
        "CREATE TABLE wsq.theirs (n INTEGER)",
        "CREATE FUNCTION wsq.len(TEXT[]) RETURNS INTEGER RETURN 1",
        "CREATE TABLE wsq.schema_version (number TEXT)",
        "CREATE TABLE wsq.schema_version (version TEXT)",
    ],
)
def test_a_schema_of_our_name_that_is_something_else_is_left_as_it_is(server, other):
    server.run("CREATE SCHEMA wsq")
    server.run(other)
    look = "SELECT oid, relname FROM pg_class WHERE relnamespace = 'wsq'::regnamespace ORDER BY oid"
    before = server.run(look)

    with pytest.raises(NotAWorkspace, match=r"It was not changed\.$"):
        engine_at(server.url)
    assert server.run(look) == before


def test_an_empty_schema_of_our_name_may_be_there_already(server, opening):
    server.run("CREATE SCHEMA wsq")
    assert counted(opening()) == 0


def test_a_database_without_unicode_is_refused(server):
    for name, encoding in (("ascii", "SQL_ASCII"), ("latin", "LATIN1")):
        server.run(f"DROP DATABASE IF EXISTS {name}")
        server.run(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
        with pytest.raises(NotAWorkspace, match=f"uses the encoding {encoding}; wsq needs a database in UTF8"):
            engine_at(server.url.replace("/postgres?", f"/{name}?"))
        server.run(f"DROP DATABASE {name} WITH (FORCE)")


# Versions


def structure(server):
    """All columns, keys and indexes of the workspace, with their orders of texts."""
    return [
        server.run(query)
        for query in (
            """SELECT table_name, column_name, data_type, domain_name, is_nullable, column_default, collation_name
                FROM information_schema.columns WHERE table_schema = 'wsq' ORDER BY 1, ordinal_position""",
            "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'wsq' ORDER BY 1, 2",
            "SELECT proname FROM pg_proc WHERE pronamespace = 'wsq'::regnamespace ORDER BY 1",
        )
    ]


@pytest.fixture(scope="module")
def fresh(postgres):
    postgres.empty()
    wsq.open(postgres.url).close()
    found = structure(postgres)
    postgres.empty()
    return found


def test_every_text_of_a_workspace_is_ordered_by_its_code_points(fresh):
    texts = [row for row in fresh[0] if row[2] == "character varying"]
    assert len(texts) > 50
    assert {row[6] for row in texts} == {COLLATION}
    assert any(row[0] == "task_executions" for row in fresh[1])


@pytest.mark.parametrize("version", LATER)
def test_an_older_workspace_is_upgraded_to_what_a_fresh_one_is(version, server, fresh):
    clock = ManualClock(NOON)
    with wsq.open(server.url, clock=clock) as ws:
        acme = ws.store("acme")
        acme.run_now(acme.create_recurring_task("Triage", "Create a task called 'Check'", every="1 hour").id)
        before = ws._log.read(stored_world)
    for later in range(VERSION - 1, version - 1, -1):
        for statement in LATER[later]:
            server.run(f"SET search_path = wsq; {statement}")
    server.run(f"UPDATE wsq.schema_version SET version = {version}")
    assert structure(server) != fresh

    clock.advance(timedelta(hours=1))
    with wsq.open(server.url, clock=clock) as ws:
        assert ws._log.read(stored_world) == before
        assert ws.verify() == []
        assert ws.process().completed == 1
    assert structure(server) == fresh


# Copies


class Everything(Counters):
    """A table with a column of every type."""

    def create(self, cursor):
        super().create(cursor)
        cursor.query(
            "CREATE TABLE kept (n BIGINT PRIMARY KEY, t VARCHAR, l VARCHAR[], i INTERVAL, b BLOB, z TIMESTAMPTZ,"
            " d DOUBLE PRECISION, o BOOLEAN)"
        )


TEXTS = [
    "", "\\N", "NULL", '"', '""', "a,b", "a\nb", "a\r\nb", "\r", "\n", "\t", " ", "'", "\\", "\\\\N", "\x01\x1f\x7f",
    "ü 🦆 日本語 שלום", "{braces}", '{"json": [1, null]}', "x" * 1_000_000, "﻿bom", "\u2028",
]  # fmt: skip


def test_a_copy_holds_what_the_server_holds(opening, tmp_path):
    # Given rows of every type, with what is hard to write down
    engine = opening(schema=Everything())
    zone = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    spans = [
        timedelta(0),
        timedelta(days=-3, seconds=1),
        timedelta(days=40, microseconds=5),
        timedelta(microseconds=-1),
    ]
    floats = [0.1, -0.0, 1e300, 5e-324, 123456789.123456789]
    rows = [
        (n, text, [text, None, *TEXTS[:n % 19]], spans[n % 4], text.encode()[:999] + bytes(range(n)),
         zone + n * timedelta(days=4000, microseconds=1), floats[n % 5], bool(n % 2))
        for n, text in enumerate(TEXTS)
    ]  # fmt: skip
    rows += [(100, None, None, None, None, None, None, None), (101, None, [], None, b"", None, None, None)]
    with engine.write() as cursor:
        for row in rows:
            cursor.post("INSERT INTO kept VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", row)

    # When they are copied
    question = "SELECT n, t, l, i, b, z, d, o FROM kept ORDER BY n"
    engine.backup(tmp_path / "kept.duckdb")
    copy = engine_at(tmp_path / "kept.duckdb", Everything())
    with engine.snapshot() as study, copy.read() as backup, engine.read() as here:
        # Then they are the same
        assert here.query(question) == rows
        assert study.query(question) == rows
        assert [row for batch in study.batches(question, 7) for row in batch] == rows
        assert backup.query(question) == rows
    copy.close()


def test_a_study_is_of_one_moment_while_others_write(opening):
    # Given writers who do two things at once
    engine, others, at_end = opening(), [opening(), opening()], threading.Event()

    def write(other, worker):
        number = 0
        while not at_end.is_set():
            number += 1
            with other.write() as cursor:
                cursor.post("INSERT INTO marks (worker, number) VALUES ($1, $2)", (worker, number))
                cursor.query("UPDATE counters SET n = n + 1")

    threads = [threading.Thread(target=write, args=(other, str(n))) for n, other in enumerate(others)]
    for thread in threads:
        thread.start()

    # When studies are made meanwhile, and asked for one after the other
    seen = []
    while len(seen) < 8:
        with engine.snapshot() as cursor:
            ((n,),) = cursor.query("SELECT n FROM counters")
            time.sleep(0.02)
            seen.append((n, *cursor.query("SELECT count(*) FROM marks")[0]))
    at_end.set()
    for thread in threads:
        thread.join()

    # Then both were done or neither
    assert [n for n, _ in seen] == [count for _, count in seen]
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]


def test_a_study_that_could_not_be_had_whole_can_be_had_the_next_time(opening, server):
    engine, question = opening(timeout=0.2), "SELECT n, count(marks.number) FROM counters, marks GROUP BY n"
    with engine.write() as cursor:
        cursor.post("INSERT INTO marks (worker, number) VALUES ('a', 1)")
    with psycopg.connect(server.url) as other:
        other.execute("LOCK TABLE wsq.marks IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(WorkspaceBusy), engine.snapshot() as cursor:
            cursor.query(question)
    with engine.snapshot() as cursor:
        assert cursor.query(question) == [(0, 1)]


def test_nothing_of_a_copy_stays(opening, server):
    engine = opening()
    with engine.snapshot() as cursor, engine.snapshot_file() as path:
        cursor.query("SELECT * FROM counters")
        home = path.parent
    assert home.exists()
    engine.close()
    assert not home.exists()
    assert eventually(lambda: server.run(f"SELECT count(*) FROM pg_stat_activity WHERE {OURS}") == [(0,)])


def test_every_first_question_for_changes_waits_until_the_listener_listens(engine):
    def slowly():
        time.sleep(0.3)
        return engine._connect()

    listener, heard = Listener(slowly, "me", lambda: 0), []
    threads = [threading.Thread(target=lambda: heard.append(listener.heard())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    listener.close()
    assert heard == [1, 1, 1]


def test_a_write_that_is_not_counted_as_its_own_yet_is_no_change_by_others(engine):
    increment(engine)
    counts = iter([0])
    listener = Listener(engine._connect, "me", lambda: next(counts, 1))
    before = listener.heard()
    time.sleep(1.5)
    assert listener.heard() == before
    listener.close()


# The clock


class Elsewhere:
    """A server with a clock of its own, and this machine's, which can be set and suspended."""

    def __init__(self, ahead):
        self.true, self.here, self.elapsed = ManualClock(NOON), ManualClock(NOON - timedelta(seconds=ahead)), 1000.0
        self.asked, self.is_away, self.waits, self.after = 0, False, [], False
        self.clock = ServerClock(self.ask, here=self.here, pace=lambda: self.elapsed)

    def ask(self):
        self.asked += 1
        if self.is_away:
            raise ConnectionError
        read = self.true.now()
        if self.waits:
            self.pass_by(self.waits.pop(0))
        return read if self.after else self.true.now()

    def pass_by(self, seconds, *, suspended=False):
        self.true.advance(seconds)
        self.here.advance(seconds)
        self.elapsed += 0 if suspended else seconds


def test_the_time_that_connecting_takes_does_not_put_the_clock_forward():
    there = Elsewhere(25)
    there.waits = [0.3]
    assert there.clock.now() == there.true.now()
    assert there.asked == 2


def test_slow_answers_make_the_clock_late_and_never_early():
    there = Elsewhere(25)
    there.waits = [0.3, 0.1]
    there.after = True
    assert there.clock.now() == there.true.now() - timedelta(seconds=0.1)

    there.pass_by(KEPT)
    assert there.clock.now() == there.true.now()
    there.waits = [0.3, 0.2]
    there.pass_by(KEPT)
    assert there.clock.now() == there.true.now()


@pytest.mark.parametrize("ahead", [25, -25])
def test_the_time_is_the_servers_however_wrong_this_machines_is(ahead, caplog):
    there = Elsewhere(ahead)
    for _ in range(100):
        assert there.clock.now() == there.true.now()
        assert there.clock.ahead == timedelta(seconds=ahead)
        there.pass_by(0.9)
    assert there.asked == 3  # in a minute and a half
    (warning,) = caplog.records
    assert f"25 s {'behind' if ahead > 0 else 'ahead of'} the database server's" in warning.getMessage()
    assert warning.action == "clock_differs"


def test_the_server_is_asked_anew_when_this_machines_clock_was_set_or_stood_still():
    there = Elsewhere(0)
    assert there.clock.now() == there.true.now()
    there.pass_by(PAUSE)

    there.here.advance(timedelta(hours=-3))
    assert there.clock.now() == there.true.now()
    there.pass_by(PAUSE)

    there.pass_by(7200, suspended=True)
    there.true.advance(timedelta(seconds=40))
    assert there.clock.now() == there.true.now()
    assert there.asked == 3


def test_a_server_that_is_gone_is_asked_now_and_then_and_its_last_answer_is_trusted_on():
    there = Elsewhere(25)
    assert there.clock.now() == there.true.now()
    there.is_away = True
    there.pass_by(KEPT)
    for _ in range(100):
        assert there.clock.now() == there.true.now()
        there.pass_by(0.1)
    assert there.asked == 1 + 10 / PAUSE

    there.is_away = False
    there.true.advance(3)
    there.pass_by(PAUSE)
    assert there.clock.now() == there.true.now()


def test_the_clock_of_a_server_that_was_never_heard_is_this_machines():
    there = Elsewhere(25)
    there.is_away = True
    assert there.clock.now() == there.here.now()


def test_the_first_answer_of_a_servers_clock_is_waited_for(opening, monkeypatch):
    monkeypatch.setattr(postgres_engine, "CLOCK_TIMEOUT", 1e-6)
    clock = opening().clock()
    clock.now()
    assert clock.is_known


def test_a_servers_clock_is_shown(engine, server):
    ((theirs,),) = server.run("SELECT clock_timestamp()")
    assert abs(engine.clock().now() - theirs) < timedelta(seconds=2)


def test_who_reads_while_the_tables_are_made_anew_sees_them_as_they_were(server):
    # Given a workspace, and views of it in which some questions have been asked
    with wsq.open(server.url, clock=ManualClock(NOON)) as ws, wsq.open(server.url) as other:
        acme = ws.store("acme")
        for n in range(3):
            acme.create_task(f"Task {n}")
        for view in (other._engine.read, other._engine.snapshot):
            with view() as cursor:
                cursor.query("SELECT count(*) FROM projects")

                # When it is rebuilt meanwhile
                rebuilding = threading.Thread(target=ws.rebuild)
                rebuilding.start()
                rebuilding.join(0.15)

                # Then the other questions are answered from the same view
                assert cursor.query("SELECT count(*) FROM tasks") == [(3,)]
            rebuilding.join()
        assert len(other.store("acme").tasks()) == 3
        assert ws.verify() == []


def test_a_study_has_what_is_named_of_a_table_and_all_of_it_where_all_is_asked_for(server):
    with wsq.open(server.url, clock=ManualClock(NOON)) as ws:
        acme = ws.store("acme")
        acme.create_task("Write copy", description="Soon.", assignees=["Ada", "Bo, the 2nd"])
        with ws._engine.snapshot() as cursor, ws._engine.read() as there:
            assert cursor.query("SELECT count(*) FROM tasks") == [(1,)]
            assert cursor.query("SELECT title FROM tasks") == [("Write copy",)]
            assert cursor.query("SELECT assignees, title FROM tasks AS t") == [(["Ada", "Bo, the 2nd"], "Write copy")]
            for every in ("SELECT * FROM tasks", "SELECT t.* FROM tasks t", "FROM tasks"):
                assert cursor.query(every) == there.query("SELECT * FROM tasks")
            assert cursor.query("SELECT * FROM documents") == []
