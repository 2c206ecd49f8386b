"""The span that is counted, and its days in a time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from wsq.clock import aware
from wsq.errors import InvalidInput
from wsq.rules.budgets import date_begins
from wsq.rules.values import refusal, zone_or_utc

MOST_DAYS = 3_660
"""Maximum number of days in a span."""

_DAY = timedelta(days=1)
_EARLIEST, _LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)

Bound = datetime | date | None


class Span(Struct, frozen=True, kw_only=True):
    """The instants from `since` (inclusive) to `until` (exclusive), and their calendar days in a zone.

    `days` are the calendar days with an instant in the span, in order. `starts` holds the first instant of each, which
    may be before `since`, and then the first instant after the last day. For an empty span `days` is empty, and
    `starts` has only that last instant.
    """

    timezone: str
    since: datetime
    until: datetime
    days: tuple[date, ...]
    starts: tuple[datetime, ...]

    def bounds(self, place: int) -> tuple[datetime, datetime]:
        """Return the counted start (inclusive) and end (exclusive) of the day at a 0-based index."""
        return max(self.starts[place], self.since), min(self.starts[place + 1], self.until)

    def place_in_sql(self, microseconds: str) -> str:
        """Return an SQL expression for the 0-based day of an instant in microseconds since 1970.

        Consecutive days of 24 hours use a division, others a comparison each, which is much cheaper than calendar
        functions.
        """
        pieces = [
            f"WHEN {microseconds} < {end} THEN {place}"
            + (f" + ({microseconds} - {start}) // {_micros(_DAY)}" if even else "")
            for start, end, place, even in self._pieces()
        ]
        return f"CASE {' '.join(pieces)} END" if pieces else "0"

    def _pieces(self) -> list[tuple[int, int, int, bool]]:
        """Return runs of days as (start, end, first index, whether of 24 hours each), in microseconds since 1970."""
        pieces: list[tuple[int, int, int, bool]] = []
        for place, (start, end) in enumerate(zip(self.starts, self.starts[1:], strict=False)):
            even = end - start == _DAY
            if even and pieces and pieces[-1][3]:
                first = pieces.pop()
                pieces.append((first[0], since_epoch(end), first[2], True))
            else:
                pieces.append((since_epoch(start), since_epoch(end), place, even))
        return pieces


def span(now: datetime, timezone: str, days: int, since: Bound = None, until: Bound = None) -> Span:
    """Return the last `days` calendar days including today, or from `since` (inclusive) to `until` (exclusive).

    Args:
        now: The current instant.
        timezone: The IANA zone of the calendar.
        days: 1 to 3,660; counted back from `until` if only that is given.
        since: An aware instant, or a date, which means its first instant; by default `days` before the end.
        until: The same; by default the end of today.

    Raises:
        InvalidInput: A bound has no time zone, they are in the wrong order, or there are too many days.
    """
    zone = zone_or_utc(timezone)
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= MOST_DAYS:
        raise refusal("The number of days", days, f"a whole number from 1 to {MOST_DAYS:,}")
    tomorrow = now.astimezone(zone).date() + _DAY
    end = _instant(until, zone, "until") if until is not None else date_begins(tomorrow, zone)
    last = (end - timedelta(microseconds=1)).astimezone(zone).date()
    start = _instant(since, zone, "since") if since is not None else date_begins(last - _DAY * (days - 1), zone)
    if start > end:
        raise InvalidInput(f"The span ends at {end.isoformat()}, before it begins at {start.isoformat()}.")
    if end - start > _DAY * (MOST_DAYS + 1):
        raise InvalidInput(f"The span has {(end - start).days:,} days, expected at most {MOST_DAYS:,}.")
    found, starts = _days(start, end, zone)
    return Span(timezone=timezone, since=start, until=end, days=tuple(found), starts=tuple(starts))


def since_epoch(instant: datetime) -> int:
    """Return microseconds since 1970."""
    return _micros(instant - datetime(1970, 1, 1, tzinfo=UTC))


def _days(start: datetime, end: datetime, zone: ZoneInfo) -> tuple[list[date], list[datetime]]:
    """Return the days with an instant in [start, end), the first instant of each, and that of the day after."""
    days: list[date] = []
    starts: list[datetime] = []
    if start == end:
        return days, [end]
    day = start.astimezone(zone).date()
    following = date_begins(day, zone)
    while following < end:
        day, begun, following = day + _DAY, following, date_begins(day + _DAY, zone)
        if following > max(begun, start):  # some zones have skipped or repeated a date
            days.append(day - _DAY)
            starts.append(begun)
    return days, [*starts, following]


def _instant(bound: datetime | date, zone: ZoneInfo, what: str) -> datetime:
    if not isinstance(bound, date):
        raise refusal(f"The span's {what}", bound, "an instant with a time zone, or a date")
    if not isinstance(bound, datetime):
        if not _EARLIEST.date() <= bound <= _LATEST.date():
            raise refusal(f"The span's {what}", bound, "a date from 1970 to 9998")
        return date_begins(bound, zone)
    if not _EARLIEST <= aware(bound) <= _LATEST:
        raise refusal(f"The span's {what}", bound, "an instant from 1970 to 9998")
    return bound.astimezone(UTC)


def _micros(length: timedelta) -> int:
    return length // timedelta(microseconds=1)
