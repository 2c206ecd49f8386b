"""A workspace of an older version is brought to this one, and nothing of it is lost."""

from __future__ import annotations

from datetime import timedelta

import duckdb

import wsq
from tests.conftest import NOON
from wsq.clock import ManualClock
from wsq.store.log import stored_world
from wsq.store.schema import VERSION, WorkspaceSchema


def as_version_1(database):
    """Take away what later versions have added, as an older wsq would have left the file."""
    with duckdb.connect(database) as connection:
        for column in ("reserved_usd", "reserved_tokens"):
            connection.execute(f"ALTER TABLE leases DROP COLUMN {column}")
        connection.execute("UPDATE schema_version SET version = 1")


def columns(database):
    with duckdb.connect(database, read_only=True) as connection:
        return connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable, column_default"
            " FROM information_schema.columns ORDER BY table_name, ordinal_position"
        ).fetchall()


def test_a_workspace_of_version_1_is_backed_up_and_upgraded_with_all_that_stands_in_it(database, tmp_path):
    clock = ManualClock(NOON)
    with wsq.open(database, clock=clock) as ws:
        acme = ws.store("acme")
        task = acme.create_recurring_task("Triage", "Create a task called 'Check mail'", every="1 hour")
        acme.run_now(task.id)
        before = ws._log.ask(stored_world)
    as_version_1(database)

    clock.advance(timedelta(hours=1))
    with wsq.open(database, clock=clock) as ws:
        assert ws._log.ask(stored_world) == before
        assert ws.verify() == []
        assert ws.process().completed == 1
        assert ws.sql("select max(version) as version from schema_version")["version"].tolist() == [VERSION]

    assert database.with_name(f"{database.name}.v1.bak").exists()
    fresh = tmp_path / "fresh.duckdb"
    wsq.open(fresh).close()
    assert columns(database) == columns(fresh)


def test_there_is_a_way_from_every_version_there_was():
    assert WorkspaceSchema.version == VERSION == 2
