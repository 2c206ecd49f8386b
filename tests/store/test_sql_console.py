"""SQL from people: it reads this workspace, and reaches nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.store.crew import Counters, counted, increment
from wsq.errors import InvalidInput
from wsq.store.duckdb.engine import EmbeddedEngine


class Board(Counters):
    """With a table of tasks, and one of secrets that nobody must overwrite."""

    def create(self, cursor):
        super().create(cursor)
        cursor.query(
            "CREATE TABLE tasks (id VARCHAR PRIMARY KEY, store_id VARCHAR, status VARCHAR, rank VARCHAR,"
            " archived_at TIMESTAMPTZ)"
        )
        for row in (
            ("t1", "acme", "todo", "b", None),
            ("t2", "acme", "todo", "a", None),
            ("t3", "acme", "todo", "Z", datetime(2026, 3, 2, tzinfo=UTC)),
            ("t4", "acme", "done", "b", None),
            ("t5", "beta", "todo", "b", None),
            ("t6", "acme", "todo", "b", None),
        ):
            cursor.query("INSERT INTO tasks VALUES ($1, $2, $3, $4, $5)", row)


@pytest.fixture
def engine(tmp_path):
    engine = EmbeddedEngine(tmp_path / "team.duckdb", Board())
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def fortress(tmp_path_factory):
    """A workspace that nothing in this module manages to change, in a folder with a secret."""
    folder = tmp_path_factory.mktemp("fortress")
    (folder / "secret.csv").write_text("password\nhunter2\n")
    engine = EmbeddedEngine(folder / "team.duckdb", Board())
    yield engine
    engine.close()


def test_a_query_answers_with_a_frame(engine):
    increment(engine)
    frame = engine.console().query("SELECT id, n FROM counters WHERE n = $1", [1])
    assert frame.to_dict("records") == [{"id": "c", "n": 1}]

    named = engine.console().query("SELECT $n + 1 AS more", {"n": 4})
    assert named.to_dict("records") == [{"more": 5}]


def test_the_newest_state_is_asked(engine):
    for expected in range(3):
        assert engine.console().query("SELECT n FROM counters")["n"].tolist() == [expected]
        increment(engine)


def test_instants_are_in_utc(engine):
    frame = engine.console().query("SELECT archived_at FROM tasks WHERE id = 't3'")
    assert str(frame["archived_at"].dtype.tz) == "UTC" or frame["archived_at"][0].utcoffset().total_seconds() == 0
    assert frame["archived_at"][0].isoformat() == "2026-03-02T00:00:00+00:00"


def test_tasks_show_their_position_in_their_lane(engine):
    frame = engine.console().query("SELECT id, position FROM tasks ORDER BY id")
    assert dict(zip(frame["id"], frame["position"], strict=True)) == {
        "t1": 1, "t2": 0, "t3": -1, "t4": 0, "t5": 0, "t6": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 AS x",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "FROM counters",
        "VALUES (1), (2)",
        "SHOW TABLES",
        "DESCRIBE counters",
        "SUMMARIZE counters",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "(SELECT 1);",
        "-- how many\nSELECT count(*) FROM counters",
    ],
)
def test_every_statement_that_reads_is_answered(engine, statement):
    assert len(engine.console().query(statement)) > 0


ESCAPES = [
    "COMMIT",
    "BEGIN",
    "ROLLBACK",
    "COMMIT; UPDATE counters SET n = 9",
    "SELECT 1; UPDATE counters SET n = 9",
    "UPDATE counters SET n = 9",
    "INSERT INTO counters VALUES ('x', 1)",
    "DELETE FROM counters",
    "DROP TABLE counters",
    "DROP VIEW tasks",
    "ALTER TABLE counters ADD COLUMN x INTEGER",
    "CREATE TABLE x (i INTEGER)",
    "CREATE TEMP TABLE x (i INTEGER)",
    "CREATE TABLE memory.x AS SELECT 1",
    "WITH a AS (INSERT INTO counters VALUES ('x', 1) RETURNING id) SELECT * FROM a",
    "WITH a AS (UPDATE counters SET n = 9 RETURNING id) SELECT * FROM a",
    "EXPLAIN ANALYZE UPDATE counters SET n = 9",
    "EXPLAIN ANALYZE COPY counters TO 'out.csv'",
    "EXPLAIN (FORMAT json) INSERT INTO counters VALUES ('x', 1)",
    "/* hm */ EXPLAIN ANALYZE DELETE FROM counters",
    "COPY counters TO 'out.csv'",
    "COPY (SELECT 1) TO 'out.csv'",
    "COPY counters FROM 'secret.csv'",
    "EXPORT DATABASE 'out'",
    "IMPORT DATABASE 'out'",
    "SELECT * FROM read_csv('secret.csv')",
    "SELECT * FROM 'secret.csv'",
    "SELECT * FROM read_text('secret.csv')",
    "SELECT * FROM read_blob('secret.csv')",
    "SELECT * FROM glob('*')",
    "SELECT * FROM sniff_csv('secret.csv')",
    "SELECT * FROM read_json('secret.csv')",
    "SELECT * FROM parquet_scan('secret.csv')",
    "SELECT * FROM query('SELECT * FROM read_text(''secret.csv'')')",
    "SELECT * FROM query('DROP TABLE counters')",
    "SELECT * FROM query_table('secret.csv')",
    "SELECT getenv('HOME')",
    "SELECT * FROM enable_logging('QueryLog', storage = 'file', storage_path = 'out.csv')",
    "SELECT * FROM local_of_the_caller",
    "ATTACH 'team.duckdb' AS other",
    "ATTACH 'out.csv' AS other",
    "DETACH workspace",
    "USE memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET threads = 1",
    "RESET threads",
    "PRAGMA enable_profiling",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "CHECKPOINT",
    "VACUUM",
    "PREPARE p AS SELECT 1",
    "CREATE SECRET (TYPE s3)",
    "SELECT nonsense",
    "selec",
    "",
    "-- nothing",
    "SELECT $1",
]


@pytest.mark.parametrize("statement", ESCAPES)
def test_what_does_not_read_or_reaches_outside_is_refused_and_changes_nothing(fortress, monkeypatch, statement):
    folder = Path(fortress.place).parent
    monkeypatch.chdir(folder)
    local_of_the_caller = [{"password": "hunter2"}]
    before = _files(folder)
    changes = fortress.changes()

    with pytest.raises(InvalidInput) as raised:
        fortress.console().query(statement)

    sentence = str(raised.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert "hunter2" not in sentence
    assert _files(folder) == before
    assert fortress.changes() == changes
    assert counted(fortress) == 0
    del local_of_the_caller


def _files(folder: Path) -> dict[str, bytes]:
    return {found.name: found.read_bytes() for found in folder.iterdir() if found.is_file()}


def test_parameters_that_do_not_fit_are_said_in_a_sentence(engine):
    for parameters in ([], [1, 2], {"other": 1}, [object()]):
        with pytest.raises(InvalidInput, match="The query failed"):
            engine.console().query("SELECT $1", parameters)
