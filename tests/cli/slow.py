"""Commands with a provider that takes its time, which the command line does not offer; it says when it is asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

import wsq
from wsq import settings
from wsq.agent.providers import Request, ScriptedProvider, Turn, finish
from wsq.cli import process
from wsq.cli.signals import Stopped, stoppable


async def ponder(_request: Request) -> Turn:
    """Take a minute."""
    print("pondering", flush=True)
    await asyncio.sleep(60)
    return finish()


def one_pass(due: datetime) -> int:
    """Be `wsq-process --now`."""
    return _until_stopped(lambda: process.run(settings.load(), process.Options(now=due), ScriptedProvider([ponder])))


def watch() -> int:
    """Be `wsq-process --watch`."""
    return _until_stopped(lambda: process.run(settings.load(), process.Options(watch=0.2), ScriptedProvider([ponder])))


def run_now(task_id: str) -> int:
    """Be `wsq run`."""

    def run() -> int:
        with wsq.open(provider=ScriptedProvider([ponder])) as ws:
            ws.store("default").run_now(task_id)
        return 0

    return _until_stopped(run)


def wait_as_a_query() -> int:
    """Be a command that is stopped inside DuckDB, which makes a plain interrupt of whatever a signal raises."""

    def wait() -> int:
        try:
            print("pondering", flush=True)
            time.sleep(60)
        except Stopped:
            raise KeyboardInterrupt from None
        return 0

    return _until_stopped(wait)


def _until_stopped(work: Callable[[], int]) -> int:
    try:
        with stoppable():
            return work()
    except Stopped as stop:
        return stop.status
