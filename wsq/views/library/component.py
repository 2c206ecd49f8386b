"""The library page: projects, contacts and documents, which people edit and the agent reads."""

from __future__ import annotations

from wsq.api import Store
from wsq.views.live.component import InteractivePage, weakly
from wsq.views.live.dispatch import Dispatcher
from wsq.views.live.hub import hub_of
from wsq.views.live.permissions import OPEN, Permissions
from wsq.views.page.scripts import script


class Library(InteractivePage):
    """The projects, contacts and documents of one store.

    Its browser requests the lists when it is loaded and whenever something has changed, so they are only created for
    pages that show them.
    """

    _esm = script("library/library-page.js")

    _polled = "projects"

    def __init__(self, store: Store, *, permissions: Permissions = OPEN) -> None:
        super().__init__(sizing_mode="stretch_both")
        self.permissions = permissions
        subscription = hub_of(store.workspace).subscribe(None, weakly(self.send))
        self._store = store
        self.begin(Dispatcher(store, self._find), subscription)
        opening = {"store": store.id, "project": None, "page": True, "path": "library"}
        self.open_with(subscription.opening() | {"opening": opening})

    def to_html(self) -> str:
        """Return the current lists as static HTML tables, for notebooks that are read without a kernel."""
        lists = (self._store.projects(), self._store.contacts(), self._store.documents())
        return "\n".join(rows._repr_html_() for rows in lists)

    def _find(self, text: str) -> list[str]:
        return list(self._store.documents_holding(text))
