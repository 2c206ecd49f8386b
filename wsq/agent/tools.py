"""What the agent may do: few tools, described in full, validated strictly, bound to its scope.

What an execution may touch is fixed when it starts: its project, or the whole store when it has none.
It is checked here from the execution, never from the model's arguments; what lies outside is not found.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wsq.commands import boards, tasks
from wsq.commands.common import existing
from wsq.errors import LeaseLost, NotFound, WorkspaceError, WsqError
from wsq.projections import Task
from wsq.queries.boards import tasks as tasks_of
from wsq.rules import naming, values
from wsq.store.transaction import Transaction

Status = Literal["todo", "doing", "in_review", "done"]
UNTIL = 12_000
"""Characters of a task's description that a list shows."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What an execution may touch. `assignees` are given to what it creates unless it says otherwise."""

    store_id: str
    project_id: str | None
    execution_id: str
    assignees: tuple[str, ...] = ()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a call came to: the result as JSON, whether it is an error, and a verdict when it was given."""

    result: bytes
    is_error: bool = False
    verdict: str | None = None
    summary: str | None = None


class Arguments(BaseModel):
    """A tool's arguments; what is not among them is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class CreateTask(Arguments):
    """Put a new task at the end of a lane of the board."""

    title: str = Field(description="What is to be done, in a few words; at most 200 characters.")
    description: str = Field(default="", description="Details, as plain text or Markdown.")
    status: Status = Field(default="todo", description="The lane to put it in.")
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
    status: Status = Field(description="The lane to move it to.")
    position: int | None = Field(default=None, ge=0, description="Its 0-based place in that lane.")


class OneTask(Arguments):
    """A task by its id."""

    task_id: str = Field(description="The task's id, as list_tasks gives it.")


class ListTasks(Arguments):
    """List the tasks on the board in the order of their lanes."""

    status: Status | None = Field(default=None, description="Only those of this lane.")


class Nothing(Arguments):
    """No arguments."""


class Finish(Arguments):
    """Say how it went and end; call this last, exactly once."""

    outcome: Literal["done", "nothing_to_do", "could_not"] = Field(
        description="done: what was asked for is done. nothing_to_do: there was nothing to do. "
        "could_not: it could not be done, or only in part."
    )
    summary: str = Field(description="What was done or why not, in a few sentences for the person who asked.")


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as it is offered and carried out."""

    name: str
    description: str
    arguments: type[Arguments]
    carry_out: Callable[[Transaction, Scope, Any], Any]


def offered(scope: Scope) -> bytes:
    """The tools' definitions as the model gets them, as JSON, always the same and in the same order."""
    return _definitions(in_project=scope.project_id is not None)


@cache
def _definitions(*, in_project: bool) -> bytes:
    return _json(
        [
            {"name": tool.name, "description": tool.description, "input_schema": _schema(tool.arguments)}
            for tool in (_IN_PROJECT if in_project else _EVERYWHERE).values()
        ]
    )


def carry_out(tx: Transaction, scope: Scope, name: str, arguments: Any) -> Outcome:
    """Do what a call asks for, in this transaction.

    A mistake of the model is an error result, and then nothing is changed; what is wrong with the
    workspace itself is raised.
    """
    tool = _tools(scope).get(name)
    if tool is None:
        return _error(f"There is no tool {name!r}; there are {', '.join(_tools(scope))}.")
    try:
        given = tool.arguments.model_validate(arguments)
        result = tool.carry_out(tx, scope, given)
    except ValidationError as error:
        return _error("; ".join(_complaint(each) for each in error.errors(include_url=False)))
    except (WorkspaceError, LeaseLost):
        raise
    except WsqError as error:
        return _error(str(error))
    if isinstance(given, Finish):
        return Outcome(result=_json(result), verdict=given.outcome, summary=given.summary)
    return Outcome(result=_json(result))


def _create_task(tx: Transaction, scope: Scope, given: CreateTask) -> Any:
    project_id = scope.project_id
    if isinstance(given, CreateTaskAnywhere):
        project_id = given.project_id
    task = tasks.create_task(
        tx,
        scope.store_id,
        given.title,
        description=given.description,
        project_id=project_id,
        status=given.status,
        assignees=given.assignees or scope.assignees,
        execution_id=scope.execution_id,
    )
    return {"task": _brief(task)}


def _update_task(tx: Transaction, scope: Scope, given: UpdateTask) -> Any:
    changes = given.model_dump(exclude={"task_id"}, exclude_none=True)
    task_id = _within(tx, scope, given.task_id).id
    return {"task": _brief(tasks.update_task(tx, scope.store_id, task_id, **changes))}


def _move_task(tx: Transaction, scope: Scope, given: MoveTask) -> Any:
    task_id = _within(tx, scope, given.task_id).id
    moved = tasks.move_task(tx, scope.store_id, task_id, status=given.status, position=given.position)
    return {"task": _brief(moved)}


def _archive_task(tx: Transaction, scope: Scope, given: OneTask) -> Any:
    task_id = _within(tx, scope, given.task_id).id
    tasks.archive_task(tx, scope.store_id, task_id)
    return {"archived": task_id}


def _list_tasks(tx: Transaction, scope: Scope, given: ListTasks) -> Any:
    found = tasks_of(tx, scope.store_id, scope.project_id, given.status)
    return {"tasks": [_brief(task) for task in found]}


def _get_task(tx: Transaction, scope: Scope, given: OneTask) -> Any:
    task = _within(tx, scope, given.task_id)
    return {"task": {**_brief(task), "description": task.description, "updated_at": task.updated_at}}


def _get_project(tx: Transaction, scope: Scope, _given: Nothing) -> Any:
    assert scope.project_id is not None
    project = boards.project(tx, scope.store_id, scope.project_id)
    return {"project": {"id": project.id, "name": project.name, "description": project.description}}


def _list_projects(tx: Transaction, scope: Scope, _given: Nothing) -> Any:
    found = tx.query(
        "SELECT id, name, description FROM projects WHERE store_id = $1 AND archived_at IS NULL ORDER BY name, id",
        [scope.store_id],
    )
    return {"projects": [{"id": i, "name": n, "description": d} for i, n, d in found]}


def _finish(_tx: Transaction, _scope: Scope, given: Finish) -> Any:
    values.text(given.summary, "summary")
    return {"ok": True}


def _within(tx: Transaction, scope: Scope, task_id: str) -> Task:
    """The task, if the execution may touch it."""
    task = existing(tx, Task, "tasks", scope.store_id, task_id) if scope.project_id is None else None
    if task is None:
        row = tx.row("tasks", task_id) if naming.can_be_an_id(task_id) else None
        if not isinstance(row, Task) or (row.store_id, row.project_id) != (scope.store_id, scope.project_id):
            raise NotFound(f"There is no task {task_id!r} in this project; list_tasks shows what there is.")
        task = row
    return task


def _brief(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "title": task.title,
        "status": task.status,
        "assignees": task.assignees,
        "project_id": task.project_id,
    }


def _tools(scope: Scope) -> dict[str, Tool]:
    return _EVERYWHERE if scope.project_id is None else _IN_PROJECT


def _catalogue(*, in_project: bool) -> dict[str, Tool]:
    """Every tool by its name. The descriptions are part of what is frozen when an execution starts."""
    about: tuple[str, type[Arguments], Callable[[Transaction, Scope, Any], Any], str]
    about = (
        ("get_project", Nothing, _get_project, "Show the project that this work belongs to.")
        if in_project
        else ("list_projects", Nothing, _list_projects, "List the store's projects.")
    )
    create = CreateTask if in_project else CreateTaskAnywhere
    rows: list[tuple[str, type[Arguments], Callable[[Transaction, Scope, Any], Any], str]] = [
        ("create_task", create, _create_task, "Put a new task at the end of a lane of the board."),
        ("update_task", UpdateTask, _update_task, "Change a task's title, description or assignees."),
        ("move_task", MoveTask, _move_task, "Move a task to a lane, at its end unless a position is given."),
        ("archive_task", OneTask, _archive_task, "Take a task off the board. A person can put it back."),
        ("list_tasks", ListTasks, _list_tasks, "List the tasks on the board in the order of their lanes."),
        ("get_task", OneTask, _get_task, "Show one task with its whole description."),
        about,
        ("finish", Finish, _finish, "Say how it went and end. Call this last, exactly once."),
    ]
    return {n: Tool(name=n, description=d, arguments=a, carry_out=c) for n, a, c, d in rows}


def _schema(arguments: type[Arguments]) -> dict[str, Any]:
    """The arguments' JSON schema in the part that a strict tool may use; pydantic checks the rest."""
    schema: dict[str, Any] = _plain(arguments.model_json_schema())
    schema.pop("description")
    return schema


def _plain(schema: Any) -> Any:
    """Without titles and bounds, of which strict schemas know nothing."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: {key: _plain(each) for key, each in value.items()} if name == "properties" else _plain(value)
        for name, value in schema.items()
        if name not in ("title", "minimum", "maximum")
    }


def _complaint(error: Any) -> str:
    where = ".".join(map(str, error["loc"])) or "the arguments"
    return f"{where}: {error['msg']}"


def _error(message: str) -> Outcome:
    return Outcome(result=_json({"error": message}), is_error=True)


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)


_EVERYWHERE = _catalogue(in_project=False)
_IN_PROJECT = _catalogue(in_project=True)
