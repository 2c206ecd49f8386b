"""A dashboard, a cron script and a notebook's kernel on one file at once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

import wsq
from tests.commands import forked, side_by_side
from tests.durability import soak
from tests.rings import count, within
from wsq.clock import ManualClock

SECONDS = count(8, 120)
LATEST = 0.7
"""Seconds that a write may wait."""


@pytest.mark.timed
@pytest.mark.timeout(SECONDS + 120)
def test_a_dashboard_a_cron_script_and_a_kernel_work_at_once(database: Path) -> None:
    # Given a workspace with tasks of a minute, which fall due one after the other from now on
    for soon in (2, 4, 6):
        with wsq.open(database, clock=ManualClock(datetime.now(UTC) - timedelta(seconds=60 - soon))) as ws:
            ws.store("cron").create_recurring_task(f"In {soon}", "Create a task called 'Ticked'", every="1 minute")

    # When all three work on it
    works = [partial(soak.main, role, str(database), SECONDS) for role in soak.ROLES]
    ended = side_by_side(*[partial(forked, work, lasts=SECONDS + 60) for work in works])

    # Then nothing failed
    assert [said for said in ended if said.status] == []
    told = {role: json.loads(said.out) for role, said in zip(soak.ROLES, ended, strict=True)}

    # And nothing was lost
    with wsq.open(database) as ws:
        kernel, cron = ws.store("kernel"), ws.store("cron")
        titles = [task.title for task in kernel.tasks()]
        written = [*told["kernel"]["titles"], *told["board"]["titles"]]
        by_hand = len(kernel.executions(limit=1000))
        assert sorted(titles) == sorted([*written, *["By hand"] * by_hand])
        assert told["cron"]["completed"] == len([e for e in cron.executions(limit=1000) if e.status == "completed"])
        assert told["cron"]["completed"] == len(cron.tasks())
        assert ws.verify() == []

    # And each did what it is there for, and no write waited for long
    assert told["cron"]["completed"] >= 3
    assert by_hand > 0
    assert told["board"]["titles"]
    assert len(written) > count(0, 100)
    assert max(told["kernel"]["longest"], told["board"]["longest"]) <= within(LATEST)
