"""`wsq export`, `import`, `copy`: the whole workspace in a file that anything can read, or in another database."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

import wsq
from wsq import settings as configuration
from wsq.cli.output import count, say
from wsq.errors import InvalidInput
from wsq.store.archive import End, validate_file


def export_command(given: Namespace) -> int:
    """Write the workspace to a file, or to standard output and nothing else there."""
    if given.path == "-":
        _refuse_a_terminal()
        with wsq.open(given.database) as ws:
            ws.export(sys.stdout.buffer)
            sys.stdout.buffer.flush()
        return 0
    path = configuration.file_path(given.path, "FILE")
    with wsq.open(given.database) as ws:
        counts, chain = ws.export(path)
    size = path.stat().st_size
    say(f"{_told(counts)} are written to {given.path} ({size / 1e6:,.1f} MB); its last line's SHA-256 is {chain}.")
    return 0


def _refuse_a_terminal() -> None:
    if sys.stdout is None or sys.stdout.isatty():
        raise InvalidInput("Standard output is a terminal, and the export is compressed: name a file, or pipe it.")


def import_command(given: Namespace) -> int:
    """Bring a file into a new workspace; the file is proved before one is made."""
    path = configuration.file_path(given.path, "FILE")
    if path.exists() and not path.is_file():
        raise InvalidInput(f"{path} is no file; an import reads it twice, to prove it first.")
    validate_file(path)
    with wsq.open(given.database) as ws:
        counts = ws.import_from(path)
        place = ws.place
    say(f"{_told(counts)} are restored to {place}.")
    return 0


def copy_command(given: Namespace) -> int:
    """Bring a workspace into another one, and compare the two record by record."""
    with wsq.open(_old(given.source)) as source, wsq.open(given.target) as target:
        counts = source.copy_to(target)
        places = source.place, target.place
    say(f"{_told(counts)} are in {places[1]}, each the same as in {places[0]}.")
    say(f"{places[0]} is as it was: see that nothing serves it any more, or both carry out the same slots.")
    return 0


def _old(source: str) -> str:
    """A workspace that is there: opening another one would make it."""
    database = configuration.load(database=source).database
    if not configuration.is_server(database) and not Path(database).exists():
        raise InvalidInput(f"{source} is not there, and only a workspace can be copied.")
    return source


def _told(counts: End) -> str:
    return f"{count(counts.events, 'event')} and {count(counts.bodies, 'body', 'bodies')}"
