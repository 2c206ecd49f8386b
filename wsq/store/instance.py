"""DuckDB in memory, to which files are attached."""

from __future__ import annotations

from pathlib import Path

import duckdb

ALIAS = "workspace"
"""What an attached workspace is called inside an instance."""


def connect(threads: int, *, spill: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A new instance, which has 16 ms and some 12 MB; its sessions tell the time in UTC.

    Args:
        threads: How many work on a query.
        spill: A folder for what does not fit into memory; without one, such a query fails.
    """
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
    return connection


def quoted(path: Path | str) -> str:
    """A path as an SQL literal."""
    return "'" + str(path).replace("'", "''") + "'"
