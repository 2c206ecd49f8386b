"""The board component: updated with patches, with one dispatcher for its requests."""

from __future__ import annotations

from typing import Any

from wsq.api import Store
from wsq.errors import WsqError
from wsq.projections.display import MOST_ROWS
from wsq.views.board.static import static_table
from wsq.views.live.component import CELL_HEIGHT, InteractivePage, weakly
from wsq.views.live.dispatch import Answer, Dispatcher, Synced
from wsq.views.live.hub import hub_of
from wsq.views.live.permissions import OPEN, Permissions
from wsq.views.page.cards import Card
from wsq.views.page.scripts import script
from wsq.vocabulary import BOARD_LABELS


class Board(InteractivePage):
    """The board of one store, on a page or in a notebook cell.

    In a cell it is 640 pixels high; `project_id` limits it to one project.
    """

    _esm = script("board/board-page.js")

    def __init__(
        self,
        store: Store,
        *,
        project_id: str | None = None,
        page: bool = False,
        permissions: Permissions = OPEN,
        **params: Any,
    ) -> None:
        sizes = {"sizing_mode": "stretch_both"} if page else {"sizing_mode": "stretch_width", "height": CELL_HEIGHT}
        super().__init__(**(sizes | params))
        self.permissions = permissions
        subscription = hub_of(store.workspace).subscribe(store.id, weakly(self.send))
        self.begin(Dispatcher(store, subscription.find), subscription)
        opening = {"store": store.id, "project": project_id, "page": page, "path": "board"}
        # The page is created on the server's event loop, which must not wait for a read. It requests the board itself.
        known = subscription.opening() if page else subscription.snapshot()
        self.open_with(known | {"opening": opening, "lanes": list(BOARD_LABELS.items())})

    def to_html(self) -> str:
        """Return the current board as a static HTML table, for notebooks that are read without a kernel."""
        return static_table(self._subscription.snapshot()["cards"])

    def cell_html(self) -> str:
        """See `LivePage.cell_html`. Of long lanes it has the beginning, as it is saved with the notebook."""
        return static_table(self._subscription.snapshot()["cards"], MOST_ROWS)

    def completed(self, answer: Answer) -> Answer:
        """Return the answer; if it reports the page's revision, first send what the page has missed."""
        if answer["ok"] and isinstance(answer["value"], Synced):
            return answer | self._catch_up(answer["value"].rev)
        return answer

    def _catch_up(self, rev: int) -> Card:
        """Send the whole board to a page with another revision; return the outcome."""
        try:
            snapshot = self._subscription.snapshot()
        except WsqError as trouble:
            return {"ok": False, "error": str(trouble)}
        if rev != snapshot["rev"]:
            self.send(snapshot)
        return {"value": None}
