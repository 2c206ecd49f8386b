"""Which slots a schedule has: a pure function of anchor, interval and zone.

Slots lie on a grid that is counted from the anchor and begins with it. An interval of minutes or hours
is elapsed time. One of days keeps the wall-clock time of day that the anchor shows in the zone. For it
there is one rule, and all that is special about clocks being changed follows from it: *a slot is the
first instant at which the zone's wall clock shows the nominal time or a later one.* So a time that
occurs twice means its first occurrence; one that is left out means the first instant after the gap
(02:30 becomes 03:00); where whole days were left out (Apia, 30 December 2011), a nominal time on such a
day can fall on the same instant as the next, and the two are one slot.

A wall time that does not exist on the day of its next occurrence is not shown by that day's slot, and
an anchor there would forget it. `parse_starting` then anchors one or more intervals earlier, on a day
that has the time; `first_slot` is right in both cases.

Rules of zones change. What was meant by a grid of days is the wall time: it is kept beside the anchor, and the slots
follow it by the rules of today. What was planned or settled by other rules lies beside its slot, by `MOVED` at most.

All instants that are returned are in UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, structs

from wsq import zone_rules
from wsq.clock import aware
from wsq.rules import zones
from wsq.rules.values import refusal, zone
from wsq.vocabulary import UNIT_MINUTES, Unit

LONGEST = timedelta(days=3650)
"""The longest interval: it keeps every slot within what a datetime can hold."""

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Grids may start between these two."""

MOVED = timedelta(hours=3)
"""How far another rule for its zone may move a slot of days."""

_UNITS: dict[str, Unit] = {
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "minutes"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "hours"),
    **dict.fromkeys(("d", "day", "days"), "days"),
}
_LENGTHS: dict[str, timedelta] = {unit: timedelta(minutes=minutes) for unit, minutes in UNIT_MINUTES.items()}
_INTERVAL = re.compile(r"([0-9]{1,9}) *([a-z]+)", re.IGNORECASE)
_WALL_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_EVERY = "whole minutes, hours or days such as '4 hours', from 1 minute to 3650 days"
_STARTING = "a wall time such as '09:00', or an instant with its offset such as '2026-03-01T09:00:00+01:00'"
_YEAR = timedelta(days=365)
_NEARLY_A_DAY = timedelta(hours=20)  # a summer time that ended may hide some of it


class Schedule(msgspec.Struct, frozen=True):
    """A grid of slots: every `value` `unit` from `anchor`, an instant; days by the clock of `timezone`.

    `local` is what that clock was meant to show at the anchor of days: a plain datetime, or the time of day alone, and
    then the date is the nearest. None: what it shows by the rules of today. A `fixed` anchor is no time that was meant
    but when the grid began, and stays where it is by all rules.
    """

    anchor: datetime
    value: int
    unit: Unit
    timezone: str
    local: datetime | time | None = None
    fixed: bool = False


FIELDS = ("anchor", "anchor_local", "interval_value", "interval_unit", "timezone", "starting")
"""What is stored of a grid; see `from_fields`."""


class Plan(msgspec.Struct, frozen=True):
    """A grid, and how its start was given: a wall time, an instant in ISO 8601, or None."""

    starting: str | None
    grid: Schedule


class Slots(msgspec.Struct, frozen=True):
    """`count` slots in a row from `first` to `newest`, both inclusive; `next` is the one after them."""

    first: datetime
    newest: datetime
    count: int
    next: datetime


def parse_every(every: object) -> tuple[int, Unit]:
    """The interval as (value, unit), from ``"4 hours"``, ``"1 day"``, ``"30m"`` or a timedelta.

    A timedelta is elapsed time: hours when it is whole hours, else minutes, never days.

    Raises:
        InvalidInput: not whole minutes, less than one minute, or more than 3650 days.
    """
    if isinstance(every, timedelta):
        unit: Unit = "minutes" if every % _LENGTHS["hours"] else "hours"
        value, rest = divmod(every, _LENGTHS[unit])
        if rest:
            raise refusal("every", str(every), _EVERY)
    else:
        value, unit = _spelled_interval(every)
    if not 1 <= value <= LONGEST // _LENGTHS[unit]:
        raise refusal("every", str(every), _EVERY)
    return value, unit


def parse_starting(
    starting: object, timezone: str, now: datetime, *, every: tuple[int, str] = (1, "days")
) -> tuple[str | None, datetime]:
    """What to store as a task's `starting`, and the anchor of its grid.

    A wall time is anchored at its next occurrence in the zone, at or after `now`; an instant at itself;
    None at `now`, to the second. `every` is the interval: it is needed when the wall time does not exist
    on the day of its next occurrence, since the anchor then lies before `now` (see this file's head).

    Raises:
        InvalidInput: neither a wall time nor an instant with an offset between 1970 and 2199.
    """
    if starting is None:
        return None, _utc(now).replace(microsecond=0)
    if isinstance(starting, str) and (match := _WALL_TIME.fullmatch(starting.strip())):
        wall = time(int(match[1]), int(match[2]))
        return f"{wall:%H:%M}", _wall_time_anchor(wall, timezone, _utc(now), every)
    instant = _instant(starting)
    return instant.isoformat(), _utc(instant)


def planned(every: tuple[int, Unit], starting: object, timezone: str, now: datetime) -> Plan:
    """The plan of what is begun `now`; `starting` as `parse_starting` takes it.

    Raises:
        InvalidInput: `starting` is neither a wall time nor an instant.
    """
    value, unit = every
    text, anchor = parse_starting(starting, timezone, now, every=every)
    return Plan(starting=text, grid=_anchored(Schedule(anchor, value, unit, timezone, fixed=text is None), anchor))


def replanned(
    plan: Plan,
    now: datetime,
    *,
    every: tuple[int, Unit] | None = None,
    starting: object = UNSET,
    timezone: str | None = None,
) -> Plan:
    """The plan with another interval, start or zone, spelled as they are given.

    The grid is moved only if one of them means something else: see `is_moved`. It is anchored anew at its start, or at
    `now` without one. A zone alone leaves the anchor of a plan without a start where it is.

    Raises:
        InvalidInput: `starting` is neither a wall time nor an instant, see `parse_starting`.
    """
    old = plan.grid
    interval = every or (old.value, old.unit)
    new = planned(interval, plan.starting if starting is UNSET else starting, timezone or old.timezone, now)
    if not is_moved(plan, new):
        return structs.replace(new, grid=structs.replace(new.grid, anchor=old.anchor, local=old.local))
    if new.starting is None is plan.starting and interval == (old.value, old.unit):
        return structs.replace(new, grid=_anchored(new.grid, old.anchor))
    if _start(new) == _start(plan) == new.grid.anchor and zone_rules.same(old.timezone, new.grid.timezone):
        return structs.replace(
            new, grid=structs.replace(new.grid, local=new.grid.local and (old.local or new.grid.local))
        )
    return new


def from_fields(
    *,
    anchor: datetime,
    anchor_local: str | None,
    interval_value: int,
    interval_unit: Unit,
    timezone: str,
    starting: str | None,
) -> Schedule:
    """The grid that is stored so; of days without `anchor_local`, the time of day that is meant is their start's."""
    local: datetime | time | None = datetime.fromisoformat(anchor_local) if anchor_local else None
    if local is None and interval_unit == "days" and starting and "T" not in starting:
        local = time.fromisoformat(starting)
    return Schedule(anchor, interval_value, interval_unit, timezone, local, fixed=starting is None)


def is_moved(old: Plan, new: Plan) -> bool:
    """Whether one plan's slots are others than those of the plan that it replaces, however either is spelled.

    One instant may have any offset, an hour is 60 minutes, and zones may have several names. Where elapsed time is
    counted from an instant, the zone does not matter.
    """
    if _elapsed(old.grid) != _elapsed(new.grid) or _start(old) != _start(new):
        return True
    is_by_the_clock = new.grid.unit == "days" or isinstance(_start(new), str)
    return is_by_the_clock and not zone_rules.same(old.grid.timezone, new.grid.timezone)


def wall_instant(nominal: datetime, timezone: str) -> datetime:
    """The first instant, in UTC, at which a zone's wall clock shows `nominal`, a plain datetime, or a later time.

    Raises:
        InvalidInput: the zone is not known here.
    """
    rules = zone(timezone)
    instant = nominal.replace(tzinfo=rules, fold=0).astimezone(UTC)
    if _local(instant, timezone) == nominal:
        return instant
    # Left out: by PEP 495 the two readings of such a time lie on either side of the gap.
    return _end_of_gap(nominal.replace(tzinfo=rules, fold=1).astimezone(UTC), instant, timezone)


def first_slot(schedule: Schedule, starting: str | None, now: datetime) -> datetime:
    """The slot with which a new grid begins.

    With `starting` it is the first one at or after `now`, without it the one an interval after the anchor.
    """
    return slot_after(schedule, schedule.anchor) if starting is None else slot_at_or_after(schedule, now)


def slot_after(schedule: Schedule, instant: datetime) -> datetime:
    """The first slot strictly after `instant`."""
    return _slot(schedule, _first_index(schedule, instant, inclusive=False))


def slot_at_or_after(schedule: Schedule, instant: datetime) -> datetime:
    """The first slot at `instant` or after it."""
    return _slot(schedule, _first_index(schedule, instant, inclusive=True))


def due_slots(schedule: Schedule, since: datetime, until: datetime) -> Slots | None:
    """The slots from `since` to `until`, both inclusive; None when there is none.

    Takes the same time for a minute and for ten years. Asking in two adjacent steps counts the same
    slots as asking once.
    """
    first = _first_index(schedule, since, inclusive=True)
    beyond = _first_index(schedule, until, inclusive=False)
    if first >= beyond:
        return None
    return Slots(
        first=_slot(schedule, first),
        newest=_slot(schedule, beyond - 1),
        count=beyond - first - _coinciding(schedule, first, beyond - 1),
        next=_slot(schedule, beyond),
    )


def owed_slots(schedule: Schedule, owed: datetime, until: datetime) -> Slots | None:
    """The slots from `owed` to `until`, both inclusive, where `owed` is a slot as it was planned; None before it.

    Rules of zones change, and what was planned by the old ones may be no slot by those of today. It is one all the
    same, the one of its day: neither lost nor taken twice.
    """
    owed = _utc(owed)
    if schedule.unit != "days" or slot_at_or_after(schedule, owed) == owed:
        return due_slots(schedule, owed, until)
    if _utc(until) < owed:
        return None
    rest = due_slots(schedule, owed + MOVED, until)
    if rest is None:
        return Slots(first=owed, newest=owed, count=1, next=slot_at_or_after(schedule, owed + MOVED))
    return structs.replace(rest, first=owed, count=rest.count + 1)


def nominal_near(schedule: Schedule, instant: datetime) -> datetime | None:
    """The wall time of the slot of days at `instant`, or nearest to it, which other rules may have moved; else None."""
    if schedule.unit != "days":
        return None
    index = _first_index(schedule, instant, inclusive=True)
    near = min((index, max(index - 1, 0)), key=lambda each: abs(_slot(schedule, each) - instant))
    return _nominal(schedule, near) if abs(_slot(schedule, near) - instant) <= MOVED else None


def meant_slot(schedule: Schedule, planned: datetime) -> datetime:
    """The slot that was planned, by other rules or those of today, where it is by those of today."""
    nominal = nominal_near(schedule, planned)
    at_it = nominal is None or slot_at_or_after(schedule, planned) == planned
    return planned if nominal is None or at_it else _shown(schedule, nominal)


def upcoming_from(schedule: Schedule, first: datetime, count: int) -> tuple[datetime, ...]:
    """`count` slots in order, the first of them as it was planned, which may have been by other rules."""
    following = owed_slots(schedule, first, first)
    assert following is not None
    return (first, following.next, *upcoming(schedule, following.next, count - 2))[:count]


def nearly_owed_slots(schedule: Schedule, owed: datetime, until: datetime) -> Slots | None:
    """As `owed_slots`, for a grid of days in a zone that is not known here: each day has 24 hours."""
    return due_slots(Schedule(owed, 24 * schedule.value, "hours", schedule.timezone), owed, until)


def upcoming(schedule: Schedule, after: datetime, count: int) -> tuple[datetime, ...]:
    """The next `count` slots strictly after `after`, in order."""
    slots: list[datetime] = []
    while len(slots) < count:
        after = slot_after(schedule, after)
        slots.append(after)
    return tuple(slots)


def _elapsed(grid: Schedule) -> tuple[bool, timedelta]:
    """Whether an interval is one of days, and its length; one of days is no number of hours."""
    return grid.unit == "days", grid.value * _LENGTHS[grid.unit]


def _start(plan: Plan) -> str | datetime | None:
    """What a plan's start means: a wall time, an instant, or None."""
    return plan.starting and (_utc(plan.grid.anchor) if "T" in plan.starting else plan.starting)


def _spelled_interval(every: object) -> tuple[int, Unit]:
    match = _INTERVAL.fullmatch(every.strip()) if isinstance(every, str) else None
    unit = _UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise refusal("every", every, _EVERY)
    return int(match[1]), unit


def _instant(starting: object) -> datetime:
    """An instant with its offset as it was given, or a refusal; a zone of Python's counts by the rules of wsq."""
    if isinstance(starting, datetime) and isinstance(starting.tzinfo, ZoneInfo) and starting.tzinfo.key:
        starting = starting.replace(tzinfo=zone(starting.tzinfo.key, "starting's zone"))
    try:
        spelled = starting.isoformat() if isinstance(starting, datetime) else starting
        instant = datetime.fromisoformat(spelled.strip()) if isinstance(spelled, str) else None
    except (ValueError, NotImplementedError) as problem:  # the latter of a zone that is anybody's
        raise refusal("starting", starting, _STARTING) from problem
    if instant is None or instant.utcoffset() is None:
        raise refusal("starting", spelled, _STARTING)
    if not EARLIEST <= instant < LATEST:
        raise refusal("starting", spelled, "an instant from 1970 to 2199")
    return instant


def _anchored(grid: Schedule, anchor: datetime) -> Schedule:
    """The grid with this anchor; of days, meant for what the zone's clock shows there."""
    local = _local(anchor, grid.timezone) if grid.unit == "days" else None
    return structs.replace(grid, anchor=anchor, local=local)


def _wall_time_anchor(wall: time, timezone: str, now: datetime, every: tuple[int, str]) -> datetime:
    """The next occurrence of `wall`, or an earlier slot of the same grid that does show it."""
    day = _local(now, timezone).date() - timedelta(days=2)  # none of its slots can be at or after `now`
    while (occurrence := wall_instant(datetime.combine(day, wall), timezone)) < now:
        day += timedelta(days=1)
    value, unit = every
    if unit != "days":
        return occurrence
    return wall_instant(datetime.combine(_day_with(wall, day, value, timezone), wall), timezone)


def _day_with(wall: time, day: date, value: int, timezone: str) -> date:
    """`day`, or as many times `value` days before it as it takes for the zone's clock to show `wall`."""
    nominal = datetime.combine(day, wall)
    while _local(wall_instant(nominal, timezone), timezone) != nominal:
        nominal -= timedelta(days=value)
    return nominal.date()


def _first_index(schedule: Schedule, instant: datetime, *, inclusive: bool) -> int:
    """Where on the grid the first slot after `instant` is, or at it when that is `inclusive`."""
    instant = _utc(instant)
    begin = _slot(schedule, 0)
    if instant < begin:
        return 0
    step = schedule.value * _LENGTHS[schedule.unit]
    if schedule.unit != "days":
        elapsed = instant - begin
        return -(-elapsed // step) if inclusive else elapsed // step + 1
    # A nominal time that the clock shows at `instant` has its slot there or before, so this index is not
    # too high; it is too low by no more than the clock was ever put back, which is a day.
    index = max(0, (_local(instant, schedule.timezone) - _nominal(schedule, 0)) // step)
    while (slot := _slot(schedule, index)) < instant or (slot == instant and not inclusive):
        index += 1
    return index


def _slot(schedule: Schedule, index: int) -> datetime:
    if schedule.unit != "days":
        return _utc(schedule.anchor) + index * schedule.value * _LENGTHS[schedule.unit]
    if index == 0 and schedule.fixed:
        return _utc(schedule.anchor)
    return _shown(schedule, _nominal(schedule, index))


def _shown(schedule: Schedule, nominal: datetime) -> datetime:
    """Where the slot of days is that is meant for `nominal`."""
    if _local(schedule.anchor, schedule.timezone) == nominal:
        return _utc(schedule.anchor)  # also where it is the second of two equal wall times
    return wall_instant(nominal, schedule.timezone)


def _nominal(schedule: Schedule, index: int) -> datetime:
    """The wall time that the slot at `index` of a grid of days is meant for, without a zone."""
    local = schedule.local
    if not isinstance(local, datetime):
        shown = _local(schedule.anchor, schedule.timezone)
        local = shown if local is None else shown + _nearest(datetime.combine(shown.date(), local) - shown)
    return local + timedelta(days=index * schedule.value)


def _nearest(step: timedelta) -> timedelta:
    """The same step from one time of day to another, but by half a day at most."""
    half = timedelta(hours=12)
    return (step + half) % (2 * half) - half


def _coinciding(schedule: Schedule, first: int, last: int) -> int:
    """How many of the slots `first` to `last` fall on the same instant as the one before them.

    It happens only where a zone leaves out a whole day. Years in which its clock gained less than that
    are passed over in one step; no zone ever left a day out and gave it back within a year.
    """
    if schedule.unit != "days":
        return 0
    found, stride = 0, max(1, _YEAR.days // schedule.value)
    for start in range(first, last, stride):
        end = min(start + stride, last)
        gained = _offset(schedule, end) - _offset(schedule, start)
        if gained > _NEARLY_A_DAY:
            slots = [_slot(schedule, index) for index in range(start, end + 1)]
            found += len(slots) - len(set(slots))
    return found


def _offset(schedule: Schedule, index: int) -> timedelta:
    instant = _slot(schedule, index)
    return _local(instant, schedule.timezone) - instant.replace(tzinfo=None)


def _utc(instant: datetime) -> datetime:
    """`instant` in UTC: two of the same zone would be compared and subtracted by their wall clocks."""
    return aware(instant).astimezone(UTC)


def _local(instant: datetime, timezone: str) -> datetime:
    """What the wall clock shows at `instant`, without a zone."""
    return instant.astimezone(zone(timezone)).replace(tzinfo=None, fold=0)


def _end_of_gap(inside: datetime, beyond: datetime, timezone: str) -> datetime:
    """The first instant, to the second, after `inside` at which the offset is that of `beyond`."""
    rules, high = zone(timezone), int(beyond.timestamp())
    seconds = zones.first_with(rules, zones.offset(rules, high), int(inside.timestamp()), high)
    return datetime.fromtimestamp(seconds, UTC)
