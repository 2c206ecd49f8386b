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
    return [*found, Period(begun, _NEVER, _offset(rules, int(until.timestamp())))]


def _changes(rules: ZoneInfo, since: int, until: int) -> Iterator[tuple[int, int]]:
    """The seconds in (since, until] at which the offset is another than before, and that one."""
    offset = _offset(rules, since)
    for low in range(since, until, _STEP):
        high = min(low + _STEP, until)
        after = _offset(rules, high)
        if after != offset:
            yield _first_with(rules, after, low, high), offset
            offset = after


def _first_with(rules: ZoneInfo, offset: int, low: int, high: int) -> int:
    """The first second after `low` with the offset that `high` has."""
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(rules, middle) == offset:
            high = middle
        else:
            low = middle
    return high


def _offset(rules: ZoneInfo, second: int) -> int:
    shown = datetime.fromtimestamp(second, UTC).astimezone(rules).utcoffset() or timedelta()
    return int(shown.total_seconds())
