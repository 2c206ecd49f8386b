"""Workspace and Store: the façade that joins the rooms below.

Every call blocks until it is done and needs no free event loop. Commands raise a `WsqError` that says in
one sentence what was wrong, and then nothing is written.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from msgspec import UNSET

from wsq import settings as configuration
from wsq.clock import Clock, ShiftedClock, aware
from wsq.commands import boards, executions, pauses, recurring, stores, tasks
from wsq.errors import InvalidInput, MissingCredentials, NotFound, NotRunnable, SettingError, WorkspaceError, WsqError
from wsq.events.stores import SessionEnded
from wsq.ids import Ids, random_id
from wsq.projections import (
    Contact,
    Document,
    Execution,
    Project,
    RecurringTask,
    Rows,
    StoreRow,
    Task,
    WorkspaceRow,
)
from wsq.projections.changes import TITLES, Change, changes
from wsq.queries import boards as board_queries
from wsq.queries import executions as execution_queries
from wsq.queries import log as log_queries
from wsq.queries import spending as spending_queries
from wsq.rules import schedule, values
from wsq.rules.budgets import Forecast, Spending, forecast
from wsq.rules.pauses import Pause, pause_of
from wsq.runner import heartbeat, passes, pruning
from wsq.runner.progress import Doing, doing
from wsq.runner.report import ProcessReport
from wsq.store.duckdb.engine import EmbeddedEngine
from wsq.store.engine import Cursor, Engine
from wsq.store.folding import Difference
from wsq.store.log import Log
from wsq.store.schema import WorkspaceSchema
from wsq.store.transaction import Transaction

if TYPE_CHECKING:
    import pandas as pd

    from wsq.agent.providers import Provider
    from wsq.commands.erasure import Forgotten
    from wsq.events import Recorded
    from wsq.queries.settlements import Violation
    from wsq.runner.dry_run import DryRun
    from wsq.runner.executor import Executor
    from wsq.runner.telling import Teller
    from wsq.statistics import Choices, Statistics
    from wsq.statistics.health import Alert
    from wsq.statistics.overview import TaskOverview
    from wsq.statistics.since import Since
    from wsq.store.archive import End
    from wsq.store.past import PastEngine

    Trying = tuple[Provider, Callable[[Log], Executor]]
    """Who answers, and what makes an executor of a fork's log."""

T = TypeVar("T")
P = ParamSpec("P")

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
        self._given_provider = provider
        self._engine = _engine(settings.database)
        self.clock: Clock = clock or self._engine.clock()
        self._log = Log(
            self._engine,
            clock=self.clock,
            ids=ids or random_id,
            actor=self.actor,
            timezone=settings.timezone,
        )
        self._executor: Executor | None = None
        self._executors: set[Executor] = set()
        self._lock = threading.Lock()
        self._teller = self._teller_of(settings)

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
        return self._about()

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
        clock = self.clock if now is None else ShiftedClock(aware(now), self.clock)
        pass_ = self.begin_pass(clock=clock, dry_run=dry_run, stores=stores)
        try:
            return pass_() if callable(pass_) else pass_
        except KeyboardInterrupt:
            self._stop()
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
    ) -> ProcessReport | Callable[[], ProcessReport]:
        """Begin a pass: its report when there was nothing to carry out, else a function that waits for it.

        `interval` is the seconds between passes of a scheduler that repeats them; it is noted for those
        who watch over it. `on_end` is told each execution that ended, on another thread. `is_shifted` says that
        it is made as of another time than it is, as is one by another `clock` than the workspace's: it is no sign
        that passes are made, and neither alerts nor a digest are told as of then.
        """
        clock = clock or self.clock
        is_shifted = is_shifted or clock is not self.clock
        started_at = clock.now()
        wanted = tuple(stores) if stores is not None else self.settings.stores
        work = self._log.ask(lambda cursor: passes.look(cursor, started_at, wanted))
        self._refuse_without_credentials(work.about)
        report = ProcessReport(
            started_at=started_at,
            finished_at=clock.now(),
            stores=work.stores,
            due=len(work.due),
            unserved=work.unserved,
        )
        if dry_run:
            found = self._log.ask(lambda cursor: passes.would_run(cursor, work))
            return _with(report, would_run=found)
        if work.is_idle:
            if not is_shifted:
                heartbeat.note(self._engine, started_at, report.finished_at, interval=interval)
                self._look(clock.now(), at_once=interval is None)
            return report
        executor = self._executor_for(clock)
        future = executor.begin_round(work, on_end)

        def ended() -> ProcessReport:
            from wsq.runner.executor import outcome
            from wsq.runner.rounds import finished

            try:
                return finished(self._log, report, outcome(future), clock, interval, is_noted=not is_shifted)
            finally:
                if not is_shifted:
                    self._look(clock.now())
                if clock is not self.clock:
                    self._stop(executor)

        return ended

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
        from wsq.runner import telling
        from wsq.statistics import health

        at = self.clock.now() if now is None else aware(now)
        passing = telling.passing(self._engine, at)
        return self._log.ask_of_all(lambda cursor: health.alerts(cursor, at, passing, self.settings.timezone))

    def since(self, instant: datetime, until: datetime | None = None) -> Rows[Since]:
        """What has happened in each store, by name, from `instant` (inclusive); see `Store.since`."""
        from wsq.statistics.since import Since

        begun, end = _between(instant, until)
        return Rows((self.store(row.id).since(begun, end) for row in self.stores()), kind=Since)

    def make_ready(self) -> None:
        """Load what carries executions out, so that the first one does not wait for it; never raises."""
        try:
            self._executor_for(self.clock)
        except WsqError:
            return  # whoever asks for an execution is told why there can be none

    def _executor_for(self, clock: Clock) -> Executor:
        """The workspace's executor, or one of its own for a pass with another clock."""
        from wsq.runner.executor import Executor

        provider = self.provider()
        with self._lock:
            if self._executor is not None and clock is self.clock:
                return self._executor
            executor = Executor(
                self._log,
                provider,
                clock=clock,
                model=self.settings.model,
                most=self.settings.max_concurrency,
                on_ended=self._teller.ended if self._teller is not None else None,
            )
            self._executors.add(executor)
            if clock is self.clock:
                self._executor = executor
            return executor

    @contextmanager
    def _trying(self) -> Iterator[Trying]:
        """Who answers, and what makes an executor for a fork; it is stopped when the workspace is closed, or here."""
        from wsq.runner.executor import Executor

        provider, made = self.provider(), []

        def hands(fork: Log) -> Executor:
            executor = Executor(fork, provider, clock=self.clock, model=self.settings.model, most=1)
            made.append(executor)
            with self._lock:
                self._executors.add(executor)
            return executor

        try:
            yield provider, hands
        finally:
            if made:
                self._stop(*made)

    def tell(self) -> None:
        """Have it told outside what is not as it should be now, and what has cleared since that was last told.

        It goes to the settings' ``alert_url``, on another thread: this does not wait. Nothing goes out without one.
        """
        self._look(self.clock.now())

    def _look(self, now: datetime, *, at_once: bool = True) -> None:
        if self._teller is not None:
            self._teller.look(now, at_once=at_once)

    def _teller_of(self, settings: configuration.Settings) -> Teller | None:
        if settings.alert_url is None:
            return None
        from wsq.runner.telling import Teller

        return Teller(self._log, settings.alert_url, timezone=settings.timezone, digest=settings.digest)

    def _stop(self, *executors: Executor) -> None:
        """Stop these, or all that there are."""
        with self._lock:
            stopped = executors or tuple(self._executors)
            self._executors.difference_update(stopped)
            if self._executor in stopped:
                self._executor = None
        for executor in stopped:
            executor.stop()

    def _look_after_what_runs(self) -> None:
        """Tell the executors that something was written here, which may have ended what they carry out."""
        with self._lock:
            for executor in self._executors:
                executor.look()

    # Who answers

    def provider(self) -> Provider:
        """Who answers the agent's questions here: the given one, the settings', or the offline provider.

        Raises:
            MissingCredentials: A model was used here before, and the credentials for one are missing.
        """
        if self._given_provider is not None:
            return self._given_provider
        from wsq.agent.providers import OfflineProvider

        row = self._about()
        if row.demo:
            return OfflineProvider()
        if self.settings.api_key or self.settings.base_url:
            from wsq.agent.providers.anthropic import AnthropicProvider

            return AnthropicProvider(api_key=self.settings.api_key, base_url=self.settings.base_url)
        self._refuse_without_credentials(row)
        return OfflineProvider()

    def _refuse_without_credentials(self, about: WorkspaceRow) -> None:
        """A workspace in which a model was used is never served by the offline provider by accident."""
        if self._given_provider is not None or about.demo or about.model_provider is None:
            return
        if not (self.settings.api_key or self.settings.base_url):
            raise MissingCredentials(
                f"This workspace has been used with {about.model_provider}, and neither ANTHROPIC_API_KEY nor "
                "ANTHROPIC_BASE_URL is set; nothing is settled without them."
            )

    @property
    def provider_kind(self) -> str:
        """``offline`` when no model is asked here, else the service's kind."""
        if self._given_provider is not None:
            return self._given_provider.kind
        return "anthropic" if self._with_model() else "offline"

    def _with_model(self) -> bool:
        return not self.is_demo and bool(self.settings.api_key or self.settings.base_url)

    def _about(self) -> WorkspaceRow:
        return self._log.ask(board_queries.workspace)

    @property
    def is_demo(self) -> bool:
        """Whether it is an example, always served by the offline provider."""
        return self._about().demo

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

        wish = statistics.Wish(
            days=days,
            since=since,
            until=until,
            store_id=store,
            project_id=project_id,
            recurring_task_id=recurring_task_id,
            model=model,
            most=values.limit(most, "most"),
        )
        return statistics.counted(self._engine, wish, self.clock.now(), self.settings.timezone, so_far)

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

        with self._engine.study() as cursor:
            return violations(cursor)

    def prune(self, *, keep: int = 20, days: float = 30) -> int:
        """Give up the conversations of old executions; returns how many.

        Kept are those of a task's newest `keep` executions, and those begun in the last `days`. A pass
        does it by itself with these defaults. What executions came to stays for good.
        """
        return pruning.prune(self._log, self.clock, keep=keep, days=days)

    def backup(self, path: str | os.PathLike[str]) -> Path:
        """Copy the workspace to `path`, which must not exist; the copy is a workspace itself."""
        target = Path(path).absolute()
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
        return (
            archive.write_file(Path(into), found) if isinstance(into, str | os.PathLike) else archive.write(into, found)
        )

    def import_from(self, path: str | os.PathLike[str]) -> End:
        """Bring an exported file into this workspace, which must hold nothing yet; all of it or nothing.

        Returns how many events, bodies, leases and dry runs there were.

        Raises:
            InvalidInput: The workspace holds something already.
            BrokenArchive: The file was cut, damaged or edited, or is something else.
            NewerWorkspace: A newer wsq has written the file.
        """
        from wsq.store import archive

        return archive.restore_file(self._engine, Path(path))

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
        self._stop()
        if self._teller is not None:
            self._teller.close()
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


def _with(report: ProcessReport, **changes: Any) -> ProcessReport:
    from msgspec import structs

    return structs.replace(report, **changes)


class Questions:
    """The questions that a store answers, now or as it was. Lists leave out what is archived or deleted."""

    id: str

    def _ask(self, question: Callable[[Cursor], T]) -> T:
        raise NotImplementedError

    def _list(self, question: Callable[Concatenate[Cursor, str, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        def asked(cursor: Cursor) -> T:
            board_queries.store(cursor, self.id)
            return question(cursor, self.id, *args, **kwargs)

        return self._ask(asked)

    def row(self) -> StoreRow:
        """The store's own row: name, zone, model, budget."""
        return self._ask(lambda cursor: board_queries.store(cursor, self.id))

    def projects(self, *, include_archived: bool = False) -> Rows[Project]:
        """The projects by name."""
        return self._list(board_queries.projects, include_archived=include_archived)

    def project(self, project_id: str) -> Project:
        """One project by its id."""
        return self._list(board_queries.project, project_id)

    def contacts(self, project_id: str | None = None) -> Rows[Contact]:
        """The contacts by name, of a project or of all."""
        return self._list(board_queries.contacts, project_id)

    def contact(self, contact_id: str) -> Contact:
        """One contact by its id."""
        return self._list(board_queries.contact, contact_id)

    def documents(self, project_id: str | None = None, *, include_archived: bool = False) -> Rows[Document]:
        """The documents by title, of a project or of all."""
        return self._list(board_queries.documents, project_id, include_archived=include_archived)

    def document(self, document_id: str) -> Document:
        """One document by its id."""
        return self._list(board_queries.document, document_id)

    def document_lines(self, *, include_archived: bool = False) -> list[board_queries.DocumentLine]:
        """The documents by title, each with the first 200 characters of its text and how long it is."""
        return self._list(board_queries.document_lines, include_archived=include_archived)

    def documents_holding(self, text: str) -> list[str]:
        """The ids of the documents, archived ones too, whose title or text holds every word of `text`.

        Capitals and small letters are alike; without a word in `text` the list is empty.
        """
        return self._list(board_queries.documents_holding, text)

    def project_counts(self) -> dict[str, board_queries.ProjectCounts]:
        """How many open tasks, recurring tasks, contacts and documents a project has, by the project's id.

        Archived rows are not counted, and a project to which nothing belongs is left out.
        """
        return self._list(board_queries.project_counts)

    def documents_made_by(self, execution_id: str) -> Rows[Document]:
        """The documents that an execution made, oldest first, archived or not."""
        return self._list(board_queries.documents_made_by, execution_id)

    def tasks(
        self, project_id: str | None = None, status: str | None = None, *, include_archived: bool = False
    ) -> Rows[Task]:
        """The tasks by lane and place, of a project or a lane or of all."""
        lane = values.status(status) if status is not None else None
        return self._list(board_queries.tasks, project_id, lane, include_archived=include_archived)

    def task(self, task_id: str) -> Task:
        """One task by its id, archived or not."""
        return self._list(board_queries.task, task_id)

    def recurring_tasks(self, project_id: str | None = None) -> Rows[RecurringTask]:
        """The recurring tasks, newest first, of a project or of all."""
        return self._list(board_queries.recurring_tasks, project_id)

    def recurring_task(self, recurring_task_id: str) -> RecurringTask:
        """One recurring task by its id."""
        return self._list(board_queries.recurring_task, recurring_task_id)

    def executions(
        self, recurring_task_id: str | None = None, limit: int = 20, *, before: str | None = None
    ) -> Rows[Execution]:
        """The executions, newest first; `before` an execution's id goes on from there."""
        return self._list(execution_queries.executions, recurring_task_id, limit=values.limit(limit), before=before)

    def execution(self, execution_id: str) -> Execution:
        """One execution by its id."""
        return self._list(execution_queries.execution, execution_id)

    def forecast(self, recurring_task_id: str, *, every: str | timedelta | None = None) -> Forecast:
        """What a recurring task will cost a day, if it goes on as its last 20 executions did.

        `every` is the interval that is asked about; left out, the task's own.
        """
        wished = schedule.parse_every(every) if every is not None else None

        def asked(cursor: Cursor) -> Forecast:
            task = board_queries.recurring_task(cursor, self.id, recurring_task_id)
            costs = execution_queries.costs(cursor, self.id, recurring_task_id)
            value, unit = wished or (task.interval_value, task.interval_unit)
            return forecast(value, unit, costs)

        return self._ask(asked)

    def latest_execution(self, recurring_task_id: str) -> Execution | None:
        """The task's newest execution, None when it has none."""
        return self._list(execution_queries.latest, recurring_task_id)

    def recent_executions(self, per_task: int = 5) -> dict[str, Rows[Execution]]:
        """The newest executions of every recurring task, newest first, by the task's id."""
        return self._list(execution_queries.recent, values.limit(per_task))

    def recent_runs(self, groups: int = 5) -> dict[str, list[execution_queries.Run]]:
        """The newest runs of every recurring task, newest first, by the task's id, and what runs besides.

        Executions skipped one after the other for the same reason are one run; a task has at most `groups`,
        told of its newest 200 executions.
        """
        return self._list(execution_queries.recent_runs, values.limit(groups, "groups"))

    def transcript(self, execution_id: str) -> Rows[execution_queries.Line]:
        """The conversation of an execution, line by line; empty when there was none or it was pruned."""
        return self._list(execution_queries.transcript, execution_id)

    def head(self) -> int:
        """The seq of the store's newest event."""
        return self._list(log_queries.head)

    def events(self, after: int = 0) -> list[Recorded]:
        """The store's events whose seq is greater than `after`, in their order."""
        return self._list(log_queries.events, after)


class Store(Questions):
    """One team's board: a handle on it, cheap to make. Nothing crosses from one store to another."""

    def __init__(self, workspace: Workspace, store_id: str, *, actor: str | None = None) -> None:
        self.workspace = workspace
        self.id = store_id
        self._actor = actor
        self._log = workspace._log

    def __repr__(self) -> str:
        return f"<wsq.Store {self.id!r} of {self.workspace.place}>"

    def _ask(self, question: Callable[[Cursor], T]) -> T:
        return self._log.ask(question)

    def _decide(self, command: Callable[Concatenate[Transaction, str, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        outcome = self._log.decide(
            lambda tx: command(tx, self.id, *args, **kwargs), actor=self._actor, scope=frozenset({self.id})
        )
        self.workspace._look_after_what_runs()
        return outcome

    def _forget(self, table: str, row_id: str) -> Forgotten:
        from wsq.commands import erasure

        subject = erasure.Subject(table, self.id, row_id)
        engine = self.workspace._engine
        with engine.study() as cursor:
            looked = erasure.look(cursor, subject)
        traces, events, told = self._log.decide(lambda tx: erasure.forget(tx, subject, looked), actor=self._actor)
        for execution_id in told:
            engine.note_progress(execution_id, None)  # what its worker has left, if it died
        engine.scrub()
        with engine.study() as cursor:
            mentions = Rows(erasure.mentions(cursor, subject, traces), kind=erasure.Mention)
        return erasure.Forgotten(id=row_id, events=events, conversations=len(told), mentions=mentions)

    def together(self, work: Callable[[Store], T]) -> T:
        """Do several commands as one transaction: all that `work` does with the store it is given, or nothing.

        Returns what `work` returns. It may be called anew when somebody else was faster, so that it should do
        nothing but ask and command; nothing can be carried out in it.

        Raises:
            WsqError: What a command in it raised; then nothing is written.
        """
        outcome = self._log.decide(
            lambda tx: work(_StoreInTransaction(self, tx)), actor=self._actor, scope=frozenset({self.id})
        )
        self.workspace._look_after_what_runs()
        return outcome

    @property
    def actor(self) -> str:
        """Who stands on the events of what is done through it."""
        return self._actor or self.workspace.actor

    def as_actor(self, actor: str) -> Store:
        """The same store, with `actor` on the events of what is done through it."""
        return Store(self.workspace, self.id, actor=actor)

    def as_of(self, point: datetime | int) -> PastStore:
        """The store as it was at an instant or after the event of a seq (inclusive): questions only.

        Before the first event, at seq 0, nothing has happened; a seq beyond the newest event's means that one.

        Raises:
            InvalidInput: It is neither a datetime with a time zone nor a whole number, 0 or more.
        """
        from wsq.store.past import PastEngine

        seq = self._log.seq_at(self.id, _point(point))
        return PastStore(self, PastEngine(self._log, self.id, seq), seq)

    def difference(self, since: datetime | int, until: datetime | int | None = None) -> Rows[Change]:
        """What became of the store's rows from one moment to another: each that differs, before and after.

        Args:
            since: An instant, or an event's seq (inclusive), as in `as_of`.
            until: The same; left out, now. When it is the earlier of the two, the changes are told backwards.

        Returns:
            The changes by kind, those of what has been there for longer first; empty when nothing differs.
        """
        points = [self._log.seq_at(self.id, _point(each)) for each in (since, self.head() if until is None else until)]
        worlds = self._log.worlds_at(self.id, sorted(points), TITLES)
        before, after = worlds if points[0] <= points[1] else worlds[::-1]
        return changes(before, after)

    def since(self, instant: datetime, until: datetime | None = None) -> Since:
        """What has happened here from `instant` (inclusive) to `until` (exclusive; left out: up to now).

        It is found in the log and its projections, and no model is asked.

        Raises:
            InvalidInput: One of them is no datetime with a time zone, or they come in the wrong order.
        """
        from wsq.statistics import since

        begun, end = _between(instant, until)
        now = self.workspace.clock.now()
        return self._ask(lambda cursor: since.since(cursor, self.id, begun, end, now))

    def spending(self, recurring_task_id: str | None = None) -> Spending:
        """What has been spent today, by the store's zone, of its budget or of one recurring task's, in US dollars.

        An execution counts for the day on which it began.
        """
        now = self.workspace.clock.now()

        def asked(cursor: Cursor) -> Spending:
            about = board_queries.store(cursor, self.id)
            task = recurring_task_id and board_queries.recurring_task(cursor, self.id, recurring_task_id)
            return spending_queries.spending(cursor, about, task or None, now)

        return self._ask(asked)

    def spendings(self) -> dict[str, Spending]:
        """The same for each recurring task of the store, by its id."""
        now = self.workspace.clock.now()

        def asked(cursor: Cursor) -> dict[str, Spending]:
            about = board_queries.store(cursor, self.id)
            return spending_queries.by_task(cursor, about, board_queries.recurring_tasks(cursor, self.id), now)

        return self._ask(asked)

    def upcoming(
        self,
        *,
        every: str | timedelta | None = None,
        starting: Any = UNSET,
        timezone: str | None = None,
        recurring_task_id: str | None = None,
        count: int = 3,
    ) -> tuple[datetime, ...]:
        """The first `count` slots that a recurring task would have if it were made, or changed so, now.

        With a `recurring_task_id` what is left out stays as it is; where nothing is another, they are the ones
        that the task has (those it will have once it is enabled).

        Raises:
            InvalidInput: An argument is outside what it may be, or `every` is missing for a new task.
        """
        now = self.workspace.clock.now()
        interval = schedule.parse_every(every) if every is not None or recurring_task_id is None else None
        zone = values.timezone(timezone) if timezone is not None else None
        if recurring_task_id is not None:
            row = self.recurring_task(recurring_task_id)
            old = recurring.plan_of(row)
            plan = schedule.replanned(old, now, every=interval, starting=starting, timezone=zone)
            unsettled = row.next_execution_at if plan is old else None
            first = unsettled or schedule.slot_after(plan.grid, now)
        else:
            assert interval is not None
            plan = schedule.planned(interval, None if starting is UNSET else starting, zone or self.timezone(), now)
            first = schedule.first_slot(plan.grid, plan.starting, now)
        return (first, *schedule.upcoming(plan.grid, first, count - 1))[:count]

    def last_edit(self, kind: str, row_id: str) -> log_queries.Edit | None:
        """Who changed a row last, and when; None when that is more than 10,000 events ago.

        `kind` is ``task``, ``recurring_task``, ``project``, ``contact`` or ``document``. What an execution did to a
        recurring task by running it is no edit of it.
        """
        return self._list(log_queries.last_edit, kind, row_id)

    def timezone(self) -> str:
        """The zone that its new recurring tasks get, also before the store is made."""
        try:
            return self.row().timezone
        except NotFound:
            return self.workspace.settings.timezone

    def usual_model(self) -> str:
        """The model that is asked where a recurring task names none: the store's, else the settings'."""
        try:
            return self.row().model or self.workspace.settings.model
        except NotFound:
            return self.workspace.settings.model

    # Projects, contacts, documents

    def create_project(self, name: str, *, description: str = "") -> Project:
        """Begin a project."""
        return self._decide(boards.create_project, name, description=description)

    def update_project(
        self,
        project_id: str,
        *,
        name: Any = UNSET,
        description: Any = UNSET,
        expected_version: int | None = None,
    ) -> Project:
        """Change what is given."""
        return self._decide(
            boards.update_project,
            project_id,
            name=name,
            description=description,
            expected_version=expected_version,
        )

    def archive_project(self, project_id: str) -> Project:
        """Put a project away; its recurring tasks are disabled with that reason."""
        return self._decide(boards.archive_project, project_id)

    def unarchive_project(self, project_id: str) -> Project:
        """Take a project up again; recurring tasks stay disabled until someone enables them."""
        return self._decide(boards.unarchive_project, project_id)

    def create_contact(
        self, name: str, *, email: str | None = None, notes: str = "", project_id: str | None = None
    ) -> Contact:
        """Note a person; an e-mail address belongs to one contact of a store, whatever its case."""
        return self._decide(boards.create_contact, name, email=email, notes=notes, project_id=project_id)

    def update_contact(
        self,
        contact_id: str,
        *,
        name: Any = UNSET,
        email: Any = UNSET,
        notes: Any = UNSET,
        expected_version: int | None = None,
    ) -> Contact:
        """Change what is given; an e-mail of None clears it."""
        return self._decide(
            boards.update_contact,
            contact_id,
            name=name,
            email=email,
            notes=notes,
            expected_version=expected_version,
        )

    def delete_contact(self, contact_id: str) -> Contact:
        """Strike a person from the list; returns the last row."""
        return self._decide(boards.delete_contact, contact_id)

    def forget_contact(self, contact_id: str) -> Forgotten:
        """Take what the record holds of a person out of it for good, also of one that was deleted before.

        The one change of what was written: names, addresses and notes in past events give way to a mark, and
        conversations of executions that speak of the person are given up whole. Ids, order, times and figures stay,
        and an event says that it was done and by whom. Tasks, prompts and outputs in which people or models wrote of
        the person are not changed: they are told as `mentions`. Backups and exports made before hold it still.

        Forgetting once more changes nothing, and finishes what was broken off.

        Raises:
            NotFound: There never was such a contact.
            AlreadyRunning: An execution that has been told of the person still runs.
        """
        return self._forget("contacts", contact_id)

    def add_contact_to_project(self, contact_id: str, project_id: str) -> Contact:
        """Link a person to a project; linking twice changes nothing."""
        return self._decide(boards.add_contact_to_project, contact_id, project_id)

    def remove_contact_from_project(self, contact_id: str, project_id: str) -> Contact:
        """Take a person's link to a project away; without one nothing changes."""
        return self._decide(boards.remove_contact_from_project, contact_id, project_id)

    def create_document(self, title: str, content: str = "", *, project_id: str | None = None) -> Document:
        """Write a document."""
        return self._decide(boards.create_document, title, content, project_id=project_id)

    def update_document(
        self,
        document_id: str,
        *,
        title: Any = UNSET,
        content: Any = UNSET,
        expected_version: int | None = None,
    ) -> Document:
        """Change what is given."""
        return self._decide(
            boards.update_document,
            document_id,
            title=title,
            content=content,
            expected_version=expected_version,
        )

    def archive_document(self, document_id: str) -> Document:
        """Put a document away."""
        return self._decide(boards.archive_document, document_id)

    def unarchive_document(self, document_id: str) -> Document:
        """Take a document out again."""
        return self._decide(boards.unarchive_document, document_id)

    def forget_document(self, document_id: str) -> Forgotten:
        """Take a document's titles and contents out of the record for good; see `forget_contact`."""
        return self._forget("documents", document_id)

    def add_document_to_project(self, document_id: str, project_id: str) -> Document:
        """Link a document to a project; linking twice changes nothing."""
        return self._decide(boards.add_document_to_project, document_id, project_id)

    def remove_document_from_project(self, document_id: str, project_id: str) -> Document:
        """Take a document's link to a project away; without one nothing changes."""
        return self._decide(boards.remove_document_from_project, document_id, project_id)

    # Tasks

    def create_task(
        self,
        title: str,
        *,
        description: str = "",
        project_id: str | None = None,
        status: str = "todo",
        assignees: Iterable[str] = (),
    ) -> Task:
        """Put a task at the end of a lane."""
        return self._decide(
            tasks.create_task,
            title,
            description=description,
            project_id=project_id,
            status=status,
            assignees=assignees,
        )

    def update_task(
        self,
        task_id: str,
        *,
        title: Any = UNSET,
        description: Any = UNSET,
        assignees: Any = UNSET,
        project_id: Any = UNSET,
        expected_version: int | None = None,
    ) -> Task:
        """Change what is given; a project of None takes the task out of its project."""
        return self._decide(
            tasks.update_task,
            task_id,
            title=title,
            description=description,
            assignees=assignees,
            project_id=project_id,
            expected_version=expected_version,
        )

    def move_task(
        self,
        task_id: str,
        *,
        status: str | None = None,
        position: int | None = None,
        project_id: Any = UNSET,
        expected_version: int | None = None,
    ) -> Task:
        """Move a task to another lane, place (0-based; left out: the end of a new lane) or project."""
        return self._decide(
            tasks.move_task,
            task_id,
            status=status,
            position=position,
            project_id=project_id,
            expected_version=expected_version,
        )

    def archive_task(self, task_id: str) -> Task:
        """Take a task off the board; it can be put back."""
        return self._decide(tasks.archive_task, task_id)

    def unarchive_task(self, task_id: str) -> Task:
        """Put a task back at the end of its lane."""
        return self._decide(tasks.unarchive_task, task_id)

    # Keeping still

    def pause(self, *, until: datetime | None = None, reason: str | None = None) -> StoreRow:
        """Let nothing start in this store, until an instant (exclusive) or until it is resumed; see `Workspace.pause`.

        Raises:
            InvalidInput: `until` has passed already, or is no datetime with a time zone.
        """
        return self._decide(pauses.pause_store, until=until, reason=reason)

    def resume(self) -> StoreRow:
        """Go on after a pause of this store; one of the workspace still holds."""
        return self._decide(pauses.resume_store)

    def paused(self) -> Pause | None:
        """The pause that keeps this store still now, the workspace's before its own; None when nothing does."""
        now = self.workspace.clock.now()
        return self._ask(
            lambda cursor: pause_of(board_queries.workspace(cursor), board_queries.store(cursor, self.id), now)
        )

    # Recurring tasks

    def create_recurring_task(
        self,
        name: str,
        prompt: str,
        *,
        every: str | timedelta,
        starting: str | datetime | None = None,
        timezone: str | None = None,
        description: str = "",
        project_id: str | None = None,
        assignees: Iterable[str] = (),
        model: str | None = None,
        missed: str = "skip",
        budget_per_day: float | None = None,
        time_limit: str | timedelta = "5 minutes",
        skip_unchanged: bool = False,
        enabled: bool = True,
        notify: Iterable[str] = (),
        notify_on: Iterable[str] = values.USUALLY_TOLD,
    ) -> RecurringTask:
        """Make a recurring task; its first slot is the start's next occurrence, or one interval from now.

        Args:
            name: What it is called.
            prompt: What the agent is to do.
            every: How often, such as ``"4 hours"``: whole minutes, hours or days, at most 3,650 days.
            starting: A wall time of its zone or an instant that the grid of slots goes through; None is now.
            timezone: The IANA zone of its wall times; None is the store's.
            description: What it is for.
            project_id: The project that the agent works in; None is the whole store.
            assignees: Who what it creates is for.
            model: The model that is asked; None is the store's, else the settings'.
            missed: What becomes of slots that nobody was there for: ``skip`` or ``run_once``.
            budget_per_day: What it may spend in a day of the store's zone, in US dollars; None is $1.
            time_limit: How long one execution may work, 1 second to 1 hour.
            skip_unchanged: Whether a slot is skipped when nothing in its project has changed since its last
                execution (without a project: nothing in the store).
            enabled: Whether it runs by itself.
            notify: Who is told of executions that end as `notify_on` says; free names or addresses.
            notify_on: Of which ends: any of ``failed``, ``could_not`` and ``done``.

        Raises:
            InvalidInput: An argument is outside what it may be.
            NotFound: There is no such project.
        """
        return self._decide(
            recurring.create_recurring_task,
            name,
            prompt,
            every=every,
            starting=starting,
            timezone=timezone,
            description=description,
            project_id=project_id,
            assignees=assignees,
            model=model,
            missed=missed,
            budget_per_day=budget_per_day,
            time_limit=time_limit,
            skip_unchanged=skip_unchanged,
            enabled=enabled,
            notify=notify,
            notify_on=notify_on,
        )

    def update_recurring_task(
        self,
        recurring_task_id: str,
        *,
        name: Any = UNSET,
        prompt: Any = UNSET,
        description: Any = UNSET,
        every: Any = UNSET,
        starting: Any = UNSET,
        timezone: Any = UNSET,
        project_id: Any = UNSET,
        assignees: Any = UNSET,
        model: Any = UNSET,
        missed: Any = UNSET,
        budget_per_day: Any = UNSET,
        time_limit: Any = UNSET,
        skip_unchanged: Any = UNSET,
        notify: Any = UNSET,
        notify_on: Any = UNSET,
        expected_version: int | None = None,
    ) -> RecurringTask:
        """Change what is given; a new interval, start or zone moves the grid and settles what was due."""
        return self._decide(
            recurring.update_recurring_task,
            recurring_task_id,
            name=name,
            prompt=prompt,
            description=description,
            every=every,
            starting=starting,
            timezone=timezone,
            project_id=project_id,
            assignees=assignees,
            model=model,
            missed=missed,
            budget_per_day=budget_per_day,
            time_limit=time_limit,
            skip_unchanged=skip_unchanged,
            notify=notify,
            notify_on=notify_on,
            expected_version=expected_version,
        )

    def enable_recurring_task(self, recurring_task_id: str) -> RecurringTask:
        """Switch a task on: it goes on with the next point of its grid. Enabling twice changes nothing."""
        return self._decide(recurring.enable_recurring_task, recurring_task_id)

    def disable_recurring_task(self, recurring_task_id: str, *, reason: str | None = None) -> RecurringTask:
        """Switch a task off; a running execution ends normally. Disabling twice changes nothing."""
        return self._decide(recurring.disable_recurring_task, recurring_task_id, reason=reason)

    def delete_recurring_task(self, recurring_task_id: str) -> RecurringTask:
        """Remove a task, cancelling its running execution; its executions stay. Returns the last row."""
        return self._decide(recurring.delete_recurring_task, recurring_task_id)

    # Executions

    def run_now(self, recurring_task_id: str) -> Execution:
        """Carry a task out now, and return the execution when it has ended; a failed one is returned too.

        Raises:
            AlreadyRunning: It is being carried out; the error has the execution's id.
            NotRunnable: It is disabled.
        """
        from wsq.runner.watching import watched

        hands = self._hands()
        with watched(self._log, self.id, hands.provider.kind) as watch:
            return hands.run_now(self.id, recurring_task_id, self._actor, watch)

    def start_now(self, recurring_task_id: str) -> Execution:
        """Begin to carry a task out, and return the running execution; raises as `run_now` does."""
        return self._hands().start_now(self.id, recurring_task_id, self._actor)

    def cancel_execution(self, execution_id: str) -> Execution:
        """Cancel a running execution: it has ended when this returns, and its worker stops within a second."""
        return self._decide(executions.cancel_execution, execution_id)

    def dry_run(
        self,
        prompt: str,
        project_id: str | None = None,
        *,
        model: str | None = None,
        time_limit: str | timedelta = "5 minutes",
    ) -> DryRun:
        """Try a prompt out: the agent carries it out on a fork of the store, and nothing is written.

        The same agent with the same tools, scope, limits and budgets as an execution of a recurring task with
        this prompt. What a model costs is paid for all the same and counts against the store's budget for today.
        A failed dry run is returned, not raised; an interrupt ends it and is raised.

        Args:
            prompt: What the agent is to do.
            project_id: The project that it works in; None is the whole store.
            model: The model that is asked; None is the store's, else the settings'.
            time_limit: How long it may work, 1 second to 1 hour.

        Raises:
            InvalidInput: An argument is outside what it may be.
            NotFound: There is no such project.
            NotRunnable: The store has spent its budget for today, or is paused.
        """
        from wsq.runner.dry_run import DryRunRequest, dry_run
        from wsq.runner.watching import watched

        request = DryRunRequest(
            store_id=self.id,
            prompt=prompt,
            project_id=project_id,
            model=model,
            time_limit=time_limit,
            actor=self._actor,
        )
        with self._trying() as (provider, hands):
            return dry_run(self._log, provider, request, hands, lambda fork, store: watched(fork, store, provider.kind))

    def _hands(self) -> Executor:
        return self.workspace._executor_for(self.workspace.clock)

    def _trying(self) -> AbstractContextManager[Trying]:
        return self.workspace._trying()


class _StoreInTransaction(Store):
    """The store inside a transaction: what was commanded before is seen, and stands or falls with the rest."""

    def __init__(self, store: Store, tx: Transaction) -> None:
        super().__init__(store.workspace, store.id, actor=store._actor)
        self._tx = tx

    def _ask(self, question: Callable[[Cursor], T]) -> T:
        return question(self._tx)

    def _decide(self, command: Callable[Concatenate[Transaction, str, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return command(self._tx, self.id, *args, **kwargs)

    def together(self, work: Callable[[Store], T]) -> T:
        return work(self)

    def as_actor(self, actor: str) -> Store:
        raise InvalidInput(f"Inside together() everything is done by one actor; {actor!r} cannot join.")

    def _forget(self, table: str, row_id: str) -> Forgotten:
        raise InvalidInput(
            f"Inside together() nothing is forgotten: {row_id!r} of {table} is, outside of it, for good."
        )

    def _hands(self) -> Executor:
        raise NotRunnable("Nothing is carried out inside together(); run it afterwards.")

    def _trying(self) -> AbstractContextManager[Trying]:
        raise NotRunnable("Nothing is tried out inside together(); do it before or afterwards.")


def _between(begun: datetime, end: datetime | None) -> tuple[datetime, datetime | None]:
    if end is not None and aware(end) < aware(begun):
        raise values.refusal("until", end.isoformat(), f"an instant not before {begun.isoformat()}")
    return aware(begun), end


def _point(point: datetime | int) -> datetime | int:
    if isinstance(point, datetime):
        return aware(point)
    if isinstance(point, bool) or not isinstance(point, int) or point < 0:
        raise values.refusal("The moment", point, "a datetime with a time zone, or the seq of an event, 0 or more")
    return point


class PastStore(Questions):
    """A store as it was: it answers questions and takes no commands. `seq` is its newest event's."""

    def __init__(self, store: Store, engine: PastEngine, seq: int) -> None:
        self.id = store.id
        self.seq = seq
        self._store = store
        self._engine = engine

    def __repr__(self) -> str:
        return f"<wsq.PastStore {self.id!r} as of event {self.seq}>"

    def _ask(self, question: Callable[[Cursor], T]) -> T:
        with self._engine.read() as cursor:
            return question(cursor)

    def difference(self, other: PastStore) -> Rows[Change]:
        """What became of the store from this moment to the `other`; see `Store.difference`.

        Raises:
            InvalidInput: `other` is another store's.
        """
        if (other._store.workspace, other.id) != (self._store.workspace, self.id):
            raise InvalidInput(f"{other!r} is another store than {self!r}: two moments of one store are compared.")
        return self._store.difference(self.seq, other.seq)

    def head(self) -> int:
        """The seq of the newest event up to then."""
        return self.seq

    def events(self, after: int = 0) -> list[Recorded]:
        """The store's events up to then whose seq is greater than `after`."""
        return self._store._list(log_queries.events, after, self.seq)
