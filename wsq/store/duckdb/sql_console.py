"""Read-only SQL for people, limited to one workspace."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import duckdb

from wsq.errors import InvalidInput, WsqError
from wsq.rules import values
from wsq.rules.nesting import MOST_LEVELS_OF_A_VALUE, is_value_too_deep
from wsq.store.duckdb import instance
from wsq.store.duckdb.faults import explained

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import pandas as pd

_EXPLAIN = re.compile(r"\s*explain\s+(analyze\s+)?(\([^)]*\)\s*)?", re.IGNORECASE)

_TASKS_WITH_POSITION = f"""
    CREATE TEMP VIEW tasks AS
    SELECT *, CASE WHEN archived_at IS NOT NULL THEN -1 ELSE row_number() OVER (
        PARTITION BY store_id, status, archived_at IS NULL ORDER BY rank, id) - 1 END AS position
    FROM {instance.ALIAS}.main.tasks"""  # noqa: S608 - contains no user input


class _HasSnapshots(Protocol):
    def snapshot_file(self) -> AbstractContextManager[Path]: ...


class SqlConsole:
    """Runs one statement at a time, each in its own DuckDB instance on a snapshot.

    A read-only transaction is not enough: ``commit`` ends it, and ``COPY``, ``read_csv`` and ``ATTACH`` work inside
    it. So the snapshot is attached read-only, in an instance that reaches no other file.
    """

    def __init__(self, engine: _HasSnapshots) -> None:
        self._engine = engine

    def query(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return the rows of one SELECT (or WITH, FROM, VALUES, SHOW, DESCRIBE, SUMMARIZE, EXPLAIN).

        `tasks` has an extra column `position`: the 0-based place among the unarchived tasks of the same store and
        status, and -1 for archived ones.

        Raises:
            InvalidInput: The statement is not a single reading one, or fails.
        """
        refuse_what_does_not_read(sql)
        if not isinstance(parameters, list | tuple | Mapping | None):
            raise values.refusal("parameters", parameters, "a list or a dictionary")
        if is_value_too_deep(parameters):
            raise InvalidInput(f"A parameter is nested deeper than {MOST_LEVELS_OF_A_VALUE} levels.")
        with self._engine.snapshot_file() as snapshot:
            connection = instance.connect(2, [snapshot], spill=snapshot.parent / "spill")
            try:
                _attach(connection, snapshot)
                return _answer(connection, sql, parameters)
            finally:
                connection.close()


def refuse_what_does_not_read(sql: str) -> None:
    """Accept one statement that reads.

    Raises:
        InvalidInput: There is another statement, or several, or none.
    """
    statements = _statements(sql)
    if len(statements) != 1:
        raise InvalidInput(f"Expected one SQL statement, got {len(statements) or 'none'}.")
    kind = statements[0].type
    if kind == duckdb.StatementType.EXPLAIN:
        explaining = _EXPLAIN.match(sql)
        if explaining is not None:
            refuse_what_does_not_read(sql[explaining.end() :])
            return
    if kind != duckdb.StatementType.SELECT:
        raise InvalidInput(f"Only statements that read are allowed here; this is {kind.name.replace('_', ' ')}.")


def parameters_of(sql: str) -> set[str]:
    """Return the names of a query's parameters: ``name`` for ``$name``, ``1`` for ``$1`` or ``?``.

    Raises:
        InvalidInput: The query cannot be parsed.
    """
    return {name for statement in _statements(sql) for name in statement.named_parameters}


def _statements(sql: str) -> list[duckdb.Statement]:
    try:
        return list(duckdb.extract_statements(sql))
    except Exception as error:
        raise InvalidInput(f"The query cannot be parsed: {_in_one_line(error)}.") from error


def _attach(connection: duckdb.DuckDBPyConnection, snapshot: Path) -> None:
    connection.execute(f"ATTACH {instance.quoted(snapshot)} AS {instance.ALIAS} (TYPE duckdb, READ_ONLY)")
    connection.execute(f"USE {instance.ALIAS}")
    has_tasks = connection.execute(
        "SELECT 1 FROM duckdb_tables() WHERE database_name = $1 AND table_name = 'tasks'", [instance.ALIAS]
    ).fetchall()
    if has_tasks:
        connection.execute(_TASKS_WITH_POSITION)
    connection.execute("BEGIN TRANSACTION READ ONLY")


def _answer(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any] | Mapping[str, Any] | None
) -> pd.DataFrame:
    try:
        given = dict(parameters) if isinstance(parameters, Mapping) else list(parameters or ())
        connection.execute(sql, given or None)
        return connection.df()
    except Exception as error:  # any, since parameters may be anything
        translated = explained(error, "the query")
        if not isinstance(translated, Exception):
            raise translated from error
        raise InvalidInput(f"The query failed: {_in_one_line(error)}.") from error


def _in_one_line(error: Exception) -> str:
    if isinstance(error, WsqError):
        return str(error)
    line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return re.sub(r"^[\w ]*(Error|Exception): ", "", line).rstrip(" .")
