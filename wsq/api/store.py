"""A store: one team's board, its commands and the questions it answers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from msgspec import UNSET

from wsq.api.binding import checked, command
from wsq.api.past import PastStore, checked_moment, checked_span
from wsq.api.questions import Questions
from wsq.commands import boards, executions, pauses, recurring, tasks
from wsq.errors import InvalidInput, NotFound, NotRunnable
from wsq.projections import Execution, Rows
from wsq.projections.changes import TITLES, Change, changes
from wsq.queries import boards as board_queries
from wsq.queries import spending as spending_queries
from wsq.rules import schedule, values
from wsq.rules.budgets import Spending
from wsq.rules.pauses import Pause, pause_of
from wsq.store.engine import Cursor, ReadingCursor
from wsq.store.transaction import Transaction

if TYPE_CHECKING:
    from wsq.api.workspace import Workspace
    from wsq.commands.erasure import Forgotten
    from wsq.runner.dry_run import DryRun
    from wsq.runner.executor import Executor
    from wsq.runner.service import Trial
    from wsq.statistics.since import Since

T = TypeVar("T")
P = ParamSpec("P")

MOST_UPCOMING = 500
"""Maximum number of slots that `Store.upcoming` computes."""


@checked
class Store(Questions):
    """One team's board: a handle on it, cheap to make. Nothing crosses from one store to another."""

    def __init__(self, workspace: Workspace, store_id: str, *, actor: str | None = None) -> None:
        self.workspace = workspace
        self.id = store_id
        self._actor = actor
        self._log = workspace._log

    def __repr__(self) -> str:
        return f"<wsq.Store {self.id!r} of {self.workspace.place}>"

    def _read(self, question: Callable[[Cursor], T]) -> T:
        return self._log.read(question)

    def _read_texts(self, question: Callable[[ReadingCursor], T]) -> T:
        return self._log.read_texts(question)

    def _write(self, function: Callable[Concatenate[Transaction, str, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return self._transaction(lambda tx: function(tx, self.id, *args, **kwargs))

    def _transaction(self, work: Callable[[Transaction], T]) -> T:
        result = self._log.write(work, actor=self._actor, scope=frozenset({self.id}))
        self.workspace._service.check_running()
        return result

    def together(self, work: Callable[[Store], T]) -> T:
        """Run several commands as one transaction: all that `work` does with the store it is given, or nothing.

        Returns what `work` returns. It may be called again after a conflict with another writer, so it should do
        nothing but read and write through that store. Nothing can be run in it.

        Raises:
            WsqError: A command in it raised it; then nothing is written.
        """
        return self._transaction(lambda tx: work(_StoreInTransaction(self, tx)))

    @property
    def actor(self) -> str:
        """Who stands on the events of what is done through this handle."""
        return self._actor or self.workspace.actor

    def as_actor(self, actor: str) -> Store:
        """The same store, with `actor` on the events of what is done through it."""
        return Store(self.workspace, self.id, actor=actor)

    # Settings that new recurring tasks get

    def timezone(self) -> str:
        """The time zone of its new recurring tasks, also before the store is made."""
        try:
            return self.row().timezone
        except NotFound:
            return self.workspace.settings.timezone

    def usual_model(self) -> str:
        """The model for recurring tasks that name none: the store's, else the settings'."""
        try:
            return self.row().model or self.workspace.settings.model
        except NotFound:
            return self.workspace.settings.model

    # Projects, contacts, documents

    create_project = command(boards.create_project)
    update_project = command(boards.update_project)
    archive_project = command(boards.archive_project)
    unarchive_project = command(boards.unarchive_project)
    create_contact = command(boards.create_contact)
    update_contact = command(boards.update_contact)
    delete_contact = command(boards.delete_contact)
    add_contact_to_project = command(boards.add_contact_to_project)
    remove_contact_from_project = command(boards.remove_contact_from_project)
    create_document = command(boards.create_document)
    update_document = command(boards.update_document)
    archive_document = command(boards.archive_document)
    unarchive_document = command(boards.unarchive_document)
    add_document_to_project = command(boards.add_document_to_project)
    remove_document_from_project = command(boards.remove_document_from_project)

    def forget_contact(self, contact_id: str) -> Forgotten:
        """Remove what the log holds of a person for good, also of one that was deleted before.

        The one change of recorded events: names, addresses and notes give way to a mark, and conversations of
        executions that mention the person are deleted. Ids, order, times and figures stay, and an event records that
        it was done and by whom. Tasks, prompts, outputs and other stores' transcripts that mention the person are not
        changed: they are returned as `mentions`, and those with a part of the name as `partial_mentions`. Backups and
        exports made before still hold it.

        Forgetting again changes nothing, and finishes what was interrupted.

        Raises:
            NotFound: There never was such a contact.
            AlreadyRunning: An execution that has read the contact still runs.
        """
        return self._forget("contacts", contact_id)

    def forget_document(self, document_id: str) -> Forgotten:
        """Remove a document's titles and contents from the log for good; see `forget_contact`."""
        return self._forget("documents", document_id)

    def _forget(self, table: str, row_id: str) -> Forgotten:
        from wsq.commands import erasure

        subject = erasure.Subject(table, self.id, row_id)
        engine = self.workspace._engine
        with engine.snapshot() as cursor:
            looked = erasure.look(cursor, subject)
        traces, events, pruned = self._log.write(lambda tx: erasure.forget(tx, subject, looked), actor=self._actor)
        for execution_id in pruned:
            engine.note_progress(execution_id, None)  # left by its worker if that died
        engine.scrub()
        with engine.snapshot() as cursor:
            mentions = erasure.mentions(cursor, subject, traces, looked)
        whole, partial = (
            Rows((each for each in mentions if (each.part is not None) is is_partial), kind=erasure.Mention)
            for is_partial in (False, True)
        )
        return erasure.Forgotten(
            id=row_id, events=events, conversations=len(pruned), mentions=whole, partial_mentions=partial
        )

    # Tasks

    create_task = command(tasks.create_task)
    update_task = command(tasks.update_task)
    move_task = command(tasks.move_task)
    archive_task = command(tasks.archive_task)
    unarchive_task = command(tasks.unarchive_task)

    # Pauses

    pause = command(pauses.pause_store)
    resume = command(pauses.resume_store)

    def paused(self) -> Pause | None:
        """The pause that holds for this store now, the workspace's before its own; None when there is none."""
        now = self.workspace.clock.now()
        return self._read(
            lambda cursor: pause_of(board_queries.workspace(cursor), board_queries.store(cursor, self.id), now)
        )

    # Recurring tasks

    create_recurring_task = command(recurring.create_recurring_task)
    update_recurring_task = command(recurring.update_recurring_task)
    enable_recurring_task = command(recurring.enable_recurring_task)
    disable_recurring_task = command(recurring.disable_recurring_task)
    delete_recurring_task = command(recurring.delete_recurring_task)

    def upcoming(
        self,
        *,
        every: str | timedelta | None = None,
        starting: Any = UNSET,
        timezone: str | None = None,
        recurring_task_id: str | None = None,
        count: int = 3,
    ) -> tuple[datetime, ...]:
        """The first `count` slots (at most 500) of a recurring task that would be created, or changed in this way, now.

        With a `recurring_task_id`, arguments that are left out keep their values. Without any change these are the
        task's next slots (those it will have once it is enabled).

        Raises:
            InvalidInput: An argument is out of range, or `every` is missing for a new task.
        """
        now, wanted = self.workspace.clock.now(), values.count(count, "count", most=MOST_UPCOMING)
        interval = schedule.parse_every(every) if every is not None or recurring_task_id is None else None
        zone = values.timezone(timezone) if timezone is not None else None
        if recurring_task_id is not None:
            row = self.recurring_task(recurring_task_id)
            old = recurring.plan_of(row)
            plan = schedule.replanned(old, now, every=interval, starting=starting, timezone=zone)
            unsettled = None if schedule.is_moved(old, plan) else row.next_execution_at
            first = unsettled or schedule.slot_after(plan.grid, now)
        else:
            assert interval is not None
            plan = schedule.planned(interval, None if starting is UNSET else starting, zone or self.timezone(), now)
            first = schedule.first_slot(plan.grid, plan.starting, now)
        return schedule.upcoming_from(plan.grid, first, wanted)

    # Executions

    cancel_execution = command(executions.cancel_execution)

    def run_now(self, recurring_task_id: str) -> Execution:
        """Run a recurring task now and return its execution when it has ended; a failed one is returned too.

        Raises:
            AlreadyRunning: It runs already; the error has the execution's id.
            NotRunnable: It is disabled.
        """
        from wsq.runner.watching import watched

        executor = self._executor()
        with watched(self._log, self.id, executor.provider.kind) as watch:
            return executor.run_now(self.id, recurring_task_id, self._actor, watch)

    def start_now(self, recurring_task_id: str) -> Execution:
        """Start a recurring task now and return its running execution; raises as `run_now` does."""
        return self._executor().start_now(self.id, recurring_task_id, self._actor)

    def dry_run(
        self,
        prompt: str,
        project_id: str | None = None,
        *,
        model: str | None = None,
        time_limit: str | timedelta = "5 minutes",
    ) -> DryRun:
        """Try a prompt: the agent runs it on a fork of the store, and nothing is written.

        The same agent with the same tools, scope, limits and budgets as an execution of a recurring task with
        this prompt. What the model costs is paid for and counts against the store's budget for today. A failed dry
        run is returned, not raised; an interrupt ends it and is raised.

        Args:
            prompt: What the agent is to do.
            project_id: The project that it works in; None: the whole store.
            model: The model that is asked; None: the store's, else the settings'.
            time_limit: How long it may work, 1 second to 1 hour.

        Raises:
            InvalidInput: An argument is out of range.
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
        with self._trial() as (provider, make):
            return dry_run(self._log, provider, request, make, lambda fork, store: watched(fork, store, provider.kind))

    def _executor(self) -> Executor:
        return self.workspace._service.executor()

    def _trial(self) -> AbstractContextManager[Trial]:
        return self.workspace._service.trial()

    # Budgets

    def spending(self, recurring_task_id: str | None = None) -> Spending:
        """What was spent today, in the store's time zone, of its budget or of one recurring task's, in US dollars.

        An execution counts for the day on which it began.
        """
        now = self.workspace.clock.now()

        def asked(cursor: Cursor) -> Spending:
            row = board_queries.store(cursor, self.id)
            wanted = recurring_task_id
            task = None if wanted is None else board_queries.recurring_task(cursor, self.id, wanted)
            return spending_queries.spending(cursor, row, task, now)

        return self._read(asked)

    def spendings(self) -> dict[str, Spending]:
        """The same for each recurring task of the store, by its id."""
        now = self.workspace.clock.now()

        def asked(cursor: Cursor) -> dict[str, Spending]:
            row = board_queries.store(cursor, self.id)
            return spending_queries.by_task(cursor, row, board_queries.recurring_tasks(cursor, self.id), now)

        return self._read(asked)

    # History

    def as_of(self, point: datetime | int) -> PastStore:
        """The store as it was at an instant or after the event of a seq (inclusive): questions only.

        At seq 0, before the first event, nothing has happened; a seq beyond the newest event's means the newest.

        Raises:
            InvalidInput: It is neither a datetime with a time zone nor a whole number, 0 or more.
        """
        from wsq.store.past import PastEngine

        seq = self._log.seq_at(self.id, checked_moment(point))
        return PastStore(self, PastEngine(self._log, self.id, seq), seq)

    def difference(self, since: datetime | int, until: datetime | int | None = None) -> Rows[Change]:
        """What changed in the store's rows from one moment to another: each that differs, before and after.

        Args:
            since: An instant, or an event's seq (inclusive), as in `as_of`.
            until: The same; None: now. When it is the earlier of the two, the changes are reversed.

        Returns:
            The changes by kind, those of older rows first; empty when nothing differs.
        """
        moments = (since, self.head() if until is None else until)
        points = [self._log.seq_at(self.id, checked_moment(each)) for each in moments]
        worlds = self._log.worlds_at(self.id, sorted(points), TITLES)
        before, after = worlds if points[0] <= points[1] else worlds[::-1]
        return changes(before, after)

    def since(self, instant: datetime, until: datetime | None = None) -> Since:
        """What happened here from `instant` (inclusive) to `until` (exclusive; None: up to now).

        Read from the log and its projections; no model is asked.

        Raises:
            InvalidInput: One of them is no datetime with a time zone, or they are in the wrong order.
        """
        from wsq.statistics import since

        begin, end = checked_span(instant, until)
        now = self.workspace.clock.now()
        return self._read(lambda cursor: since.since(cursor, self.id, begin, end, now))


@checked
class _StoreInTransaction(Store):
    """The store inside a transaction: it sees what was written before, and all is committed or nothing."""

    def __init__(self, store: Store, tx: Transaction) -> None:
        super().__init__(store.workspace, store.id, actor=store._actor)
        self._tx = tx

    def _read(self, question: Callable[[Cursor], T]) -> T:
        return question(self._tx)

    def _read_texts(self, question: Callable[[ReadingCursor], T]) -> T:
        return question(self._tx)

    def _transaction(self, work: Callable[[Transaction], T]) -> T:
        return work(self._tx)

    def together(self, work: Callable[[Store], T]) -> T:
        return work(self)

    def as_actor(self, actor: str) -> Store:
        raise InvalidInput(f"Inside together() everything is done by one actor; {actor!r} cannot join.")

    def _forget(self, table: str, row_id: str) -> Forgotten:
        raise InvalidInput(f"Inside together() nothing can be forgotten; forget {row_id!r} of {table} outside of it.")

    def _executor(self) -> Executor:
        raise NotRunnable("Nothing can be run inside together(); run it afterwards.")

    def _trial(self) -> AbstractContextManager[Trial]:
        raise NotRunnable("Nothing can be tried inside together(); try it before or afterwards.")
