"""Keeps the leases of what an executor runs, and stops what it no longer holds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from wsq.clock import Clock
from wsq.commands import executions as commands
from wsq.errors import NewerWorkspace, WorkspaceError
from wsq.queries import executions as queries
from wsq.store.log import Log

logger = logging.getLogger(__name__)

TICK = 0.2
"""Real seconds between two checks of the leases: a cancelled execution stops within a second."""

RENEW_AFTER = commands.LEASE.total_seconds() / 2
"""Seconds between two renewals."""

RETRY = 1.0
"""Real seconds until the leases are checked again after the workspace was unavailable."""


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
        self._renewed_at = self._moment()

    def check_soon(self) -> None:
        """Check the leases at the next tick; may be called from any thread."""
        self._notified = True

    def begin(self) -> Callable[[], float]:
        """Start to watch a lease that this holder just got; returns what gives the seconds for which it may stand.

        Of the machine's monotonic clock and the workspace's clock, the one by which more time has passed counts.
        """
        begun = self._moment()

        def left() -> float:
            return commands.LEASE.total_seconds() - self._seconds_since(max(begun, self._renewed_at))

        return left

    def _moment(self) -> tuple[float, float]:
        return monotonic(), self._clock.now().timestamp()

    def _seconds_since(self, moment: tuple[float, float]) -> float:
        return max(now - then for now, then in zip(self._moment(), moment, strict=True))

    async def run(self) -> None:
        """Watch until the workspace is upgraded or this is cancelled.

        What this process's engine writes itself is no reason to check.
        """
        seen = self._log.engine.written_by_others()
        looked_at = self._moment()
        while True:
            await asyncio.sleep(TICK)
            if not self._running:
                continue
            try:
                others = self._log.engine.written_by_others()
                if self._seconds_since(looked_at) >= RENEW_AFTER:
                    looked_at = await self._renew()
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
            except WorkspaceError as error:
                self._notified = True  # try again
                logger.info("The leases could not be looked at: %s", error, extra={"action": "watch_failed"})
                await asyncio.sleep(RETRY)
            except Exception:
                self._notified = True
                logger.exception("The leases could not be looked at.", extra={"action": "watch_failed"})
                await asyncio.sleep(RETRY)

    async def _renew(self) -> tuple[float, float]:
        wanted, asked_at = set(self._running), self._moment()
        renewed = self._log.submit(lambda tx: commands.renew(tx, wanted, self._holder), clock=self._clock)
        held = await asyncio.wrap_future(renewed)
        self._renewed_at = asked_at
        self._stop(wanted - held)
        return asked_at

    def _stop(self, lost: set[str]) -> None:
        """Stop what runs here without a lease."""
        for execution_id in lost & (self._running.keys() - self.lost):
            self.lost.add(execution_id)
            self._running[execution_id].cancel()
