"""Pages served by a process of its own, which is forked from one that has Panel loaded: to load it takes seconds."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import time
from collections.abc import Callable
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import wsq
from tests.rings import count
from wsq.agent.providers import OfflineProvider
from wsq.views import serve

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.store.crew", "tests.views.serving"])  # one process forks for all tests


def gate_of(place: Path) -> Path:
    """The file as long as which is there a task that says so waits for its model."""
    return place.parent / "held"


class Unhurried(OfflineProvider):
    """Takes its time over a task that says so."""

    def __init__(self, gate: Path) -> None:
        super().__init__()
        self._gate = gate

    async def turn(self, request, progress):
        if "unhurried" in str(request.messages):
            progress("Let me think <b>it</b> over.")
            while self._gate.exists():
                await asyncio.sleep(0.02)
        return await super().turn(request, progress)


class Served:
    """A process that serves a workspace at `url`."""

    def __init__(self, process: BaseProcess, url: str) -> None:
        self.process = process
        self.url = url

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rsplit(":", 1)[1])

    def kill(self) -> None:
        """End it as the power would."""
        self.process.kill()
        self.process.join()

    def stop(self) -> None:
        """Ask it to end, which it does well and soon."""
        began = time.monotonic()
        self.process.terminate()
        self.process.join(60)
        assert self.process.exitcode == 0
        assert time.monotonic() - began < count(few=30, many=3), "the server takes too long to stop"


@contextmanager
def served(place: Path | str, *, port: int = 0, notice: str | None = None, prepare: Callable[..., None] | None = None):
    """Serve the workspace at `place`; before that, in the other process, `prepare` is called."""
    up, said = _context.Pipe(duplex=False)
    given = (str(place), port, notice, prepare, {**os.environ, "WSQ_TIMEZONE": "UTC"}, said)
    process = _context.Process(target=_serve, args=given, daemon=True)
    process.start()
    said.close()
    running = Served(process, up.recv())
    try:
        yield running
    finally:
        if process.is_alive():
            running.stop()


def _serve(place, port, notice, prepare, environment: dict[str, str], said: Connection) -> None:
    gc.freeze()  # what Panel and Bokeh are made of is not looked through again and again
    os.environ.clear()
    os.environ.update(environment)
    if prepare is not None:
        prepare()
    with wsq.open(place, provider=Unhurried(gate_of(Path(place)))) as ws:
        serve(ws, port=port, notice=notice, on_up=said.send)
