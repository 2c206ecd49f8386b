"""The figures as values, each with how it shows itself in a notebook and on a terminal."""

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
    """A list of figures of one kind; `more` is how many were left out, which had fewer executions."""

    __slots__ = ("more",)

    def __init__(self, rows: Any = (), *, kind: type[R], more: int = 0) -> None:
        super().__init__(rows, kind=kind)
        self.more = more

    def to_pandas(self) -> pd.DataFrame:
        """A DataFrame with a column for each field, in their documented order; made when it is asked for."""
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
    """What came of some executions; see `wsq.statistics.DEFINITIONS` for what each figure means.

    `executions` are those carried out: `completed` (of them `could_not` with that verdict), `failed`,
    `cancelled` and `running`. `skipped` executions, which settled `skipped_slots`, are not among them.
    `success_rate` is completed ÷ (completed + failed), from 0 to 1, None where there is neither.
    `duration_mean` is seconds from start to end of the completed and failed ones, None without one.
    Tokens are counts; `cache_share` is cache read ÷ (input + cache read + cache write), from 0 to 1, None
    where nothing was sent. `cost_usd` is US dollars of the priced executions, None where there are only
    `unpriced` ones. `cost_per_created_task` divides it by the tasks that priced ones created, None without
    one; `created_tasks` counts those of all. `retries` are attempts beyond the first, of `retried` executions;
    `takeovers` are counted apart.
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
    """What came of executions, with what takes all of their values.

    `duration_median` and `duration_p95` are seconds, of those that `duration_mean` is of; `lateness_median`,
    `lateness_p95` and `lateness_max` are seconds from slot to start of the automatic ones that were carried
    out, of which there are `automatic`. All are None where there is nothing to take them of.
    """

    duration_median: float | None = None
    duration_p95: float | None = None
    automatic: int = 0
    lateness_median: float | None = None
    lateness_p95: float | None = None
    lateness_max: float | None = None


class Day(Total, frozen=True, kw_only=True):
    """A calendar day, counted from `since` (inclusive) to `until` (exclusive).

    These are its first instant and the next day's, but where the span begins or ends within it.
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
    """A store, a project, a recurring task or a model, and what came of its executions.

    `id` and `name` are None for executions without a project, and for those without a model: skipped ones
    and those of the offline provider. The name is also None for what has been deleted. A model is its own
    id, and belongs to no one store.
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
    """How many executions failed, or were skipped, for a reason; `slots` are what they settled."""

    _plural: ClassVar[str] = "reasons"
    _columns: ClassVar[tuple[str, ...]] = ("reason", "executions", "slots")
    _brief: ClassVar[tuple[str, ...]] = ("reason", "executions")

    reason: str
    executions: int
    slots: int


class Failure(Row, frozen=True, kw_only=True):
    """An execution that failed: `id` is the execution's, `name` its recurring task's, None when that is deleted."""

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
    """Something that statistics can be narrowed to."""

    id: str
    name: str
    store_id: str | None = None


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What statistics can be narrowed to, by name; of each kind at most 500, `more_tasks` says of how many more."""

    projects: tuple[Choice, ...]
    tasks: tuple[Choice, ...]
    models: tuple[str, ...]
    more_tasks: int = 0


class Statistics(Row, frozen=True, kw_only=True):
    """What came of the executions of a span, over all stores or what it was narrowed to.

    `days` has every calendar day of the span in order, also those without executions. `failures` and `skips`
    are by reason, the most frequent first; `recent_failures` the newest first. `stores`, `projects`, `tasks`
    and `models` are ordered by executions, the most first; what came after the 50th (or as many as were asked
    for) is left out of each, and its `more` says of how many. Each of these lists has `to_pandas()`.
    `tried_usd` is what dry runs were counted at, in US dollars: it is in no other figure, and 0 when narrowed
    to a recurring task.

    What each figure means stands in `wsq.statistics.DEFINITIONS`.
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
        return "\n".join([as_card("Statistics", self._telling()), *(_titled(*each) for each in tables)])

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
            ("Skipped slots by reason", self.skips),
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


def _titled(title: str, series: Series[Any]) -> str:
    return as_table(title, *series._telling())


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
"""How a figure is written; whatever is not here, as it is."""
