"""A page whose browser is kept up to date by messages, from whichever thread they come."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections import deque
from collections.abc import Callable
from importlib.resources import files
from typing import Any, ClassVar
from weakref import WeakMethod

import param
from panel.custom import JSComponent
from panel.io.state import state

from wsq.errors import WsqError
from wsq.views.auth.permissions import OPEN, Permissions
from wsq.views.page.cards import Card
from wsq.views.page.cell import bring_scripts, in_a_kernel
from wsq.views.page.dispatch import Answer, Responder, as_json
from wsq.views.page.hub import Subscription
from wsq.views.page.workers import Workers

log = logging.getLogger(__name__)

WORKERS = 8
"""Threads that carry out what all pages of this process ask for."""

WAITING = 50
"""Messages of one page that may wait; what comes on top is refused."""

pool = Workers(WORKERS, "wsq-page")

_one_at_a_time = threading.RLock()
"""Had by whoever sends: in a kernel Panel sends a message in parts, and parts of two that mix are neither."""


def resource(*names: str) -> str:
    """The package's own scripts or styles, one after the other."""
    return "\n".join(files("wsq.views").joinpath(name).read_text("utf-8") for name in names)


class LivePage(JSComponent):  # type: ignore[misc]  # Panel is not typed
    """A page that begins with `first` and is told everything later in messages."""

    first = param.String(default="{}", doc="The first state, as JSON.")

    _stylesheets: ClassVar[list[str]] = [
        resource(
            "page/theme.css",
            "page/markdown.css",
            "dialogs/dialogs.css",
            "board/board.css",
            "library/library.css",
            "admin/admin.css",
            "since/since.css",
        )
    ]

    __abstract = True

    permissions: Permissions = OPEN
    """What whoever looks at the page may see and do."""

    _take_scripts_out: Callable[[], None] | None = None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """What a notebook's cell shows; nobody has to call ``panel.extension()`` before."""
        if in_a_kernel():
            self._take_scripts_out = bring_scripts()
        return super()._repr_mimebundle_(include, exclude)

    def _get_properties(self, doc: Any) -> dict[str, Any]:
        """What the browser makes the page of; our scripts are told to be as browsers read them.

        Else Panel has each browser translate them first, as if they were TypeScript, which takes longer than
        running them.
        """
        properties: dict[str, Any] = super()._get_properties(doc)
        read_as_it_is = hashlib.sha256(properties["esm"].encode()).hexdigest()  # the name that a browser keeps it under
        return properties | {"bundle": read_as_it_is}

    def scripts_arrived(self) -> None:
        """Called when the browser has sent something: its scripts are there."""
        take_out, self._take_scripts_out = self._take_scripts_out, None
        if take_out is not None:
            take_out()

    def send(self, message: Card) -> None:
        """Send a message to the browser, from whichever thread; not what whoever looks at it must not know."""
        told = self.permissions.fit(message)
        if told is not None:
            with _one_at_a_time:
                self._send_msg(as_json(told))

    def open_with(self, card: Card) -> None:
        """Let the page begin with this, as far as whoever looks at it may know it."""
        self.first = json.dumps(self.permissions.fit(card) or {})

    def follow_session(self, subscription: Subscription) -> None:
        """Close the subscription when the browser's session ends."""
        document = state.curdoc
        if document is not None and document.session_context is not None:
            document.on_session_destroyed(lambda _context: subscription.close())


class InteractivePage(LivePage):
    """A page whose browser asks: what it asks is carried out in its order, each answered when it is done."""

    __abstract = True

    _polled: ClassVar[str | None] = None
    """A field of the value that answers the page's `look()` alone; None for a page that is fed by patches."""

    _dispatcher: Responder
    _subscription: Subscription

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._queue: deque[object] = deque()
        self._queue_lock = threading.Lock()

    def begin(self, dispatcher: Responder, subscription: Subscription) -> None:
        """Answer with this dispatcher, and hear of changes until the browser's session ends."""
        self._dispatcher = dispatcher
        dispatcher.permissions = self.permissions
        self._subscription = subscription
        self.follow_session(subscription)

    def close(self) -> None:
        """Hear no more of the store's changes."""
        self._subscription.close()

    def completed(self, answer: Answer) -> Answer:
        """What the browser is told, of what the dispatcher answered.

        With what it looks at comes the header, of which it may have missed the last news while it came up.
        """
        if not (answer["ok"] and isinstance(answer["value"], dict) and self._polled in answer["value"]):
            return answer
        try:
            return answer | {"header": self._subscription.snapshot()["header"]}
        except WsqError:
            return answer  # the hub tells it as soon as it can be read again

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
                self._handle(self._queue[0])
            except Exception:
                # One message that cannot be answered must not silence all that come after it.
                log.exception("A page's message could not be answered", extra={"action": "page.message"})
            with self._queue_lock:
                self._queue.popleft()
                if not self._queue:
                    return

    def _handle(self, raw: object) -> None:
        self.send(self.completed(self._dispatcher.answer(raw)))
        self._subscription.wake()


def weakly(send: Callable[[Card], None]) -> Callable[[Card], None]:
    """`send`, unless its page has been forgotten: a hub must not keep a cell's board alive."""
    method = WeakMethod(send)

    def deliver(message: Card) -> None:
        alive = method()
        if alive is not None:
            alive(message)

    return deliver
