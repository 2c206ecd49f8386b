"""A store's board as browsers know it: read once for all who look at it, told to them as patches."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from wsq.errors import NotFound
from wsq.projections.rows import Execution, RecurringTask
from wsq.views import cards
from wsq.views.cards import Card
from wsq.views.ports import Questions

RECENT = 30
"""How many of a store's newest executions are looked through for news."""


class Feed:
    """What is known of one store. `rev` counts the patches; a patch leads from one to the next.

    Each card carries the `rev` at which it last changed, so that a browser can tell old from new.
    """

    def __init__(self, store: Questions) -> None:
        self.store = store
        self.rev = 0
        self._lock = threading.Lock()
        self._cards: dict[str, Card] = {}
        self._projects: list[Card] = []
        self._runs: dict[str, list[Execution]] = {}
        self._seen: dict[str, Execution] = {}

    def refresh(self) -> Card | None:
        """Read the store again; the patch that leads there, None when nothing has changed."""
        with self._lock:
            try:
                return self._patch(self._read(), self._read_projects())
            except NotFound:  # a store is made by its first command, and may not be there yet
                return self._patch({}, [])

    def snapshot(self) -> Card:
        """All of it, as it was when it was last read."""
        with self._lock:
            return {
                "type": "snapshot",
                "rev": self.rev,
                "cards": list(self._cards.values()),
                "projects": self._projects,
            }

    def _read(self) -> dict[str, Card]:
        tasks = [cards.task_card(task) for task in self.store.tasks()]
        recurring = self.store.recurring_tasks()
        self._read_runs(recurring)
        tasks += [cards.recurring_card(task, self._runs.get(task.id, ())) for task in recurring]
        return {card["id"]: card for card in tasks}

    def _read_runs(self, recurring: Sequence[RecurringTask]) -> None:
        """Read the runs of those tasks alone that have news: most of a board stands still."""
        stale = self._with_news()
        wanted = {task.id for task in recurring}
        self._runs = {id_: runs for id_, runs in self._runs.items() if id_ in wanted}
        for id_ in wanted:
            if stale is None or id_ in stale or id_ not in self._runs:
                self._runs[id_] = list(self.store.executions(id_, limit=cards.RUNS_SHOWN))

    def _with_news(self) -> set[str] | None:
        """The recurring tasks whose executions may have changed; None when it may be any of them."""
        newest = {run.id: run for run in self.store.executions(limit=RECENT)}
        known, self._seen = self._seen, newest
        changed = {run.recurring_task_id for run in newest.values() if known.get(run.id) != run}
        if len(newest) == RECENT and not newest.keys() & known.keys():
            return None
        return changed | {id_ for id_, runs in self._runs.items() if any(r.status == "running" for r in runs)}

    def _read_projects(self) -> list[Card]:
        return [{"id": each.id, "name": each.name} for each in self.store.projects()]

    def _patch(self, now: dict[str, Card], projects: list[Card]) -> Card | None:
        changed = [card for id_, card in now.items() if _unmarked(self._cards.get(id_)) != card]
        gone = sorted(self._cards.keys() - now.keys())
        moved = projects != self._projects
        if self.rev and not (changed or gone or moved):
            return None
        self.rev += 1
        marked = {card["id"]: card | {"rev": self.rev} for card in changed}
        self._cards = {id_: marked.get(id_) or self._cards[id_] for id_ in now}
        self._projects = projects
        patch: dict[str, Any] = {
            "type": "patch",
            "from": self.rev - 1,
            "rev": self.rev,
            "cards": list(marked.values()),
            "gone": gone,
        }
        return patch | ({"projects": projects} if moved else {})


def _unmarked(card: Card | None) -> Card | None:
    return {name: value for name, value in card.items() if name != "rev"} if card else None
