"""Copies and snapshots of what is stored on a PostgreSQL server."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

import wsq
from tests.conftest import NOON
from tests.store.crew import Counters, engine_at, eventually
from wsq.clock import ManualClock
from wsq.errors import WorkspaceBusy

OURS = "application_name = 'wsq'"


@pytest.fixture
def engine(opening):
    return opening()


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
    with engine.snapshot() as snapshot, copy.read() as backup, engine.read() as here:
        # Then they are the same
        assert here.query(question) == rows
        assert snapshot.query(question) == rows
        assert [row for batch in snapshot.batches(question, 7) for row in batch] == rows
        assert backup.query(question) == rows
    copy.close()


def test_a_snapshot_is_of_one_moment_while_others_write(opening):
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

    # When snapshots are made meanwhile, and asked for one after the other
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


def test_a_snapshot_that_could_not_be_had_whole_can_be_had_the_next_time(opening, server):
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


def test_a_snapshot_has_what_is_named_of_a_table_and_all_of_it_where_all_is_asked_for(server):
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
