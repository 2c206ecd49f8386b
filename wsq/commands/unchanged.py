"""Whether anything has changed that a recurring task looks at, since its last run."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from wsq.events.boards import TaskCreated
from wsq.events.recurring import RecurringTaskUpdated
from wsq.projections import Document, RecurringTask, Task
from wsq.projections.rows import Contact
from wsq.queries import executions, log
from wsq.store.transaction import Transaction

_LOOKED_AT = 1000
"""Events that are looked at; where there are more, something has changed."""

_ENTITIES = (("task_id", "tasks"), ("document_id", "documents"), ("contact_id", "contacts"))


def nothing_changed(tx: Transaction, task: RecurringTask) -> bool:
    """Whether the last execution completed, and nothing has happened since that could give it work.

    What counts is what others did to its project (to the store, if it has none) since that execution started, and
    an edit of the task itself; what the execution itself did does not count. In doubt something has changed.
    """
    last = executions.last_end(tx, task.store_id, task.id)
    if last is None or last.status != "completed":
        return False
    facts = log.facts_by_others(tx, task.store_id, last.seq, last.execution_id, task.id, _LOOKED_AT)
    return len(facts) < _LOOKED_AT and not any(_concerns(tx, task.project_id, fact) for fact in facts)


def _concerns(tx: Transaction, project_id: str | None, fact: Any) -> bool:
    """Whether an event may concern what belongs to the project; without a project every event does."""
    named = getattr(fact, "project_id", UNSET)
    if project_id is None or named == project_id:
        return True
    for field, table in _ENTITIES:
        entity_id = getattr(fact, field, None)
        if entity_id is None:
            continue
        row = tx.row(table, entity_id)
        if isinstance(row, Task):
            # One that was moved to another project may have come from this one.
            moved = named is not UNSET and not isinstance(fact, TaskCreated)
            return moved or row.project_id == project_id
        if isinstance(row, Contact | Document):
            return project_id in row.project_ids
        return True  # it is gone, and where it belonged is not known any more
    return isinstance(fact, RecurringTaskUpdated)
