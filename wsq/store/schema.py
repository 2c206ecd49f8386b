"""What stands in a workspace's database. Projections' tables follow from their rows' fields."""

from __future__ import annotations

from wsq.errors import WorkspaceError
from wsq.projections import TABLES
from wsq.store.engine import Cursor, Engine, WritingCursor
from wsq.store.folding import fold, gaps, read_facts
from wsq.store.rows import create_statement, write_world

VERSION = 6
"""Rises with every change of what stands in the database."""

_DRY_RUNS = """CREATE TABLE dry_runs (
    id VARCHAR PRIMARY KEY, store_id VARCHAR NOT NULL, project_id VARCHAR, model VARCHAR,
    started_at TIMESTAMPTZ NOT NULL, cost_usd DOUBLE PRECISION, input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL, cache_read_tokens BIGINT NOT NULL, cache_write_tokens BIGINT NOT NULL,
    cost_estimated BOOLEAN DEFAULT FALSE, reserved_usd DOUBLE PRECISION DEFAULT 0, reserved_until TIMESTAMPTZ)"""
"""What dry runs have cost, and what is reserved for those that run: no executions, and so in no log, but paid for."""

OWN_TABLES = (
    """CREATE TABLE events (
        store_id VARCHAR NOT NULL, seq BIGINT NOT NULL, event_id VARCHAR NOT NULL, name VARCHAR NOT NULL,
        version INTEGER NOT NULL, args VARCHAR NOT NULL, actor VARCHAR NOT NULL, cause VARCHAR,
        recorded_at TIMESTAMPTZ NOT NULL, PRIMARY KEY (store_id, seq))""",
    "CREATE TABLE heads (store_id VARCHAR PRIMARY KEY, seq BIGINT NOT NULL)",
    "CREATE TABLE bodies (hash VARCHAR PRIMARY KEY, body BLOB NOT NULL)",
    """CREATE TABLE leases (
        execution_id VARCHAR PRIMARY KEY, store_id VARCHAR NOT NULL, holder VARCHAR NOT NULL,
        epoch BIGINT NOT NULL, expires_at TIMESTAMPTZ NOT NULL, reserved_usd DOUBLE PRECISION DEFAULT 0,
        reserved_tokens BIGINT DEFAULT 0)""",
    _DRY_RUNS,
    """CREATE TABLE passes (
        id VARCHAR PRIMARY KEY, started_at TIMESTAMPTZ NOT NULL, finished_at TIMESTAMPTZ NOT NULL,
        host VARCHAR NOT NULL, pid BIGINT NOT NULL, version VARCHAR NOT NULL, due BIGINT NOT NULL,
        completed BIGINT NOT NULL, failed BIGINT NOT NULL, skipped BIGINT NOT NULL,
        resumed BIGINT NOT NULL)""",
)
"""The log, what lies beside it, and what is operational: none of these is a projection."""


_SINCE = {
    1: (
        "ALTER TABLE leases ADD COLUMN reserved_usd DOUBLE PRECISION DEFAULT 0",
        "ALTER TABLE leases ADD COLUMN reserved_tokens BIGINT DEFAULT 0",
    ),
    2: (_DRY_RUNS,),
    3: (),
    4: (
        "ALTER TABLE dry_runs ADD COLUMN IF NOT EXISTS cost_estimated BOOLEAN DEFAULT FALSE",
        "ALTER TABLE dry_runs ADD COLUMN IF NOT EXISTS reserved_usd DOUBLE PRECISION DEFAULT 0",
        "ALTER TABLE dry_runs ADD COLUMN IF NOT EXISTS reserved_until TIMESTAMPTZ",
    ),
    5: (),
}
"""What a workspace of each version lacks, beside its projections, to be of the next one."""


class WorkspaceSchema:
    """The schema of this wsq."""

    version = VERSION

    def create(self, cursor: Cursor) -> None:
        """Make all of it in an empty database."""
        for statement in OWN_TABLES:
            cursor.query(statement)
        for table in TABLES.values():
            cursor.query(create_statement(table))

    def upgrade(self, cursor: WritingCursor, version: int) -> None:
        """Bring an older version to this one: projections are folded anew, the log is never touched."""
        if not 1 <= version < self.version:
            raise WorkspaceError(f"There is no way from schema version {version} to {self.version}.")
        for statement in (each for older in range(version, self.version) for each in _SINCE[older]):
            cursor.query(statement)
        write_world(cursor, fold(read_facts(cursor)))

    def inconsistency(self, cursor: Cursor) -> str | None:
        """Name a store whose events do not run from 1 to its head."""
        return next((str(gap).rstrip(".") for gap in gaps(cursor)), None)


def try_to_write(engine: Engine) -> None:
    """Commit a write that changes nothing.

    Raises:
        WorkspaceError: The workspace cannot be written to.
    """
    with engine.writing() as writing, writing.transaction() as cursor:
        cursor.query("UPDATE schema_version SET version = version")
