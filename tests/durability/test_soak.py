"""A dashboard, a cron script and a notebook's kernel on one file for two minutes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import wsq
from tests.durability.soak import LATEST, ROLES

pytestmark = pytest.mark.long

SECONDS = 120


@pytest.mark.timeout(SECONDS + 120)
def test_a_dashboard_a_cron_script_and_a_kernel_work_at_once(database: Path) -> None:
    # Given a workspace with tasks that fall due every minute
    with wsq.open(database) as ws:
        for n in range(3):
            ws.store("cron").create_recurring_task(f"Minutely {n}", "Create a task called 'Ticked'", every="1 minute")

    # When all three work on it for two minutes
    running = {
        role: subprocess.Popen(
            [sys.executable, "-m", "tests.durability.soak", role, str(database), str(SECONDS)],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for role in ROLES
    }
    ended = {role: process.communicate(timeout=SECONDS + 60) for role, process in running.items()}

    # Then nothing failed
    assert {role: error for role, (_, error) in ended.items() if running[role].returncode} == {}
    told = {role: json.loads(output) for role, (output, _) in ended.items()}

    # And nothing was lost
    with wsq.open(database) as ws:
        kernel, cron = ws.store("kernel"), ws.store("cron")
        titles = [task.title for task in kernel.tasks()]
        written = [*told["kernel"]["titles"], *told["board"]["titles"]]
        by_hand = len(kernel.executions(limit=1000))
        assert sorted(titles) == sorted([*written, *["By hand"] * by_hand])
        assert told["cron"]["completed"] == len([e for e in cron.executions(limit=1000) if e.status == "completed"])
        assert told["cron"]["completed"] == len(cron.tasks()) > 0
        assert ws.verify() == []

    # And no write waited for long
    assert len(written) > 100
    assert max(told["kernel"]["longest"], told["board"]["longest"]) <= LATEST
