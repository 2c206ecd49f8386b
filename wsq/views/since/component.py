"""Since you were last here: what has happened in a store, with links."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from wsq.api import Store
from wsq.errors import NotFound
from wsq.projections.display import one_line
from wsq.statistics.since import Since
from wsq.views.live.component import InteractivePage, weakly
from wsq.views.live.dispatch import Dispatcher
from wsq.views.live.hub import hub_of
from wsq.views.live.permissions import OPEN, Permissions
from wsq.views.page import words
from wsq.views.page.cards import Card, instant
from wsq.views.page.messages import SinceThen
from wsq.views.page.scripts import script
from wsq.vocabulary import STATUS_LABELS, VERDICT_LABELS

FIGURES = (
    ("done", VERDICT_LABELS["done"], "completed"),
    ("nothing_to_do", VERDICT_LABELS["nothing_to_do"], ""),
    ("unknown", "Verdict unknown", ""),
    ("could_not", "Could not", "could-not"),
    ("failed", STATUS_LABELS["failed"], "failed"),
    ("cancelled", STATUS_LABELS["cancelled"], ""),
    ("skipped_slots", "Scheduled runs skipped", ""),
)
"""Outcomes of executions: the field of `Since`, its label, and its tone."""


class SincePage(InteractivePage):
    """What has happened in one store since an instant that its browser sends.

    The browser remembers its last visit to the store, and requests again when something has changed.
    """

    _esm = script("since/since-page.js")

    _polled = "nothing"

    def __init__(self, store: Store, *, permissions: Permissions = OPEN) -> None:
        super().__init__(sizing_mode="stretch_both")
        self.permissions = permissions
        subscription = hub_of(store.workspace).subscribe(None, weakly(self.send))
        self._store = store
        self.begin(Dispatcher(store, recap=self._recap), subscription)
        opening = {"store": store.id, "project": None, "page": True, "path": "since"}
        self.open_with(subscription.opening() | {"opening": opening})

    def to_html(self) -> str:
        """Return the last day as static HTML, for notebooks that are read without a kernel."""
        return self._store.since(self._store.workspace.clock.now() - timedelta(days=1))._repr_html_()

    def _recap(self, message: SinceThen) -> Card:
        try:
            return recap(self._store.since(message.since), self.permissions.shown)
        except NotFound:  # the store does not exist before its first command
            return {"nothing": True}


def recap(since: Since, shown: Callable[[str], str] = str) -> Card:
    """Return what has happened for the browser: figures, then lines that may need attention.

    `shown` returns what the page shows for an actor.
    """
    figures = [
        {"label": word, "value": number, "tone": tone}
        for name, word, tone in FIGURES
        if (number := getattr(since, name))
    ]
    return {
        "nothing": since.is_nothing,
        "since": instant(since.since),
        "figures": figures,
        "spent": words.money(since.spent_usd) if since.spent_usd or since.unpriced else None,
        "tried": words.money(since.tried_usd) if since.tried_usd else None,
        "unpriced": since.unpriced,
        "made": since.made_by_agents + since.made_by_people,
        "ended": [_ended(row) for row in since.ended],
        "more_ended": since.failed + since.could_not - len(since.ended),
        "skipped": [_skipped(row) for row in since.skipped],
        "cards": [_card(row, shown) for row in since.cards],
        "more_cards": since.touched - len(since.cards),
        "changes": [_change(row, shown) for row in since.changes],
        "more_changes": since.edits + since.pauses - len(since.changes),
    }


def _ended(row: Any) -> Card:
    failed = row.status == "failed"
    return {
        "execution": row.execution_id,
        "name": one_line(row.name),
        "at": instant(row.ended_at),
        "status": "failed" if failed else "completed",
        "word": STATUS_LABELS["failed"] if failed else "Could not",
        "said": row.said or words.reason(row.reason) or "",
    }


def _skipped(row: Any) -> Card:
    why = words.reason(row.reason)
    return {"task": row.recurring_task_id, "name": one_line(row.name), "slots": row.slots, "why": why}


def _card(row: Any, shown: Callable[[str], str]) -> Card:
    who = "an agent" if row.by_agent else shown(row.who)
    at = instant(row.happened_at)
    return {
        "task": row.task_id,
        "name": one_line(row.title),
        "what": row.what.replace("finished", "done"),
        "who": who,
        "at": at,
    }


def _change(row: Any, shown: Callable[[str], str]) -> Card:
    about = row.about if row.recurring_task_id is not None else row.about.capitalize()
    return {
        "task": row.recurring_task_id if row.what != "deleted" else None,
        "name": one_line(about),
        "what": row.what,
        "who": shown(row.who),
        "why": row.reason,
        "at": instant(row.happened_at),
    }
