"""One source of zone rules, the newest on the machine; an oracle that reads the newest file itself."""

from __future__ import annotations

import io
import zoneinfo
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import wsq
from tests.commands import run, run_cold
from tests.conftest import NOON
from tests.rings import count
from tests.zone_files import all_names, of_the_package, pythons_path, rules_in, tzif
from wsq import zone_rules
from wsq.errors import InvalidInput
from wsq.rules import values
from wsq.rules.schedule import parse_starting, planned, slot_after
from wsq.views.dialogs.recurring_form import RecurringTaskForm

ODD = tzif((0, 197))
"""Rules as no zone has them, 3:17 hours ahead of UTC: where they show, something asked another source."""

UTC_NAMES = {"UTC", "Etc/UTC"}
"""DuckDB asks Python for this one with every instant; no set of rules has another."""

AGES_AGO = "2020-01-01T09:00:00+00:00"


@pytest.fixture
def older(tmp_path):
    """Older rules for every zone where Python looks first, all of them odd."""
    folder = rules_in(tmp_path / "system", "2019c", dict.fromkeys(set(all_names()) - UTC_NAMES, ODD))
    with pythons_path(folder):
        assert ZoneInfo("Europe/Berlin").utcoffset(NOON) == timedelta(minutes=197)
        yield folder


# Which source


def test_the_newest_rules_are_used_and_pythons_own_path_is_left_alone(older):
    path = zoneinfo.TZPATH

    assert values.zone("Europe/Berlin").utcoffset(NOON.replace(tzinfo=None)) == timedelta(hours=1)
    assert [source.version for source in zone_rules.sources()][1:] == ["2019c"]
    assert path == zoneinfo.TZPATH
    assert ZoneInfo("Europe/Berlin").utcoffset(NOON) == timedelta(minutes=197)


@pytest.mark.parametrize("file", ["tzdata.zi", "+VERSION"])
def test_rules_of_the_system_that_are_newer_than_the_package_are_used(tmp_path, file):
    folder = rules_in(tmp_path, None, {"Europe/Berlin": ODD})
    (folder / file).write_text("# version 2999a\n" if file == "tzdata.zi" else "2999a\n")

    with pythons_path(folder):
        assert zone_rules.sources()[0] == ("2999a", folder)
        assert values.zone("Europe/Berlin").utcoffset(NOON.replace(tzinfo=None)) == timedelta(minutes=197)
        assert values.zone("Europe/Paris").utcoffset(NOON.replace(tzinfo=None)) == timedelta(hours=1)


def test_a_folder_that_was_named_and_says_no_version_goes_first(tmp_path):
    folder = rules_in(tmp_path, None, {"Europe/Berlin": ODD})

    with pythons_path(folder):
        assert zone_rules.sources()[0] == ("", folder)
        assert values.zone("Europe/Berlin").utcoffset(NOON.replace(tzinfo=None)) == timedelta(minutes=197)


@pytest.mark.parametrize("name", ["", "..", "../Europe/Berlin", "/etc/localtime", "Europe", "zone.tab", "tzdata.zi",
    "Europe/Berlin/", "Europe//Berlin", "Europe/Berl\0n", "leapseconds", "__init__.py", "Mars/Olympus"])  # fmt: skip
def test_what_is_no_zone_is_refused_whatever_file_it_names(name):
    with pytest.raises(InvalidInput, match="expected the name of an IANA time zone"):
        values.timezone(name)


def test_every_zone_of_the_package_is_known_and_named():
    assert set(zone_rules.names()) >= set(all_names())
    assert all(values.timezone(name) for name in all_names() if name != "Factory")


@pytest.mark.parametrize(
    ("version", "today", "old"),
    [
        ("2025b", date(2025, 12, 1), False),
        ("2025b", date(2026, 4, 1), True),
        ("2026f", date(2027, 12, 31), False),
        ("2026f", date(2028, 1, 5), True),
        ("", date(2099, 1, 1), False),
    ],
)
def test_rules_are_old_when_they_came_out_over_a_year_ago(version, today, old):
    assert zone_rules.Source(version, Path()).is_old(today) == old


# What people see


def test_commands_show_times_by_the_newest_rules_and_doctor_says_which(folder, older, monkeypatch):
    # Given a system with older rules for all zones, and a task at 09:00 in one of them
    monkeypatch.setenv("PYTHONTZPATH", str(older))
    monkeypatch.setenv("WSQ_TIMEZONE", "Europe/Berlin")
    once = ("--every", "1 day", "--starting", "09:00", "--timezone", "Europe/Berlin")
    assert run_cold("wsq", "add", "Daily", "--prompt", "List the tasks", *once).status == 0

    # When it is shown, it is at 09:00 everywhere
    shown = run_cold("wsq", "show", "Daily")
    assert " 09:00:00 CE" in shown.out
    assert "+0317" not in shown.out
    said = run_cold("wsq-process", "--dry-run", "--now", "2099-01-10T12:00:00Z")
    assert " 09:00:00 CE" in said.out

    # And doctor says which rules they are, and which are not used
    doctor = run_cold("wsq", "doctor")
    used = zone_rules.sources()[0]
    assert f"zones: Times follow the rules {used.version} in {used.folder}. Not used: 2019c in {older}." in doctor.out


def test_doctor_warns_of_rules_that_are_over_a_year_old(folder, tmp_path, monkeypatch):
    # Given a machine whose package and system are both of 2019
    old = rules_in(tmp_path / "system", "2019a", {"Europe/Berlin": of_the_package("Europe/Berlin")})
    package = tmp_path / "packages" / "tzdata"
    rules_in(package / "zoneinfo", "2019c", {"UTC": of_the_package("UTC")})
    (package / "__init__.py").write_text('IANA_VERSION = "2019c"\n')
    monkeypatch.setenv("PYTHONTZPATH", str(old))
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    assert run_cold("wsq", "add", "Hourly", "--prompt", "List the tasks", "--every", "1 hour").status == 0

    doctor = run_cold("wsq", "doctor")

    assert doctor.status == 1
    assert f"problem  zones: Times follow the rules 2019c in {package / 'zoneinfo'}. Not used: 2019a" in doctor.out
    assert "They are over a year old: update the package tzdata." in doctor.out


def test_commands_go_on_with_a_zone_that_is_unknown_and_name_its_task_in_one_sentence(folder, tmp_path):
    # Given a task and a store in a zone that only another machine knows, and a task in one that is known
    with (
        pythons_path(rules_in(tmp_path / "zones", None, {"Mars/Olympus": ODD})),
        wsq.open(folder / "team.duckdb") as ws,
    ):
        ws.create_store("mars", timezone="Mars/Olympus")
        for store, name, zone in (("mars", "Rover", "Mars/Olympus"), ("acme", "Daily", "UTC")):
            ws.store(store).create_recurring_task(
                name, "List the tasks", every="1 day", starting=AGES_AGO, timezone=zone, missed="run_once"
            )
    tomorrow = ("--now", (datetime.now(UTC) + timedelta(days=1)).isoformat())
    told = "'Rover' has the time zone 'Mars/Olympus', which this machine does not know. Update the package tzdata here"

    # When the commands are run that say how all is
    said = {
        "doctor": run("wsq", "doctor"),
        "since": run("wsq", "since", "--store", "mars"),
        "list": run("wsq", "list", "--store", "mars"),
        "dry run": run("wsq-process", "--dry-run", *tomorrow),
        "pass": run("wsq-process", *tomorrow),
    }

    # Then none breaks, and those that the task concerns name it once
    assert {what: each.status for what, each in said.items()} == {
        "doctor": 1, "since": 0, "list": 0, "dry run": 2, "pass": 2,
    }  # fmt: skip
    assert not [what for what, each in said.items() if "Traceback" in each.err]
    assert f"problem  tasks: {told}" in said["doctor"].out
    for what in ("dry run", "pass"):
        assert said[what].err.splitlines() == [f"wsq-process: {told}, or choose another zone."]
        assert "acme  Daily" in said[what].out


def test_the_form_statistics_and_the_agents_briefing_show_wall_times_by_the_newest_rules(ws, acme, clock, older):
    task = acme.create_recurring_task("T", "List", every="1 day", starting="09:00", timezone="America/New_York")
    form = RecurringTaskForm.of(task)

    remarks = form.remarks(acme, task.id)

    assert remarks["next"][0] == task.next_execution_at.isoformat() == "2026-03-02T14:00:00+00:00"
    assert remarks["shown"] == ["2026-03-02T09:00 EST", "2026-03-03T09:00 EST", "2026-03-04T09:00 EST"]
    ws.create_store("berlin", timezone="Europe/Berlin")
    assert ws.statistics("berlin", days=1).since == datetime(2026, 3, 1, 23, tzinfo=UTC)
    acme.run_now(task.id)
    assert "-05:00" in str(acme.transcript(acme.latest_execution(task.id).id)[0].content)


def test_a_start_in_a_zone_of_pythons_counts_by_the_rules_of_wsq(older):
    given = datetime(2026, 7, 1, 9, tzinfo=ZoneInfo("Europe/Berlin"))

    assert parse_starting(given, "UTC", NOON)[0] == "2026-07-01T09:00:00+02:00"


# Every zone


def clocks() -> dict[str, ZoneInfo]:
    """Of all zones those whose clocks differ from 2024 to 2035, each by one name; read by a path of their own."""
    hours = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=12 * n) for n in range(0, 24 * 365, count(40, 2))]
    found: dict[tuple[timedelta | None, ...], str] = {}
    for name in all_names():
        rules = ZoneInfo.from_file(io.BytesIO(of_the_package(name)), key=name)
        if name != "Factory":
            found.setdefault(tuple(hour.astimezone(rules).utcoffset() for hour in hours), name)
    return {name: ZoneInfo.from_file(io.BytesIO(of_the_package(name)), key=name) for name in found.values()}


def changes(rules: ZoneInfo, since: datetime, until: datetime) -> list[datetime]:
    """The noons of UTC after which a clock is changed within a day."""
    days = [since + timedelta(days=n) for n in range((until - since).days)]
    offsets = [day.astimezone(rules).utcoffset() for day in days]
    return [day for day, one, other in zip(days, offsets, offsets[1:], strict=False) if one != other]


def first_shown(nominal: datetime, rules: ZoneInfo) -> datetime:
    """The first minute at which a clock shows a time or a later one, by looking at all around it."""
    instant = nominal.replace(tzinfo=UTC) - timedelta(hours=15)
    while instant.astimezone(rules).replace(tzinfo=None) < nominal:
        step = nominal - instant.astimezone(rules).replace(tzinfo=None)
        instant += timedelta(hours=1) if step > timedelta(hours=4) else timedelta(minutes=1)
    return instant


def test_the_next_slot_in_every_zone_is_that_of_an_oracle_on_the_newest_rules(older):
    # Given all zones with different clocks, and an older set of rules for all of them where Python looks
    zones = clocks()
    assert len(zones) > 60
    asked: defaultdict[str, int] = defaultdict(int)

    # When their slots are asked for around the days on which they are changed
    for name in zones:
        noons = changes(
            zones[name],
            datetime(count(2026, 2024), 1, 1, 12, tzinfo=UTC),
            datetime(count(2027, 2035), 12, 31, tzinfo=UTC),
        )
        for noon in noons or [datetime(2026, 7, 1, 12, tzinfo=UTC)]:
            for wall in (time(0, 0), time(2, 30), time(9, 0)):
                plan = planned((1, "days"), f"{wall:%H:%M}", name, noon - timedelta(days=3))
                day = (noon - timedelta(days=1)).astimezone(zones[name]).date()
                slot = slot_after(plan.grid, first_shown(datetime.combine(day, wall), zones[name]))

                # Then each is where the oracle has it
                expected = first_shown(datetime.combine(day + timedelta(days=1), wall), zones[name])
                assert slot == expected, (name, wall, noon)
                asked[name] += 1
    assert sum(asked.values()) > count(400, 2_000)


def test_zones_that_differ_before_2000_alone_are_the_same(tmp_path):
    zones = {
        "Here/One": tzif((0, 60)),
        "Here/Two": tzif((0, 0), (100_000, 60)),
        "Here/Other": tzif((0, 60), (1_300_000_000, 120), (1_300_040_000, 60)),
    }
    with pythons_path(rules_in(tmp_path, None, zones)):
        assert zone_rules.same("Here/One", "Here/Two")
        assert not zone_rules.same("Here/One", "Here/Other")
        assert not zone_rules.same("Here/One", "Here/Nowhere")
