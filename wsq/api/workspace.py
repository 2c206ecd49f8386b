"""A workspace: one database, for any number of stores."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar

from wsq import settings as configuration
from wsq.api.binding import check, checked, workspace_command
from wsq.api.past import checked_span
from wsq.api.store import Store
from wsq.clock import Clock, ShiftedClock, aware
from wsq.commands import pauses, recurring
from wsq.commands import stores as store_commands
from wsq.errors import MissingDatabase, SettingError, WorkspaceError
from wsq.events import Recorded
from wsq.events.stores import SessionEnded
from wsq.ids import Ids, random_id
from wsq.projections import Execution, RecurringTask, Rows, StoreRow, WorkspaceRow
from wsq.queries import boards as board_queries
from wsq.queries import log as log_queries
from wsq.queries.log import Position
from wsq.rules import values
from wsq.runner import heartbeat, pruning
from wsq.runner import repair as repairing
from wsq.runner.progress import Doing, doing
from wsq.runner.repair import Repair
from wsq.runner.report import ProcessReport
from wsq.runner.service import EndPass, Service
from wsq.store.duckdb.engine import EmbeddedEngine
from wsq.store.engine import Cursor, Engine
from wsq.store.folding import Difference
from wsq.store.log import Log
from wsq.store.schema import WorkspaceSchema
from wsq.store.transaction import Transaction

if TYPE_CHECKING:
    import pandas as pd

    from wsq.agent.providers import Provider
    from wsq.queries.settlements import Violation
    from wsq.statistics import Choices, Statistics
    from wsq.statistics.health import Alert
    from wsq.statistics.overview import TaskOverview
    from wsq.statistics.since import Since
    from wsq.store.records import End

T = TypeVar("T")

_OPENED = itertools.count()


def open(  # noqa: A001 - `wsq.open` is its name
    database: str | os.PathLike[str] | None = None,
    *,
    clock: Clock | None = None,
    provider: Provider | None = None,
    actor: str | None = None,
    ids: Ids | None = None,
    create: bool = True,
) -> Workspace:
    """Open a workspace.

    Args:
        database: A path to a DuckDB file, or a PostgreSQL URL; None: the one that the settings name.
        clock: Any object with ``now() -> datetime`` and, optionally, ``async sleep(seconds)``.
        provider: Replaces the model that the settings choose; see `wsq.agent.providers`.
        actor: The actor of every event; None: the operating system's user.
        ids: A function without arguments that returns a new id each time, of at most 36 characters.
        create: Create the database if it is missing: the file or, on a server, the tables. It has no store then.

    Raises:
        MissingDatabase: The database is missing, and not to be created.
        SettingError: A setting cannot be understood.
        InvalidInput: Another argument is not as described.
        WorkspaceError: The database cannot be used.
    """
    actor = check("actor", actor)
    for name, given in (("clock", clock), ("provider", provider), ("create", create)):
        check(name, given)
    if ids is not None:
        values.function(ids, "ids")
    settings = configuration.load(database=database)
    return Workspace(settings, clock=clock, provider=provider, actor=actor, ids=ids, create=create)


@checked
class Workspace:
    """One database: the event log and its projections, for any number of stores."""

    def __init__(
        self,
        settings: configuration.Settings,
        *,
        clock: Clock | None = None,
        provider: Provider | None = None,
        actor: str | None = None,
        ids: Ids | None = None,
        create: bool = True,
    ) -> None:
        self.opened = next(_OPENED)
        """Its number among the workspaces that this process has opened."""
        self.closed = False
        self.settings = settings
        self.actor = actor or configuration.default_actor()
        self._engine = _engine(settings.database, create=create, mode=settings.file_mode)
        self.clock: Clock = clock or self._engine.clock()
        self._log = Log(
            self._engine,
            clock=self.clock,
            ids=ids or random_id,
            actor=self.actor,
            timezone=settings.timezone,
        )
        self._service = Service(self._log, settings, self.clock, provider)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<wsq.Workspace {self.place}>"

    @property
    def place(self) -> str:
        """The database: a path, or a URL without its password."""
        return self._engine.place

    # Stores

    def store(self, store_id: str) -> Store:
        """A handle on a store; the first command creates a store that does not exist."""
        return Store(self, values.store_id(store_id))

    def stores(self, *, include_archived: bool = False) -> Rows[StoreRow]:
        """The stores by name."""
        return self._log.read(lambda cursor: board_queries.stores(cursor, include_archived=include_archived))

    create_store = workspace_command(store_commands.create_store)
    update_store = workspace_command(store_commands.update_store)
    archive_store = workspace_command(store_commands.archive_store)
    unarchive_store = workspace_command(store_commands.unarchive_store)

    def _write(self, command: Callable[[Transaction], T], *, actor: str | None = None) -> T:
        return self._log.write(command, actor=actor)

    # Pauses

    def row(self) -> WorkspaceRow:
        """The workspace's own row: its pause, whether it is a demo, and the provider that was used first."""
        return self._log.read(board_queries.workspace)

    def pause(
        self, *, until: datetime | None = None, reason: str | None = None, actor: str | None = None
    ) -> WorkspaceRow:
        """Start nothing in any store, until an instant (exclusive) or until it is resumed.

        What runs already ends normally. Slots that fall due meanwhile are settled as skipped, ``paused``. No task is
        disabled and no schedule moves.

        Raises:
            InvalidInput: `until` is in the past, or is no datetime with a time zone.
        """
        return self._write(lambda tx: pauses.pause_workspace(tx, until=until, reason=reason), actor=actor)

    def resume(self, *, actor: str | None = None) -> WorkspaceRow:
        """End the pause of the workspace; a store that is paused itself stays paused."""
        return self._write(pauses.resume_workspace, actor=actor)

    # Sessions of the pages

    def end_session(self, session: str, *, actor: str) -> None:
        """Record that a session of the pages has ended, for every process that serves them; see `wsq.views.auth`."""
        self._write(lambda tx: store_commands.end_session(tx, session), actor=actor)

    def ended_sessions(self, last: Position | None = None) -> tuple[Position | None, frozenset[str]]:
        """The newest event of the workspace's own log, and the sessions that ended after the event `last`.

        All of them without `last`, and if the log was restored and does not have that event any more.
        """

        def asked(cursor: Cursor) -> list[Recorded]:
            news = log_queries.events_since(cursor, store_commands.WORKSPACE, last)
            return log_queries.events(cursor, store_commands.WORKSPACE) if news is None else news

        found = self._log.read(asked)
        ended = frozenset(event.fact.session for event in found if isinstance(event.fact, SessionEnded))
        return (Position.of(found[-1]) if found else last), ended

    # All stores at once

    def overview(self) -> Rows[TaskOverview]:
        """The recurring tasks of all stores that are not archived, by store and name; see `TaskOverview`.

        Takes 0.3 s for 10,000 tasks with 1,000,000 executions.
        """
        from wsq.statistics.overview import overview

        now = self.clock.now()
        return self._log.read_all(lambda cursor: overview(cursor, now))

    def enable_recurring_tasks(self, ids: Iterable[str], *, actor: str | None = None) -> Rows[RecurringTask]:
        """Enable recurring tasks of any stores, all or none; returns those that this changed.

        Raises:
            NotFound: One of `ids` is not the id of a recurring task.
            InvalidInput: The project of one is archived.
        """
        changed = self._write(lambda tx: recurring.enable_many(tx, ids), actor=actor)
        return Rows(changed, kind=RecurringTask)

    def disable_recurring_tasks(
        self, ids: Iterable[str], *, reason: str | None = None, actor: str | None = None
    ) -> Rows[RecurringTask]:
        """Disable recurring tasks of any stores, all or none; returns those that this changed.

        What runs ends normally. A task that was disabled before keeps its reason.

        Raises:
            NotFound: One of `ids` is not the id of a recurring task.
        """
        changed = self._write(lambda tx: recurring.disable_many(tx, ids, reason=reason), actor=actor)
        return Rows(changed, kind=RecurringTask)

    # The scheduler

    def process(
        self,
        now: datetime | None = None,
        *,
        dry_run: bool = False,
        stores: Iterable[str] | None = None,
    ) -> ProcessReport:
        """Run one scheduler pass over every store, as ``wsq-process`` does.

        Args:
            now: The instant to which the clock is set for this pass; it runs on from there. Such a pass leaves no
                heartbeat.
            dry_run: Report what would run, and write nothing.
            stores: Ids of the stores to serve; None: those of the settings.

        Raises:
            MissingCredentials: A model was used here before, and the settings have no credentials for one; nothing is
                settled.
            NotFound: One of `stores` does not exist.
        """
        clock = None if now is None else ShiftedClock(aware(now), self.clock)
        pass_ = self.begin_pass(clock=clock, dry_run=dry_run, stores=stores)
        try:
            return pass_() if callable(pass_) else pass_
        except KeyboardInterrupt:
            self._service.stop()
            raise

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
        """Begin a pass; see `wsq.runner.service.Service.begin_pass`."""
        return self._service.begin_pass(
            clock=clock, dry_run=dry_run, stores=stores, interval=interval, on_end=on_end, is_shifted=is_shifted
        )

    def progress(self, execution_ids: Iterable[str]) -> dict[str, Doing]:
        """What running executions are doing, by id, as far as their processes report it; it is not logged."""
        return doing(self._engine, set(execution_ids))

    def scheduler(self) -> heartbeat.Scheduler | None:
        """The scheduler's last pass, and when the next is expected; None if there was none."""
        return heartbeat.scheduler(self._engine, self.clock.now())

    def clock_gap(self) -> timedelta | None:
        """How far the clock is beyond the newest pass, if that is more than a day: it may be ahead."""
        return heartbeat.gap(self._engine, self.clock.now())

    def alerts(self, now: datetime | None = None) -> Rows[Alert]:
        """What needs attention in any store, most severe first; empty when all is well.

        `now` is the instant to judge by; None: the clock's.

        Raises:
            InvalidInput: `now` is no datetime with a time zone.
        """
        from wsq.runner import notifications
        from wsq.statistics import health

        at = self.clock.now() if now is None else aware(now)
        scheduler = notifications.scheduler_health(self._engine, at, self._service.missing_credentials())
        return self._log.read_all(lambda cursor: health.alerts(cursor, at, scheduler, self.settings.timezone))

    def since(self, instant: datetime, until: datetime | None = None) -> Rows[Since]:
        """What happened in each store, by name, from `instant` (inclusive); see `Store.since`."""
        from wsq.statistics.since import Since

        begin, end = checked_span(instant, until)
        return Rows((self.store(row.id).since(begin, end) for row in self.stores()), kind=Since)

    def make_ready(self) -> None:
        """Load what runs executions, so that the first one does not wait for it; never raises."""
        self._service.make_ready()

    def notify(self) -> None:
        """Send alerts that are new or have cleared to the settings' ``alert_url``, on another thread.

        Nothing is sent without one.
        """
        self._service.notify()

    # The provider

    def provider(self) -> Provider:
        """The provider that answers the agent here: the given one, the settings', or the offline provider.

        Raises:
            MissingCredentials: A model was used here before, and the settings have no credentials for one.
        """
        return self._service.provider()

    @property
    def provider_kind(self) -> str:
        """``offline`` when no model is asked here, else the kind of the model's service."""
        return self._service.provider_kind

    @property
    def can_run(self) -> bool:
        """Whether this process can run anything: where a model was used before, it needs credentials for one."""
        return self._service.missing_credentials() is None

    def blocked_reason(self) -> str | None:
        """Why *Run now* or scheduled runs do not work, and what to do; None if both do.

        It is so where a model was used before and now there are no credentials for one, in this process or where the
        scheduler runs.
        """
        return self._service.blocked_reason()

    @property
    def is_demo(self) -> bool:
        """Whether it is a demo, which is always offline."""
        return self.row().demo

    def mark_as_demo(self) -> None:
        """Make it a demo for good."""
        self._write(store_commands.mark_as_demo)

    # The database

    def sql(self, query: str, parameters: Any = None) -> pd.DataFrame:
        """Run one SQL statement, which can only read this workspace; returns a pandas DataFrame.

        `tasks` has, beside its stored columns, the 0-based ``position`` in its lane.
        """
        return self._engine.console().query(query, parameters)

    def statistics(
        self,
        store: str | None = None,
        days: int = 30,
        *,
        project_id: str | None = None,
        recurring_task_id: str | None = None,
        model: str | None = None,
        since: datetime | date | None = None,
        until: datetime | date | None = None,
        most: int = 50,
        so_far: Callable[[Statistics], object] | None = None,
    ) -> Statistics:
        """Statistics of executions over a span of days: counts, outcomes, durations, cost, lateness and failures.

        Args:
            store: A store's id; None: all stores, archived ones too.
            days: The number of calendar days up to today, 1 to 3,660.
            project_id: Only executions of this project.
            recurring_task_id: Only executions of this recurring task, which may have been deleted.
            model: Only executions with this model; skipped ones have none.
            since: An aware instant, or a date for its beginning (inclusive), instead of `days`.
            until: The same (exclusive); None: the end of today.
            most: How many stores, projects, tasks and models are listed.
            so_far: Called once, with all but these lists; it must be quick: writers may be waiting.

        Days are those of the store's time zone, the workspace's if stores differ; `DEFINITIONS` defines each figure.

        Raises:
            InvalidInput: The span is out of range.
            NotFound: There is no such store, project or recurring task.
        """
        from wsq import statistics

        selection = statistics.Selection(
            days=days,
            since=since,
            until=until,
            store_id=store,
            project_id=project_id,
            recurring_task_id=recurring_task_id,
            model=model,
            most=values.limit(most, "most"),
        )
        return statistics.counted(self._engine, selection, self.clock.now(), self.settings.timezone, so_far)

    def statistics_choices(self, store: str | None = None) -> Choices:
        """The projects, recurring tasks and models by which statistics can be filtered, of a store or of all."""
        from wsq import statistics

        return self._log.read(lambda cursor: statistics.choices(cursor, store))

    def rebuild(self) -> int:
        """Recompute every projection from the event log; returns the number of events."""
        return self._log.rebuild()

    def verify(self) -> list[Difference]:
        """Compare every projection with the event log.

        Returns the differences, empty if there are none. Reads a snapshot; other processes are not blocked.
        """
        return self._log.verify()

    def repair(self, backup: str | os.PathLike[str]) -> Repair | None:
        """Fold every projection anew, after a backup, and say so in the log; None if there is nothing to repair.

        No event is changed. Figures in old events that are not usable are read as unknown. Recurring tasks that a clock
        which was ahead has settled up to the future go on from now.

        Args:
            backup: A new file, or a folder in which one is made.

        Raises:
            UnreadableLog: An event is of a kind that this wsq does not know.
        """
        return repairing.repair(self._log, configuration.file_path(backup))

    def try_to_write(self) -> None:
        """Commit a write that changes nothing.

        Raises:
            WorkspaceError: The workspace cannot be written to; the message names the file at fault.
        """
        from wsq.store.schema import try_to_write

        try_to_write(self._engine)

    def unsettled(self) -> Rows[Violation]:
        """Slots that the log does not settle exactly once; empty when it settles all.

        One SQL query over the events alone finds them; see `wsq.queries.settlements`.
        """
        from wsq.queries.settlements import violations

        with self._engine.snapshot() as cursor:
            return violations(cursor)

    def prune(self, *, keep: int = 20, days: float = 30) -> int:
        """Delete the conversations of old executions; returns how many.

        Those of a task's newest `keep` executions and those begun in the last `days` are kept. A scheduler pass
        prunes with these defaults. Outcomes and figures of executions are never deleted.
        """
        return pruning.prune(self._log, self.clock, keep=keep, days=days)

    def backup(self, path: str | os.PathLike[str]) -> Path:
        """Copy the workspace to a new file at `path`; the copy is a workspace itself."""
        target = configuration.file_path(path)
        self._engine.backup(target)
        return target

    def export(self, into: str | os.PathLike[str] | IO[bytes], *, anyway: bool = False) -> tuple[End, str]:
        """Write the whole workspace to a new file or a binary stream; see `wsq.store.archive`.

        The same workspace gives the same bytes. Returns the numbers of events, bodies, leases and dry runs, and the
        SHA-256 of the last line, which covers all lines. With `anyway`, what could not be imported again is written,
        too, and marked with the reason.

        Raises:
            InvalidInput: The path exists.
            SettingError: `into` is neither a path nor a stream.
            BrokenArchive: `import_from` would refuse it; a file is not written, a stream is left incomplete.
        """
        from wsq.store import archive

        if isinstance(into, str | os.PathLike) or not hasattr(into, "write"):
            return archive.export(self._engine, configuration.file_path(into), anyway=anyway)
        return archive.export(self._engine, into, anyway=anyway)

    def import_from(self, path: str | os.PathLike[str], *, max_bytes: int | None = None) -> End:
        """Import an exported file into this workspace, which must be empty; all of it or nothing.

        Returns the numbers of events, bodies, leases and dry runs. The file may unpack to `max_bytes`; None: 4 GB.

        Raises:
            InvalidInput: The workspace is not empty, or the file cannot be read or is too large.
            BrokenArchive: The file is cut off, damaged or edited, or no export.
            NewerWorkspace: A newer wsq wrote the file.
        """
        from wsq.store import archive

        most = archive.MOST_BYTES if max_bytes is None else max_bytes
        return archive.restore_file(self._engine, configuration.file_path(path), most=most)

    def copy_to(self, other: Workspace) -> End:
        """Copy this workspace into another one, which must be empty, and compare the two record by record.

        Either may be a file or on a server. This one is read at one moment, and not changed.
        Returns the numbers of events, bodies, leases and dry runs.

        Raises:
            InvalidInput: The other is not empty.
            WorkspaceError: The copy differs; the message names the first difference.
        """
        from wsq.store import archive

        if not isinstance(other, Workspace):
            raise values.refusal("other", other, "a workspace")
        return archive.copied(self._engine, other._engine)

    def changes(self) -> int:
        """The change counter: a number that rises with every write of any process; reading it takes microseconds."""
        return self._engine.changes()

    def close(self) -> None:
        """Stop what runs here and release the database; closing twice does nothing.

        Waits at most 5 seconds for notifications that are being sent.
        """
        self.closed = True
        self._service.close()
        self._log.close()


def _engine(database: str, *, create: bool, mode: int) -> Engine:
    try:
        return (_on_server if configuration.is_server(database) else _in_file)(database, create=create, mode=mode)
    except MissingDatabase as missing:
        named = configuration.names_database(database)
        raise MissingDatabase(f"{missing} Check {named}, or run `wsq init` to create one.") from None


def _in_file(path: str, *, create: bool, mode: int) -> Engine:
    try:
        Path(path).resolve()
    except (OSError, RuntimeError) as error:
        raise WorkspaceError(f"{path} cannot be used: its symbolic links form a loop.") from error
    return EmbeddedEngine(Path(path), WorkspaceSchema(), create=create, mode=mode)


def _on_server(url: str, *, create: bool, mode: int) -> Engine:
    try:
        from wsq.store.postgres.engine import PostgresEngine
    except ImportError as error:
        raise SettingError(
            "The database is postgresql://…, and psycopg is not installed: pip install 'wsq[server]'."
        ) from error
    return PostgresEngine(url, WorkspaceSchema(), create=create, mode=mode)
