"""A write connection that sends a transaction's statements as one text.

Sending a dozen statements one by one takes the client longer than deciding a command, even in a pipeline. As one text
they take a single round trip, up to the first that fails. Repeated statements are prepared, so the server does not
parse them again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus

from wsq.store.postgres.cursor import Connection, placed, spelled

Statement = tuple[str, Sequence[Any]]

MOST_PREPARED = 200
"""Maximum prepared statements per connection."""

_DONE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.EMPTY_QUERY)


class Writer:
    """A connection with which one thread at a time writes."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._spell = Transformer.from_context(connection).as_literal
        self._seen: Counter[str] = Counter()
        self._names: dict[str, str] = {}

    def run(self, statements: Iterable[Statement]) -> list[bytes | None]:
        """Run statements up to the first that fails; returns the first row of the last one, as text.

        Values are sent as literals, quoted by libpq.
        """
        begin: list[bytes] = []
        try:
            parts = [self._part(sql, parameters, begin) for sql, parameters in statements]
        except BaseException:  # a value that has no literal
            if begin:
                self.connection.close()  # the server does not have the new ones
            raise
        connection = self.connection.pgconn
        result = connection.exec_(b"; ".join([*begin, *parts]))
        if result.status not in _DONE:
            if result.error_field(DiagnosticField.SQLSTATE) is None:  # an error of libpq itself: the connection is lost
                self.connection.close()
                raise psycopg.OperationalError(result.get_error_message("utf-8"))
            error = psycopg.errors.error_from_result(result, encoding="utf-8")
            is_forgotten = isinstance(error, psycopg.errors.InvalidSqlStatementName)
            if begin or is_forgotten:
                self.connection.close()  # it is unknown which statements are prepared
            if is_forgotten:
                raise psycopg.OperationalError("the server has forgotten a prepared statement") from error
            raise error
        return [result.get_value(0, place) for place in range(result.nfields)] if result.ntuples else []

    def roll_back(self) -> None:
        """Roll back an open transaction; close the connection if that fails.

        psycopg's own rollback would drop all prepared statements, also unknown ones.
        """
        connection = self.connection
        if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            connection.pgconn.exec_(b"ROLLBACK")
        if connection.info.transaction_status != TransactionStatus.IDLE:
            connection.close()

    def _part(self, sql: str, parameters: Sequence[Any], begin: list[bytes]) -> bytes:
        if not parameters:
            return sql.encode()
        literals = spelled(self._spell, parameters)
        name = self._names.get(sql)
        if name is None:
            self._seen[sql] += 1
            if self._seen[sql] == 1 or len(self._names) >= MOST_PREPARED:
                return placed(sql, literals)
            name = self._names[sql] = f"wsq_{len(self._names)}"
            begin.append(f"PREPARE {name} AS {sql}".encode())
        return b"EXECUTE %b(%b)" % (name.encode(), b", ".join(literals))
