"""How long a zone's wall clock kept each of its offsets: the rules of `zoneinfo` as plain periods."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from wsq.rules.values import zone

_STEP = 86_400
"""Seconds from one look at the clock to the next: none was changed there and back within a day since 1970."""

_NEVER = 1 << 40
"""Seconds before or after 1970 that nothing here comes near to."""


class Period(NamedTuple):
    """Instants from `since` (inclusive) to `until` (exclusive), and the offset from UTC in them; all in seconds."""

    since: int
    until: int
    offset: int


def periods(timezone: str, since: datetime, until: datetime) -> list[Period]:
    """The periods of one offset of a zone, in order and without gaps.

    They are right from `since` to `until`; the first one reaches back and the last one on without an end.

    Raises:
        InvalidInput: the zone is not known here.
    """
    rules = zone(timezone)
    found: list[Period] = []
    begun = -_NEVER
    for changed, before in _changes(rules, int(since.timestamp()), int(until.timestamp())):
        found.append(Period(begun, changed, before))
        begun = changed
    return [*found, Period(begun, _NEVER, offset(rules, int(until.timestamp())))]


def _changes(rules: ZoneInfo, since: int, until: int) -> Iterator[tuple[int, int]]:
    """The seconds in (since, until] at which the offset is another than before, and that one."""
    before = offset(rules, since)
    for low in range(since, until, _STEP):
        high = min(low + _STEP, until)
        after = offset(rules, high)
        if after != before:
            yield first_with(rules, after, low, high), before
            before = after


def first_with(rules: ZoneInfo, wanted: int, low: int, high: int) -> int:
    """The first second after `low` with the `wanted` offset, which `high` has."""
    while high - low > 1:
        middle = (low + high) // 2
        if offset(rules, middle) == wanted:
            high = middle
        else:
            low = middle
    return high


def offset(rules: ZoneInfo, second: int) -> int:
    """How far the zone's clock is ahead of UTC at a second since 1970, in seconds."""
    shown = datetime.fromtimestamp(second, UTC).astimezone(rules).utcoffset() or timedelta()
    return int(shown.total_seconds())
