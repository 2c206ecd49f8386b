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
    from wsq.views.server.pages import admin_page, board_page, library_page, since_page, statistics_page
    from wsq.views.server.server import serve
    from wsq.views.statistics.bars import Bars

__all__ = [
    "Admin",
    "Bars",
    "Board",
    "Library",
    "admin_page",
    "board_page",
    "library_page",
    "serve",
    "since_page",
    "statistics_page",
]

_ROOMS = {
    "Admin": "wsq.views.admin.component",
    "Bars": "wsq.views.statistics.bars",
    "Board": "wsq.views.board.component",
    "Library": "wsq.views.library.component",
    "admin_page": "wsq.views.server.pages",
    "board_page": "wsq.views.server.pages",
    "library_page": "wsq.views.server.pages",
    "serve": "wsq.views.server.server",
    "since_page": "wsq.views.server.pages",
    "statistics_page": "wsq.views.server.pages",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'wsq.views' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_ROOMS[name]), name)
