"""Which instants are counted, and to which day of a zone each belongs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from wsq.clock import aware
from wsq.errors import InvalidInput
from wsq.rules.values import refusal

MOST_DAYS = 3_660
"""Days that a span has at most."""

_DAY = timedelta(days=1)
_EARLIEST, _LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)

Bound = datetime | date | None


class Span(Struct, frozen=True, kw_only=True):
    """The instants from `since` (inclusive) to `until` (exclusive), as days of a zone.

    `days` are the calendar days that have an instant in it, in order, and `starts` the first instant of each,
    which may lie before `since`, followed by the first instant after the last of them. Both are empty, but for
    that last instant, when the span is.
    """

    timezone: str
    since: datetime
    until: datetime
    days: tuple[date, ...]
    starts: tuple[datetime, ...]

    def bounds(self, place: int) -> tuple[datetime, datetime]:
        """From when (inclusive) until when (exclusive) the day at a 0-based place is counted."""
        return max(self.starts[place], self.since), min(self.starts[place + 1], self.until)

    def place_in_sql(self, microseconds: str) -> str:
        """An SQL expression for the 0-based place of the day of an instant, given as microseconds since 1970.

        Days of 24 hours in a row are told by a division, others by themselves: a few comparisons for a row
        cost much less than asking a calendar for each.
        """
        pieces = [
            f"WHEN {microseconds} < {end} THEN {place}"
            + (f" + ({microseconds} - {start}) // {_micros(_DAY)}" if even else "")
            for start, end, place, even in self._pieces()
        ]
        return f"CASE {' '.join(pieces)} END" if pieces else "0"

    def _pieces(self) -> list[tuple[int, int, int, bool]]:
        """Runs of days as (start, end, first place, whether of 24 hours each), in microseconds since 1970."""
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
    """The last `days` calendar days with today's, or what `since` (inclusive) and `until` (exclusive) say.

    Args:
        now: The instant it is.
        timezone: The IANA zone whose calendar counts.
        days: How many, 1 to 3,660; it counts back from `until` where that alone is given.
        since: An aware instant, or a date, which is its first instant; left out, `days` before the end.
        until: The same; left out, the end of today.

    Raises:
        InvalidInput: A bound names no zone, they are the wrong way round, or there are too many days.
    """
    zone = ZoneInfo(timezone)
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= MOST_DAYS:
        raise refusal("The number of days", days, f"a whole number from 1 to {MOST_DAYS:,}")
    tomorrow = now.astimezone(zone).date() + _DAY
    end = _instant(until, zone, "until") if until is not None else begins(tomorrow, zone)
    last = (end - timedelta(microseconds=1)).astimezone(zone).date()
    start = _instant(since, zone, "since") if since is not None else begins(last - _DAY * (days - 1), zone)
    if start > end:
        raise InvalidInput(f"The span would end, at {end.isoformat()}, before it begins, at {start.isoformat()}.")
    if end - start > _DAY * (MOST_DAYS + 1):
        raise InvalidInput(f"The span has {(end - start).days:,} days, expected at most {MOST_DAYS:,}.")
    found, starts = _days(start, end, zone)
    return Span(timezone=timezone, since=start, until=end, days=tuple(found), starts=tuple(starts))


def begins(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a date in a zone; where midnight is skipped, the first one after."""
    # A wall time in a gap, taken to the instant line and back, comes out after the gap; one that occurs
    # twice is its first occurrence (fold 0).
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def since_epoch(instant: datetime) -> int:
    """Microseconds since 1970."""
    return _micros(instant - datetime(1970, 1, 1, tzinfo=UTC))


def _days(start: datetime, end: datetime, zone: ZoneInfo) -> tuple[list[date], list[datetime]]:
    """The days with an instant in [start, end), the first instant of each, and that of the day after."""
    days: list[date] = []
    starts: list[datetime] = []
    if start == end:
        return days, [end]
    day = start.astimezone(zone).date()
    following = begins(day, zone)
    while following < end:
        day, begun, following = day + _DAY, following, begins(day + _DAY, zone)
        if following > max(begun, start):  # some zone has left a date out, and in some an old one came back
            days.append(day - _DAY)
            starts.append(begun)
    return days, [*starts, following]


def _instant(bound: datetime | date, zone: ZoneInfo, what: str) -> datetime:
    if not isinstance(bound, date):
        raise refusal(f"The span's {what}", bound, "an instant with a time zone, or a date")
    if not isinstance(bound, datetime):
        if not _EARLIEST.date() <= bound <= _LATEST.date():
            raise refusal(f"The span's {what}", bound, "a date from 1970 to 9998")
        return begins(bound, zone)
    if not _EARLIEST <= aware(bound) <= _LATEST:
        raise refusal(f"The span's {what}", bound, "an instant from 1970 to 9998")
    return bound.astimezone(UTC)


def _micros(length: timedelta) -> int:
    return length // timedelta(microseconds=1)
