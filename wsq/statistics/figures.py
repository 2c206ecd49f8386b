"""Figures as values, with their display in notebooks and terminals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import msgspec

from wsq.projections.display import as_aligned, as_card, as_lines, as_table, in_brief
from wsq.projections.rows import Row, Rows

if TYPE_CHECKING:
    import pandas as pd

R = TypeVar("R", bound=Row)
Write = Callable[[Any], Any]


class Series(Rows[R]):
    """A list of figures of one kind; `more` is the number of rows left out, which had fewer executions."""

    __slots__ = ("more",)

    def __init__(self, rows: Any = (), *, kind: type[R], more: int = 0) -> None:
        super().__init__(rows, kind=kind)
        self.more = more

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame with one column per field, in the documented order."""
        import pandas as pd

        columns = self.kind.__struct_fields__
        return pd.DataFrame([[getattr(row, name) for name in columns] for row in self], columns=list(columns))

    def _telling(self) -> tuple[list[str], list[list[Any]], int]:
        columns, rows, more = super()._telling()
        kinds = [_SHOWN.get(name, _plain) for name in columns]
        return (
            columns,
            [[show(value) for show, value in zip(kinds, row, strict=True)] for row in rows],
            more + self.more,
        )


class Counted(Row, frozen=True, kw_only=True):
    """Counts of some executions; see `wsq.statistics.DEFINITIONS` for the definition of each figure.

    `executions` is the number of `completed` (of which `could_not` with that verdict), `failed`, `cancelled` and
    `running` ones. `skipped` executions, which settled `skipped_slots`, are not included. `success_rate` is completed ÷
    (completed + failed), from 0 to 1, None if there are neither. `duration_mean` is the seconds from start to end of
    completed and failed ones, None without any. Tokens are counts; `cache_share` is cache read ÷ (input + cache read +
    cache write), from 0 to 1, None if nothing was sent. `cost_usd` is US dollars of the priced executions, None if
    there are only `unpriced` ones. `cost_per_created_task` divides it by the tasks that priced ones created, None
    without any; `created_tasks` counts those of all. `retries` are attempts beyond the first, of `retried`
    executions; `takeovers` are counted separately.
    """

    executions: int = 0
    completed: int = 0
    could_not: int = 0
    failed: int = 0
    cancelled: int = 0
    running: int = 0
    skipped: int = 0
    skipped_slots: int = 0
    success_rate: float | None = None
    duration_mean: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_share: float | None = None
    cost_usd: float | None = 0.0
    unpriced: int = 0
    created_tasks: int = 0
    cost_per_created_task: float | None = None
    retries: int = 0
    retried: int = 0
    takeovers: int = 0


class Total(Counted, frozen=True, kw_only=True):
    """Counts of executions, with percentiles.

    `duration_median` and `duration_p95` are seconds, of the same executions as `duration_mean`; `lateness_median`,
    `lateness_p95` and `lateness_max` are seconds from slot to start of the `automatic` executions that were not
    skipped. All are None if there are no such executions.
    """

    duration_median: float | None = None
    duration_p95: float | None = None
    automatic: int = 0
    lateness_median: float | None = None
    lateness_p95: float | None = None
    lateness_max: float | None = None


class Day(Total, frozen=True, kw_only=True):
    """A calendar day, counted from `since` (inclusive) to `until` (exclusive).

    These are its first instant and the next day's, unless the span begins or ends within it.
    """

    _plural: ClassVar[str] = "days"
    _columns: ClassVar[tuple[str, ...]] = (
        "day", "executions", "completed", "could_not", "failed", "cancelled", "running", "skipped", "success_rate",
        "duration_median", "duration_p95", "cost_usd", "unpriced", "lateness_p95",
    )  # fmt: skip
    _brief: ClassVar[tuple[str, ...]] = ("day", "executions")

    day: date
    since: datetime
    until: datetime


class Group(Counted, frozen=True, kw_only=True):
    """The counts of a store, a project, a recurring task or a model.

    `id` and `name` are None for executions without a project, and for those without a model: skipped ones and those of
    the offline provider. The name is also None if the row was deleted. A model is its own id, and belongs to no store.
    """

    _plural: ClassVar[str] = "groups"
    _columns: ClassVar[tuple[str, ...]] = (
        "store_id", "name", "executions", "completed", "could_not", "failed", "cancelled", "running", "skipped",
        "success_rate", "duration_mean", "cost_usd", "unpriced",
    )  # fmt: skip
    _brief: ClassVar[tuple[str, ...]] = ("name", "executions")

    store_id: str | None
    id: str | None
    name: str | None


class Reason(Row, frozen=True, kw_only=True):
    """The number of executions that failed or were skipped for a reason; `slots` is what they settled."""

    _plural: ClassVar[str] = "reasons"
    _columns: ClassVar[tuple[str, ...]] = ("reason", "executions", "slots")
    _brief: ClassVar[tuple[str, ...]] = ("reason", "executions")

    reason: str
    executions: int
    slots: int


class Failure(Row, frozen=True, kw_only=True):
    """A failed execution: `id` is the execution's, `name` its recurring task's, None if that was deleted."""

    _plural: ClassVar[str] = "failures"
    _columns: ClassVar[tuple[str, ...]] = ("started_at", "store_id", "name", "reason", "error")
    _brief: ClassVar[tuple[str, ...]] = ("started_at", "name", "reason")

    id: str
    store_id: str
    recurring_task_id: str
    name: str | None
    started_at: datetime
    reason: str
    error: str


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A possible filter value."""

    id: str
    name: str
    store_id: str | None = None


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """The possible filters, by name; at most 500 of each kind. `more_tasks` is the number of tasks left out."""

    projects: tuple[Choice, ...]
    tasks: tuple[Choice, ...]
    models: tuple[str, ...]
    more_tasks: int = 0


class Statistics(Row, frozen=True, kw_only=True):
    """Statistics of the executions of a span, over all stores or a selection.

    `days` has every calendar day of the span in order, also those without executions. `failures` and `skips` are by
    reason, the most frequent first; `recent_failures` are newest first. `stores`, `projects`, `tasks` and `models` are
    ordered by executions, descending; each has at most 50 rows (or as many as requested), and its `more` is the number
    left out. Each of these lists has `to_pandas()`. `tried_usd` is the cost of dry runs in US dollars: it is not part
    of any other figure, and 0 if limited to a recurring task.

    `wsq.statistics.DEFINITIONS` defines each figure.
    """

    timezone: str
    since: datetime
    until: datetime
    store_id: str | None
    project_id: str | None
    recurring_task_id: str | None
    model: str | None
    total: Total
    tried_usd: float = 0.0
    days: Series[Day]
    failures: Series[Reason]
    skips: Series[Reason]
    recent_failures: Series[Failure]
    stores: Series[Group]
    projects: Series[Group]
    tasks: Series[Group]
    models: Series[Group]

    def _repr_html_(self) -> str:
        tables = [(title, series) for title, series in self._series() if series]
        return "\n".join(
            [as_card("Statistics", self._telling()), *(as_table(title, *series._telling()) for title, series in tables)]
        )

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, FBT001 - IPython's protocol
        if len(printer.stack) > 1:
            printer.text(in_brief("Statistics", self._telling()))
            return
        printer.text(as_lines("Statistics", self._telling()))
        for title, series in self._series():
            if series:
                printer.text(f"\n\n{title}\n{as_aligned(*series._telling())}")

    def _series(self) -> list[tuple[str, Series[Any]]]:
        return [
            ("Days", self.days),
            ("Failures by reason", self.failures),
            ("Skipped scheduled runs by reason", self.skips),
            ("Recent failures", self.recent_failures),
            ("Recurring tasks", self.tasks),
        ]

    def _telling(self) -> dict[str, Any]:
        narrowed = ("store_id", "project_id", "recurring_task_id", "model")
        total = {
            name: _SHOWN.get(name, _plain)(value)
            for name, value in self.total.as_dict().items()
            if value not in (None, 0) or name in ("executions", "success_rate")
        }
        return {
            "span": f"{self.since.isoformat(timespec='minutes')} to {self.until.isoformat(timespec='minutes')}",
            "days of": self.timezone,
            **{name: value for name in narrowed if (value := getattr(self, name)) is not None},
            **total,
        }


def _plain(value: Any) -> Any:
    return value


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value * 100:.1f} %"


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f} s"


def _dollars(value: float | None) -> str | None:
    return None if value is None else f"${value:,.4f}"


_SHOWN: dict[str, Write] = {
    **dict.fromkeys(("success_rate", "cache_share"), _percent),
    **dict.fromkeys(
        ("duration_mean", "duration_median", "duration_p95", "lateness_median", "lateness_p95", "lateness_max"),
        _seconds,
    ),
    **dict.fromkeys(("cost_usd", "cost_per_created_task"), _dollars),
}
"""The formats of figures; all others are shown as they are."""
