"""Whether anything has changed that a recurring task looks at, since it was last carried out."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from wsq.events import decode
from wsq.events.boards import TaskCreated
from wsq.events.recurring import RecurringTaskUpdated
from wsq.projections import Document, RecurringTask, Task
from wsq.projections.rows import Contact
from wsq.store.transaction import Transaction

_LAST = """SELECT id, status, seq FROM task_executions WHERE store_id = $1 AND recurring_task_id = $2
    AND status NOT IN ('skipped', 'running') ORDER BY started_at DESC, seq DESC LIMIT 1"""

_SINCE = """SELECT name, version, args FROM events WHERE store_id = $1 AND seq > $2
    AND (cause IS NULL OR NOT starts_with(cause, $3))
    AND (split_part(name, '.', 1) IN ('task', 'project', 'document', 'contact')
        OR (name = 'recurring_task.update' AND contains(args, $4)))
    ORDER BY seq LIMIT $5"""

_LOOKED_AT = 1000
"""Events that are looked at; where there are more, something has changed."""

_ENTITIES = (("task_id", "tasks"), ("document_id", "documents"), ("contact_id", "contacts"))


def nothing_changed(tx: Transaction, task: RecurringTask) -> bool:
    """Whether the last execution came to its end, and nothing has happened since that could give it work.

    Counted is what others did to its project (to the store, when it has none) since that execution
    began, and an edit of the task itself; what the execution did does not count. In doubt it has changed.
    """
    last = tx.query(_LAST, [task.store_id, task.id])
    if not last or last[0][1] != "completed":
        return False
    execution_id, _, seq = last[0]
    events = tx.query(_SINCE, [task.store_id, seq, f"{execution_id}:", f'"{task.id}"', _LOOKED_AT])
    return len(events) < _LOOKED_AT and not any(_concerns(tx, task.project_id, decode(*event)) for event in events)


def _concerns(tx: Transaction, project_id: str | None, fact: Any) -> bool:
    """Whether an event may concern what belongs to the project; without one everything does."""
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
