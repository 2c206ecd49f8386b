"""What may be spent in a day, and how much of it has been."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from wsq.rules.values import zone_or_utc
from wsq.vocabulary import UNIT_MINUTES

TASK_PER_DAY = 1.0
"""US dollars that a recurring task may spend in a day unless it says otherwise."""

STORE_PER_DAY = 5.0
"""US dollars that all recurring tasks of a store may spend in a day unless it says otherwise."""

WARNING = 0.8
"""The share of a budget from which on people are warned (inclusive)."""

TOKENS_PER_DOLLAR = 200_000
"""What a model without a known price is counted at, so that a budget bounds it too: 5 US dollars for a
million tokens of any kind."""


class Most(msgspec.Struct, frozen=True, kw_only=True):
    """What a call may come to at the most: US dollars (None when unpriced) and tokens of every kind."""

    cost_usd: float | None
    tokens: int


def counted(most: Most) -> float:
    """US dollars that a call may count for at the most."""
    return most.tokens / TOKENS_PER_DOLLAR if most.cost_usd is None else most.cost_usd


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """A day's budget and what has gone of it, in US dollars.

    `since` is the day's beginning in the store's zone. `reserved` is held for the turns that running
    executions take now. What a model without a known price took is counted by its tokens, see
    `TOKENS_PER_DOLLAR`.
    """

    since: datetime
    budget: float
    spent: float
    reserved: float = 0.0

    @property
    def left(self) -> float:
        """What may still be spent today; never negative."""
        return max(self.budget - self.spent - self.reserved, 0.0)

    @property
    def share(self) -> float:
        """How much of the budget is spent: 1.0 is all of it; a budget of nothing is used up."""
        return self.spent / self.budget if self.budget > 0 else 1.0

    @property
    def is_used_up(self) -> bool:
        """Whether nothing more may begin today."""
        return self.spent >= self.budget

    @property
    def is_warning(self) -> bool:
        """Whether at least four fifths are spent."""
        return self.share >= WARNING


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What a recurring task will come to in a day, going by its last executions.

    `cost_per_run` and `cost_per_day` are US dollars, None before the first execution or when its model
    has no known price.
    """

    runs_per_day: float
    cost_per_run: float | None

    @property
    def cost_per_day(self) -> float | None:
        """US dollars a day."""
        return None if self.cost_per_run is None else self.cost_per_run * self.runs_per_day

    def __str__(self) -> str:
        runs = f"{self.runs_per_day:,.4g}"
        noun = "run" if runs == "1" else "runs"
        if self.cost_per_day is None:
            return f"{runs} {noun} a day, cost unknown"
        return f"{runs} {noun} a day, about ${self.cost_per_day:,.2f}"


def day_begins(now: datetime, timezone: str) -> datetime:
    """The first instant of the day that it is in a zone; where midnight is skipped, the first one after.

    The day is one of UTC if the zone is not known here.
    """
    zone = zone_or_utc(timezone)
    return date_begins(now.astimezone(zone).date(), zone)


def date_begins(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a date in a zone; where midnight is skipped, the first one after."""
    # A wall time in a gap, taken to the instant line and back, comes out after the gap; one that occurs
    # twice is its first occurrence (fold 0).
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def forecast(value: int, unit: str, costs: list[float | None]) -> Forecast:
    """What a task with this interval will cost a day, if it goes on as its last executions did."""
    known = [cost for cost in costs if cost is not None]
    return Forecast(
        runs_per_day=timedelta(days=1) / timedelta(minutes=value * UNIT_MINUTES[unit]),
        cost_per_run=sum(known) / len(known) if known else None,
    )
