"""Commands on the cards of the board."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import UNSET, structs

from wsq.commands.boards import project
from wsq.commands.common import at_version, cleaned, cleared, differing, existing, existing_store
from wsq.events import boards as e
from wsq.projections import Task
from wsq.queries import lanes
from wsq.rules import ranks, values
from wsq.store.transaction import Transaction
from wsq.vocabulary import LANES


def task(tx: Transaction, store_id: str, task_id: str) -> Task:
    """The store's task by its id, with its place in its lane."""
    row = existing(tx, Task, "tasks", store_id, task_id)
    if row.archived_at is not None:
        return row
    return structs.replace(row, position=lanes.position(tx, row))


def create_task(
    tx: Transaction,
    store_id: str,
    title: str,
    *,
    description: str = "",
    project_id: str | None = None,
    status: str = "todo",
    assignees: Iterable[str] = (),
) -> Task:
    """Create a task at the end of a lane."""
    title, description = values.name(title, "title"), values.text(description, "description")
    status, assigned = values.status(status), values.assignees(assignees)
    existing_store(tx, store_id)
    if project_id is not None:
        project(tx, store_id, project_id)
    task_id = tx.new_id()
    last, how_many = _end_of_lane(tx, store_id, status)
    rank = ranks.last(last)
    tx.record(
        store_id,
        e.TaskCreated(
            task_id=task_id,
            title=title,
            description=description,
            status=status,
            rank=rank,
            assignees=assigned,
            project_id=project_id,
            execution_id=tx.execution_id,
        ),
    )
    tx.remembered[_End, store_id, status] = (rank, how_many + 1)
    return structs.replace(existing(tx, Task, "tasks", store_id, task_id), position=how_many)


def update_task(
    tx: Transaction,
    store_id: str,
    task_id: str,
    *,
    title: Any = UNSET,
    description: Any = UNSET,
    assignees: Any = UNSET,
    project_id: Any = UNSET,
    expected_version: int | None = None,
) -> Task:
    """Change what is given; a project of None takes the task out of its project."""
    row = existing(tx, Task, "tasks", store_id, task_id)
    at_version(row, expected_version)
    if project_id is not UNSET and project_id is not None:
        project(tx, store_id, project_id)
    changes = differing(
        row,
        {
            "title": cleaned(title, values.name, "title"),
            "description": cleared(description, "", values.text, "description"),
            "assignees": cleared(assignees, (), values.assignees),
            "project_id": project_id,
        },
    )
    if changes:
        tx.record(store_id, e.TaskUpdated(task_id=task_id, **changes))
    return task(tx, store_id, task_id)


def move_task(
    tx: Transaction,
    store_id: str,
    task_id: str,
    *,
    status: str | None = None,
    position: int | None = None,
    project_id: Any = UNSET,
    expected_version: int | None = None,
) -> Task:
    """Move a task to another lane, place (0-based; left out: the end of a new lane) or project."""
    row = task(tx, store_id, task_id)
    at_version(row, expected_version)
    if project_id is not UNSET and project_id is not None:
        project(tx, store_id, project_id)
    lane = values.status(status) if status is not None else row.status
    place = values.position(position) if position is not None else None
    rank: Any = UNSET
    if place is not None or lane != row.status:
        rank = _rank_at(tx, row, lane, place)
    changes = differing(row, {"status": lane, "rank": rank, "project_id": project_id})
    if changes:
        _forget_the_ends(tx, store_id)
        tx.record(store_id, e.TaskMoved(task_id=task_id, **changes))
    return task(tx, store_id, task_id)


def archive_task(tx: Transaction, store_id: str, task_id: str) -> Task:
    """Take a task off the board; it can be put back."""
    if existing(tx, Task, "tasks", store_id, task_id).archived_at is None:
        _forget_the_ends(tx, store_id)
        tx.record(store_id, e.TaskArchived(task_id=task_id))
    return task(tx, store_id, task_id)


def unarchive_task(tx: Transaction, store_id: str, task_id: str) -> Task:
    """Put a task back at the end of its lane."""
    row = existing(tx, Task, "tasks", store_id, task_id)
    if row.archived_at is not None:
        rank = ranks.last(lanes.end(tx, store_id, row.status)[0])
        _forget_the_ends(tx, store_id)
        tx.record(store_id, e.TaskUnarchived(task_id=task_id, rank=rank))
    return task(tx, store_id, task_id)


_End = tuple[str | None, int]
"""The rank of a lane's last task and how many there are."""


def _end_of_lane(tx: Transaction, store_id: str, status: str) -> _End:
    """The end of a lane, remembered from one new task to the next."""
    known: _End | None = tx.remembered.get((_End, store_id, status))
    return known if known is not None else lanes.end(tx, store_id, status)


def _forget_the_ends(tx: Transaction, store_id: str) -> None:
    """Remember no lane's end any more: tasks leave or change places."""
    for lane in LANES:
        tx.remembered.pop((_End, store_id, lane), None)


def _rank_at(tx: Transaction, row: Task, lane: str, place: int | None) -> str:
    """A rank for the task at `place` among the others of `lane`; its own when it stands there already."""
    if place is None:
        return ranks.last(lanes.end(tx, row.store_id, lane, without=row.id)[0])
    if lane == row.status and place == row.position:
        return row.rank
    start, limit = max(place - 1, 0), 1 if place == 0 else 2
    around = lanes.ranks(tx, row.store_id, lane, without=row.id, start=start, limit=limit)
    if place == 0:
        return ranks.between(None, around[0] if around else None)
    if not around:
        return ranks.last(lanes.end(tx, row.store_id, lane, without=row.id)[0])
    return ranks.between(around[0], around[1] if len(around) > 1 else None)
