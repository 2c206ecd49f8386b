"""What writes: a connection that sends the statements of a transaction as one text.

To send a dozen statements one by one takes this side longer than all that a command decides, also in a pipeline. As
one text they take a single trip, up to the first that fails; and what was sent before is prepared by the server,
which then need not understand it anew.
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
"""Statements that one connection has the server keep."""

_DONE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.EMPTY_QUERY)


class Pen:
    """A connection with which one thread at a time writes."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._spell = Transformer.from_context(connection).as_literal
        self._seen: Counter[str] = Counter()
        self._names: dict[str, str] = {}

    def run(self, statements: Iterable[Statement]) -> list[bytes | None]:
        """Run statements up to the first that fails; returns the first row of the last one, as texts.

        Values stand in the text as literals, which libpq quotes.
        """
        begin: list[bytes] = []
        try:
            parts = [self._part(sql, parameters, begin) for sql, parameters in statements]
        except BaseException:  # a value that has no literal
            if begin:
                self.connection.close()  # the server is not told of them now
            raise
        connection = self.connection.pgconn
        result = connection.exec_(b"; ".join([*begin, *parts]))
        if result.status not in _DONE:
            if result.error_field(DiagnosticField.SQLSTATE) is None:  # libpq itself says so: the connection is gone
                self.connection.close()
                raise psycopg.OperationalError(result.get_error_message("utf-8"))
            error = psycopg.errors.error_from_result(result, encoding="utf-8")
            is_forgotten = isinstance(error, psycopg.errors.InvalidSqlStatementName)
            if begin or is_forgotten:
                self.connection.close()  # nobody knows which of them are prepared now
            if is_forgotten:
                raise psycopg.OperationalError("the server has forgotten a prepared statement") from error
            raise error
        return [result.get_value(0, place) for place in range(result.nfields)] if result.ntuples else []

    def roll_back(self) -> None:
        """End what has begun and was not committed; a connection of which that cannot be said is closed.

        psycopg's own way would then give up all that is prepared, also what it knows nothing of.
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
