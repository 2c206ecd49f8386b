"""A page that explains why the requested one cannot be shown, with links to others."""

from __future__ import annotations

import logging
from html import escape

from wsq.api import Workspace
from wsq.errors import WsqError
from wsq.views.live.component import LivePage, pool, weakly
from wsq.views.live.hub import hub_of
from wsq.views.live.permissions import OPEN, Permissions
from wsq.views.page.scripts import script

log = logging.getLogger(__name__)


class RefusalPage(LivePage):
    """One sentence below the navigation bar; `store_id` is the store that the bar's links lead to."""

    _esm = script("page/refusal-page.js")

    def __init__(
        self, workspace: Workspace, store_id: str, path: str, why: str, *, permissions: Permissions = OPEN
    ) -> None:
        super().__init__(sizing_mode="stretch_both")
        self.permissions = permissions
        self._why = why
        self._subscription = hub_of(workspace).subscribe(None, weakly(self._heard))
        opening = {"store": store_id, "project": None, "page": True, "path": path, "why": why}
        self.open_with(self._subscription.opening() | {"opening": opening})
        self.follow_session(self._subscription)

    def to_html(self) -> str:
        """Return the sentence as static HTML."""
        return f"<p>{escape(self._why)}</p>"

    def _handle_msg(self, data: object) -> None:
        """Answer any message with the header and all stores. Panel calls it on its event loop."""
        del data
        pool.submit(self._send_header)

    def _send_header(self) -> None:
        try:
            self.send({"type": "header", "header": self._subscription.snapshot()["header"]})
        except WsqError as trouble:
            log.warning("The stores could not be sent to a page: %s", trouble, extra={"action": "page.header"})

    def _heard(self, message: dict[str, object]) -> None:
        if message["type"] == "header":
            self.send(message)
