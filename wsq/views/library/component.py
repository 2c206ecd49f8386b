"""The library: projects, contacts and documents, which people keep and the agent reads."""

from __future__ import annotations

from wsq.api import Store
from wsq.errors import NotFound
from wsq.views.auth.permissions import OPEN, Gate
from wsq.views.page.cards import Card
from wsq.views.page.dispatch import Dispatcher
from wsq.views.page.hub import hub_of
from wsq.views.page.live import InteractivePage, weakly
from wsq.views.page.scripts import script


class Library(InteractivePage):
    """The projects, contacts and documents of one store.

    Its browser asks for the lists when it has come up, and again whenever it is told that something has changed:
    they are made only for who shows them.
    """

    _esm = script("library/library-page.js")

    _polled = "projects"

    def __init__(self, store: Store, *, gate: Gate = OPEN) -> None:
        super().__init__(sizing_mode="stretch_both")
        self.gate = gate
        subscription = hub_of(store.workspace).subscribe(None, weakly(self.hear))
        self._store = store
        self.begin(Dispatcher(store, self._find), subscription)
        opening = {"store": store.id, "project": None, "page": True, "path": "library"}
        self.open_with(subscription.opening() | {"opening": opening})

    def hear(self, message: Card) -> None:
        """Pass on to the browser what the hub says: that something has changed, or what the header shows now."""
        self.send(message)

    def _find(self, text: str) -> list[str]:
        try:
            return list(self._store.documents_holding(text))
        except NotFound:  # the store is made by what is written first
            return []
