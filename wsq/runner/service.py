"""What a process runs for one open workspace: scheduler passes, executors and notifications."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import structs

from wsq.clock import Clock
from wsq.errors import MissingCredentials, WsqError
from wsq.queries import boards
from wsq.rules import providers
from wsq.runner import heartbeat, passes
from wsq.runner.replanning import replan
from wsq.runner.report import ProcessReport

if TYPE_CHECKING:
    from datetime import datetime

    from wsq.agent.loop import AlsoReserve
    from wsq.agent.providers import Provider
    from wsq.projections import Execution, WorkspaceRow
    from wsq.runner.executor import Executor
    from wsq.runner.notifications import Notifier
    from wsq.settings import Settings
    from wsq.store.log import Log

    Trial = tuple[Provider, Callable[[Log, AlsoReserve], Executor]]
    """The provider, and what makes an executor for a fork's log."""

EndPass = Callable[[], ProcessReport]
"""Waits for the end of a pass; returns its report."""


class Service:
    """Runs executions of one workspace in this process. Thread-safe; loads the agent when it is first needed.

    Args:
        log: The workspace's log.
        settings: Choose the provider, the number of concurrent executions and where notifications go.
        clock: Decides slots, leases and deadlines.
        provider: Replaces the provider that the settings choose.
    """

    def __init__(self, log: Log, settings: Settings, clock: Clock, provider: Provider | None) -> None:
        self.log = log
        self.settings = settings
        self.clock = clock
        self.given_provider = provider
        self._executor: Executor | None = None
        self._executors: set[Executor] = set()
        self._lock = threading.Lock()
        self._follows_rules = False  # of zones, which are read once in a process
        self._notifier = self._make_notifier()

    # The provider

    def provider(self) -> Provider:
        """The provider that answers here.

        Raises:
            MissingCredentials: A model was used here before, and the settings have no credentials for one.
        """
        if self.given_provider is not None:
            return self.given_provider
        from wsq.agent.providers.choice import choose

        return choose(self.settings, self._workspace())

    @property
    def provider_kind(self) -> str:
        """``offline`` when no model is asked here, else the kind of the model's service."""
        if self.given_provider is not None:
            return self.given_provider.kind
        return providers.kind_of(self.settings, self._workspace())

    def missing_credentials(self, about: WorkspaceRow | None = None) -> str | None:
        """What is missing for anything to run in this process; None if nothing is."""
        if self.given_provider is not None:
            return None
        return providers.missing_credentials(self.settings, about or self._workspace())

    def blocked_reason(self) -> str | None:
        """See `Workspace.blocked_reason`."""
        missing, scheduler = self.missing_credentials(), heartbeat.scheduler(self.log.engine, self.clock.now())
        if scheduler is None or scheduler.missed:
            return providers.nothing_runs(missing) if missing else None
        if missing and not scheduler.refused:
            host = scheduler.last.host
            return (
                f"{missing} here: Run now and dry runs are refused. Scheduled runs go on, from the scheduler on {host}."
            )
        return providers.nothing_runs(missing) if missing else heartbeat.refusal(scheduler)

    def _workspace(self) -> WorkspaceRow:
        return self.log.read(boards.workspace)

    # Passes

    def begin_pass(
        self,
        *,
        clock: Clock | None = None,
        dry_run: bool = False,
        stores: Iterable[str] | None = None,
        interval: float | None = None,
        on_end: Callable[[Execution], None] | None = None,
        is_shifted: bool = False,
    ) -> ProcessReport | EndPass:
        """Begin a pass: its report when there was nothing to run, else a function that waits; see `_check_credentials`.

        Args:
            clock: Replaces the workspace's clock for this pass.
            dry_run: Report what would run, and write nothing.
            stores: Ids of the stores to serve; None: those of the settings.
            interval: Seconds between the passes of a scheduler that repeats them; recorded with the heartbeat.
            on_end: Called with each execution that ended, on another thread.
            is_shifted: Whether the pass is made as of another time than it is, as with another clock. Such a pass
                leaves no heartbeat, and sends neither alerts nor a digest.
        """
        clock = clock or self.clock
        is_shifted = is_shifted or clock is not self.clock
        started_at = clock.now()
        wanted = tuple(stores) if stores is not None else self.settings.stores
        work = self._look(started_at, wanted, dry_run=dry_run)
        self._check_credentials(work.about, started_at, interval, is_noted=not (dry_run or is_shifted))
        report = ProcessReport(
            started_at=started_at,
            finished_at=clock.now(),
            stores=work.stores,
            due=len(work.due),
            unserved=work.unserved,
            unplanned=work.unplanned,
        )
        if dry_run:
            return structs.replace(report, would_run=self.log.read(lambda cursor: passes.would_run(cursor, work)))
        self._follow_rules(clock, wanted)
        if work.is_idle:
            if not is_shifted:
                heartbeat.note(self.log.engine, started_at, report.finished_at, interval=interval)
                self.notify(at_once=interval is None)
            return report
        return self._run(work, report, clock, interval, on_end, is_shifted=is_shifted)

    def _check_credentials(
        self, about: WorkspaceRow, started_at: datetime, interval: float | None, *, is_noted: bool
    ) -> None:
        """Refuse a pass without credentials; its heartbeat says why.

        Raises:
            MissingCredentials: A model was used here before, and there are no credentials for one.
        """
        missing = self.missing_credentials(about)
        if missing is None:
            return
        sentence = providers.nothing_runs(missing)
        if is_noted:
            heartbeat.note(self.log.engine, started_at, self.clock.now(), interval=interval, refused=sentence)
            self.notify(at_once=interval is None)
        raise MissingCredentials(sentence)

    def _look(self, now: datetime, stores: tuple[str, ...] | None, *, dry_run: bool) -> passes.Work:
        work = self.log.read(lambda cursor: passes.look(cursor, now, stores))
        if dry_run or not work.ahead:
            return work
        from wsq.runner.unmoved import unmoved

        passed = [  # all are looked at, since passes over other stores share the note
            each
            for each in unmoved(self.log.engine, work.ahead)
            if (stores is None or each.store_id in stores) and each.store_id not in work.unserved
        ]
        return structs.replace(work, abandoned=[*work.abandoned, *passed])

    def _follow_rules(self, clock: Clock, stores: tuple[str, ...] | None) -> None:
        if not self._follows_rules:
            self._follows_rules = True
            replan(self.log, clock, stores)

    def _run(
        self,
        work: passes.Work,
        report: ProcessReport,
        clock: Clock,
        interval: float | None,
        on_end: Callable[[Execution], None] | None,
        *,
        is_shifted: bool,
    ) -> EndPass:
        executor = self.executor(clock)
        future = executor.begin_round(work, on_end)

        def end() -> ProcessReport:
            from wsq.runner.executor import outcome
            from wsq.runner.rounds import finished

            try:
                return finished(self.log, report, outcome(future), clock, interval, is_noted=not is_shifted)
            finally:
                if not is_shifted:
                    self.notify()
                if clock is not self.clock:
                    self.stop(executor)

        return end

    # Executors

    def executor(self, clock: Clock | None = None) -> Executor:
        """The workspace's executor, or a new one for a pass with another clock."""
        from wsq.runner.executor import Executor

        clock, provider = clock or self.clock, self.provider()
        with self._lock:
            if self._executor is not None and clock is self.clock:
                return self._executor
            executor = Executor(
                self.log,
                provider,
                clock=clock,
                model=self.settings.model,
                most=self.settings.max_concurrency,
                on_ended=self._notifier.ended if self._notifier is not None else None,
            )
            self._executors.add(executor)
            if clock is self.clock:
                self._executor = executor
            return executor

    def make_ready(self) -> None:
        """Load what runs executions, so that the first one does not wait for it; never raises."""
        try:
            self.executor()
        except WsqError:
            return  # whoever starts an execution gets the reason

    @contextmanager
    def trial(self) -> Iterator[Trial]:
        """The provider, and what makes an executor for a fork; executors stop at the end, or with the workspace."""
        from wsq.runner.executor import Executor

        provider, made = self.provider(), []

        def make(fork: Log, also_reserve: AlsoReserve) -> Executor:
            executor = Executor(
                fork, provider, clock=self.clock, model=self.settings.model, most=1, also_reserve=also_reserve
            )
            made.append(executor)
            with self._lock:
                self._executors.add(executor)
            return executor

        try:
            yield provider, make
        finally:
            if made:
                self.stop(*made)

    def check_running(self) -> None:
        """Have the executors check their leases: a write in this process may have ended what they run."""
        with self._lock:
            for executor in self._executors:
                executor.look()

    def stop(self, *executors: Executor) -> None:
        """Stop these executors, or all."""
        with self._lock:
            stopped = executors or tuple(self._executors)
            self._executors.difference_update(stopped)
            if self._executor in stopped:
                self._executor = None
        for executor in stopped:
            executor.stop()

    def close(self) -> None:
        """Stop all executors, and wait at most 5 seconds for notifications that are being sent."""
        self.stop()
        if self._notifier is not None:
            self._notifier.close()

    # Notifications

    def notify(self, *, at_once: bool = True) -> None:
        """Send alerts that are new or have cleared, on another thread; nothing without an ``alert_url``.

        Without `at_once` nothing is sent if the last look was less than a minute ago.
        """
        if self._notifier is not None:
            self._notifier.look(self.clock.now(), at_once=at_once)

    def _make_notifier(self) -> Notifier | None:
        if self.settings.alert_url is None:
            return None
        from wsq.runner.notifications import Notifier

        settings = self.settings
        return Notifier(
            self.log,
            self.settings.alert_url,
            timezone=settings.timezone,
            digest=settings.digest,
            missing=self.missing_credentials,
        )
