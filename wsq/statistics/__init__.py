"""Statistics: what came of executions over a span of days, counted from the projection alone.

What each figure means stands in `wsq.statistics.definitions`, which the page and the documentation show too.
"""

from wsq.statistics.counting import Wish, choices, count, counted
from wsq.statistics.definitions import DEFINITIONS
from wsq.statistics.figures import Choices, Counted, Day, Failure, Group, Reason, Series, Statistics, Total
from wsq.statistics.span import Span

__all__ = [
    "DEFINITIONS", "Choices", "Counted", "Day", "Failure", "Group", "Reason", "Series", "Span", "Statistics", "Total",
    "Wish", "choices", "count", "counted",
]  # fmt: skip
