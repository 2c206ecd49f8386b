"""A page that says why what its address names cannot be shown, and leads to what can."""

from __future__ import annotations

import logging

from wsq.api import Workspace
from wsq.errors import WsqError
from wsq.views.auth.permissions import OPEN, Gate
from wsq.views.page.hub import hub_of
from wsq.views.page.live import LivePage, pool, weakly
from wsq.views.page.scripts import script

log = logging.getLogger(__name__)


class RefusalPage(LivePage):
    """One sentence under the bar with which every page begins; `store_id` is where the bar's links lead."""

    _esm = script("page/refusal-page.js")

    def __init__(self, workspace: Workspace, store_id: str, path: str, why: str, *, gate: Gate = OPEN) -> None:
        super().__init__(sizing_mode="stretch_both")
        self.gate = gate
        self._subscription = hub_of(workspace).subscribe(None, weakly(self._heard))
        opening = {"store": store_id, "project": None, "page": True, "path": path, "why": why}
        self.open_with(self._subscription.opening() | {"opening": opening})
        self.follow_session(self._subscription)

    def _handle_msg(self, data: object) -> None:
        """Called by Panel on its event loop: whatever a page sends, it is told the header, with all stores."""
        del data
        pool.submit(self._tell_header)

    def _tell_header(self) -> None:
        try:
            self.send({"type": "header", "header": self._subscription.snapshot()["header"]})
        except WsqError as trouble:
            log.warning("A page could not be told the stores: %s", trouble, extra={"action": "page.header"})

    def _heard(self, message: dict[str, object]) -> None:
        if message["type"] == "header":
            self.send(message)
