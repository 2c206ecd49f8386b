"""What a day is, what is left of a budget, and what a day will cost."""

from datetime import UTC, datetime, timedelta

import pytest

from wsq.rules.budgets import Spending, day_begins, forecast

SINCE = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "zone", "begins"),
    [
        (datetime(2026, 3, 2, 12, tzinfo=UTC), "UTC", datetime(2026, 3, 2, tzinfo=UTC)),
        (datetime(2026, 3, 2, 23, 30, tzinfo=UTC), "Europe/Berlin", datetime(2026, 3, 2, 23, tzinfo=UTC)),
        (datetime(2026, 3, 2, 1, tzinfo=UTC), "America/New_York", datetime(2026, 3, 1, 5, tzinfo=UTC)),
        # Chile's clocks go from 24:00 to 01:00: that day begins at one o'clock, which is 04:00 UTC
        (datetime(2026, 9, 6, 12, tzinfo=UTC), "America/Santiago", datetime(2026, 9, 6, 4, tzinfo=UTC)),
        # Cuba's go back from 01:00 to 00:00: midnight comes twice, the day begins with the first
        (datetime(2026, 11, 1, 12, tzinfo=UTC), "America/Havana", datetime(2026, 11, 1, 4, tzinfo=UTC)),
    ],
)
def test_a_day_begins_at_the_zones_first_instant_of_it(now, zone, begins):
    assert day_begins(now, zone) == begins


@pytest.mark.parametrize(
    ("budget", "spent", "reserved", "left", "warning", "used_up"),
    [
        (1.0, 0.0, 0.0, 1.0, False, False),
        (1.0, 0.79, 0.1, 0.11, False, False),
        (1.0, 0.8, 0.0, 0.2, True, False),
        (1.0, 1.0, 0.0, 0.0, True, True),
        (1.0, 1.2, 0.3, 0.0, True, True),
        (0.0, 0.0, 0.0, 0.0, True, True),
    ],
)
def test_what_is_left_of_a_budget(budget, spent, reserved, left, warning, used_up):
    spending = Spending(since=SINCE, budget=budget, spent=spent, reserved=reserved)

    assert spending.left == pytest.approx(left)
    assert (spending.is_warning, spending.is_used_up) == (warning, used_up)


def test_a_day_costs_what_its_runs_cost_on_average():
    told = forecast(5, "minutes", [0.02, 0.04, None])

    assert told.runs_per_day == timedelta(days=1) / timedelta(minutes=5) == 288
    assert told.cost_per_day == pytest.approx(8.64)
    assert str(told) == "288 runs a day, about $8.64"


@pytest.mark.parametrize("costs", [[], [None, None]])
def test_before_the_first_run_and_without_a_price_the_cost_is_unknown(costs):
    assert str(forecast(1, "days", costs)) == "1 run a day, cost unknown"
    assert forecast(2, "days", costs).cost_per_day is None
