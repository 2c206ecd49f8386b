"""Connections to a PostgreSQL server: lost ones, sessions that are ended, other users, the listener."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import psycopg
import pytest

import wsq
from tests.conftest import NOON
from tests.store import crew
from tests.store.crew import counted, eventually, increment, kill, start, wait_for
from wsq.clock import ManualClock
from wsq.errors import WorkspaceBusy, WorkspaceError, WorkspaceLost
from wsq.events.stores import StoreCreated
from wsq.store.log import TRIES
from wsq.store.postgres.create import WRITING
from wsq.store.postgres.listening import QUIET, Listener

OURS = "application_name = 'wsq'"


@pytest.fixture
def engine(opening):
    return opening()


def numbers(engine):
    with engine.read() as cursor:
        return [row[0] for row in cursor.query("SELECT number FROM marks ORDER BY number")]


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
    scribe.join(30)
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
        ws._log.submit(decide, scope=frozenset({"acme"})).result(timeout=30)
        assert [store.id for store in ws.stores()] == ["beta"]
        with pytest.raises(WorkspaceLost):
            ws._log.submit(lambda _: decide(tries.clear()), scope=frozenset({"acme"})).result(timeout=30)


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


def test_counts_of_writes_that_have_gone_back_are_a_change(opening, server):
    for _ in range(2):
        increment(opening())
    listener = opening()
    before = listener.changes()
    time.sleep(0.5)  # it has looked by then

    server.run("UPDATE wsq.touched SET n = n - 1")  # as in a dump

    assert eventually(lambda: listener.changes() > before)


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
