"""`wsq store`: add, list, rename and archive the stores of a workspace."""

from __future__ import annotations

from argparse import Namespace

import wsq
from wsq.cli import opening
from wsq.cli.output import plain, say, table
from wsq.runner.report import as_json


def store_command(given: Namespace) -> int:
    """Run a subcommand."""
    with opening.workspace(given) as ws:
        match given.what:
            case "add":
                row = ws.create_store(
                    given.id, name=given.name, timezone=given.timezone, model=given.model, budget_per_day=given.budget
                )
                say(f"Added store {row.id!r}, in the time zone {row.timezone}.")
            case "rename":
                row = ws.update_store(given.id, name=given.name)
                say(f"Store {row.id!r} is now called {plain(row.name)!r}.")
            case "archive":
                row = ws.archive_store(given.id)
                say(f"Store {row.id!r} is archived: nothing in it runs. `wsq store unarchive {row.id}` ends that.")
            case "unarchive":
                row = ws.unarchive_store(given.id)
                say(f"Store {row.id!r} is in use. Scheduled runs that came due meanwhile count as missed.")
            case _:
                _list(ws, given)
    return 0


def _list(ws: wsq.Workspace, given: Namespace) -> None:
    rows = ws.stores(include_archived=given.archived)
    if given.json:
        say(as_json(rows))
    elif rows:
        lines = ([row.id, plain(row.name), row.timezone, "archived" if row.archived_at else ""] for row in rows)
        say(table(["ID", "NAME", "TIME ZONE", ""], lines))
    else:
        say("There are no stores. Add one with `wsq store add`.")
