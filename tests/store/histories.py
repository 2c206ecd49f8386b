"""Histories: whatever people, passes and agents may do to a workspace, by chance but repeatably."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

import wsq
from wsq.agent.providers import ProviderError, ScriptedProvider, Turn, call, finish, say
from wsq.clock import ManualClock

TEXTS = ("Plan", "{{braces}} and 'quotes'", 'a "b" \\ c', "naïve 日本語 🦆", "שלום", "tab\tand\nnewline", "x" * 200)


class History:
    """A workspace that lives through random commands; a refused one is part of the story."""

    def __init__(self, ws: wsq.Workspace, clock: ManualClock, chance: random.Random) -> None:
        self.ws, self.clock, self.chance = ws, clock, chance
        self.stores = [ws.store("acme"), ws.store("beta")]
        self.refused = 0

    def live(self, steps: int) -> None:
        """So many commands and passes."""
        for store in self.stores:
            store.create_project("First", description="of many")
        for _ in range(steps):
            self.clock.advance(timedelta(seconds=self.chance.choice((0, 1, 59, 600, 5_000))))
            try:
                self.chance.choice(self.deeds())(self.chance.choice(self.stores))
            except wsq.WsqError:
                self.refused += 1

    def later(self) -> datetime | None:
        """An instant to come, or none."""
        return self.chance.choice((None, self.clock.now() + timedelta(seconds=self.chance.choice((30, 4_000)))))

    def deeds(self) -> list[Callable[[wsq.Store], object]]:
        """Everything that can be done, the frequent more than once."""
        chance, text = self.chance, lambda: self.chance.choice(TEXTS)
        project = lambda s: chance.choice([None, *(p.id for p in s.projects(include_archived=True))])
        real = lambda s: chance.choice(s.projects(include_archived=True)).id
        contact = lambda s: chance.choice(s.contacts()).id if s.contacts() else "none"
        document = lambda s: chance.choice([d.id for d in s.documents(include_archived=True)] or ["none"])
        archived = lambda rows: chance.choice([r.id for r in rows if r.archived_at] or ["none"])
        task = lambda s: chance.choice([t.id for t in s.tasks(include_archived=True)] or ["none"])
        recurring = lambda s: chance.choice([r.id for r in s.recurring_tasks()] or ["none"])
        status = lambda: chance.choice(("todo", "doing", "in_review", "done"))
        every = lambda: chance.choice(("5 minutes", "1 hour", "1 day", timedelta(minutes=90)))
        return [
            lambda s: self.ws.update_store(
                s.id, model=chance.choice((None, "a-model")), budget_per_day=chance.random()
            ),
            lambda s: s.create_project(text(), description=text()),
            lambda s: s.update_project(real(s), name=text(), description=text()),
            lambda s: s.archive_project(real(s)),
            lambda s: s.unarchive_project(archived(s.projects(include_archived=True))),
            lambda s: s.create_contact(text(), email=f"{chance.randrange(9)}@Example.com", project_id=project(s)),
            lambda s: s.update_contact(contact(s), email=chance.choice((None, "new@example.com")), notes=text()),
            lambda s: s.delete_contact(contact(s)),
            lambda s: s.add_contact_to_project(contact(s), real(s)),
            unlink_a_contact,
            lambda s: s.create_document(text(), text() * 50, project_id=project(s)),
            lambda s: s.update_document(document(s), title=text(), content=text()),
            lambda s: s.archive_document(document(s)),
            lambda s: s.unarchive_document(archived(s.documents(include_archived=True))),
            lambda s: s.add_document_to_project(document(s), real(s)),
            lambda s: s.remove_document_from_project(document(s), real(s)),
            *[lambda s: s.create_task(text(), status=status(), project_id=project(s), assignees=("Ada",))] * 4,
            lambda s: s.update_task(task(s), title=text(), assignees=(), project_id=project(s)),
            *[lambda s: s.move_task(task(s), status=status(), position=chance.randrange(4))] * 3,
            lambda s: s.archive_task(task(s)),
            lambda s: s.unarchive_task(archived(s.tasks(include_archived=True))),
            *[
                lambda s: s.create_recurring_task(
                    text(),
                    text(),
                    every=every(),
                    starting=chance.choice((None, "09:00")),
                    project_id=project(s),
                    missed=chance.choice(("skip", "run_once")),
                    enabled=chance.random() < 0.9,
                    notify=chance.choice(((), ("Ada",))),
                )
            ]
            * 3,
            lambda s: s.update_recurring_task(recurring(s), name=text(), every=every(), assignees=("Bo", "Cy")),
            lambda s: s.update_recurring_task(recurring(s), time_limit="1 minute", budget_per_day=2.5, model="m"),
            lambda s: s.enable_recurring_task(recurring(s)),
            lambda s: s.disable_recurring_task(recurring(s), reason=chance.choice((None, "for now"))),
            lambda s: s.delete_recurring_task(recurring(s)),
            lambda s: chance.choice((s, self.ws)).pause(until=self.later(), reason=chance.choice((None, "for now"))),
            *[lambda s: chance.choice((s, self.ws)).resume()] * 2,
            *[lambda s: s.run_now(recurring(s))] * 3,
            lambda s: s.cancel_execution(s.start_now(recurring(s)).id),
            *[lambda _s: self.ws.process()] * 4,
            lambda _s: self.ws.prune(keep=1, days=0),
        ]


def unlink_a_contact(store: wsq.Store) -> None:
    """Take the first link of a contact to a project away, if there is one."""
    for contact in store.contacts():
        if contact.project_ids:
            store.remove_contact_from_project(contact.id, contact.project_ids[0])
            return


def unruly(chance: random.Random) -> ScriptedProvider:
    """An agent that works, errs, refuses, is cut off, or fails, by chance."""

    def line(_request: object) -> Turn:
        kind = chance.randrange(9)
        if kind == 0:
            raise ProviderError("out of order", retryable=chance.random() < 0.7)
        if kind == 1:
            return say("", stop_reason="end_turn")
        if kind == 2:
            return say("cut", stop_reason="max_tokens")
        if kind == 3:
            return say("no", stop_reason="refusal")
        if kind == 4:
            return say("Nothing more to say.")
        if kind == 5:
            return finish(chance.choice(("done", "nothing_to_do", "could_not")), "So it went.")
        return call(("create_task", {"title": chance.choice(TEXTS)}), ("list_tasks", {}), ("no_such_tool", {}))

    return ScriptedProvider([line])
