"""Tools for the tasks on the board."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from wsq.agent.tools.base import MOST_LISTED, Arguments, Scope, Tool, listed
from wsq.commands import tasks
from wsq.commands.common import existing
from wsq.errors import NotFound
from wsq.projections import Task
from wsq.queries import listings
from wsq.rules import naming, values
from wsq.store.transaction import Transaction
from wsq.vocabulary import Lane


class CreateTask(Arguments):
    """Put a new task at the end of a lane of the board."""

    title: str = Field(description="What is to be done, in a few words; at most 200 characters.")
    description: str = Field(default="", description="Details, as plain text or Markdown.")
    status: Lane = Field(default="todo", description="The lane to put it in.")
    assignees: list[str] = Field(default_factory=list, description="Names of who is to do it.")


class CreateTaskAnywhere(CreateTask):
    """Put a new task at the end of a lane of the board."""

    project_id: str | None = Field(default=None, description="The project that it belongs to, if any.")


class UpdateTask(Arguments):
    """Change a task's text or assignees; what is left out stays as it is."""

    task_id: str = Field(description="The task's id, as list_tasks gives it.")
    title: str | None = Field(default=None, description="A new title.")
    description: str | None = Field(default=None, description="A new description, replacing the old.")
    assignees: list[str] | None = Field(default=None, description="All assignees, replacing the old ones.")


class MoveTask(Arguments):
    """Move a task to a lane, at its end unless a position is given."""

    task_id: str = Field(description="The task's id, as list_tasks gives it.")
    status: Lane = Field(description="The lane to move it to.")
    position: int | None = Field(default=None, ge=0, description="Its 0-based place in that lane.")


class OneTask(Arguments):
    """A task by its id."""

    task_id: str = Field(description="The task's id, as list_tasks gives it.")


class ListTasks(Arguments):
    """List the tasks on the board in the order of their lanes."""

    status: Lane | None = Field(default=None, description="Only those of this lane.")
    offset: int = Field(default=0, ge=0, description=f"How many to pass over; a call lists {MOST_LISTED}.")


def _create_task(tx: Transaction, scope: Scope, given: CreateTask) -> Any:
    project_id = given.project_id if isinstance(given, CreateTaskAnywhere) else scope.project_id
    task = tasks.create_task(
        tx,
        scope.store_id,
        given.title,
        description=given.description,
        project_id=project_id,
        status=given.status,
        assignees=given.assignees or scope.assignees,
    )
    return {"task": brief(task)}


def _update_task(tx: Transaction, scope: Scope, given: UpdateTask) -> Any:
    changes = given.model_dump(exclude={"task_id"}, exclude_none=True)
    task_id = _within(tx, scope, given.task_id).id
    return {"task": brief(tasks.update_task(tx, scope.store_id, task_id, **changes))}


def _move_task(tx: Transaction, scope: Scope, given: MoveTask) -> Any:
    task_id = _within(tx, scope, given.task_id).id
    moved = tasks.move_task(tx, scope.store_id, task_id, status=given.status, position=given.position)
    return {"task": brief(moved)}


def _archive_task(tx: Transaction, scope: Scope, given: OneTask) -> Any:
    task_id = _within(tx, scope, given.task_id).id
    tasks.archive_task(tx, scope.store_id, task_id)
    return {"archived": task_id}


def _list_tasks(tx: Transaction, scope: Scope, given: ListTasks) -> Any:
    offset = min(given.offset, values.MOST_LISTED)
    part = listings.tasks(tx, scope.store_id, scope.project_id, given.status, offset=offset, limit=MOST_LISTED)
    return listed("tasks", part, offset=offset, hint="Ask for one status, or pass an offset.")


def _get_task(tx: Transaction, scope: Scope, given: OneTask) -> Any:
    task = _within(tx, scope, given.task_id)
    return {"task": {**brief(task), "description": task.description, "updated_at": task.updated_at}}


def _within(tx: Transaction, scope: Scope, task_id: str) -> Task:
    """The task, if the execution may touch it."""
    if scope.project_id is None:
        return existing(tx, Task, "tasks", scope.store_id, task_id)
    row = tx.row("tasks", task_id) if naming.can_be_an_id(task_id) else None
    if not isinstance(row, Task) or (row.store_id, row.project_id) != (scope.store_id, scope.project_id):
        raise NotFound(f"There is no task {task_id!r} in this project; list_tasks shows what there is.")
    return row


def brief(task: Task) -> dict[str, Any]:
    """A task as it stands in a list."""
    return {
        "id": task.id,
        "title": task.title,
        "status": task.status,
        "assignees": task.assignees,
        "project_id": task.project_id,
    }


def tools(*, in_project: bool) -> list[Tool]:
    """The tools of this family."""
    create = CreateTask if in_project else CreateTaskAnywhere
    return [
        Tool(
            name="create_task",
            description="Put a new task at the end of a lane of the board.",
            arguments=create,
            run=_create_task,
        ),
        Tool(
            name="update_task",
            description="Change a task's title, description or assignees.",
            arguments=UpdateTask,
            run=_update_task,
        ),
        Tool(
            name="move_task",
            description="Move a task to a lane, at its end unless a position is given.",
            arguments=MoveTask,
            run=_move_task,
        ),
        Tool(
            name="archive_task",
            description="Take a task off the board. A person can put it back.",
            arguments=OneTask,
            run=_archive_task,
        ),
        Tool(
            name="list_tasks",
            description="List the tasks on the board in the order of their lanes.",
            arguments=ListTasks,
            run=_list_tasks,
            only_looks=True,
        ),
        Tool(
            name="get_task",
            description="Show one task with its whole description.",
            arguments=OneTask,
            run=_get_task,
            only_looks=True,
        ),
    ]
