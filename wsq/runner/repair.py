"""Repair, after a backup: fold the projections anew, and have schedules that are ahead go on from now.

The log says so. Nothing that is logged is changed.
"""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import msgspec

from wsq.commands.recurring import go_on_from_now
from wsq.commands.stores import WORKSPACE
from wsq.events.stores import WorkspaceRepaired
from wsq.queries import log as queries
from wsq.queries.ahead import tasks_ahead
from wsq.rules import values
from wsq.store.folding import fold, read_facts
from wsq.store.log import Log
from wsq.store.transaction import Transaction


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """What was repaired: `differences` of the projections, and events whose `figures` are read as unknown.

    `schedules` is how many recurring tasks go on from now, since a clock had been ahead.
    `backup` is the workspace as it was before.
    """

    backup: Path
    differences: int
    figures: int
    schedules: int = 0


def repair(log: Log, backup: Path) -> Repair | None:
    """Repair the workspace; None, and nothing is written, if there is nothing to repair.

    Args:
        log: The workspace's log.
        backup: Where to put the copy: a folder, in which its name tells the time, or a new file.
    """
    differences = len(log.verify())
    with log.engine.snapshot() as cursor:
        figures, last = queries.unusable_figures(cursor), queries.last_repair(cursor)
    found = log.read(lambda cursor: tasks_ahead(cursor, log.clock.now()))
    ahead = [each for each in found if values.unknown_zone(repr(each.name), each.timezone) is None]
    is_folded = differences > 0 or figures > (last.figures if last else 0)
    if not is_folded and not ahead:
        return None
    target = backup
    if backup.is_dir():
        target = backup / f"before-repair-{log.clock.now().astimezone(UTC):%Y%m%dT%H%M%SZ}.duckdb"
    log.engine.backup(target)

    def fold_anew(tx: Transaction) -> None:
        tx.rebuild(lambda cursor: fold(read_facts(cursor)))
        tx.record(WORKSPACE, WorkspaceRepaired(differences=differences, figures=figures))

    def go_on(tx: Transaction) -> None:
        for task in ahead:
            if tx.row("recurring_tasks", task.recurring_task_id) is None:  # deleted meanwhile
                continue
            go_on_from_now(tx, task.store_id, task.recurring_task_id)

    if is_folded:
        log.write(fold_anew)
    if ahead:
        log.write(go_on)
    figures = figures if is_folded else 0
    return Repair(backup=target, differences=differences, figures=figures, schedules=len(ahead))
