"""Create, recognize and upgrade a workspace on a PostgreSQL server."""

from __future__ import annotations

from psycopg import errors

from wsq.errors import MissingDatabase, NewerWorkspace, NotAWorkspace
from wsq.store.engine import Schema
from wsq.store.postgres.content import refuse_other_content
from wsq.store.postgres.cursor import COLLATION, Connection, PostgresCursor, run

SPACE = "wsq"
"""The PostgreSQL schema that holds everything."""

OLDEST = 170000
"""PostgreSQL 17: the first version with `COLLATION`, whatever locales its machine has."""

WRITING, CREATING, ONE_STORE = "7828337, 1", "7828337, 2", "7828339"
"""Arguments of the advisory locks: of writers, and of creating or upgrading the workspace; then the first argument of
the locks of single stores."""

ALL = "*"
"""Stands for all stores in `touched`."""

_OWN = (
    "CREATE DOMAIN blob AS bytea",
    f"""CREATE TABLE touched (store_id VARCHAR COLLATE {COLLATION} PRIMARY KEY, n BIGINT NOT NULL)
        WITH (fillfactor = 50)""",
    """CREATE FUNCTION touch(VARCHAR[]) RETURNS VOID LANGUAGE sql AS
        'INSERT INTO touched SELECT unnest($1), 1 ON CONFLICT (store_id) DO UPDATE SET n = touched.n + 1'""",
    "CREATE TABLE heartbeats (id BIGSERIAL PRIMARY KEY, note BYTEA NOT NULL)",
    f"""CREATE UNLOGGED TABLE progress (execution_id VARCHAR COLLATE {COLLATION} PRIMARY KEY, note BYTEA NOT NULL,
        noted_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp())""",
    f"CREATE TABLE shared_notes (name VARCHAR COLLATE {COLLATION} PRIMARY KEY, note BYTEA NOT NULL)",
    """CREATE FUNCTION epoch_us(TIMESTAMPTZ) RETURNS BIGINT IMMUTABLE STRICT PARALLEL SAFE
        RETURN (extract(epoch FROM $1) * 1000000)::BIGINT""",
    """CREATE FUNCTION list_contains(VARCHAR[], VARCHAR) RETURNS BOOLEAN IMMUTABLE PARALLEL SAFE
        RETURN coalesce($2 = ANY($1), false)""",
    """CREATE FUNCTION list_has_any(VARCHAR[], VARCHAR[]) RETURNS BOOLEAN IMMUTABLE PARALLEL SAFE
        RETURN $1::TEXT[] && $2::TEXT[]""",
    """CREATE FUNCTION list_position(VARCHAR[], VARCHAR) RETURNS INTEGER IMMUTABLE PARALLEL SAFE
        RETURN array_position($1, $2)""",
    """CREATE FUNCTION contains(TEXT, TEXT) RETURNS BOOLEAN IMMUTABLE STRICT PARALLEL SAFE
        RETURN strpos($1, $2) > 0""",
    "CREATE FUNCTION len(VARCHAR[]) RETURNS INTEGER IMMUTABLE STRICT PARALLEL SAFE RETURN cardinality($1)",
    """CREATE FUNCTION from_json(TEXT, TEXT) RETURNS VARCHAR[] IMMUTABLE STRICT PARALLEL SAFE
        RETURN ARRAY(SELECT e.v FROM jsonb_array_elements_text($1::jsonb) WITH ORDINALITY e(v, n) ORDER BY e.n)""",
    """CREATE FUNCTION json_extract_string(TEXT, TEXT) RETURNS TEXT IMMUTABLE STRICT PARALLEL SAFE
        RETURN $1::jsonb ->> substr($2, 3)""",
)
"""What the database holds besides the schema's tables: write counts per store, what a file engine keeps beside its
file, and those DuckDB functions that queries use."""


def version_of(connection: Connection, place: str) -> int | None:
    """Return the schema version; None if there is no workspace.

    Raises:
        NotAWorkspace: The schema holds something else, or the server is too old or not in UTF8.
    """
    found = run(
        connection,
        [
            (
                """SELECT to_regclass($1) IS NOT NULL, EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = $2 AND (
                    EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid)
                    OR EXISTS (SELECT FROM pg_type WHERE typnamespace = n.oid)
                    OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = n.oid))),
                current_setting('server_version_num')::INT, current_setting('server_version'),
                current_setting('server_encoding')""",
                [f"{SPACE}.schema_version", SPACE],
            )
        ],
    ).fetchone()
    assert found is not None
    is_there, is_something, number, version, encoding = found
    if number < OLDEST:
        raise NotAWorkspace(f"{place} runs PostgreSQL {version}; wsq needs {OLDEST // 10000} or newer.")
    if encoding != "UTF8":
        raise NotAWorkspace(f"{place} uses the encoding {encoding}; wsq needs a database in UTF8.")
    if not is_there and is_something:
        raise NotAWorkspace(f"{place} has a schema {SPACE!r} that is not a wsq workspace. It was not changed.")
    if not is_there:
        return None
    try:
        ((version,),) = run(connection, [(f"SELECT max(version) FROM {SPACE}.schema_version", [])]).fetchall()  # noqa: S608
    except errors.UndefinedColumn:
        version = None
    if not isinstance(version, int):
        raise NotAWorkspace(f"{place} has no wsq schema version. It was not changed.")
    return version


def ensure_exists(connection: Connection, place: str, schema: Schema, *, create: bool) -> None:
    """Create the workspace if missing, or upgrade it to the schema's version.

    If several processes do this at once, one does it, in one transaction; nobody writes meanwhile.

    Raises:
        MissingDatabase: There is none, and it is not to be created.
        NewerWorkspace: A newer wsq has written it.
        NotAWorkspace: It is something else.
    """
    version = version_of(connection, place)
    if version is not None and version <= schema.version:
        refuse_other_content(connection, place, SPACE, _OWN, schema, version)
    if version == schema.version:
        return
    with connection.transaction():
        run(connection, [(f"SELECT pg_advisory_xact_lock({CREATING})", [])])
        run(connection, [(f"SELECT pg_advisory_xact_lock({WRITING})", [])])
        version = version_of(connection, place)
        if version is None and not create:
            raise MissingDatabase(f"No workspace in {place}: the database has no tables of wsq.")
        cursor = PostgresCursor(connection, place)
        if version is None:
            for statement in (f"CREATE SCHEMA IF NOT EXISTS {SPACE}", *_OWN):
                run(connection, [(statement, [])])
            schema.create(cursor)
            cursor.query("CREATE TABLE schema_version (version INTEGER NOT NULL)")
            cursor.query("INSERT INTO schema_version VALUES ($1)", [schema.version])
            cursor.query("SELECT touch($1::VARCHAR[])", [[ALL]])
        elif version > schema.version:
            raise newer(place)
        elif version < schema.version:
            schema.upgrade(cursor, version)
            cursor.query("UPDATE schema_version SET version = $1", [schema.version])
            cursor.query("SELECT touch($1::VARCHAR[])", [[ALL]])
        cursor.end()


def newer(place: str) -> NewerWorkspace:
    """A newer wsq upgraded the workspace."""
    return NewerWorkspace(
        f"{place} was upgraded by a newer wsq, and this process can no longer use it: install that version and restart."
    )
