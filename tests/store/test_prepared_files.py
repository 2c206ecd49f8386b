"""Files that somebody has prepared: SQL in them is not run, and the engine reaches nothing but its own files."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

import wsq
from tests.faults.commands import assert_a_sentence, by_hand, command, make
from wsq.errors import NotAWorkspace
from wsq.store.content import tables
from wsq.store.duckdb import instance, lease
from wsq.store.duckdb.content import refuse_other_content
from wsq.store.duckdb.engine import EmbeddedEngine
from wsq.store.fork import forked
from wsq.store.schema import WorkspaceSchema

PREPARED = {
    "a view in place of a table": (
        "ALTER TABLE recurring_tasks RENAME TO others; CREATE VIEW recurring_tasks AS FROM others",
        "the view 'recurring_tasks'",
    ),
    "a view in place of the version": (
        "ALTER TABLE schema_version RENAME TO others; CREATE VIEW schema_version AS FROM others",
        "not a wsq workspace",
    ),
    "a view beside the tables": ("CREATE VIEW mine AS FROM tasks", "the view 'mine'"),
    "a macro in place of a function": ("CREATE MACRO epoch_us(instant) AS 0", "the macro 'epoch_us'"),
    "a macro that makes a table": ("CREATE MACRO mine() AS TABLE SELECT 1", "the macro 'mine'"),
    "a trigger": (
        "CREATE TRIGGER mine AFTER INSERT ON heads FOR EACH STATEMENT DELETE FROM passes",
        "the trigger 'mine'",
    ),
    "a type": ("CREATE TYPE mine AS ENUM ('a')", "the type 'mine'"),
    "a sequence": ("CREATE SEQUENCE mine", "the sequence 'mine'"),
    "a schema": ("CREATE SCHEMA mine", "the schema 'mine'"),
    "a column of another type": (
        "ALTER TABLE tasks ALTER title TYPE VARCHAR[] USING [title]",
        "the column 'title' of 'tasks' is VARCHAR[], not VARCHAR",
    ),
    "a column of a type of one's own": (
        "CREATE TYPE mine AS VARCHAR; ALTER TABLE tasks ALTER title TYPE mine",
        "the type 'mine'",
    ),
    "a column that is missing": ("ALTER TABLE events DROP actor", "the table 'events' has no column 'actor'"),
    "a column that is generated": (
        "DROP TABLE bodies; CREATE TABLE bodies (hash VARCHAR, body BLOB GENERATED ALWAYS AS (hash::BLOB))",
        "the column 'body' of 'bodies' is generated",
    ),
    "another table of that name": ("DROP TABLE contacts; CREATE TABLE contacts AS SELECT 1 AS n", "no column 'id'"),
    "a view in an older version": (
        "UPDATE schema_version SET version = 4; DROP TABLE passes; CREATE VIEW passes AS FROM leases",
        "the view 'passes'",
    ),
    "another column in an older version": (
        "UPDATE schema_version SET version = 4; ALTER TABLE heads ALTER seq TYPE VARCHAR",
        "the column 'seq' of 'heads' is VARCHAR, not BIGINT",
    ),
}
"""What is done to a workspace's file, and what its refusal names."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a task."""
    path = tmp_path_factory.mktemp("made") / "team.duckdb"
    make(path)
    by_hand(path, "CHECKPOINT")
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(made, tmp_path))


@pytest.mark.parametrize(("statements", "named"), PREPARED.values(), ids=PREPARED)
def test_a_file_with_something_else_than_tables_is_refused_in_a_sentence_and_stays(path, statements, named):
    by_hand(path, statements)
    before = path.read_bytes()

    for _ in range(2):
        with pytest.raises(NotAWorkspace) as refused:
            wsq.open(path)
        assert_a_sentence(f"wsq: {refused.value}\n", str(path), named)

    assert path.read_bytes() == before
    assert not Path(f"{path}.wsq").exists()


@pytest.mark.parametrize("prepared", ["a view in place of a table", "a macro in place of a function"])
def test_commands_refuse_such_a_file_as_one_that_is_not_of_wsq(path, prepared):
    statements, named = PREPARED[prepared]
    by_hand(path, statements)

    for arguments in (
        ("list",),
        ("backup", path.with_name("copy.duckdb")),
        ("copy", path, path.with_name("new.duckdb")),
    ):
        given = () if arguments[0] == "copy" else ("--database", path)
        said = command(*arguments, *given)
        assert (said.status, said.out) == (2, "")
        assert_a_sentence(said.err, named)
    assert named in command("doctor", "--database", path).out
    assert not path.with_name("copy.duckdb").exists()


def test_plain_additions_of_ones_own_are_left_alone(path):
    by_hand(
        path,
        "CREATE TABLE mine (n INTEGER)",
        "CREATE INDEX by_title ON tasks (title)",
        "ALTER TABLE heads ADD x INTEGER",
    )

    with wsq.open(path) as ws:
        assert ws.store("acme").create_task("After").title == "After"
        assert ws.verify() == []


def test_a_file_that_is_replaced_or_changed_while_it_is_open_is_checked_again(path):
    with wsq.open(path) as ws:
        ws.store("acme").tasks()
        by_hand(path, "CREATE VIEW mine AS FROM tasks")

        with pytest.raises(NotAWorkspace, match="the view 'mine'"):
            ws.store("acme").tasks()
        with pytest.raises(NotAWorkspace, match="the view 'mine'"):
            ws.sql("FROM tasks")

        by_hand(path, "DROP VIEW mine")
        assert ws.store("acme").tasks() == []


def test_a_file_is_checked_once_and_then_only_when_somebody_else_has_changed_it(path, monkeypatch):
    checked = []

    def checking(root: duckdb.DuckDBPyConnection, file: Path, schema: WorkspaceSchema) -> None:
        checked.append(file)
        refuse_other_content(root, file, schema)

    monkeypatch.setattr(lease, "refuse_other_content", checking)

    for _ in range(3):
        with wsq.open(path) as ws:
            for n in range(3):
                ws.store("acme").create_task(f"Task {n}")
                ws.store("acme").tasks()
    assert checked == [path]

    by_hand(path, "DELETE FROM passes")
    wsq.open(path).close()
    assert checked == [path, path]

    wsq.open(path.with_name("new.duckdb")).close()
    assert checked == [path, path], "what wsq has just made is known"


def test_every_instance_reaches_its_own_files_and_cannot_be_set_otherwise(path, tmp_path):
    with duckdb.connect(str(tmp_path / "other.duckdb")) as other:
        other.execute("CREATE TABLE t AS SELECT 1 AS n")

    def confined(connection: duckdb.DuckDBPyConnection) -> None:
        settings = "SELECT current_setting('enable_external_access'), current_setting('lock_configuration')"
        assert connection.execute(settings).fetchall() == [(False, True)]
        for statement in (
            f"ATTACH '{tmp_path}/other.duckdb' AS other",
            f"ATTACH '{tmp_path}/new.duckdb' AS new",
            "SET enable_external_access = true",
            "SET allowed_directories = ['/']",
            "SET threads = 1",
        ):
            with pytest.raises(duckdb.Error, match=r"disabled by configuration|locked|Cannot change"):
                connection.execute(statement)

    engine = EmbeddedEngine(path, WorkspaceSchema())
    with engine.read():
        confined(engine._lease._root.cursor())
    with engine.snapshot() as cursor:
        confined(cursor._connection)
    with wsq.open(path) as ws, forked(ws._engine, "acme", ws.clock.now()) as fork:
        confined(fork._root)
        confined(ws.store("acme").as_of(1)._engine._connection)
    instance.make_ready()
    confined(instance.connect(instance.THREADS))
    engine.close()
    assert not (tmp_path / "new.duckdb").exists()


def test_a_path_with_any_characters_works_in_a_confined_engine(tmp_path):
    folder = tmp_path / 'it\'s [a], "folder" ü'
    (tmp_path / "link").symlink_to(folder)
    folder.mkdir()
    for place in (folder / "te,am's.duckdb", tmp_path / "link" / "linked.duckdb", folder / ".." / "above.duckdb"):
        with wsq.open(place) as ws:
            ws.store("acme").create_task("One")
            assert len(ws.sql("FROM tasks")) == 1
            assert ws.verify() == []
            copy = ws.backup(place.with_name("back up's.duckdb"))
            contact = ws.store("acme").create_contact("Ada")
            ws.store("acme").forget_contact(contact.id)
        with wsq.open(copy) as ws:
            assert [task.title for task in ws.store("acme").tasks()] == ["One"]
        copy.unlink()


def test_a_confined_engine_may_spill_and_load_arrays(path, tmp_path):
    engine = EmbeddedEngine(path, WorkspaceSchema())
    numbers = list(range(20_000))
    with engine.write() as cursor:
        cursor.load("heads", {"store_id": "VARCHAR", "seq": "BIGINT"}, [[f"s{n}" for n in numbers], numbers])
    with engine.snapshot() as cursor:
        assert cursor.query("SELECT count(*) FROM heads WHERE store_id LIKE 's%'") == [(20_000,)]
        ((folders,),) = cursor.query("SELECT current_setting('allowed_directories')")
        assert [Path(folder).name for folder in folders] == ["spill"]
    engine.close()


def test_what_is_expected_is_what_a_new_workspace_has(path):
    with duckdb.connect(str(path), read_only=True) as connection:
        found: dict[str, list[str]] = {}
        for table, column in connection.execute("SELECT table_name, column_name FROM duckdb_columns()").fetchall():
            found.setdefault(table, []).append(column)

    expected = {table: list(columns) for table, columns in tables(WorkspaceSchema()).items()}

    assert {table: found[table] for table in expected} == expected
    assert "schema_version" in found
