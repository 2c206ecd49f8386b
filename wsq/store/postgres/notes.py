"""What a file engine keeps beside its file: heartbeats, progress notes, and shared notes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wsq.store.duckdb.notes import KEPT
from wsq.store.postgres.cursor import Connection, run

HELD = 7828338
"""The first argument of the advisory locks of shared notes."""


def add_heartbeat(connection: Connection, note: bytes) -> None:
    """Add a heartbeat; the newest `KEPT` are kept."""
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
    """Return the kept heartbeats, oldest first."""
    return [bytes(note) for (note,) in connection.execute("SELECT note FROM heartbeats ORDER BY id").fetchall()]


def put_progress(connection: Connection, execution_id: str, note: bytes | None) -> None:
    """Replace the progress note of an execution; None removes it. Notes of dead workers are removed after an hour."""
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
    """Return the progress notes of these executions; those without one are left out."""
    wanted = list(execution_ids)
    if not wanted:
        return {}
    found = connection.execute(
        "SELECT execution_id, note FROM progress WHERE execution_id = ANY($1::VARCHAR[])", [wanted]
    )
    return {execution_id: bytes(note) for execution_id, note in found.fetchall()}


class ServerNote:
    """A shared note, locked by its connection's session."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    def lock(self) -> bool:
        """Lock it; False if another session holds the lock."""
        return self._row(f"SELECT pg_try_advisory_lock({HELD}, hashtext($1))") == (True,)

    def read(self) -> bytes | None:
        """Return its content; None if there is none."""
        found = self._row("SELECT note FROM shared_notes WHERE name = $1")
        return bytes(found[0]) if found else None

    def write(self, note: bytes, *, force: bool = False) -> None:
        """Replace the content atomically. Without `force`, unchanged content is not written again."""
        if force or note != self.read():
            self._connection.execute(
                "INSERT INTO shared_notes VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET note = excluded.note",
                [self._name, note],
            )

    def _row(self, sql: str) -> tuple[Any, ...] | None:
        return self._connection.execute(sql, [self._name]).fetchone()
