"""The board: one component for all of it, fed by patches, answering through one dispatcher."""

from __future__ import annotations

from typing import Any

from wsq.api import Store
from wsq.errors import WsqError
from wsq.views.auth.permissions import OPEN, Gate
from wsq.views.board.static import still
from wsq.views.page.cards import Card
from wsq.views.page.dispatch import Answer, Dispatcher, Synced
from wsq.views.page.hub import hub_of
from wsq.views.page.live import InteractivePage, weakly
from wsq.views.page.scripts import script


class Board(InteractivePage):
    """The board of one store, on a page or in a notebook's cell.

    In a cell it is 640 pixels high; `project_id` shows one project alone.
    """

    _esm = script("board/board-page.js")

    def __init__(
        self,
        store: Store,
        *,
        project_id: str | None = None,
        page: bool = False,
        gate: Gate = OPEN,
        **params: Any,
    ) -> None:
        sizes = {"sizing_mode": "stretch_both"} if page else {"sizing_mode": "stretch_width", "height": 640}
        super().__init__(**(sizes | params))
        self.gate = gate
        subscription = hub_of(store.workspace).subscribe(store.id, weakly(self.send))
        self.begin(Dispatcher(store, subscription.find), subscription)
        opening = {"store": store.id, "project": project_id, "page": page, "path": "board"}
        # A page is made on the server's event loop, which must not wait for a read: it asks for the board itself.
        known = subscription.opening() if page else subscription.snapshot()
        self.open_with(known | {"opening": opening})

    def still(self) -> str:
        """The whole board as it is now, as a static table in HTML: for a notebook that is read without a kernel."""
        return still(self._subscription.snapshot()["cards"])

    def completed(self, answer: Answer) -> Answer:
        """The answer; before one that says how far the page knows the board, it is sent what it has missed."""
        if answer["ok"] and isinstance(answer["value"], Synced):
            return answer | self._catch_up(answer["value"].rev)
        return answer

    def _catch_up(self, rev: int) -> Card:
        """Send the whole board to a page that does not stand where the board stands; how that went."""
        try:
            snapshot = self._subscription.snapshot()
        except WsqError as trouble:
            return {"ok": False, "error": str(trouble)}
        if rev != snapshot["rev"]:
            self.send(snapshot)
        return {"value": None}
