"""The board: one component for all of it, fed by patches, answering through one dispatcher."""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from typing import Any

from wsq.errors import WsqError
from wsq.views.cards import Card
from wsq.views.dispatch import Dispatcher, Known
from wsq.views.hub import hub_of
from wsq.views.live import LivePage, pool, resource, weakly
from wsq.views.ports import Store

log = logging.getLogger(__name__)

WAITING = 50
"""Messages of one page that may wait; what comes on top is refused."""


class Board(LivePage):
    """The board of one store, on a page or in a notebook's cell.

    In a cell it is 640 pixels high; `project_id` shows one project alone.
    """

    _esm = resource("frame.js", "markdown.js", "dialogs.js", "forms.js", "executions.js", "board.js")

    def __init__(
        self,
        store: Store,
        *,
        project_id: str | None = None,
        page: bool = False,
        **params: Any,
    ) -> None:
        sizes = {"sizing_mode": "stretch_both"} if page else {"sizing_mode": "stretch_width", "height": 640}
        super().__init__(**(sizes | params))
        self._queue: deque[object] = deque()
        self._queue_lock = threading.Lock()
        hub = hub_of(store.workspace)
        self._subscription = hub.subscribe(store.id, weakly(self.send))
        self._dispatcher = Dispatcher(store, self._subscription.find)
        opening = {"store": store.id, "project": project_id, "page": page, "path": "board"}
        # A page is made on the server's event loop, which must not wait for a read: it asks for the board itself.
        known = self._subscription.opening() if page else self._subscription.snapshot()
        self.first = json.dumps(known | {"opening": opening})
        self.follow_session(self._subscription)

    def close(self) -> None:
        """Hear no more of the store's changes."""
        self._subscription.close()

    def _handle_msg(self, data: object) -> None:
        """Called by Panel on its event loop with what the browser sent: never waits here.

        Messages of one page are carried out one after the other, in the order in which they came.
        """
        self.scripts_arrived()
        with self._queue_lock:
            if len(self._queue) >= WAITING:
                log.warning("A page sent more messages than it may", extra={"action": "page.flood"})
                return
            self._queue.append(data)
            if len(self._queue) > 1:
                return
        pool.submit(self._drain)

    def _drain(self) -> None:
        while True:
            try:
                self._carry_out(self._queue[0])
            except Exception:
                # One message that cannot be answered must not silence all that come after it.
                log.exception("A page's message could not be answered", extra={"action": "page.message"})
            with self._queue_lock:
                self._queue.popleft()
                if not self._queue:
                    return

    def _carry_out(self, raw: object) -> None:
        answer = self._dispatcher.answer(raw)
        if answer["ok"] and isinstance(answer["value"], Known):
            answer = answer | self._catch_up(answer["value"].rev)
        self.send(answer)
        self._subscription.wake()

    def _catch_up(self, rev: int) -> Card:
        """Send the whole board to a page that does not stand where the board stands; how that went."""
        try:
            snapshot = self._subscription.snapshot()
        except WsqError as trouble:
            return {"ok": False, "error": str(trouble)}
        if rev != snapshot["rev"]:
            self.send(snapshot)
        return {"value": None}
