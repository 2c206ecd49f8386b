"""A workspace: one database, for any number of stores."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable
from datetime import date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from msgspec import UNSET

from wsq import settings as configuration
from wsq.api.past import checked_span
from wsq.api.store import Store
from wsq.clock import Clock, ShiftedClock, aware
from wsq.commands import pauses, recurring, stores
from wsq.errors import SettingError, WorkspaceError
from wsq.events.stores import SessionEnded
from wsq.ids import Ids, random_id
from wsq.projections import Execution, RecurringTask, Rows, StoreRow, WorkspaceRow
from wsq.queries import boards as board_queries
from wsq.queries import log as log_queries
from wsq.rules import values
from wsq.runner import heartbeat, pruning
from wsq.runner.progress import Doing, doing
from wsq.runner.report import ProcessReport
from wsq.runner.service import EndPass, Service
from wsq.store.duckdb.engine import EmbeddedEngine
from wsq.store.engine import Engine
from wsq.store.folding import Difference
from wsq.store.log import Log
from wsq.store.schema import WorkspaceSchema

if TYPE_CHECKING:
    import pandas as pd

    from wsq.agent.providers import Provider
    from wsq.queries.settlements import Violation
    from wsq.statistics import Choices, Statistics
    from wsq.statistics.health import Alert
    from wsq.statistics.overview import TaskOverview
    from wsq.statistics.since import Since
    from wsq.store.archive import End

_OPENED = itertools.count()


def open(  # noqa: A001 - `wsq.open` is its name
    database: str | os.PathLike[str] | None = None,
    *,
    clock: Clock | None = None,
    provider: Provider | None = None,
    actor: str | None = None,
    ids: Ids | None = None,
) -> Workspace:
    """Open a workspace; the file is made when it is missing.

    Args:
        database: A path to a DuckDB file; left out, the one that the settings name.
        clock: Any object with ``now() -> datetime`` and, if it likes, ``async sleep(seconds)``.
        provider: Answers instead of the one that the settings choose; see `wsq.agent.providers`.
        actor: Who stands on every event; left out, the operating system's user.
        ids: A function without arguments that returns a new id each time, of at most 36 characters.

    Raises:
        SettingError: A setting cannot be understood.
        WorkspaceError: The database cannot be used.
    """
    return Workspace(configuration.load(database=database), clock=clock, provider=provider, actor=actor, ids=ids)


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
    ) -> None:
        self.opened = next(_OPENED)
        """Its place among all that this process has opened."""
        self.closed = False
        self.settings = settings
        self.actor = actor or configuration.default_actor()
        self._engine = _engine(settings.database)
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
        """Where it is kept: a path, or a URL without its password."""
        return self._engine.place

    # Stores

    def store(self, store_id: str) -> Store:
        """A handle on a store; the first command makes the store when it is not there yet."""
        return Store(self, values.store_id(store_id))

    def stores(self, *, include_archived: bool = False) -> Rows[StoreRow]:
        """The stores by name."""
        return self._log.ask(lambda cursor: board_queries.stores(cursor, include_archived=include_archived))

    def create_store(
        self,
        store_id: str,
        *,
        name: str | None = None,
        timezone: str | None = None,
        model: str | None = None,
        budget_per_day: float | None = None,
    ) -> StoreRow:
        """Make a store; its zone is the settings' unless given.

        `budget_per_day` is what its executions may spend in a day of its zone, in US dollars; None is $5.
        """
        return self._log.decide(
            lambda tx: stores.create_store(
                tx, store_id, name=name, timezone=timezone, model=model, budget_per_day=budget_per_day
            )
        )

    def update_store(
        self,
        store_id: str,
        *,
        name: Any = UNSET,
        timezone: Any = UNSET,
        model: Any = UNSET,
        budget_per_day: Any = UNSET,
        expected_version: int | None = None,
    ) -> StoreRow:
        """Change what is given; None goes back to the settings' model or to the usual budget of $5 a day."""
        return self._log.decide(
            lambda tx: stores.update_store(
                tx,
                store_id,
                name=name,
                timezone=timezone,
                model=model,
                budget_per_day=budget_per_day,
                expected_version=expected_version,
            )
        )

    def archive_store(self, store_id: str) -> StoreRow:
        """Put a store away; nothing in it runs any more."""
        return self._log.decide(lambda tx: stores.archive_store(tx, store_id))

    # Keeping still

    def row(self) -> WorkspaceRow:
        """What is known of the workspace as a whole."""
        return self._log.ask(board_queries.workspace)

    def pause(
        self, *, until: datetime | None = None, reason: str | None = None, actor: str | None = None
    ) -> WorkspaceRow:
        """Let nothing start in any store, until an instant (exclusive) or until it is resumed.

        What runs already ends normally. Slots that fall due meanwhile are settled as skipped, ``paused``;
        nothing is disabled and no grid is moved, so that resuming goes on as if nothing had been.

        Raises:
            InvalidInput: `until` has passed already, or is no datetime with a time zone.
        """
        return self._log.decide(lambda tx: pauses.pause_workspace(tx, until=until, reason=reason), actor=actor)

    def resume(self, *, actor: str | None = None) -> WorkspaceRow:
        """Go on after a pause of the workspace; a store that is paused itself stays so."""
        return self._log.decide(pauses.resume_workspace, actor=actor)

    # The door of the pages

    def end_session(self, session: str, *, actor: str) -> None:
        """Note that a session of the pages is over, for every process that serves them; see `wsq.views.auth`."""
        self._log.decide(lambda tx: stores.end_session(tx, session), actor=actor)

    def ended_sessions(self, after: int = 0) -> tuple[int, frozenset[str]]:
        """The sessions that were noted as ended since an event of the workspace's own log, and its newest seq."""
        found = self._log.ask(lambda cursor: log_queries.events(cursor, stores.WORKSPACE, after))
        ended = frozenset(event.fact.session for event in found if isinstance(event.fact, SessionEnded))
        return (found[-1].seq if found else after), ended

    # All stores at once

    def overview(self) -> Rows[TaskOverview]:
        """Every recurring task of every store that is not archived, by store and name; see `TaskOverview`.

        Takes 0.3 s for 10,000 tasks with 1,000,000 executions.
        """
        from wsq.statistics.overview import overview

        now = self.clock.now()
        return self._log.ask_of_all(lambda cursor: overview(cursor, now))

    def enable_recurring_tasks(self, ids: Iterable[str], *, actor: str | None = None) -> Rows[RecurringTask]:
        """Switch recurring tasks on, of whichever stores, all or none; returns those that this changed.

        Raises:
            NotFound: One of `ids` is no recurring task's.
            InvalidInput: The project of one is archived.
        """
        wanted = values.ids(ids)
        changed = self._log.decide(lambda tx: recurring.enable_many(tx, wanted), actor=actor)
        return Rows(changed, kind=RecurringTask)

    def disable_recurring_tasks(
        self, ids: Iterable[str], *, reason: str | None = None, actor: str | None = None
    ) -> Rows[RecurringTask]:
        """Switch recurring tasks off, of whichever stores, all or none; returns those that this changed.

        What runs ends normally. One that was disabled before keeps the reason that it had.

        Raises:
            NotFound: One of `ids` is no recurring task's.
        """
        wanted = values.ids(ids)
        changed = self._log.decide(lambda tx: recurring.disable_many(tx, wanted, reason=reason), actor=actor)
        return Rows(changed, kind=RecurringTask)

    # The scheduler

    def process(
        self,
        now: datetime | None = None,
        *,
        dry_run: bool = False,
        stores: Iterable[str] | None = None,
    ) -> ProcessReport:
        """One pass of the scheduler over every store, what ``wsq-process`` does.

        Args:
            now: The instant to which the clock is set for this pass; it runs on from there. Such a pass is no
                sign that a scheduler lives.
            dry_run: Say what would run, and write nothing.
            stores: Ids of the stores to serve; left out, those of the settings.

        Raises:
            MissingCredentials: A model was used here before, and none can be reached; nothing is settled.
            NotFound: One of `stores` is not there.
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
        """What running executions do now, by id, as far as any process says; never the record."""
        return doing(self._engine, set(execution_ids))

    def scheduler(self) -> heartbeat.Scheduler | None:
        """What is known of the scheduler: its last pass, and when the next should come; None if never seen."""
        return heartbeat.scheduler(self._engine, self.clock.now())

    def alerts(self, now: datetime | None = None) -> Rows[Alert]:
        """What is not as it should be in any store, the gravest first; empty when all is well.

        `now` is the instant that is asked about, the clock's unless given.

        Raises:
            InvalidInput: `now` is no datetime with a time zone.
        """
        from wsq.runner import notifications
        from wsq.statistics import health

        at = self.clock.now() if now is None else aware(now)
        scheduler = notifications.scheduler_health(self._engine, at)
        return self._log.ask_of_all(lambda cursor: health.alerts(cursor, at, scheduler, self.settings.timezone))

    def since(self, instant: datetime, until: datetime | None = None) -> Rows[Since]:
        """What has happened in each store, by name, from `instant` (inclusive); see `Store.since`."""
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
    def is_demo(self) -> bool:
        """Whether it is an example, always served by the offline provider."""
        return self.row().demo

    def mark_as_demo(self) -> None:
        """Make it an example for good."""
        self._log.decide(stores.mark_as_demo)

    # The whole

    def sql(self, query: str, parameters: Any = None) -> pd.DataFrame:
        """Ask in SQL: one statement that can only read this workspace; a pandas DataFrame comes back.

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
        """What came of the executions of a span: how many, how well, how long, at what cost, how late, why not.

        Args:
            store: A store's id; left out, all stores count, archived ones too.
            days: How many calendar days, today's the last of them, 1 to 3,660.
            project_id: Count the executions of this project alone.
            recurring_task_id: Count those of this recurring task alone, which may have been deleted.
            model: Count those that this model was asked for; skipped ones have none.
            since: An aware instant, or a date for its beginning (inclusive), instead of `days`.
            until: The same (exclusive); left out, the end of today.
            most: How many stores, projects, tasks and models are told one by one.
            so_far: Called once, soon, with what is there before those are counted; they are empty then. What is
                returned in the end is of the same moment. It must be quick, for others may wait to write meanwhile.

        Days are those of the store's zone; of the workspace's where the stores shown are of different zones.
        `wsq.statistics.DEFINITIONS` says what each figure means.

        Raises:
            InvalidInput: The span cannot be.
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
        """The projects, recurring tasks and models that the statistics of a store, or of all, can be narrowed to."""
        from wsq import statistics

        return self._log.ask(lambda cursor: statistics.choices(cursor, store))

    def rebuild(self) -> int:
        """Fold the log anew and replace every projection; returns the number of events."""
        return self._log.rebuild()

    def verify(self) -> list[Difference]:
        """Where the projections differ from what the log says; empty when all is well."""
        return self._log.verify()

    def unsettled(self) -> Rows[Violation]:
        """Where the log does not settle every slot of a recurring task exactly once; empty when it does.

        One SQL query proves it from the events alone, see `wsq.queries.settlements`.
        """
        from wsq.queries.settlements import violations

        with self._engine.snapshot() as cursor:
            return violations(cursor)

    def prune(self, *, keep: int = 20, days: float = 30) -> int:
        """Give up the conversations of old executions; returns how many.

        Kept are those of a task's newest `keep` executions, and those begun in the last `days`. A pass
        does it by itself with these defaults. What executions came to stays for good.
        """
        return pruning.prune(self._log, self.clock, keep=keep, days=days)

    def backup(self, path: str | os.PathLike[str]) -> Path:
        """Copy the workspace to `path`, which must not exist; the copy is a workspace itself."""
        target = configuration.file_path(path)
        self._log.backup(target)
        return target

    def export(self, into: str | os.PathLike[str] | IO[bytes]) -> tuple[End, str]:
        """Write all that the workspace is to a new file, or to something that takes bytes; see `wsq.store.archive`.

        The same workspace gives the same bytes. Returns how many events, bodies, leases and dry runs there were, and
        the SHA-256 of the last line, which stands for all of them.

        Raises:
            InvalidInput: There is something at that path already.
        """
        from wsq.store import archive

        found = archive.records(self._engine)
        if isinstance(into, str | os.PathLike):
            return archive.write_file(configuration.file_path(into), found)
        return archive.write(into, found)

    def import_from(self, path: str | os.PathLike[str]) -> End:
        """Bring an exported file into this workspace, which must hold nothing yet; all of it or nothing.

        Returns how many events, bodies, leases and dry runs there were.

        Raises:
            InvalidInput: The workspace holds something already.
            BrokenArchive: The file was cut, damaged or edited, or is something else.
            NewerWorkspace: A newer wsq has written the file.
        """
        from wsq.store import archive

        return archive.restore_file(self._engine, configuration.file_path(path))

    def copy_to(self, other: Workspace) -> End:
        """Bring all of this workspace into another one that holds nothing yet, and compare the two record by record.

        Both may be files or on a server. This one is read as it is at one moment, and is not changed.
        Returns how many events, bodies, leases and dry runs there were.

        Raises:
            InvalidInput: The other holds something already.
            WorkspaceError: What came of it is not the same, which the sentence tells.
        """
        from wsq.store import archive

        return archive.copied(self._engine, other._engine)

    def changes(self) -> int:
        """A number that has risen when anybody has written; asking costs microseconds."""
        return self._log.changes()

    def close(self) -> None:
        """Stop what runs here and give the database back; closing twice does nothing.

        What is still being told outside is waited for, at most 5 seconds.
        """
        self.closed = True
        self._service.close()
        self._log.close()


def _engine(database: str) -> Engine:
    if configuration.is_server(database):
        return _on_server(database)
    try:
        Path(database).resolve()
    except (OSError, RuntimeError) as error:
        raise WorkspaceError(
            f"{database} cannot be used: its symbolic links lead nowhere but to themselves."
        ) from error
    return EmbeddedEngine(Path(database), WorkspaceSchema())


def _on_server(url: str) -> Engine:
    try:
        from wsq.store.postgres.engine import PostgresEngine
    except ImportError as error:
        raise SettingError(
            "The database is postgresql://…, and psycopg is not installed: pip install 'wsq[server]'."
        ) from error
    return PostgresEngine(url, WorkspaceSchema())
