"""A history made on purpose, in which every kind of event happens; what stands is what it folds into."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

import wsq
from tests.rings import count
from tests.test_events import is_readable, odd_facts
from tests.zone_files import pythons_path, rules_in, tzif
from wsq.agent.providers import ProviderError, Request, ScriptedProvider, Turn, Usage, call, finish, say
from wsq.clock import ManualClock
from wsq.commands.executions import LEASE
from wsq.errors import InvalidEvent, WsqError
from wsq.events import FACTS, Fact
from wsq.store.log import stored_world


async def slowly(_request: Request) -> Turn:
    """An answer that nobody waits for."""
    await asyncio.sleep(30)
    return say("too late")


def by_prompt(request: Request) -> Turn | object:
    """What the prompt names: an agent that works, fails, takes its time."""
    prompt = request.messages[0]["content"][-1]["text"]
    if prompt == "wait":
        return slowly(request)
    if prompt == "fail":
        raise ProviderError("out of order", retryable=True, usage=Usage(input_tokens=7))
    return call(("create_task", {"title": "Made"})) if request.turn == 0 else finish()


def test_every_kind_of_event_is_what_the_tables_say(
    open_workspace: Callable[..., wsq.Workspace], clock: ManualClock, tmp_path: Path
) -> None:
    # Given a workspace in which everything happens
    provider = ScriptedProvider([by_prompt], name="a-model")  # type: ignore[list-item]  # it may answer later, too
    provider.kind = "a-service"
    ws = open_workspace(provider=provider)
    ws.mark_as_demo()
    ws.create_store("acme", name="Acme")
    ws.update_store("acme", budget_per_day=2.5)
    ws.pause(reason="moving house")
    ws.resume()
    ws.end_session("0" * 64, actor="ada")
    acme = ws.store("acme")
    acme.pause()
    acme.resume()
    boards(acme)
    rules(open_workspace, tmp_path)
    executions(ws, acme, clock)
    ws._log.write(lambda tx: tx.query("UPDATE tasks SET title = 'by hand'"))
    assert ws.repair(tmp_path / "before.duckdb") is not None
    other = open_workspace(provider=provider)
    other.archive_store("acme")
    other.unarchive_store("acme")

    # Then no kind of event is missing, and the tables are what the log says, also once rebuilt
    assert {name for name, _ in FACTS} == set(ws.sql("select distinct name from events")["name"])
    assert ws.verify() == []
    before = ws._log.read(stored_world)
    ws.rebuild()
    assert ws._log.read(stored_world) == before


def boards(acme: wsq.Store) -> None:
    """Everything that people do to projects, contacts, documents and tasks."""
    project = acme.create_project("Launch")
    acme.update_project(project.id, description="Ship it")
    acme.archive_project(project.id)
    acme.unarchive_project(project.id)
    contact = acme.create_contact("Ada", email="ada@example.com")
    acme.update_contact(contact.id, notes="Likes short mails")
    acme.add_contact_to_project(contact.id, project.id)
    acme.remove_contact_from_project(contact.id, project.id)
    acme.delete_contact(contact.id)
    acme.forget_contact(acme.create_contact("Bo").id)
    acme.forget_document(acme.create_document("Draft", "…").id)
    document = acme.create_document("Brief", "…")
    acme.update_document(document.id, content="More")
    acme.archive_document(document.id)
    acme.unarchive_document(document.id)
    acme.add_document_to_project(document.id, project.id)
    acme.remove_document_from_project(document.id, project.id)
    task = acme.create_task("Write copy")
    acme.update_task(task.id, assignees=("Ada",))
    acme.move_task(task.id, status="doing")
    acme.archive_task(task.id)
    acme.unarchive_task(task.id)


def rules(open_workspace: Callable[..., wsq.Workspace], folder: Path) -> None:
    """Another process has other rules for the zone of a task."""
    for minutes in (60, 0):
        with pythons_path(rules_in(folder / f"{minutes}", None, {"Africa/Casablanca": tzif((0, minutes))})):
            ws = open_workspace(provider=ScriptedProvider([finish()]))
            if minutes:
                given = {"every": "1 day", "starting": "15:00", "timezone": "Africa/Casablanca"}
                task = ws.store("acme").create_recurring_task("Daily", "work", **given)
            else:
                ws.process()
                ws.store("acme").delete_recurring_task(task.id)


def executions(ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock) -> None:
    """Every way in which an execution begins, goes on and ends."""
    works = acme.create_recurring_task("Works", "work", every="1 hour")
    acme.update_recurring_task(works.id, description="Every hour")
    acme.disable_recurring_task(works.id)
    acme.enable_recurring_task(works.id)
    assert acme.run_now(works.id).status == "completed"
    clock.advance(timedelta(hours=5, minutes=30))
    assert ws.process().skipped == 1
    fails = acme.create_recurring_task("Fails", "fail", every="1 day")
    assert acme.run_now(fails.id).attempts == 3
    waits = acme.create_recurring_task("Waits", "wait", every="1 day")
    acme.cancel_execution(acme.start_now(waits.id).id)
    acme.start_now(waits.id)
    ws._service.stop()
    clock.advance(LEASE)
    resumed = ws.begin_pass()
    assert callable(resumed)
    running = next(e for e in acme.executions(waits.id) if e.status == "running")
    while acme.execution(running.id).takeovers == 0:
        pass
    acme.cancel_execution(running.id)
    assert resumed().resumed == 1
    for task in (fails, waits):
        acme.delete_recurring_task(task.id)
    clock.advance(timedelta(days=400))
    assert ws.process().due == 1
    clock.advance(timedelta(days=-399))
    acme.update_recurring_task(works.id, every="2 hours")
    clock.advance(timedelta(seconds=1))
    assert ws.prune(keep=0, days=0) > 0


@pytest.fixture
def record(open_workspace: Callable[..., wsq.Workspace]) -> Callable[[Fact], None]:
    """Records an event in a store, each in its own transaction."""
    ws = open_workspace()
    ws.create_store("acme")
    yield lambda fact: ws._log.write(lambda tx: tx.record("acme", fact))
    assert ws.verify() == []
    assert len(ws.store("acme").events()) == ws.store("acme").head()


@settings(max_examples=count(150, 3000), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fact=odd_facts())
def test_an_event_that_its_own_decoder_refuses_is_not_written(record: Callable[[Fact], None], fact: Fact) -> None:
    readable = is_readable(fact)
    try:
        record(fact)
    except InvalidEvent:
        assert not readable
    except (WsqError, LookupError, OverflowError, AttributeError, TypeError):
        assert readable  # of its own decoder, but no reducer or constraint would have it at this place
    else:
        assert readable
