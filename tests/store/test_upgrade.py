"""A workspace of an older version is brought to this one, and nothing of it is lost."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import pytest

import wsq
from tests.conftest import NOON
from wsq.clock import ManualClock
from wsq.store.log import stored_world
from wsq.store.schema import VERSION, WorkspaceSchema

LATER = {
    1: (
        "ALTER TABLE leases DROP COLUMN reserved_usd",
        "ALTER TABLE leases DROP COLUMN reserved_tokens",
    ),
    2: (
        "DROP TABLE dry_runs",
        *(f"ALTER TABLE stores DROP COLUMN paused_{what}" for what in ("at", "until", "reason")),
        "ALTER TABLE recurring_tasks DROP COLUMN notify",
    ),
    3: ("ALTER TABLE task_executions DROP COLUMN cost_estimated",),
    4: tuple(
        f"ALTER TABLE dry_runs DROP COLUMN {name}" for name in ("cost_estimated", "reserved_usd", "reserved_until")
    ),
    5: ("ALTER TABLE recurring_tasks DROP COLUMN anchor_local",),
}
"""What takes away again what the version after each has added."""


def as_version(database, version):
    """Make the file what an older wsq would have left."""
    with duckdb.connect(database) as connection:
        for later in range(VERSION - 1, version - 1, -1):
            for statement in LATER[later]:
                connection.execute(statement)
        connection.execute("UPDATE schema_version SET version = $1", [version])


def columns(database):
    with duckdb.connect(database, read_only=True) as connection:
        return connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable, column_default"
            " FROM information_schema.columns ORDER BY table_name, ordinal_position"
        ).fetchall()


@pytest.mark.parametrize("version", LATER)
def test_an_older_workspace_is_backed_up_and_upgraded_with_all_that_stands_in_it(version, database, tmp_path):
    clock = ManualClock(NOON)
    with wsq.open(database, clock=clock) as ws:
        acme = ws.store("acme")
        task = acme.create_recurring_task("Triage", "Create a task called 'Check mail'", every="1 hour")
        acme.run_now(task.id)
        before = ws._log.read(stored_world)
    as_version(database, version)

    clock.advance(timedelta(hours=1))
    with wsq.open(database, clock=clock) as ws:
        assert ws._log.read(stored_world) == before
        assert ws.verify() == []
        assert ws.process().completed == 1
        assert ws.sql("select max(version) as version from schema_version")["version"].tolist() == [VERSION]

    assert database.with_name(f"{database.name}.v{version}.bak").exists()
    fresh = tmp_path / "fresh.duckdb"
    wsq.open(fresh).close()
    assert columns(database) == columns(fresh)


def test_there_is_a_way_from_every_version_there_was():
    assert WorkspaceSchema.version == VERSION == len(LATER) + 1
