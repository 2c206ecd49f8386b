"""A PostgreSQL server or database that cannot be used, and the schema that wsq creates there."""

from __future__ import annotations

import time
import traceback
from datetime import timedelta

import psycopg
import pytest

import wsq
from tests.conftest import NOON
from tests.store.crew import counted, engine_at
from tests.store.test_upgrade import LATER
from wsq.clock import ManualClock
from wsq.errors import NotAWorkspace, SettingError, WorkspaceError
from wsq.store.log import stored_world
from wsq.store.postgres.create import ensure_exists
from wsq.store.postgres.cursor import COLLATION
from wsq.store.postgres.faults import without_password
from wsq.store.schema import VERSION, WorkspaceSchema


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


@pytest.mark.parametrize("of", ["store_id = 'acme'", "recurring_task_id = 'triage'"])
def test_the_newest_executions_are_found_by_an_index_and_not_by_sorting_all(server, of):
    wsq.open(server.url).close()
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("SET search_path = wsq; SET enable_seqscan = off; SET enable_bitmapscan = off")
        newest = f"SELECT * FROM task_executions WHERE {of} ORDER BY seq DESC LIMIT 20"
        plan = "\n".join(line for (line,) in connection.execute(f"EXPLAIN {newest}"))

    assert "Index Scan Backward" in plan
    assert "Sort" not in plan


PREPARED = {
    "a view in place of a table": (
        "ALTER TABLE wsq.tasks RENAME TO others; CREATE VIEW wsq.tasks AS SELECT * FROM wsq.others",
        "'tasks' is a view, not a table",
    ),
    "a materialized view": (
        "ALTER TABLE wsq.heads RENAME TO others; CREATE MATERIALIZED VIEW wsq.heads AS SELECT * FROM wsq.others",
        "'heads' is a materialized view",
    ),
    "a trigger": (
        """CREATE TRIGGER mine BEFORE UPDATE ON wsq.heads FOR EACH ROW
            EXECUTE FUNCTION suppress_redundant_updates_trigger()""",
        "the trigger 'mine'",
    ),
    "a rule": ("CREATE RULE mine AS ON DELETE TO wsq.passes DO INSTEAD NOTHING", "the rule 'mine'"),
    "a policy": ("CREATE POLICY mine ON wsq.tasks", "the policy 'mine'"),
    "a function that fits better": (
        "CREATE FUNCTION wsq.starts_with(VARCHAR, VARCHAR) RETURNS BOOLEAN LANGUAGE sql RETURN false",
        "the function 'starts_with'",
    ),
    "another function of that name": (
        "CREATE FUNCTION wsq.touch(VARCHAR) RETURNS BOOLEAN LANGUAGE sql RETURN false",
        "the function 'touch'",
    ),
    "a column that is generated": (
        "ALTER TABLE wsq.tasks DROP title, ADD title VARCHAR GENERATED ALWAYS AS (id) STORED",
        "the column 'title' of 'tasks' is generated",
    ),
    "a column of another type": (
        "ALTER TABLE wsq.tasks ALTER title TYPE TEXT",
        "the column 'title' of 'tasks' is text",
    ),
    "a column that is missing": ("ALTER TABLE wsq.touched DROP n", "the table 'touched' has no column 'n'"),
}
"""What is done to a workspace on a server, and what its refusal names."""


def test_a_schema_with_something_else_than_its_tables_is_refused_and_views_beside_them_are_not(server):
    with wsq.open(server.url) as ws:
        ws.store("acme").create_task("One")

    for statements, named in PREPARED.values():
        with psycopg.connect(
            server.url, cursor_factory=psycopg.RawCursor
        ) as connection:  # one transaction, rolled back
            connection.execute(f"SET search_path = wsq; {statements}")
            with pytest.raises(NotAWorkspace) as refused:
                ensure_exists(connection, "the server", WorkspaceSchema(), create=False)
            connection.rollback()
        assert named in str(refused.value)

    server.run("CREATE VIEW wsq.mine AS SELECT * FROM wsq.tasks")
    with wsq.open(server.url) as ws:
        assert ws.store("acme").tasks()[0].title == "One"
    server.run("CREATE FUNCTION wsq.now() RETURNS TIMESTAMPTZ LANGUAGE sql RETURN current_timestamp")
    with pytest.raises(NotAWorkspace, match=r"the function 'now'\. It was not changed\.$"):
        wsq.open(server.url)
