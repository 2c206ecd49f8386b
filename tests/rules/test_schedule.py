"""Which slots a schedule has, checked by example and against a slow oracle that knows no arithmetic."""

import time as stopwatch
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wsq.errors import InvalidInput
from wsq.rules.schedule import (
    Schedule,
    Slots,
    due_slots,
    first_slot,
    parse_every,
    parse_starting,
    slot_after,
    slot_at_or_after,
    upcoming,
)
from wsq.zone_rules import zone as rules

BERLIN = "Europe/Berlin"
ZONES = (
    "UTC",
    BERLIN,
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "America/Sao_Paulo",
    "Pacific/Kwajalein",
)
MICROSECOND = timedelta(microseconds=1)


def at(text: str, zone: str = "UTC", *, fold: int = 0) -> datetime:
    """The instant at which the clock of `zone` shows `text`."""
    return datetime.fromisoformat(text).replace(tzinfo=rules(zone), fold=fold).astimezone(UTC)


def walls(slots, zone: str) -> list[str]:
    """What the clock of `zone` shows at these slots."""
    return [f"{slot.astimezone(rules(zone)):%Y-%m-%d %H:%M}" for slot in slots]


def starting_at(starting, every, zone: str, now: datetime) -> tuple[Schedule, datetime]:
    """A schedule as a command makes it, and its first slot."""
    value, unit = parse_every(every)
    text, anchor = parse_starting(starting, zone, now, every=(value, unit))
    schedule = Schedule(anchor, value, unit, zone)
    return schedule, first_slot(schedule, text, now)


# What may be said


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("4 hours", (4, "hours")),
        ("1 day", (1, "days")),
        ("4h", (4, "hours")),
        ("15 min", (15, "minutes")),
        ("30m", (30, "minutes")),
        ("2d", (2, "days")),
        ("  10   Minutes ", (10, "minutes")),
        ("3650 days", (3650, "days")),
        (timedelta(hours=4), (4, "hours")),
        (timedelta(minutes=90), (90, "minutes")),
        (timedelta(days=1), (24, "hours")),
    ],
)
def test_an_interval_is_kept_in_the_unit_in_which_it_was_given(said, meant):
    assert parse_every(said) == meant


@pytest.mark.parametrize(
    "said",
    [
        "1 week",
        "0 hours",
        "-1 hours",
        "1.5 hours",
        "90 seconds",
        "hours",
        "4",
        "",
        "3651 days",
        "999999999999 days",
        "٤ hours",
        4,
        None,
        timedelta(0),
        timedelta(seconds=90),
        timedelta(minutes=-5),
        timedelta(minutes=1, microseconds=1),
        timedelta.max,
    ],
)
def test_what_is_no_interval_is_refused_in_a_sentence(said):
    with pytest.raises(InvalidInput, match=r"^every is .*, expected whole minutes, hours or days such as .*\.$"):
        parse_every(said)


@pytest.mark.parametrize(
    "said",
    ["24:00", "9", "9am", "09:00:30", "2026-03-01", "2026-03-01T09:00", "", "soon", 9, date(2026, 3, 1)],
)
def test_a_start_is_a_wall_time_or_an_instant_with_its_offset(said):
    with pytest.raises(InvalidInput, match=r"^starting is .*, expected a wall time such as '09:00', or"):
        parse_starting(said, BERLIN, at("2026-03-01"))


@pytest.mark.parametrize("said", [datetime(2026, 3, 1, 9, 0), datetime.max, time(9)])  # noqa: DTZ001, DTZ901 - the lack is what is tested
def test_a_start_without_a_zone_is_refused(said):
    with pytest.raises(InvalidInput):
        parse_starting(said, BERLIN, at("2026-03-01"))


@pytest.mark.parametrize(
    "said",
    [
        datetime.max.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        "1969-12-31T23:59Z",
    ],
)
def test_a_start_outside_the_usable_years_is_refused(said):
    with pytest.raises(InvalidInput, match="from 1970 to 2199"):
        parse_starting(said, BERLIN, at("2026-03-01"))


def test_the_hour_of_a_wall_time_is_stored_with_two_digits():
    assert parse_starting(" 9:05", "UTC", at("2026-03-01"))[0] == "09:05"


def test_an_instant_is_stored_with_the_offset_it_was_given():
    text, anchor = parse_starting(datetime(2026, 3, 1, 9, tzinfo=rules(BERLIN)), "America/New_York", at("2026-01-01"))

    assert text == "2026-03-01T09:00:00+01:00"
    assert anchor == at("2026-03-01T08:00")
    assert anchor.tzinfo is UTC


# Where a grid begins


def test_without_a_start_the_first_slot_is_one_interval_after_the_second_of_making():
    schedule, first = starting_at(None, "4 hours", BERLIN, at("2026-03-01T10:00:07.654321"))

    assert schedule.anchor == at("2026-03-01T10:00:07")
    assert first == at("2026-03-01T14:00:07")


def test_a_wall_time_that_is_now_is_the_first_slot():
    assert starting_at("09:00", "1 day", BERLIN, at("2026-03-01T09:00", BERLIN))[1] == at("2026-03-01T08:00")


def test_a_wall_time_that_has_just_passed_begins_tomorrow():
    now = at("2026-03-01T09:00:00.000001", BERLIN)
    assert starting_at("09:00", "15 minutes", BERLIN, now)[1] == at("2026-03-02T08:00")


def test_a_start_in_the_future_has_no_slot_before_it():
    schedule, first = starting_at("2026-06-01T09:00+02:00", "1 hour", BERLIN, at("2026-03-01"))

    assert first == at("2026-06-01T07:00")
    assert due_slots(schedule, at("2026-01-01"), first - MICROSECOND) is None
    assert slot_after(schedule, at("2020-01-01")) == first


def test_a_start_in_the_past_begins_with_the_next_point_of_its_grid():
    assert starting_at("2026-01-01T00:10Z", "1 hour", "UTC", at("2026-03-01T05:11"))[1] == at("2026-03-01T06:10")


# Clocks that are changed


def test_a_day_interval_keeps_its_wall_clock_time():
    schedule, _ = starting_at("09:00", "1 day", BERLIN, at("2026-03-28T08:00", BERLIN))

    assert upcoming(schedule, at("2026-03-28"), 2) == (at("2026-03-28T08:00"), at("2026-03-29T07:00"))


def test_hours_are_elapsed_time():
    schedule, _ = starting_at(None, "24 hours", BERLIN, at("2026-03-28T09:00", BERLIN))

    assert walls(upcoming(schedule, schedule.anchor, 1), BERLIN) == ["2026-03-29 10:00"]


def test_a_wall_time_that_does_not_exist_runs_at_the_first_instant_after_the_gap():
    schedule, _ = starting_at("02:30", "1 day", BERLIN, at("2026-03-27T12:00", BERLIN))

    assert walls(upcoming(schedule, at("2026-03-27T12:00"), 3), BERLIN) == [
        "2026-03-28 02:30",
        "2026-03-29 03:00",
        "2026-03-30 02:30",
    ]


@pytest.mark.parametrize("days", [1, 2, 3, 7, 364, 365, 3650])
def test_a_grid_that_begins_on_the_day_of_a_gap_keeps_its_wall_time_afterwards(days):
    now = at("2026-03-28T12:00", BERLIN)
    schedule, first = starting_at("02:30", f"{days} days", BERLIN, now)

    assert walls([first], BERLIN) == ["2026-03-29 03:00"]
    following = slot_after(schedule, first).astimezone(rules(BERLIN))
    assert following.date() == date(2026, 3, 29) + timedelta(days=days)
    assert following.time() == time(2, 30) or walls([following], BERLIN)[0].endswith("03:00")


def test_hours_that_begin_in_a_gap_are_counted_from_its_end():
    schedule, first = starting_at("02:30", "4 hours", BERLIN, at("2026-03-28T12:00", BERLIN))

    assert walls((first, *upcoming(schedule, first, 1)), BERLIN) == ["2026-03-29 03:00", "2026-03-29 07:00"]


def test_a_wall_time_that_occurs_twice_runs_once_at_the_first():
    schedule, _ = starting_at("02:30", "1 day", BERLIN, at("2026-10-24T12:00", BERLIN))
    first = at("2026-10-25T02:30", BERLIN)

    assert upcoming(schedule, at("2026-10-24T12:00"), 2) == (first, at("2026-10-26T02:30", BERLIN))


def test_between_two_equal_wall_times_the_next_occurrence_is_tomorrows():
    now = at("2026-10-25T02:15", BERLIN, fold=1)
    assert walls([starting_at("02:30", "1 day", BERLIN, now)[1]], BERLIN) == ["2026-10-26 02:30"]


def test_an_anchor_at_the_second_of_two_equal_wall_times_stays_where_it_is():
    second = at("2026-10-25T02:30", BERLIN, fold=1)
    schedule = Schedule(second, 1, "days", BERLIN)

    assert slot_at_or_after(schedule, second - timedelta(hours=1)) == second
    assert slot_after(schedule, second) == at("2026-10-26T02:30", BERLIN)


def test_instants_of_one_zone_are_told_apart_when_the_clock_shows_the_same():
    schedule = Schedule(at("2026-10-25T02:00", BERLIN), 30, "minutes", BERLIN)
    first, second = (datetime(2026, 10, 25, 2, 30, tzinfo=rules(BERLIN), fold=fold) for fold in (0, 1))

    assert due_slots(schedule, first, second).count == 3
    assert slot_after(schedule, second) == at("2026-10-25T02:00")


def test_a_clock_that_is_changed_by_half_an_hour_is_followed():
    zone = "Australia/Lord_Howe"
    schedule, _ = starting_at("02:15", "1 day", zone, at("2026-10-03T00:00", zone))

    assert walls(upcoming(schedule, at("2026-10-02"), 3), zone) == [
        "2026-10-03 02:15",
        "2026-10-04 02:30",
        "2026-10-05 02:15",
    ]


@pytest.mark.parametrize(("wall", "on_the_day_after"), [("09:00", ["00:00", "09:00"]), ("00:00", ["00:00"])])
def test_a_day_that_a_zone_leaves_out_never_makes_two_slots_of_one_instant(wall, on_the_day_after):
    zone = "Pacific/Apia"
    schedule, _ = starting_at(wall, "1 day", zone, at("2011-12-28T12:00", zone))
    since, until = at("2011-12-28T12:00", zone), at("2012-01-01T23:00", zone)

    slots = upcoming(schedule, since, len(on_the_day_after) + 2)

    assert walls(slots, zone) == [
        f"2011-12-29 {wall}",
        *(f"2011-12-31 {each}" for each in on_the_day_after),
        f"2012-01-01 {wall}",
    ]
    assert due_slots(schedule, since, until).count == len(slots)


# What is due


def test_due_exactly_now_is_due():
    schedule = Schedule(at("2026-03-01"), 1, "hours", "UTC")
    now = at("2026-03-01T05:00")

    assert due_slots(schedule, now, now) == Slots(first=now, newest=now, count=1, next=now + timedelta(hours=1))


def test_nothing_is_due_between_two_slots():
    schedule = Schedule(at("2026-03-01"), 1, "hours", "UTC")

    assert due_slots(schedule, at("2026-03-01T05:00:00.000001"), at("2026-03-01T05:59:59.999999")) is None


def test_a_question_that_ends_before_it_begins_finds_nothing():
    schedule = Schedule(at("2026-03-01"), 1, "minutes", "UTC")
    assert due_slots(schedule, at("2026-03-02"), at("2026-03-01")) is None


@pytest.mark.parametrize("unit", ["minutes", "hours", "days"])
def test_ten_years_of_slots_are_counted_at_once(unit):
    schedule = Schedule(at("2015-01-01"), 1, unit, BERLIN)
    begun = stopwatch.thread_time()

    slots = due_slots(schedule, at("2015-01-01"), at("2025-01-01"))

    assert slots.count == {"minutes": 3653 * 1440 + 1, "hours": 3653 * 24 + 1, "days": 3654}[unit]
    assert stopwatch.thread_time() - begun < 0.1


def test_an_instant_without_a_zone_is_refused():
    schedule = Schedule(at("2026-03-01"), 1, "hours", "UTC")
    with pytest.raises(InvalidInput, match="has no time zone"):
        slot_after(schedule, datetime(2026, 3, 1))  # noqa: DTZ001 - the lack is what is tested


def test_a_zone_that_this_machine_does_not_know_is_refused():
    with pytest.raises(InvalidInput, match=r"^timezone is 'Mars/Olympus', expected the name of an IANA time zone"):
        slot_after(Schedule(at("2026-03-01"), 1, "days", "Mars/Olympus"), at("2026-03-01"))


# What holds for every schedule


instants = st.datetimes(
    datetime(1985, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2045, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.just(UTC),
)
near_a_change = st.sampled_from(
    [
        at("2026-03-29T01:00"),
        at("2026-10-25T01:00"),
        at("2026-03-08T07:00"),
        at("2026-11-01T06:00"),
        at("2026-04-04T15:00"),
        at("2026-10-03T15:30"),
        at("2011-12-30T10:00"),
        at("2011-09-24T14:00"),
        at("1993-08-21T12:00"),
        at("1985-12-31T18:30"),
        at("2018-11-04T03:00"),
    ]
)
anchors = st.one_of(
    instants.map(lambda instant: instant.replace(microsecond=0)),
    st.builds(lambda change, minutes: change + timedelta(minutes=minutes), near_a_change, st.integers(-5000, 5000)),
)
schedules = st.builds(
    Schedule,
    anchors,
    st.one_of(st.integers(1, 4), st.integers(1, 400)),
    st.sampled_from(["minutes", "hours", "days", "days"]),
    st.sampled_from(ZONES),
)
spans = st.integers(0, 60 * 86_400).map(lambda seconds: timedelta(seconds=seconds))


def days_by_hand(schedule: Schedule, until: datetime) -> list[datetime]:
    """The slots of a grid of days, by walking over the minutes until the clock shows each nominal time."""
    zone = rules(schedule.timezone)
    nominal = schedule.anchor.astimezone(zone).replace(tzinfo=None)
    slots = [schedule.anchor]
    while slots[-1] <= until:
        nominal += timedelta(days=schedule.value)
        slot = nominal.replace(tzinfo=UTC) - timedelta(hours=27)
        while slot.astimezone(zone).replace(tzinfo=None) < nominal:
            slot += timedelta(minutes=1)
        slots.append(slot)
    return sorted({slot for slot in slots if slot <= until})


@given(schedules, st.integers(1, 12))
def test_slots_are_strictly_increasing_and_in_utc(schedule, count):
    slots = upcoming(schedule, schedule.anchor - MICROSECOND, count)

    assert slots[0] == schedule.anchor
    assert all(earlier < later for earlier, later in pairwise(slots))
    assert all(slot.tzinfo is UTC for slot in slots)


@given(schedules, spans, spans, spans)
def test_asking_in_two_adjacent_steps_equals_asking_once(schedule, lead, one, two):
    since = schedule.anchor + lead - timedelta(days=10)
    middle, until = since + one, since + one + two

    parts = [
        part for part in (due_slots(schedule, since, middle), due_slots(schedule, middle + MICROSECOND, until)) if part
    ]
    whole = due_slots(schedule, since, until)

    assert sum(part.count for part in parts) == (whole.count if whole else 0)
    if whole:
        assert (parts[0].first, parts[-1].newest, parts[-1].next) == (whole.first, whole.newest, whole.next)


@given(schedules, spans, spans)
def test_what_is_due_is_what_lies_ahead_one_by_one(schedule, lead, span):
    since = schedule.anchor + lead - timedelta(days=5)
    until = since + min(span, schedule.value * timedelta(days=20 if schedule.unit == "days" else 1))
    due = due_slots(schedule, since, until)
    expected = []
    slot = slot_at_or_after(schedule, since)
    while slot <= until:
        expected.append(slot)
        slot = slot_after(schedule, slot)

    assert (due.count if due else 0) == len(expected)
    if due:
        assert (due.first, due.newest, due.next) == (expected[0], expected[-1], slot)


@given(anchors, st.integers(1, 3), st.sampled_from(ZONES), st.integers(0, 6))
def test_a_grid_of_days_is_the_one_that_walking_over_the_minutes_finds(anchor, value, zone, days):
    anchor = anchor.replace(second=0)
    schedule = Schedule(anchor, value, "days", zone)
    until = anchor + timedelta(days=days)

    expected = days_by_hand(schedule, until)
    due = due_slots(schedule, anchor, until)

    assert due.count == len(expected)
    assert (anchor, *upcoming(schedule, anchor, due.count - 1)) == tuple(expected)


@given(anchors, st.integers(1, 400), st.sampled_from(ZONES), st.times())
def test_every_slot_shows_the_wall_time_that_was_asked_for_or_ends_a_gap(now, value, zone, wall):
    wall = wall.replace(second=0, microsecond=0)
    schedule, first = starting_at(f"{wall:%H:%M}", f"{value} days", zone, now)

    assert now <= first
    for slot in (first, *upcoming(schedule, first, 4)):
        shown = slot.astimezone(rules(zone)).time()
        before = (slot - timedelta(seconds=1)).astimezone(rules(zone))
        leap = slot.astimezone(rules(zone)).utcoffset() - before.utcoffset()
        assert shown == wall or leap > timedelta(0)


@given(anchors, st.sampled_from(ZONES), st.times(), st.integers(1, 3))
def test_the_first_slot_is_the_next_occurrence_whatever_the_interval(now, zone, wall, value):
    assume(now > at("1986-01-02"))
    firsts = {starting_at(f"{wall:%H:%M}", f"{value} {unit}", zone, now)[1] for unit in ("minutes", "hours", "days")}

    assert len(firsts) == 1
