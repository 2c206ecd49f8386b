"""What lies beside a database file otherwise: heartbeats, how far executions are, and notes that all share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wsq.store.duckdb.notes import KEPT
from wsq.store.postgres.cursor import Connection, run

HELD = 7828338
"""The first argument of the advisory locks on shared notes."""


def add_heartbeat(connection: Connection, note: bytes) -> None:
    """Leave one after all that are there, of which the newest are kept."""
    run(
        connection,
        [
            ("INSERT INTO heartbeats (note) VALUES ($1)", [note]),
            (
                "DELETE FROM heartbeats WHERE id NOT IN (SELECT id FROM heartbeats ORDER BY id DESC LIMIT $1::INT)",
                [KEPT],
            ),
        ],
    )


def heartbeats(connection: Connection) -> list[bytes]:
    """What is kept, oldest first."""
    return [bytes(note) for (note,) in connection.execute("SELECT note FROM heartbeats ORDER BY id").fetchall()]


def put_progress(connection: Connection, execution_id: str, note: bytes | None) -> None:
    """Say how far an execution is; None takes it away. What a dead worker has left goes after an hour."""
    if note is None:
        connection.execute("DELETE FROM progress WHERE execution_id = $1", [execution_id])
        return
    found = connection.execute(
        "INSERT INTO progress VALUES ($1, $2) ON CONFLICT (execution_id) DO UPDATE"
        " SET note = excluded.note, noted_at = excluded.noted_at RETURNING xmax = 0",
        [execution_id, note],
    ).fetchone()
    if found == (True,):
        connection.execute("DELETE FROM progress WHERE noted_at < clock_timestamp() - INTERVAL '1 hour'")


def progress(connection: Connection, execution_ids: Iterable[str]) -> dict[str, bytes]:
    """How far these are; those of which nothing is said are left out."""
    wanted = list(execution_ids)
    if not wanted:
        return {}
    found = connection.execute(
        "SELECT execution_id, note FROM progress WHERE execution_id = ANY($1::VARCHAR[])", [wanted]
    )
    return {execution_id: bytes(note) for execution_id, note in found.fetchall()}


class ServerNote:
    """A shared note, had by this connection's session."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    def take(self) -> bool:
        """Have charge of it; False when another has."""
        return self._row(f"SELECT pg_try_advisory_lock({HELD}, hashtext($1))") == (True,)

    def leave(self) -> None:
        """Let others have it."""
        self._row(f"SELECT pg_advisory_unlock({HELD}, hashtext($1))")

    def read(self) -> bytes | None:
        """What it says; None when there is none."""
        found = self._row("SELECT note FROM shared_notes WHERE name = $1")
        return bytes(found[0]) if found else None

    def write(self, note: bytes, *, anew: bool = False) -> None:
        """Replace what it says, whole or not at all; when it says that already, nothing is written but `anew`."""
        if anew or note != self.read():
            self._connection.execute(
                "INSERT INTO shared_notes VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET note = excluded.note",
                [self._name, note],
            )

    def _row(self, sql: str) -> tuple[Any, ...] | None:
        return self._connection.execute(sql, [self._name]).fetchone()
