"""The statistics page: figures, charts and lists, counted when its browser asks for them."""

from __future__ import annotations

import hashlib
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from datetime import date, timedelta
from typing import Any, ClassVar
from weakref import WeakKeyDictionary, ref

import msgspec

from wsq.errors import InvalidInput, WsqError
from wsq.statistics import DEFINITIONS, Choices, Failure, Group, Series, Statistics
from wsq.views import messages
from wsq.views.cards import Card, instant, shortened
from wsq.views.charts import charts, in_words
from wsq.views.dispatch import Dispatcher
from wsq.views.door.access import OPEN, Gate
from wsq.views.hub import hub_of
from wsq.views.live import AskingPage, pool, resource, weakly
from wsq.views.ports import Store, Workspace

GROUPS = 20
"""Stores, projects, tasks and models of each of which a table tells."""

KEPT = 8
"""How many counts of a workspace are kept for whoever asks the same."""

FRESH = 60.0
"""Seconds for which they are kept, though nothing is written: a day may have ended."""

ERROR_SHOWN = 300
"""How many characters of a failure's error stand in the list; the execution's dialog shows all of it."""


class StatisticsPage(AskingPage):
    """What came of the executions of a store, or of all, over a span of days.

    Its browser asks for all of it when it has come up, when it narrows it down, and when it is told that
    something has changed; the charts follow one by one, for they take longer than the figures. `store` is the one
    whose executions open on the page itself.
    """

    _esm = resource("frame.js", "markdown.js", "dialogs.js", "forms.js", "executions.js", "asking.js", "statistics.js")
    _stylesheets: ClassVar[list[str]] = [*AskingPage._stylesheets, resource("statistics.css")]

    _looks_at = "mark"

    def __init__(self, store: Store, *, gate: Gate = OPEN) -> None:
        super().__init__(sizing_mode="stretch_both")
        self.gate = gate
        self._workspace = store.workspace
        self._undrawn: tuple[str, Statistics, str] | None = None
        subscription = hub_of(store.workspace).subscribe(None, weakly(self.send))
        self.begin(Dispatcher(store, count=self._count), subscription)
        opening = {"store": store.id, "project": None, "page": True, "path": "statistics"}
        self.open_with(subscription.opening() | {"opening": opening, "definitions": DEFINITIONS})

    def _count(self, asked: messages.Statistics) -> Card:
        card, found = told(self._workspace, asked)
        if found is not None:
            self._undrawn = (card["mark"], found, asked.theme)
        return card

    def _carry_out(self, raw: object) -> None:
        super()._carry_out(raw)
        if self._undrawn is not None:
            pool.submit(self._draw, *self._undrawn)  # aside, so that what else the page asks need not wait
            self._undrawn = None

    def _draw(self, mark: str, found: Statistics, theme: str) -> None:
        for chart in charts(found, theme):
            self.send({"type": "chart", "mark": mark, "chart": chart})


def told(workspace: Workspace, asked: messages.Statistics) -> tuple[Card, Statistics | None]:
    """The answer to a page: all that it shows, or its `mark` alone when the page knows that already.

    With it comes what its charts are to be drawn from, None where they stand as they are.

    Raises:
        InvalidInput: The days asked for cannot be.
        NotFound: There is no such project or recurring task.
    """
    if asked.store is not None and asked.store not in {each.id for each in workspace.stores(include_archived=True)}:
        return {"mark": "nothing", "nothing": True}, None
    found = _counts_of(workspace).get(asked)
    card = _card(found) | {"choices": _choices(workspace.statistics_choices(asked.store))}
    mark = _mark(found, card["choices"], asked.theme)
    return ({"mark": mark}, None) if mark == asked.known else (card | {"mark": mark}, found)


def count_ahead(workspace: Workspace, asked: messages.Statistics) -> None:
    """Count what a page will ask as soon as its browser has come up; whatever is wrong, it is told then."""
    with suppress(WsqError):
        _counts_of(workspace).get(asked)


class _Counts:
    """What was counted last: once for all windows that ask the same, as long as nothing is written."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = ref(workspace)
        self._lock = threading.Lock()
        self._kept: dict[Any, tuple[int, float, Future[Statistics]]] = {}

    def get(self, asked: messages.Statistics) -> Statistics:
        """The statistics of what is asked; who asks the same meanwhile waits for the same count."""
        workspace = self._workspace()
        assert workspace is not None, "whoever asks has the workspace"
        key = (asked.store, asked.project, asked.task, asked.model, asked.days, asked.since, asked.until)
        changes, now = workspace.changes(), time.monotonic()
        with self._lock:
            written, counted, future = self._kept.pop(key, (-1, now, Future()))
            mine = written != changes or now - counted > FRESH
            if mine:
                counted, future = now, Future()
            self._kept[key] = (changes, counted, future)
            for old in list(self._kept)[:-KEPT]:
                del self._kept[old]
        if mine:
            try:
                future.set_result(_count(workspace, asked))
            except BaseException as error:
                with self._lock:
                    self._kept.pop(key, None)
                future.set_exception(error)
                raise
        return future.result()


_counts: WeakKeyDictionary[Workspace, _Counts] = WeakKeyDictionary()


def _counts_of(workspace: Workspace) -> _Counts:
    return _counts.setdefault(workspace, _Counts(workspace))


def _count(workspace: Workspace, asked: messages.Statistics) -> Statistics:
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
    )


def _mark(found: Statistics, choices: Any, theme: str) -> str:
    """The same for what looks the same: drawn figures have ids of their own each time."""
    everything = msgspec.json.encode([found.as_dict(), choices, theme], enc_hook=lambda value: value.as_dict())
    return hashlib.sha256(everything).hexdigest()[:32]


def _days(asked: messages.Statistics) -> tuple[date | None, date | None]:
    """The span's first day, and the one after its last; None twice where a number of days was asked for."""
    try:
        first = date.fromisoformat(asked.since) if asked.since else None
        last = date.fromisoformat(asked.until) if asked.until else None
        return first, None if last is None else last + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"The span is from {asked.since} to {asked.until}, expected two dates.") from error


def _card(found: Statistics) -> Card:
    return {
        "nothing": False,
        "timezone": found.timezone,
        "first": found.days[0].day.isoformat() if found.days else None,
        "last": found.days[-1].day.isoformat() if found.days else None,
        "total": found.total.as_dict() | {"tried_usd": found.tried_usd},
        "failures": [_failure(each) for each in found.recent_failures],
        "groups": [
            _table("stores", "Stores", found.stores),
            _table("projects", "Projects", found.projects),
            _table("tasks", "Recurring tasks", found.tasks),
            _table("models", "Models", found.models),
        ],
    }


def _failure(failure: Failure) -> Card:
    return {
        "id": failure.id,
        "store": failure.store_id,
        "name": failure.name,
        "at": instant(failure.started_at),
        "reason": in_words(failure.reason),
        "error": shortened(failure.error, ERROR_SHOWN),
    }


_FIGURES = (
    ("Executions", "executions", "count"),
    ("Success rate", "success_rate", "share"),
    ("Could not", "could_not", "count"),
    ("Failed", "failed", "count"),
    ("Skipped", "skipped", "count"),
    ("Mean duration", "duration_mean", "seconds"),
    ("Tokens", None, "count"),
    ("Cost", "cost_usd", "dollars"),
    ("Unpriced", "unpriced", "count"),
)


def _table(kind: str, title: str, groups: Series[Group]) -> Card:
    """A table of groups; each row tells what the page is narrowed to when it is chosen."""
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
    missing = {"projects": "No project", "models": "No model was asked"}
    if group.id is None:
        return missing[kind]
    return group.name or {"tasks": "Deleted recurring task", "projects": "Deleted project"}.get(kind, group.id)


def _cells(group: Group) -> list[Any]:
    tokens = group.input_tokens + group.output_tokens + group.cache_read_tokens + group.cache_write_tokens
    return [tokens if field is None else getattr(group, field) for _, field, _ in _FIGURES]


def _choices(choices: Choices) -> Card:
    return {
        "projects": [{"id": each.id, "name": each.name, "store": each.store_id} for each in choices.projects],
        "tasks": [{"id": each.id, "name": each.name, "store": each.store_id} for each in choices.tasks],
        "models": list(choices.models),
        "more_tasks": choices.more_tasks,
    }
