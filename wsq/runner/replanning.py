"""What a pass does first on a machine with newer rules of zones: plan slots anew, at the same wall times."""

from __future__ import annotations

from wsq import zone_rules
from wsq.clock import Clock
from wsq.commands import recurring
from wsq.queries import executions as queries
from wsq.runner import heartbeat
from wsq.store.folding import unreadable
from wsq.store.log import Log
from wsq.store.transaction import Transaction


def replan(log: Log, clock: Clock, stores: tuple[str, ...] | None) -> None:
    """Plan the next slots of days anew if no pass so far had rules as new as these; none that is due, or then would be.

    So a machine with older rules never undoes what one with newer rules has planned.
    """
    if zone_rules.version() and zone_rules.version() <= heartbeat.newest_rules(log.engine):
        return
    now = clock.now()
    planned = log.read(lambda cursor: queries.planned_by_days(cursor, now, stores))
    moved = [task for task in planned if recurring.replanned(task, now) is not None]
    if not moved:
        return
    unserved = log.read(lambda cursor: unreadable(cursor, sorted({task.store_id for task in moved})))
    served = [task for task in moved if task.store_id not in unserved]

    def plan_anew(tx: Transaction) -> None:
        for task in served:
            recurring.replan_recurring_task(tx, task.store_id, task.id)

    log.submit(plan_anew, clock=clock, scope=frozenset(task.store_id for task in served)).result()
