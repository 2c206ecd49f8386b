"""`wsq export`, `import`, `copy`, `restore`: the whole workspace to and from other files and databases."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

import wsq
from wsq import settings as configuration
from wsq.cli import opening
from wsq.cli.output import count, print_error, say
from wsq.cli.parser import PROGRAM
from wsq.errors import BrokenArchive, InvalidInput, MissingDatabase
from wsq.store.archive import flaw_of, validate_file
from wsq.store.duckdb.missing import missing
from wsq.store.duckdb.restore import restore
from wsq.store.records import End
from wsq.store.schema import WorkspaceSchema


def export_command(given: Namespace) -> int:
    """Write the workspace to a file, or to standard output; return 1 if it could not be imported again."""
    is_stream = given.path == "-"
    if is_stream and (sys.stdout is None or sys.stdout.isatty()):
        raise InvalidInput("Standard output is a terminal, and the export is compressed: name a file, or pipe it.")
    path = None if is_stream else configuration.file_path(given.path, "FILE")
    with opening.workspace(given) as ws:
        try:
            counts, chain = ws.export(sys.stdout.buffer if path is None else path, anyway=given.anyway)
        except BrokenArchive as error:
            print_error(PROGRAM, error)
            return 1
    if path is None:
        sys.stdout.buffer.flush()
        return 0
    size, flaw = path.stat().st_size, flaw_of(path)
    if flaw is not None:
        print_error(PROGRAM, f"`wsq import` would refuse {given.path}, which is marked so: {flaw}")
    say(f"Wrote {_counted(counts)} to {given.path} ({size / 1e6:,.1f} MB). SHA-256 of the last line: {chain}.")
    return 0


def import_command(given: Namespace) -> int:
    """Restore a file to a new workspace. The file is checked first."""
    settings, path = opening.settings(given), configuration.file_path(given.path, "FILE")
    if path.exists() and not path.is_file():
        raise InvalidInput(f"{path} is not a regular file. An import reads it twice, to check it first.")
    most = int(given.max_size * 1e9)
    validate_file(path, most=most)
    with opening.workspace(given, settings) as ws:
        counts = ws.import_from(path, max_bytes=most)
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


def restore_command(given: Namespace) -> int:
    """Put a backup in the place of the workspace; the former file is kept."""
    settings, backup = opening.settings(given), configuration.file_path(given.path, "BACKUP")
    if configuration.is_server(settings.database):
        raise InvalidInput("The workspace is on a server. Restore a dump there with `pg_restore --clean`.")
    database = Path(settings.database).expanduser().resolve()
    if not any(Path(f"{database}{end}").exists() for end in ("", ".wal", ".wsq")):  # nor was there ever one
        raise MissingDatabase(f"{missing(database)} To begin with a backup where there was none, copy it there.")
    aside = restore(backup, database, WorkspaceSchema(), mode=settings.file_mode)
    if aside is not None:
        say(f"What was there before is kept as {aside}.")
    with opening.workspace(given, settings) as ws:
        stores = ws.stores(include_archived=True)
        say(f"Restored {count(len(stores), 'store')} from {backup} to {ws.place}.")
    return 0


def _counted(counts: End) -> str:
    return f"{count(counts.events, 'event')} and {count(counts.bodies, 'body', 'bodies')}"
