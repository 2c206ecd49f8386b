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
    """Many executions against a strict peer that answers each turn after a second; both in processes of their own.

    In turn with them the SDK alone is asked the same, without a board and without a log: the limit.
    """
    ours, alone = zip(*((_measured(_WORKER), _measured(_ALONE)) for _ in range(rounds)), strict=True)
    wall, limit = (statistics.median(told["seconds"] for told in side) for side in (ours, alone))
    peak = max(told["kilobytes"] for told in ours) / MEBIBYTE
    return [
        Figure(
            f"{EXECUTIONS} runs of {TURNS} answers each, from a Messages API that takes one second for each answer, "
            f"{TOGETHER} at a time",
            f"within 5 % of {IDEAL:g} s",
            f"{wall:.2f} s ({(wall / IDEAL - 1) * 100:+.1f} %); the SDK alone with the same requests "
            f"{limit:.2f} s ({(limit / IDEAL - 1) * 100:+.1f} %)",
            wall <= IDEAL * 1.05,
        ),
        Figure("peak memory of that process (`VmHWM`)", "≤ 250 MiB", f"{peak:.0f} MiB", peak <= 250),
    ]


def _measured(worker: str) -> dict[str, float]:
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
            [sys.executable, "-c", worker, *given], cwd=root, capture_output=True, text=True, check=True
        )
        service.kill()
    told: dict[str, float] = json.loads(found.stdout.splitlines()[-1])
    return told


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
    ws._log.write(make)
    clock.advance(3600)
    began = time.perf_counter()
    report = ws.process()
    taken = time.perf_counter() - began
    assert report.completed == int(executions), report
kilobytes = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"seconds": taken, "kilobytes": kilobytes}))
"""

_ALONE = """
import asyncio, json, sys, time
import msgspec
from tests.agent.peer import KEY
from wsq.agent.context import SYSTEM
from wsq.agent.providers.anthropic import AnthropicProvider
from wsq.agent.providers.base import Request
from wsq.agent.tools import Scope, offered
_, url, executions, together = sys.argv[1:]
tools = msgspec.json.decode(offered(Scope(store_id="store", project_id=None, execution_id="x")))
provider = AnthropicProvider(api_key=KEY, base_url=url)

class Silent:
    def __call__(self, text): pass
    def asking(self, turn): pass
    def calling(self, tool): pass

async def converse():
    messages = [{"role": "user", "content": [{"type": "text", "text": "Look around. " * 100}]}]
    for turn in range(3):
        asked = Request(execution_id="x", model="claude-sonnet-5-5", system=SYSTEM, tools=tools,
                        messages=tuple(messages), turn=turn, seconds=300)
        said = list((await provider.turn(asked, Silent())).content)
        results = [{"type": "tool_result", "tool_use_id": block["id"], "content": "{}"}
                   for block in said if block["type"] == "tool_use"]
        messages += [{"role": "assistant", "content": said}, {"role": "user", "content": results}]

async def work():
    for _ in range(int(executions) // int(together)):
        await converse()

async def all_of_it():
    await converse()
    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(int(together))))
    return time.perf_counter() - began

taken = asyncio.run(all_of_it())
kilobytes = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"seconds": taken, "kilobytes": kilobytes}))
"""
