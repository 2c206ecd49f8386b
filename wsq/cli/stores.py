"""`wsq store`: add stores to a workspace, and list them."""

from __future__ import annotations

from argparse import Namespace

from wsq.cli import opening
from wsq.cli.output import plain, say, table
from wsq.runner.report import as_json


def store_command(given: Namespace) -> int:
    """Run a subcommand."""
    with opening.workspace(given) as ws:
        if given.what == "add":
            row = ws.create_store(
                given.id, name=given.name, timezone=given.timezone, model=given.model, budget_per_day=given.budget
            )
            say(f"Added store {row.id!r}, in the time zone {row.timezone}.")
            return 0
        rows = ws.stores(include_archived=given.archived)
    if given.json:
        say(as_json(rows))
    elif rows:
        lines = ([row.id, plain(row.name), row.timezone, "archived" if row.archived_at else ""] for row in rows)
        say(table(["ID", "NAME", "TIME ZONE", ""], lines))
    else:
        say("There are no stores. Add one with `wsq store add`.")
    return 0
