"""Statistics, computed from the projections and the log.

`wsq.statistics.definitions` defines each figure of `counting`, for the page and the documentation too. Modules are
loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsq.statistics.counting import Selection, choices, count, counted
    from wsq.statistics.definitions import DEFINITIONS
    from wsq.statistics.figures import Choices, Counted, Day, Failure, Group, Reason, Series, Statistics, Total
    from wsq.statistics.span import Span

__all__ = [
    "DEFINITIONS", "Choices", "Counted", "Day", "Failure", "Group", "Reason", "Selection", "Series", "Span",
    "Statistics", "Total", "choices", "count", "counted",
]  # fmt: skip

_MODULES = {
    **dict.fromkeys(("Selection", "choices", "count", "counted"), "wsq.statistics.counting"),
    "DEFINITIONS": "wsq.statistics.definitions",
    "Span": "wsq.statistics.span",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'wsq.statistics' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES.get(name, "wsq.statistics.figures")), name)
