"""Pages that messages keep current, sent from any thread."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from html import escape
from importlib.resources import files
from typing import Any, ClassVar
from weakref import WeakMethod

import param
from bokeh.models import ImportedStyleSheet
from panel.custom import JSComponent
from panel.io.state import state

from wsq.errors import WsqError
from wsq.projections.display import in_a_kernel
from wsq.views.live.dispatch import Answer, Responder, as_json
from wsq.views.live.hub import Subscription
from wsq.views.live.permissions import OPEN, Permissions
from wsq.views.page.cards import Card
from wsq.views.page.cell import bring_scripts, marimo_output, with_picture
from wsq.views.page.rarely import Rarely
from wsq.views.page.workers import Workers

log = logging.getLogger(__name__)

WORKERS = 8
"""Threads that handle the requests of all pages of this process."""

WAITING = 50
"""Requests of one page that may wait; more are dropped, which the page reports as not answered."""

WAITING_BYTES = 20_000_000
"""Bytes of the requests of one page that may wait: twice the largest message."""

ALL_WAITING_BYTES = 100_000_000
"""The same of all pages of this process."""

CELL_HEIGHT = 640
"""Height in pixels of a page in a notebook's cell."""

pool = Workers(WORKERS, "wsq-page")

_rarely = Rarely(log, "page.flood")

_sending = threading.RLock()
"""Held while a message is sent: in a kernel Panel sends it in parts, which must not mix with those of another."""


def resource(*names: str) -> str:
    """Style sheets of this package, one after the other."""
    return "\n".join(files("wsq.views").joinpath(name).read_text("utf-8") for name in names)


class LivePage(JSComponent):  # type: ignore[misc]  # Panel is not typed
    """A page that begins with `first` and gets everything later in messages."""

    first = param.String(default="{}", doc="The first state, as JSON.")

    message = param.String(default="", doc="The last message, as JSON, where Panel's own messages do not arrive.")

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
    """What the user may see and do."""

    _take_scripts_out: Callable[[], None] | None = None

    _output: Any = None
    """What a marimo cell shows of this page; marimo itself keeps only a weak reference."""

    _deliver: Callable[[str], None] | None = None
    """Sends a message to the browser, where Panel cannot do it from any thread."""

    def to_html(self) -> str:
        """Return the page's current content as static HTML, for notebooks that are read without a kernel."""
        raise NotImplementedError

    def cell_html(self) -> str:
        """Return what a notebook's cell shows where nothing runs the page's script."""
        return self.to_html()

    def _fit_into_a_cell(self) -> str:
        """Make the page one for a cell, where it is 640 pixels high, and return its static picture."""
        if self.sizing_mode == "stretch_both":
            first = json.loads(self.first)
            first["opening"]["page"] = False
            self.param.update(first=json.dumps(first), sizing_mode="stretch_width", height=CELL_HEIGHT)
        try:
            return self.cell_html()
        except WsqError as trouble:
            return f"<p>{escape(str(trouble))}</p>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """What a notebook's cell shows, without a call of ``panel.extension()`` before."""
        if not in_a_kernel():
            return super()._repr_mimebundle_(include, exclude)
        picture = self._fit_into_a_cell()
        self._take_scripts_out = bring_scripts()
        shown, metadata = super()._repr_mimebundle_(include, exclude)
        return shown | {"text/html": with_picture(shown["text/html"], picture)}, metadata

    def _display_(self) -> Any:
        """What a marimo cell shows."""
        self._output, self._deliver = marimo_output(self, self._fit_into_a_cell())
        return self._output

    def _get_properties(self, doc: Any) -> dict[str, Any]:
        """The properties of the browser's model, without Panel's own style sheets.

        Pages use none of them, and in a session that begins with its WebSocket, as after a restart of the server, Panel
        takes them from its CDN. `bundle` says that the script is JavaScript: otherwise Panel lets each browser compile
        it as TypeScript, which takes longer than running it.
        """
        properties: dict[str, Any] = super()._get_properties(doc)
        own = [sheet for sheet in properties["stylesheets"] if not isinstance(sheet, ImportedStyleSheet)]
        cache_key = hashlib.sha256(properties["esm"].encode()).hexdigest()
        return properties | {"stylesheets": own, "bundle": cache_key}

    def scripts_arrived(self) -> None:
        """Called when the browser has sent something, so it has the scripts."""
        take_out, self._take_scripts_out = self._take_scripts_out, None
        if take_out is not None:
            take_out()

    def send(self, message: Card) -> None:
        """Send a message to the browser, from any thread, as far as the user may see it."""
        permitted = self.permissions.fit(message)
        if permitted is not None:
            with _sending:
                (self._deliver or self._send_msg)(as_json(permitted))

    def open_with(self, card: Card) -> None:
        """Begin the page with this, as far as the user may see it."""
        self.first = json.dumps(self.permissions.fit(card) or {})

    def follow_session(self, subscription: Subscription) -> None:
        """Close the subscription when the browser's session ends."""
        document = state.curdoc
        if document is not None and document.session_context is not None:
            document.on_session_destroyed(lambda _context: subscription.close())


class _Bytes:
    """The bytes of a page's requests that wait."""

    _of_all: ClassVar[int] = 0
    _lock = threading.Lock()

    def __init__(self) -> None:
        self._mine = 0

    def take(self, size: int) -> bool:
        """Count bytes, if they are not too many for the page or the process."""
        with _Bytes._lock:
            if self._mine + size > WAITING_BYTES or _Bytes._of_all + size > ALL_WAITING_BYTES:
                return False
            self._mine += size
            _Bytes._of_all += size
            return True

    def give_back(self, size: int) -> None:
        """Uncount bytes that wait no more."""
        with _Bytes._lock:
            self._mine -= size
            _Bytes._of_all -= size


class InteractivePage(LivePage):
    """A page whose browser sends requests, which are answered one after the other."""

    __abstract = True

    _polled: ClassVar[str | None] = None
    """A field that only the answer to a page's polling has; None for a page that gets patches."""

    _dispatcher: Responder
    _subscription: Subscription

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._queue: deque[object] = deque()
        self._queue_lock = threading.Lock()
        self._waiting = _Bytes()

    def begin(self, dispatcher: Responder, subscription: Subscription) -> None:
        """Answer requests with this dispatcher, and follow changes until the browser's session ends."""
        self._dispatcher = dispatcher
        dispatcher.permissions = self.permissions
        self._subscription = subscription
        self.follow_session(subscription)

    def close(self) -> None:
        """Stop following changes."""
        self._subscription.close()

    def completed(self, answer: Answer) -> Answer:
        """The answer to send, made of the dispatcher's.

        The answer to polling has the header too, whose last change the browser may have missed while it loaded.
        """
        if not (answer["ok"] and isinstance(answer["value"], dict) and self._polled in answer["value"]):
            return answer
        try:
            return answer | {"header": self._subscription.snapshot()["header"]}
        except WsqError:
            return answer  # the hub sends the header as soon as it can be read

    def _handle_msg(self, data: object) -> None:
        """Called by Panel on its event loop, and so never waits.

        Requests of one page are handled one after the other, in the order in which they came.
        """
        self.scripts_arrived()
        with self._queue_lock:
            if len(self._queue) >= WAITING or not self._waiting.take(sys.getsizeof(data)):
                _rarely.warn(time.monotonic(), "A page sent too many requests at once; some were dropped.")
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
                # The requests after it are answered all the same.
                log.exception("A page's request could not be answered", extra={"action": "page.message"})
            with self._queue_lock:
                self._waiting.give_back(sys.getsizeof(self._queue.popleft()))
                if not self._queue:
                    return

    def _handle(self, raw: object) -> None:
        self.send(self.completed(self._dispatcher.answer(raw)))
        self._subscription.wake()


def weakly(send: Callable[[Card], None]) -> Callable[[Card], None]:
    """`send` for as long as its page exists: a hub must not keep the board of a cell alive."""
    method = WeakMethod(send)

    def deliver(message: Card) -> None:
        alive = method()
        if alive is not None:
            alive(message)

    return deliver
