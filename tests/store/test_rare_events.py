"""What chance might pass over in a history is done on purpose here, and folds as it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import wsq
from wsq.agent.providers import Request, ScriptedProvider, Turn, say


def test_rare_events_fold_as_they_stand(open_workspace: Callable[..., wsq.Workspace]) -> None:
    # Given an execution that takes long, links that are taken away, and a model
    async def slowly(_request: Request) -> Turn:
        await asyncio.sleep(30)
        return say("too late")

    provider = ScriptedProvider([slowly], name="a-model")
    provider.kind = "a-service"
    ws = open_workspace(provider=provider)
    acme = ws.store("acme")
    project = acme.create_project("Launch")
    contact = acme.create_contact("Ada", project_id=project.id)
    document = acme.create_document("Brief", "…", project_id=project.id)
    acme.remove_contact_from_project(contact.id, project.id)
    acme.remove_document_from_project(document.id, project.id)
    task = acme.create_recurring_task("Slow", "Take your time", every="1 day")

    # When it is cancelled
    running = acme.start_now(task.id)
    cancelled = acme.cancel_execution(running.id)

    # Then all of it is on record, and the tables are what the record says
    assert (cancelled.status, cancelled.reason) == ("cancelled", "cancelled")
    names = set(ws.sql("select distinct name from events")["name"])
    assert names >= {
        "contact.remove_from_project", "document.remove_from_project", "task_execution.cancel", "workspace.use_model",
    }  # fmt: skip
    assert ws.verify() == []
