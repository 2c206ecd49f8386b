"""`wsq export`, `import`, `copy`: write the whole workspace to a portable file, or to another database."""

from __future__ import annotations

import sys
from argparse import Namespace

import wsq
from wsq import settings as configuration
from wsq.cli import opening
from wsq.cli.output import count, say
from wsq.errors import InvalidInput
from wsq.store.archive import End, validate_file


def export_command(given: Namespace) -> int:
    """Write the workspace to a file, or to standard output."""
    if given.path == "-":
        if sys.stdout is None or sys.stdout.isatty():
            raise InvalidInput("Standard output is a terminal, and the export is compressed: name a file, or pipe it.")
        with opening.workspace(given) as ws:
            ws.export(sys.stdout.buffer)
            sys.stdout.buffer.flush()
        return 0
    path = configuration.file_path(given.path, "FILE")
    with opening.workspace(given) as ws:
        counts, chain = ws.export(path)
    size = path.stat().st_size
    say(f"Wrote {_counted(counts)} to {given.path} ({size / 1e6:,.1f} MB). SHA-256 of the last line: {chain}.")
    return 0


def import_command(given: Namespace) -> int:
    """Restore a file to a new workspace. The file is checked first."""
    settings, path = opening.settings(given), configuration.file_path(given.path, "FILE")
    if path.exists() and not path.is_file():
        raise InvalidInput(f"{path} is not a regular file. An import reads it twice, to check it first.")
    validate_file(path)
    with opening.workspace(given, settings) as ws:
        counts = ws.import_from(path)
        place = ws.place
    say(f"Restored {_counted(counts)} to {place}.")
    return 0


def copy_command(given: Namespace) -> int:
    """Copy a workspace to another one, and compare them record by record."""
    with wsq.open(given.source, create=False) as source, wsq.open(given.target) as target:
        counts = source.copy_to(target)
        places = source.place, target.place
    say(f"Copied {_counted(counts)} to {places[1]}; all of them match {places[0]}.")
    say(f"{places[0]} is unchanged. Make sure that no scheduler uses it any more, or both run the same schedules.")
    return 0


def _counted(counts: End) -> str:
    return f"{count(counts.events, 'event')} and {count(counts.bodies, 'body', 'bodies')}"
