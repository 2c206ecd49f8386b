"""The questions that a store answers, now or as it was at an earlier moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from wsq.api.binding import checked, query
from wsq.projections import Execution, Rows, StoreRow, Task
from wsq.queries import boards as board_queries
from wsq.queries import documents as document_queries
from wsq.queries import executions as execution_queries
from wsq.queries import log as log_queries
from wsq.rules import schedule, searching, values
from wsq.rules.budgets import Forecast, forecast
from wsq.store.engine import Cursor, ReadingCursor

if TYPE_CHECKING:
    from wsq.events import Recorded

T = TypeVar("T")
P = ParamSpec("P")


@checked
class Questions:
    """Everything that can be asked of a store. Lists leave out what is archived or deleted, unless asked for.

    Before the first command creates the store its lists are empty, and its row, one of its rows and its figures raise
    `NotFound`.
    """

    id: str

    def _read(self, question: Callable[[Cursor], T]) -> T:
        raise NotImplementedError

    def _read_texts(self, question: Callable[[ReadingCursor], T]) -> T:
        """Like `_read`, for questions that scan all texts."""
        raise NotImplementedError

    def _query(self, question: Callable[Concatenate[Cursor, str, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return self._read(lambda cursor: question(cursor, self.id, *args, **kwargs))

    def row(self) -> StoreRow:
        """The store's own row: name, time zone, model and budget."""
        return self._read(lambda cursor: board_queries.store(cursor, self.id))

    # The board

    projects = query(board_queries.projects)
    project = query(board_queries.project)
    project_counts = query(board_queries.project_counts)
    contacts = query(board_queries.contacts)
    contact = query(board_queries.contact)
    documents = query(board_queries.documents)
    document = query(board_queries.document)
    document_lines = query(board_queries.document_lines)
    documents_made_by = query(board_queries.documents_made_by)
    task = query(board_queries.task)

    def documents_holding(self, text: str) -> list[str]:
        """The ids of the documents, archived ones too, whose title or text holds every word of `text`.

        Capitals and small letters are alike. Without a word there is nothing to hold: an empty list.

        Raises:
            InvalidInput: It has more than 20 different words.
        """
        if not text.strip():
            return []
        words = searching.words(text, "The search")

        return self._read_texts(lambda cursor: document_queries.holding(cursor, self.id, words))

    def tasks(
        self, project_id: str | None = None, status: str | None = None, *, include_archived: bool = False
    ) -> Rows[Task]:
        """The tasks by lane and position, of a project or a lane or of all."""
        lane = values.status(status) if status is not None else None
        return self._query(board_queries.tasks, project_id, lane, include_archived=include_archived)

    # Recurring tasks and their executions

    archived_tasks = query(board_queries.archived_tasks)
    recurring_tasks = query(board_queries.recurring_tasks)
    recurring_task = query(board_queries.recurring_task)
    execution = query(execution_queries.execution)
    latest_execution = query(execution_queries.latest)
    transcript = query(execution_queries.transcript)

    def executions(
        self, recurring_task_id: str | None = None, limit: int = 20, *, before: str | None = None
    ) -> Rows[Execution]:
        """The executions, newest first; `before` is the id of the execution after which the page begins."""
        return self._query(execution_queries.executions, recurring_task_id, limit=values.limit(limit), before=before)

    def recent_runs(self, groups: int = 5) -> dict[str, list[execution_queries.Run]]:
        """The newest runs of each recurring task, newest first, and those that run, by the task's id.

        Executions skipped in a row for the same reason are one run. A task has at most `groups` runs, from its newest
        200 executions.
        """
        return self._query(execution_queries.recent_runs, values.limit(groups, "groups"))

    def forecast(self, recurring_task_id: str, *, every: str | timedelta | None = None) -> Forecast:
        """What a recurring task will cost per day at the average cost of its last 20 executions.

        `every` is the interval to forecast for; None: the task's own.
        """
        interval = schedule.parse_every(every) if every is not None else None

        def asked(cursor: Cursor) -> Forecast:
            task = board_queries.recurring_task(cursor, self.id, recurring_task_id)
            costs = execution_queries.costs(cursor, self.id, recurring_task_id)
            value, unit = interval or (task.interval_value, task.interval_unit)
            return forecast(value, unit, costs)

        return self._read(asked)

    # The log

    last_edit = query(log_queries.last_edit)

    def head(self) -> int:
        """The seq of the store's newest event."""

        def asked(cursor: Cursor) -> int:
            board_queries.store(cursor, self.id)
            return log_queries.head(cursor, self.id)

        return self._read(asked)

    def events(self, after: int = 0) -> list[Recorded]:
        """The store's events whose seq is greater than `after`, in order."""
        return self._query(log_queries.events, after)

    def position(self) -> log_queries.Position | None:
        """The newest event's place in the log, for `events_since`; None before the first one."""
        return self._query(log_queries.newest)

    def events_since(self, last: log_queries.Position | None) -> list[Recorded] | None:
        """The store's events after `last`, in order, all if that is None.

        None if the log was restored and does not have the event `last` any more.

        Raises:
            InvalidInput: `last` is no position.
        """
        return self._query(log_queries.events_since, last)
