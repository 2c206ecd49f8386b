"""A page whose browser is kept up to date by messages, from whichever thread they come."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any, ClassVar
from weakref import WeakMethod

import param
from panel.custom import JSComponent
from panel.io.state import state

from wsq.views.cards import Card
from wsq.views.cell import bring_scripts, in_a_kernel
from wsq.views.dispatch import as_json
from wsq.views.hub import Subscription

WORKERS = 8
"""Threads that carry out what all pages of this process ask for."""

pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="wsq-page")


def resource(*names: str) -> str:
    """The package's own scripts or styles, one after the other."""
    return "\n".join(files("wsq.views").joinpath(name).read_text("utf-8") for name in names)


class LivePage(JSComponent):  # type: ignore[misc]  # Panel is not typed
    """A page that begins with `first` and is told everything later in messages."""

    first = param.String(default="{}", doc="The first state, as JSON.")

    _stylesheets: ClassVar[list[str]] = [resource("theme.css", "markdown.css", "dialogs.css", "board.css")]

    __abstract = True

    _take_scripts_out: Callable[[], None] | None = None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """What a notebook's cell shows; nobody has to call ``panel.extension()`` before."""
        if in_a_kernel():
            self._take_scripts_out = bring_scripts()
        return super()._repr_mimebundle_(include, exclude)

    def scripts_arrived(self) -> None:
        """Called when the browser has sent something: its scripts are there."""
        take_out, self._take_scripts_out = self._take_scripts_out, None
        if take_out is not None:
            take_out()

    def send(self, message: Card) -> None:
        """Send a message to the browser, from whichever thread."""
        self._send_msg(as_json(message))

    def follow_session(self, subscription: Subscription) -> None:
        """Close the subscription when the browser's session ends."""
        document = state.curdoc
        if document is not None and document.session_context is not None:
            document.on_session_destroyed(lambda _context: subscription.close())


def weakly(send: Callable[[Card], None]) -> Callable[[Card], None]:
    """`send`, unless its page has been forgotten: a hub must not keep a cell's board alive."""
    method = WeakMethod(send)

    def deliver(message: Card) -> None:
        alive = method()
        if alive is not None:
            alive(message)

    return deliver
