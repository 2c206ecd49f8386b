"""Keeps the leases of what an executor runs, and stops what it no longer holds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from wsq.clock import Clock
from wsq.commands import executions as commands
from wsq.errors import NewerWorkspace
from wsq.queries import executions as queries
from wsq.store.log import Log

logger = logging.getLogger(__name__)

TICK = 0.2
"""Real seconds between two checks of the leases: a cancelled execution stops within a second."""


class LeaseWatch:
    """Renews the holder's leases, and cancels the tasks of executions that were cancelled or taken over.

    `running` has the task of each execution by its id. `lost` are those that were stopped for want of a lease.
    `upgraded` is the error of a workspace that has been upgraded under this process: then everything was stopped.
    """

    def __init__(self, log: Log, clock: Clock, holder: str, running: Mapping[str, asyncio.Task[Any]]) -> None:
        self.lost: set[str] = set()
        self.upgraded: NewerWorkspace | None = None
        self._log = log
        self._clock = clock
        self._holder = holder
        self._running = running
        self._notified = False

    def check_soon(self) -> None:
        """Check the leases at the next tick; may be called from any thread."""
        self._notified = True

    async def run(self) -> None:
        """Watch until the workspace is upgraded or this is cancelled.

        What this process's engine writes itself is no reason to check.
        """
        seen = self._log.engine.written_by_others()
        renew_at = self._clock.now() + commands.LEASE / 2
        while True:
            await asyncio.sleep(TICK)
            if not self._running:
                continue
            try:
                now, others = self._clock.now(), self._log.engine.written_by_others()
                if now >= renew_at:
                    await self._renew()
                    renew_at = now + commands.LEASE / 2
                elif self._notified or others != seen:
                    self._notified = False
                    running = set(self._running)
                    held = await asyncio.to_thread(self._log.read, lambda cursor: queries.held_by(cursor, self._holder))
                    self._stop(running - held)
                    seen = others
            except NewerWorkspace as error:
                self.upgraded = error
                for task in self._running.values():  # whatever its model answers, this process can write nothing
                    task.cancel()
                return
            except Exception:
                self._notified = True  # try again
                logger.exception("The leases could not be looked at.", extra={"action": "watch_failed"})
                await asyncio.sleep(1.0)

    async def _renew(self) -> None:
        wanted = set(self._running)
        renewed = self._log.submit(lambda tx: commands.renew(tx, wanted, self._holder), clock=self._clock)
        held = await asyncio.wrap_future(renewed)
        self._stop(wanted - held)

    def _stop(self, lost: set[str]) -> None:
        """Stop what runs here without a lease."""
        for execution_id in lost & (self._running.keys() - self.lost):
            self.lost.add(execution_id)
            self._running[execution_id].cancel()
