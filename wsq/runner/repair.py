"""Repair: fold the projections anew, after a backup, and say so in the log. Nothing that is logged is changed."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import msgspec

from wsq.commands.stores import WORKSPACE
from wsq.events.stores import WorkspaceRepaired
from wsq.queries import log as queries
from wsq.store.folding import fold, read_facts
from wsq.store.log import Log
from wsq.store.transaction import Transaction


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """What was repaired: `differences` of the projections, and events whose `figures` are read as unknown.

    `backup` is the workspace as it was before.
    """

    backup: Path
    differences: int
    figures: int


def repair(log: Log, backup: Path) -> Repair | None:
    """Repair the workspace; None, and nothing is written, if there is nothing to repair.

    Args:
        log: The workspace's log.
        backup: Where to put the copy: a folder, in which its name tells the time, or a new file.
    """
    differences = len(log.verify())
    with log.engine.snapshot() as cursor:
        figures, last = queries.unusable_figures(cursor), queries.last_repair(cursor)
    if not differences and figures <= (last.figures if last else 0):
        return None
    target = backup
    if backup.is_dir():
        target = backup / f"before-repair-{log.clock.now().astimezone(UTC):%Y%m%dT%H%M%SZ}.duckdb"
    log.engine.backup(target)

    def fold_anew(tx: Transaction) -> None:
        tx.rebuild(lambda cursor: fold(read_facts(cursor)))
        tx.record(WORKSPACE, WorkspaceRepaired(differences=differences, figures=figures))

    log.write(fold_anew)
    return Repair(backup=target, differences=differences, figures=figures)
