"""The rows that the log folds into: frozen values, as commands and questions return them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, SupportsIndex, TypeVar, overload

import msgspec

from wsq.projections.display import MOST_ROWS, as_aligned, as_card, as_lines, as_table, in_brief, is_nothing
from wsq.vocabulary import DEFAULT_NOTIFY_ON


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A value with named fields; two are equal when all their fields are.

    In a notebook it shows the fields that matter: neither empty ones, nor those with their default value, nor
    internal ones. In a list it shows as one line.
    """

    _plural: ClassVar[str] = "rows"
    _columns: ClassVar[tuple[str, ...]] = ()
    """What a table of them shows; no random ids, so that a notebook that is run again says the same."""
    _brief: ClassVar[tuple[str, ...]] = ()
    """Fields of its line in a list; left out, its columns, else its first field."""
    _machinery: ClassVar[frozenset[str]] = frozenset()

    def _repr_html_(self) -> str:
        return as_card(type(self).__name__, self._telling())

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, FBT001 - IPython's protocol
        kind = type(self).__name__
        among_others = len(printer.stack) > 1
        shown = self._brief or self._columns or self.__struct_fields__[:1]
        brief = {name: getattr(self, name) for name in shown}
        printer.text(in_brief(kind, brief) if among_others else as_lines(kind, self._telling()))

    def _telling(self) -> dict[str, Any]:
        return {
            field.name: value
            for field in msgspec.structs.fields(self)
            if field.name not in self._machinery
            and not is_nothing(value := getattr(self, field.name))
            and value != field.default
        }

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, in the order in which they are documented."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


R = TypeVar("R", bound=Row)


class Rows(list[R], Generic[R]):
    """A list of rows of one kind, as questions return it: equal to any list of the same, and a slice is one too.

    In a notebook it shows as a table of what tells one row from another, at most 50 of them.
    """

    __slots__ = ("kind",)

    def __init__(self, rows: Iterable[R] = (), *, kind: type[R]) -> None:
        super().__init__(rows)
        self.kind = kind

    @overload
    def __getitem__(self, place: SupportsIndex, /) -> R: ...
    @overload
    def __getitem__(self, place: slice, /) -> Rows[R]: ...
    def __getitem__(self, place: SupportsIndex | slice, /) -> R | Rows[R]:
        if isinstance(place, slice):
            return Rows(super().__getitem__(place), kind=self.kind)
        return super().__getitem__(place)

    def copy(self) -> Rows[R]:
        """Another list of the same rows."""
        return Rows(self, kind=self.kind)

    def _repr_html_(self) -> str:
        if not self:
            return f"<p>No {self.kind._plural}.</p>"
        return as_table(self.kind._plural, *self._telling())

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: FBT001 - IPython's protocol
        if len(printer.stack) > 1:
            printer.type_pprinters[list](self, printer, cycle)
        else:
            printer.text(self.as_text())

    def as_text(self) -> str:
        """The table as plain text."""
        return as_aligned(*self._telling()) if self else f"No {self.kind._plural}."

    def _telling(self) -> tuple[list[str], list[list[Any]], int]:
        """The names of the columns in which any shown row holds something, the shown rows' values, how many more."""
        usual = {field.name: field.default for field in msgspec.structs.fields(self.kind)}
        columns = self.kind._columns or self.kind._brief or self.kind.__struct_fields__[:1]
        shown = self[:MOST_ROWS]
        named = [
            name
            for name in columns
            if any(not is_nothing(value := getattr(row, name)) and value != usual.get(name) for row in shown)
        ]
        named = named or [columns[0]]
        return named, [[getattr(row, name) for name in named] for row in shown], len(self) - len(shown)


class WorkspaceRow(Row, frozen=True, kw_only=True):
    """What is known of the workspace as a whole; there is one, with the id ``*``.

    `paused_at`, `paused_until` and `paused_reason` tell of the newest pause, also once it has run out by itself.
    """

    id: str
    demo: bool = False
    model_provider: str | None = None
    paused_at: datetime | None = None
    paused_until: datetime | None = None
    paused_reason: str | None = None


class StoreRow(Row, frozen=True, kw_only=True):
    """A store: one team's board.

    `paused_at`, `paused_until` and `paused_reason` tell of the newest pause, also once it has run out by itself.
    """

    _plural: ClassVar[str] = "stores"
    _columns: ClassVar[tuple[str, ...]] = (
        "id", "name", "timezone", "model", "budget_per_day", "paused_at",
        "paused_until", "paused_reason", "archived_at",
    )  # fmt: skip
    _brief: ClassVar[tuple[str, ...]] = ("id", "name")

    id: str
    name: str
    timezone: str
    model: str | None
    budget_per_day: float | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None = None
    version: int = 1
    paused_at: datetime | None = None
    paused_until: datetime | None = None
    paused_reason: str | None = None


class Project(Row, frozen=True, kw_only=True):
    """A project: what tasks, documents and contacts belong together for."""

    _plural: ClassVar[str] = "projects"
    _columns: ClassVar[tuple[str, ...]] = ("name", "description", "archived_at")
    _brief: ClassVar[tuple[str, ...]] = ("name",)

    id: str
    store_id: str
    name: str
    description: str
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None = None
    version: int = 1


class Contact(Row, frozen=True, kw_only=True):
    """A person. `email` as it was given; `email_folded` is what must be unique in a store."""

    _plural: ClassVar[str] = "contacts"
    _columns: ClassVar[tuple[str, ...]] = ("name", "email", "notes")
    _brief: ClassVar[tuple[str, ...]] = ("name", "email")
    _machinery: ClassVar[frozenset[str]] = frozenset(("email_folded",))

    id: str
    store_id: str
    name: str
    email: str | None
    email_folded: str | None
    notes: str
    project_ids: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    version: int = 1


class Document(Row, frozen=True, kw_only=True):
    """A text with a title, in any number of projects."""

    _plural: ClassVar[str] = "documents"
    _columns: ClassVar[tuple[str, ...]] = ("title", "content", "updated_at", "archived_at")
    _brief: ClassVar[tuple[str, ...]] = ("title",)

    id: str
    store_id: str
    title: str
    content: str
    project_ids: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    created_by_execution_id: str | None = None
    archived_at: datetime | None = None
    version: int = 1


class Task(Row, frozen=True, kw_only=True):
    """A card on the board. Order in a lane is by `rank`; `position` is counted from it when asked.

    `position` is the 0-based place among the tasks of the store's lane that are not archived, -1 for
    an archived one.
    """

    _plural: ClassVar[str] = "tasks"
    _columns: ClassVar[tuple[str, ...]] = ("title", "status", "assignees", "description", "archived_at")
    _brief: ClassVar[tuple[str, ...]] = ("title", "status")
    _machinery: ClassVar[frozenset[str]] = frozenset(("rank",))

    id: str
    store_id: str
    project_id: str | None
    title: str
    description: str
    status: str
    rank: str
    position: int = -1
    assignees: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None = None
    created_by_execution_id: str | None = None
    version: int = 1


class RecurringTask(Row, frozen=True, kw_only=True):
    """A prompt and the schedule on which an agent runs it.

    `interval_hours` is the interval in hours. `starting` is a wall time (``09:00``) or an instant in
    ISO 8601. `anchor` is the point from which the grid of slots is counted; of days, `anchor_local` is the wall time
    that was meant by it. `next_execution_at` is the oldest slot that is not settled yet, None while disabled. `version`
    counts what people changed. `seq` is the event with which it began: of two created at one instant it shows the
    newer. `notify` names who is notified of executions that end as `notify_on` says: ``failed``, ``could_not``,
    ``done``.
    """

    _plural: ClassVar[str] = "recurring tasks"
    _columns: ClassVar[tuple[str, ...]] = (
        "name", "description", "every", "assignees", "enabled", "disabled_reason", "next_execution_at",
        "last_executed_at",
    )  # fmt: skip
    _brief: ClassVar[tuple[str, ...]] = ("name", "next_execution_at")
    _machinery: ClassVar[frozenset[str]] = frozenset(("seq", "anchor_local"))

    id: str
    store_id: str
    name: str
    description: str
    prompt: str
    interval_value: int
    interval_unit: str
    interval_hours: float
    starting: str | None
    anchor: datetime
    timezone: str
    project_id: str | None
    assignees: tuple[str, ...]
    model: str | None
    missed: str
    budget_per_day: float | None
    time_limit: timedelta
    skip_unchanged: bool
    enabled: bool
    disabled_reason: str | None = None
    failures_in_row: int = 0
    next_execution_at: datetime | None
    last_executed_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    version: int = 1
    seq: int = 0
    notify: tuple[str, ...] = ()
    notify_on: tuple[str, ...] = DEFAULT_NOTIFY_ON
    anchor_local: str | None = None

    @property
    def every(self) -> str:
        """How often, in the words in which it is given: ``4 hours``, ``1 day``."""
        unit = self.interval_unit.removesuffix("s") if self.interval_value == 1 else self.interval_unit
        return f"{self.interval_value} {unit}"


class Execution(Row, frozen=True, kw_only=True):
    """One carrying-out of a recurring task, or the record of why there was none.

    `scheduled_for` is the newest slot that it settles, `first_slot` the oldest, `slots` how many; None,
    None and 0 when manual. `duration` is from start to end. `reason` is a stable word, `error` the full
    sentence. `idle` is how long nobody held its lease: no working time. Tokens are counts, `cost_usd`
    is in US dollars and None when the model has no known price; `cost_estimated` if the service did not say all
    that was used, and what it left out is estimated. `seq` is the event with which it began: of two that started
    at one instant it shows the newer.
    """

    _plural: ClassVar[str] = "executions"
    _columns: ClassVar[tuple[str, ...]] = (
        "status", "trigger", "verdict", "reason", "scheduled_for", "started_at", "duration", "cost_usd",
        "output", "error",
    )  # fmt: skip
    _brief: ClassVar[tuple[str, ...]] = ("status", "trigger", "reason", "verdict", "started_at")
    _machinery: ClassVar[frozenset[str]] = frozenset(
        ("epoch", "steps", "idle", "system", "tools", "first_message", "limits", "seq")
    )

    id: str
    store_id: str
    recurring_task_id: str
    project_id: str | None
    status: str
    trigger: str
    scheduled_for: datetime | None
    first_slot: datetime | None
    slots: int
    started_at: datetime
    completed_at: datetime | None = None
    duration: timedelta | None = None
    attempts: int = 1
    takeovers: int = 0
    verdict: str | None = None
    reason: str | None = None
    output: str = ""
    error: str | None = None
    created_task_ids: tuple[str, ...] = ()
    model: str | None = None
    provider: str | None = None
    provider_kind: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: float | None = None
    cost_estimated: bool = False
    epoch: int = 1
    steps: int = 0
    turns: int = 0
    calls: int = 0
    changes: int = 0
    idle: timedelta = timedelta()
    system: str | None = None
    tools: str | None = None
    first_message: str | None = None
    limits: str | None = None
    pruned_at: datetime | None = None
    seq: int = 0


class Step(Row, frozen=True, kw_only=True):
    """One durable step of an execution: an answer of the model, a tool's call, or a failed attempt.

    `kind` is ``answer``, ``call`` or ``retry``; `body` names what was said or returned.
    """

    _plural: ClassVar[str] = "steps"
    _columns: ClassVar[tuple[str, ...]] = ("step", "kind", "tool", "at_instant", "stop_reason", "error")
    _brief: ClassVar[tuple[str, ...]] = ("kind", "tool")

    execution_id: str
    step: int
    store_id: str
    kind: str
    at_instant: datetime
    body: str | None = None
    stop_reason: str | None = None
    request_id: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    tool: str | None = None
    tool_use_id: str | None = None
    is_error: bool = False
    error: str | None = None
    wait: float | None = None


class Claim(Row, frozen=True, kw_only=True):
    """A settlement's claim to its newest slot; there can be one."""

    _plural: ClassVar[str] = "claims"
    _brief: ClassVar[tuple[str, ...]] = ("task_id", "scheduled_time")

    task_id: str
    scheduled_time: datetime
    store_id: str
    processed_at: datetime


class Running(Row, frozen=True, kw_only=True):
    """That a recurring task is running; there can be one execution of it at a time."""

    _plural: ClassVar[str] = "running executions"
    _brief: ClassVar[tuple[str, ...]] = ("recurring_task_id", "execution_id")

    recurring_task_id: str
    execution_id: str
    store_id: str


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Where rows of one kind stand: `key` is unique, `counted` fields are not stored.

    An `exclusive` table's rows are inserted without a look, so that the key's constraint decides
    between two who want the same; `unique` holds further constraints.
    """

    name: str
    row: type[Row]
    key: tuple[str, ...]
    counted: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    exclusive: bool = False
    columns: tuple[str, ...] = ()
    """The stored fields, in order; they follow from the row."""

    def __post_init__(self) -> None:
        stored = tuple(field for field in self.row.__struct_fields__ if field not in self.counted)
        msgspec.structs.force_setattr(self, "columns", stored)


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(name="workspace", row=WorkspaceRow, key=("id",)),
        Table(name="stores", row=StoreRow, key=("id",)),
        Table(name="projects", row=Project, key=("id",)),
        Table(name="contacts", row=Contact, key=("id",), unique=(("store_id", "email_folded"),)),
        Table(name="documents", row=Document, key=("id",)),
        Table(name="tasks", row=Task, key=("id",), counted=("position",)),
        Table(name="recurring_tasks", row=RecurringTask, key=("id",)),
        Table(name="task_executions", row=Execution, key=("id",)),
        Table(name="execution_steps", row=Step, key=("execution_id", "step"), exclusive=True),
        Table(
            name="processed_task_executions",
            row=Claim,
            key=("task_id", "scheduled_time", "store_id"),
            exclusive=True,
        ),
        Table(name="running_executions", row=Running, key=("recurring_task_id",)),
    )
}
"""Every projection by its name."""
