"""The pages: board, library, statistics, administration, and the same board in a notebook cell.

Views never write: a button calls a method of the store that the page was given. Panel is loaded when
one of these names is first asked for, not when `wsq` is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsq.views.admin.component import Admin
    from wsq.views.board.component import Board
    from wsq.views.library.component import Library
    from wsq.views.server.pages import admin_page, board_page, library_page, served, since_page, statistics_page
    from wsq.views.server.server import serve
    from wsq.views.statistics.bars import Bars

__all__ = [
    "Admin", "Bars", "Board", "Library", "admin_page", "board_page", "library_page", "serve", "served", "since_page",
    "statistics_page",
]  # fmt: skip

_ROOMS = {
    "Admin": "wsq.views.admin.component",
    "Bars": "wsq.views.statistics.bars",
    "Board": "wsq.views.board.component",
    "Library": "wsq.views.library.component",
    "serve": "wsq.views.server.server",
}
"""The module of each name; those of the pages are in `wsq.views.server.pages`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'wsq.views' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_ROOMS.get(name, "wsq.views.server.pages")), name)
