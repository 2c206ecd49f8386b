"""What is answered beside pages: to HEAD, and for addresses at which there is nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bokeh.server.tornado import BokehTornado
from tornado.escape import xhtml_escape
from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

from wsq.views.auth.plain import plain_page
from wsq.views.auth.redirects import relative

LONGEST = 200
"""Characters of an address that are shown."""


class Head(RequestHandler):  # type: ignore[misc]  # Tornado is not typed here
    """Answers HEAD for the address of a page, without making the page."""

    async def head(self) -> None:
        """Say that the page is there, and nothing of its length, which is unknown."""
        await self.flush()


class Missing(RequestHandler):  # type: ignore[misc]  # Tornado is not typed here
    """Says that there is nothing at an address, and leads to the board."""

    def check_xsrf_cookie(self) -> None:
        """Skip the check: nothing is changed here."""

    def prepare(self) -> None:
        """Answer any method."""
        self.set_status(404)
        path = self.request.path
        sentence = f"There is no page at {path[:LONGEST]}{'…' if len(path) > LONGEST else ''}."
        if "text/html" in self.request.headers.get("Accept", ""):
            board = f'<a class="button" href="{relative(path, "/board")}">Open the board</a>'
            self.finish(plain_page(self.request, "Not found", f"<p>{xhtml_escape(sentence)}</p>\n{board}"))
        else:
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish(f"{sentence}\n")


def answer_beside_pages(application: BokehTornado, paths: Iterable[str]) -> None:
    """Have HEAD answered for these paths, and unknown addresses with a page."""
    find_handler, known = application.find_handler, frozenset(paths)
    application.settings["default_handler_class"] = Missing

    def found(request: HTTPServerRequest, **given: Any) -> Any:
        if request.method == "HEAD" and request.path in known:
            return application.get_handler_delegate(request, Head)
        return find_handler(request, **given)

    application.find_handler = found
