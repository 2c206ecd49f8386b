"""Tools that show projects."""

from __future__ import annotations

from typing import Any

from wsq.agent.tools.base import MOST_LISTED, Nothing, Scope, Tool, listed
from wsq.commands import boards
from wsq.projections import Project
from wsq.queries import listings
from wsq.store.transaction import Transaction


def _get_project(tx: Transaction, scope: Scope, _given: Nothing) -> Any:
    assert scope.project_id is not None
    return {"project": _brief(boards.project(tx, scope.store_id, scope.project_id))}


def _list_projects(tx: Transaction, scope: Scope, _given: Nothing) -> Any:
    part = listings.projects(tx, scope.store_id, limit=MOST_LISTED)
    return listed("projects", part, hint="There is no way to list the others.")


def _brief(project: Project) -> dict[str, Any]:
    return {"id": project.id, "name": project.name, "description": project.description}


def tools(*, in_project: bool) -> list[Tool]:
    """The tool of this family, which depends on whether there is a project."""
    if in_project:
        return [
            Tool(
                name="get_project",
                description="Show the project that this work belongs to.",
                arguments=Nothing,
                run=_get_project,
                only_looks=True,
            )
        ]
    return [
        Tool(
            name="list_projects",
            description="List the store's projects.",
            arguments=Nothing,
            run=_list_projects,
            only_looks=True,
        )
    ]
