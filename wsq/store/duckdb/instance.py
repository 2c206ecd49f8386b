"""In-memory DuckDB instances to which files are attached, and which reach no others."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import duckdb

ALIAS = "workspace"
"""The name of an attached workspace inside an instance."""


THREADS = 2
"""Default threads per query."""

LOGS = (".wal", ".wal.checkpoint", ".wal.recovery")
"""Suffixes of files that may belong to a DuckDB file."""

_ready: SimpleQueue[duckdb.DuckDBPyConnection | None] = SimpleQueue()
_made_ready: list[Thread] = []


def make_ready() -> None:
    """Start creating an instance with `THREADS` in the background, for the next `connect` that matches.

    Commands call this first: it takes as long as loading the modules they need. Do not call it in a process
    that forks.
    """

    def make() -> None:
        try:
            _ready.put(_connected(THREADS, None))
        except Exception:  # noqa: BLE001 - `connect` tries again and reports the error
            _ready.put(None)

    _made_ready.append(Thread(target=make, name="wsq-instance", daemon=True))
    _made_ready[-1].start()


def _taken() -> duckdb.DuckDBPyConnection | None:
    """Return the prepared instance, once; None if there is none."""
    while _made_ready:
        _made_ready.pop().join()
    try:
        return _ready.get_nowait()
    except Empty:
        return None


def connect(
    threads: int, files: Iterable[Path] = (), *, spill: Path | None = None, folder: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """Create an instance, which takes 16 ms and about 12 MB; its sessions use UTC.

    A file that somebody else has prepared may hold SQL that runs when it is queried. So whatever it holds, an instance
    can open these files and nothing else, and its configuration cannot be changed.

    Args:
        threads: Threads per query.
        files: The database files that can be attached.
        spill: A folder for data that does not fit into memory; without one, such a query fails.
        folder: A folder in which all files can be read and written.
    """
    connection = (_taken() if (threads, spill) == (THREADS, None) else None) or _connected(threads, spill)
    paths = ", ".join(quoted(f"{file}{end}") for file in files for end in ("", *LOGS))
    folders = quoted(folder) if folder is not None else ""
    connection.execute(
        f"SET allowed_paths = [{paths}]; SET allowed_directories = [{folders}];"
        " SET enable_external_access = false; SET lock_configuration = true"
    )
    return connection


def _connected(threads: int, spill: Path | None) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": threads,
            "async_threads": 1,
            "memory_limit": "2GB",
            "temp_directory": str(spill) if spill else "",
            # Detaching takes 1 ms instead of 20; the lease decides when to checkpoint.
            "checkpoint_on_detach": "DISABLED",
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            "python_enable_replacements": False,
        },
    )
    # A discarded instance must not touch a file that it may have failed on.
    connection.execute("SET GLOBAL TimeZone = 'UTC'; PRAGMA disable_checkpoint_on_shutdown")
    # Queries of over two seconds would print a bar to standard output, which may be JSON.
    with suppress(duckdb.InvalidInputException):  # a kernel without ipywidgets has no bar to disable
        connection.execute("PRAGMA disable_progress_bar")
    return connection


def quoted(path: Path | str) -> str:
    """Return a path as an SQL literal."""
    return "'" + str(path).replace("'", "''") + "'"
