"""Time zones: SQL shows UTC, a wall time is what was meant, and a zone that is unknown spoils its own task alone."""

from __future__ import annotations

import time

import pytest


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_sql_shows_instants_in_utc_whatever_the_zone_of_the_machine_is(open_workspace, monkeypatch, zone):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        patch.setenv("PGTZ", zone)
        time.tzset()
        ws = open_workspace()
        ws.store("acme").create_recurring_task("T", "List", every="1 day", starting="09:00", timezone=zone)

        found = ws.sql("SELECT current_setting('TimeZone') AS zone, created_at::VARCHAR AS said FROM recurring_tasks")
    time.tzset()

    assert (found.zone[0], found.said[0]) == ("UTC", "2026-03-02 12:00:00+00")
