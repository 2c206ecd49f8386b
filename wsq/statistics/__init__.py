"""Counting: how it goes, from the projections and the log alone.

What each figure of `counting` means stands in `wsq.statistics.definitions`, which page and documentation show too.
A module is loaded when one of its names is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsq.statistics.counting import Wish, choices, count, counted
    from wsq.statistics.definitions import DEFINITIONS
    from wsq.statistics.figures import Choices, Counted, Day, Failure, Group, Reason, Series, Statistics, Total
    from wsq.statistics.span import Span

__all__ = [
    "DEFINITIONS", "Choices", "Counted", "Day", "Failure", "Group", "Reason", "Series", "Span", "Statistics", "Total",
    "Wish", "choices", "count", "counted",
]  # fmt: skip

_ROOMS = {
    **dict.fromkeys(("Wish", "choices", "count", "counted"), "wsq.statistics.counting"),
    "DEFINITIONS": "wsq.statistics.definitions",
    "Span": "wsq.statistics.span",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'wsq.statistics' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_ROOMS.get(name, "wsq.statistics.figures")), name)
