"""DuckDB in memory, to which files are attached."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import duckdb

ALIAS = "workspace"
"""What an attached workspace is called inside an instance."""


THREADS = 2
"""How many work on a query unless somebody says otherwise."""

_ready: SimpleQueue[duckdb.DuckDBPyConnection | None] = SimpleQueue()
_made_ready: list[Thread] = []


def make_ready() -> None:
    """Begin to make an instance with `THREADS`, aside, for whoever is the next to `connect` to such a one.

    A command calls this first: it takes as long as loading the modules that it needs meanwhile. A process
    that forks must not.
    """

    def make() -> None:
        try:
            _ready.put(_connected(THREADS, None))
        except Exception:  # noqa: BLE001 - whoever connects tries again, and is told
            _ready.put(None)

    _made_ready.append(Thread(target=make, name="wsq-instance", daemon=True))
    _made_ready[-1].start()


def _taken() -> duckdb.DuckDBPyConnection | None:
    """The instance that was made ready, once; None when there is none."""
    while _made_ready:
        _made_ready.pop().join()
    try:
        return _ready.get_nowait()
    except Empty:
        return None


def connect(threads: int, *, spill: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A new instance, which has 16 ms and some 12 MB; its sessions tell the time in UTC.

    Args:
        threads: How many work on a query.
        spill: A folder for what does not fit into memory; without one, such a query fails.
    """
    ready = _taken() if (threads, spill) == (THREADS, None) else None
    return ready or _connected(threads, spill)


def _connected(threads: int, spill: Path | None) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": threads,
            "async_threads": 1,
            "memory_limit": "2GB",
            "temp_directory": str(spill) if spill else "",
            # Leaving costs a millisecond so, and 20 otherwise; the lease decides when the log is too long.
            "checkpoint_on_detach": "DISABLED",
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            "python_enable_replacements": False,
        },
    )
    # Nor does an instance that is thrown away touch a file which it may have failed at.
    connection.execute("SET GLOBAL TimeZone = 'UTC'; PRAGMA disable_checkpoint_on_shutdown")
    # What takes longer than two seconds would draw a bar on standard output, which is somebody's JSON.
    with suppress(duckdb.InvalidInputException):  # in a kernel without ipywidgets there is none that could be disabled
        connection.execute("PRAGMA disable_progress_bar")
    return connection


def quoted(path: Path | str) -> str:
    """A path as an SQL literal."""
    return "'" + str(path).replace("'", "''") + "'"
