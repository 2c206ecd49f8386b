"""The statistics page: figures, charts and lists, counted on request.

Figures and charts are sent as soon as they are counted; the tables of groups, which take as long again, follow.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from datetime import date, timedelta
from typing import Any, ClassVar
from weakref import WeakKeyDictionary, ref

import msgspec

from wsq.api import Store, Workspace
from wsq.errors import InvalidInput, WsqError
from wsq.projections.display import one_line
from wsq.statistics import DEFINITIONS, Choices, Failure, Group, Series, Statistics
from wsq.statistics.figures import Choice
from wsq.views.live.component import InteractivePage, pool, resource, weakly
from wsq.views.live.dispatch import LATER, Dispatcher
from wsq.views.live.hub import hub_of
from wsq.views.live.permissions import OPEN, Permissions
from wsq.views.page import messages
from wsq.views.page.cards import Card, instant, shortened
from wsq.views.page.scripts import script
from wsq.views.page.workers import Workers
from wsq.views.statistics.charts import charts, in_words
from wsq.vocabulary import STATUS_LABELS

log = logging.getLogger(__name__)

GROUPS = 20
"""Maximum rows in each table of stores, projects, tasks and models."""

KEPT = 8
"""Number of counts kept per workspace for repeated requests."""

FRESH = 60.0
"""Seconds for which they are kept if nothing is written: a day may have ended."""

ERROR_SHOWN = 300
"""Maximum characters of a failure's error in the list; the execution's dialog shows all of it."""

COUNTING = 4
"""Number of concurrent counts in this process."""

counters = Workers(COUNTING, "wsq-count")
"""Separate threads: those of `pool` wait for them, possibly all at once."""


class StatisticsPage(InteractivePage):
    """Statistics of the executions of a store, or of all, over a span of days.

    Its browser requests everything when it is loaded, when a filter changes, and when something has changed. The charts
    follow one by one, since they take longer than the figures, and then the tables and filters. `store` is the one
    whose executions open on this page.
    """

    _esm = script("statistics/statistics-page.js")
    _stylesheets: ClassVar[list[str]] = [*InteractivePage._stylesheets, resource("statistics/statistics.css")]

    _polled = "mark"

    def __init__(self, store: Store, *, permissions: Permissions = OPEN) -> None:
        super().__init__(sizing_mode="stretch_both")
        self.permissions = permissions
        self._workspace = store.workspace
        self._store_id = store.id
        self._pending: tuple[Answered, messages.Statistics] | None = None
        subscription = hub_of(store.workspace).subscribe(None, weakly(self.send))
        self.begin(Dispatcher(store, count=self._count), subscription)
        opening = {"store": store.id, "project": None, "page": True, "path": "statistics"}
        self.open_with(subscription.opening() | {"opening": opening, "definitions": DEFINITIONS})

    def to_html(self) -> str:
        """Return the store's current statistics as static HTML, for notebooks that are read without a kernel."""
        return self._workspace.statistics(self._store_id)._repr_html_()

    def _count(self, asked: messages.Statistics) -> Card:
        answer = answered(self._workspace, asked)
        self._pending = (answer, asked)
        return answer.card

    def _handle(self, raw: object) -> None:
        super()._handle(raw)
        if self._pending is not None:
            pool.submit(self._draw, *self._pending)  # in the background, so that other requests need not wait
            self._pending = None

    def _draw(self, answer: Answered, asked: messages.Statistics) -> None:
        """Send the charts that follow an answer, and then the lists; each carries the answer's mark."""
        count, mark = answer.count, answer.card["mark"]
        if count is None:
            return
        if mark != asked.known:
            for chart in charts(count.figures.result(), asked.theme):
                self.send({"type": "chart", "mark": mark, "chart": chart})
        # A callback, so that no thread waits for the whole count.
        count.whole.add_done_callback(lambda _whole: pool.submit(self._list, count, mark, asked))

    def _list(self, count: Count, mark: str, asked: messages.Statistics) -> None:
        lists = listed(self._workspace, asked, count, self.permissions)
        if lists.get("listed") != asked.listed:
            self.send({"type": "lists", "mark": mark} | lists)


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a page, and the count from which more follows; None if nothing does."""

    card: Card
    count: Count | None = None


def answered(workspace: Workspace, asked: messages.Statistics) -> Answered:
    """Return the answer to a page: its figures, or only their `mark` if the page has them already.

    Raises:
        InvalidInput: The requested days are invalid.
        NotFound: There is no such project or recurring task.
    """
    if asked.store is not None and asked.store not in {each.id for each in workspace.stores(include_archived=True)}:
        return Answered(card={"mark": "nothing", "nothing": True})
    count = _counts_of(workspace).get(asked)
    found = count.figures.result()
    mark = _mark([found.as_dict(), asked.theme])
    return Answered(card={"mark": mark} | ({} if mark == asked.known else _card(found)), count=count)


def listed(workspace: Workspace, asked: messages.Statistics, count: Count, permissions: Permissions = OPEN) -> Card:
    """Return the tables and filters, with their mark under `listed`; or an `error`.

    Waits until they are counted; never raises. Checks the permissions again, which may have changed meanwhile.
    """
    try:
        permissions.allow(asked)
        lists = {
            "choices": _choices(workspace.statistics_choices(asked.store)),
            "groups": [_table(kind, title, getattr(count.whole.result(), kind)) for kind, title in _TABLES.items()],
        }
        return lists | {"listed": _mark(lists)}
    except WsqError as refusal:
        return {"error": permissions.worded(refusal)}
    except Exception:
        # The page is waiting, so it needs an answer; details are only logged.
        log.exception("Groups could not be counted", extra={"action": "page.message"})
        return {"error": LATER}


def count_ahead(workspace: Workspace, asked: messages.Statistics) -> None:
    """Start counting what a page will request once it is loaded; errors are reported then."""
    with suppress(WsqError):
        _counts_of(workspace).get(asked)


class Count:
    """A count in progress: `figures` completes before `whole`, which includes the groups."""

    def __init__(self) -> None:
        self.figures: Future[Statistics] = Future()
        self.whole: Future[Statistics] = Future()

    def run(self, workspace: Workspace, asked: messages.Statistics) -> bool:
        """Count, and complete the futures in any case; return whether it succeeded."""
        try:
            self.whole.set_result(_count(workspace, asked, self.figures.set_result))
        except BaseException as error:  # noqa: BLE001 - passed on to the waiting threads
            if not self.figures.done():
                self.figures.set_exception(error)
            self.whole.set_exception(error)
            return False
        return True


class _Counts:
    """The last counts: shared by all windows that request the same, until something is written."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = ref(workspace)
        self._lock = threading.Lock()
        self._kept: dict[Any, tuple[int, float, Count]] = {}

    def get(self, asked: messages.Statistics) -> Count:
        """Return the count of a request, which has started; shared with others that request the same."""
        workspace = self._workspace()
        assert workspace is not None, "the caller holds the workspace"
        key = (asked.store, asked.project, asked.task, asked.model, asked.days, asked.since, asked.until)
        changes, now = workspace.changes(), time.monotonic()
        with self._lock:
            written, counted, count = self._kept.pop(key, (-1, now, Count()))
            mine = written != changes or now - counted > FRESH
            if mine:
                counted, count = now, Count()
            self._kept[key] = (changes, counted, count)
            for old in list(self._kept)[:-KEPT]:
                del self._kept[old]
        if mine:
            counters.submit(self._run, key, count, workspace, asked)
        return count

    def _run(self, key: Any, count: Count, workspace: Workspace, asked: messages.Statistics) -> None:
        if count.run(workspace, asked):
            return
        with self._lock:
            if self._kept.get(key, (0, 0.0, None))[-1] is count:
                del self._kept[key]


_counts: WeakKeyDictionary[Workspace, _Counts] = WeakKeyDictionary()


def _counts_of(workspace: Workspace) -> _Counts:
    return _counts.setdefault(workspace, _Counts(workspace))


def _count(workspace: Workspace, asked: messages.Statistics, so_far: Callable[[Statistics], object]) -> Statistics:
    since, until = _days(asked)
    return workspace.statistics(
        asked.store,
        asked.days,
        project_id=asked.project,
        recurring_task_id=asked.task,
        model=asked.model,
        since=since,
        until=until,
        most=GROUPS,
        so_far=so_far,
    )


def _mark(shown: Any) -> str:
    """Return equal marks for equal content."""
    everything = msgspec.json.encode(shown, enc_hook=lambda value: value.as_dict())
    return hashlib.sha256(everything).hexdigest()[:32]


def _days(asked: messages.Statistics) -> tuple[date | None, date | None]:
    """Return the span's first day, and the one after its last; None for both if a number of days was requested."""
    try:
        first = date.fromisoformat(asked.since) if asked.since else None
        last = date.fromisoformat(asked.until) if asked.until else None
        return first, None if last is None else last + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"The span is from {asked.since} to {asked.until}; expected two dates.") from error


def _card(found: Statistics) -> Card:
    return {
        "nothing": False,
        "timezone": found.timezone,
        "first": found.days[0].day.isoformat() if found.days else None,
        "last": found.days[-1].day.isoformat() if found.days else None,
        "total": found.total.as_dict() | {"tried_usd": found.tried_usd},
        "failures": [_failure(each) for each in found.recent_failures],
    }


def _failure(failure: Failure) -> Card:
    return {
        "id": failure.id,
        "store": failure.store_id,
        "name": failure.name and one_line(failure.name),
        "at": instant(failure.started_at),
        "reason": in_words(failure.reason),
        "error": shortened(failure.error, ERROR_SHOWN),
    }


_TABLES = {"stores": "Stores", "projects": "Projects", "tasks": "Recurring tasks", "models": "Models"}

_FIGURES = (
    ("Runs", "executions", "count"),
    ("Success rate", "success_rate", "share"),
    ("Could not", "could_not", "count"),
    (STATUS_LABELS["failed"], "failed", "count"),
    (STATUS_LABELS["skipped"], "skipped", "count"),
    ("Mean duration", "duration_mean", "seconds"),
    ("Tokens", None, "count"),
    ("Cost", "cost_usd", "dollars"),
    ("Unpriced", "unpriced", "count"),
)


def _table(kind: str, title: str, groups: Series[Group]) -> Card:
    """Return a table of groups; choosing a row filters the page by it."""
    return {
        "id": kind,
        "title": title,
        "columns": [
            {"name": title.removesuffix("s"), "kind": "text"},
            *({"name": name, "kind": each} for name, _, each in _FIGURES),
        ],
        "rows": [
            {"id": each.id, "store": each.store_id, "cells": [_name(kind, each), *_cells(each)]} for each in groups
        ],
        "more": groups.more,
    }


def _name(kind: str, group: Group) -> str:
    missing = {"projects": "No project", "models": "No model was used"}
    if group.id is None:
        return missing[kind]
    deleted = {"tasks": "Deleted recurring task", "projects": "Deleted project"}
    return one_line(group.name) if group.name else deleted.get(kind, group.id)


def _cells(group: Group) -> list[Any]:
    tokens = group.input_tokens + group.output_tokens + group.cache_read_tokens + group.cache_write_tokens
    return [tokens if field is None else getattr(group, field) for _, field, _ in _FIGURES]


def _choice(named: Choice) -> Card:
    return {"id": named.id, "name": one_line(named.name), "store": named.store_id}


def _choices(choices: Choices) -> Card:
    return {
        "projects": [_choice(each) for each in choices.projects],
        "tasks": [_choice(each) for each in choices.tasks],
        "models": list(choices.models),
        "more_tasks": choices.more_tasks,
    }
