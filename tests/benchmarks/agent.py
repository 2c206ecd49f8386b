"""Executions that a service answers over HTTP, side by side: how close to the service's own time they come."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.measure import Figure, folder

EXECUTIONS, TOGETHER, TURNS = 200, 50, 3
IDEAL = EXECUTIONS / TOGETHER * TURNS
"""Seconds, for a service that takes one for each answer."""

MEBIBYTE = 1024


def asked(rounds: int) -> list[Figure]:
    """Many executions against a strict peer that answers each turn after a second; both in processes of their own."""
    taken, memory = zip(*(_measured() for _ in range(rounds)), strict=True)
    wall, peak = statistics.median(taken), max(memory)
    return [
        Figure(
            f"{EXECUTIONS} executions of {TURNS} answers against a Messages API that takes a second for each, "
            f"{TOGETHER} at a time",
            f"within 5 % of {IDEAL:g} s",
            f"{wall:.2f} s ({(wall / IDEAL - 1) * 100:+.1f} %)",
            wall <= IDEAL * 1.05,
        ),
        Figure("peak memory of that process (`VmHWM`)", "≤ 250 MiB", f"{peak:.0f} MiB", peak <= 250),
    ]


def _measured() -> tuple[float, float]:
    root = Path(__file__).parents[2]
    with (
        folder() as place,
        subprocess.Popen(
            [sys.executable, "-c", _SERVICE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
        ) as service,
    ):
        assert service.stdout is not None
        url = service.stdout.readline().strip()
        given = [str(place / "w.duckdb"), url, str(EXECUTIONS), str(TOGETHER)]
        found = subprocess.run(
            [sys.executable, "-c", _WORKER, *given], cwd=root, capture_output=True, text=True, check=True
        )
        service.kill()
    told = json.loads(found.stdout.splitlines()[-1])
    return told["seconds"], told["kilobytes"] / MEBIBYTE


_SERVICE = """
import dataclasses, sys
from tests.agent.peer import Peer, calls, finished, turn_of
lines = [calls(("list_tasks", {})), calls(("list_documents", {})), finished("Looked around.")]
slow = [dataclasses.replace(line, seconds=1.0) for line in lines]
peer = Peer(lambda body: slow[min(turn_of(body), 2)], ping_every=5)
print(peer.url, flush=True)
sys.stdin.read()
"""

_WORKER = """
import json, os, sys, time
from datetime import UTC, datetime
import wsq
from tests.agent.peer import KEY
from wsq.clock import ManualClock
from wsq.commands.recurring import create_recurring_task
database, url, executions, together = sys.argv[1:]
os.environ.update(ANTHROPIC_BASE_URL=url, ANTHROPIC_API_KEY=KEY, WSQ_MAX_CONCURRENCY=together)
clock = ManualClock(datetime(2026, 3, 2, 12, 0, tzinfo=UTC))
with wsq.open(database, clock=clock) as ws:
    ws.create_store("store", budget_per_day=10_000)
    store = ws.store("store")
    warm = store.create_recurring_task("Warm", "Look", every="10 days", budget_per_day=100)
    assert store.run_now(warm.id).status == "completed"
    def make(tx):
        for n in range(int(executions)):
            create_recurring_task(tx, "store", f"Task {n}", "Look around", every="1 hour", budget_per_day=100)
    ws._log.decide(make)
    clock.advance(3600)
    began = time.perf_counter()
    report = ws.process()
    taken = time.perf_counter() - began
    assert report.completed == int(executions), report
kilobytes = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"seconds": taken, "kilobytes": kilobytes}))
"""
