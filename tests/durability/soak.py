"""Those who work on a file at once, until a time and until each has met what it is there for; they print it as JSON.

`kernel` works from within a running event loop, as a notebook does; `board` reads as an open dashboard
does, and writes now and then; `cron` starts the real command again and again.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable

import wsq


class Tally:
    """What was written, and how long each took."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.waits: list[float] = []
        self.reads = 0

    def write(self, store: wsq.Store, title: str) -> None:
        """A task, timed."""
        began = time.perf_counter()
        store.create_task(title)
        self.waits.append(time.perf_counter() - began)
        self.titles.append(title)

    def told(self) -> dict[str, object]:
        """As JSON has it."""
        return {"titles": self.titles, "longest": max(self.waits, default=0.0), "reads": self.reads}


def kernel(database: str, until: float) -> dict[str, object]:
    """A notebook's cells: its loop is running, and it runs tasks as well."""
    tally = Tally()

    async def cells() -> None:
        with wsq.open(database) as ws:
            store = ws.store("kernel")
            task = store.create_recurring_task("By hand", "Create a task called 'By hand'", every="1 day")
            ran = 0
            while time.monotonic() < until or not ran:
                tally.write(store, f"kernel {len(tally.titles)}")
                tally.reads += len(store.tasks()) > 0
                if len(tally.titles) % 10 == 0:
                    assert store.run_now(task.id).status == "completed"
                    ran += 1
                await asyncio.sleep(0.1)

    asyncio.run(cells())
    return tally.told()


def board(database: str, until: float) -> dict[str, object]:
    """An open dashboard: looks at the counter four times a second, reads what changed, writes at times."""
    tally, seen = Tally(), -1
    with wsq.open(database) as ws:
        store = ws.store("kernel")
        while time.monotonic() < until or not tally.titles:
            if ws.changes() != seen:
                seen = ws.changes()
                for each in ws.stores():
                    ws.store(each.id).tasks()
                    ws.store(each.id).recurring_tasks()
                    ws.store(each.id).executions()
                tally.reads += 1
            if tally.reads % 4 == 0:
                tally.write(store, f"board {len(tally.titles)}")
            time.sleep(0.25)
    return tally.told()


def cron(database: str, until: float) -> dict[str, object]:
    """Passes by the real command, also over what has just come due; each of its executions makes a task."""
    reports: list[dict[str, int]] = []
    while time.monotonic() < until or sum(report["completed"] for report in reports) < 3:
        command = [sys.executable, "-m", "wsq.cli.process", "--database", database, "--json"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert ended.returncode == 0, ended.stderr
        reports.append(json.loads(ended.stdout))
        time.sleep(1)
    return {"passes": len(reports), "completed": sum(report["completed"] for report in reports)}


ROLES: dict[str, Callable[[str, float], dict[str, object]]] = {"kernel": kernel, "board": board, "cron": cron}


def main(role: str, database: str, seconds: float) -> None:
    """Be one of them for a while."""
    print(json.dumps(ROLES[role](database, time.monotonic() + seconds)))
