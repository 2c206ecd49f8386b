"""Plain pages of figures and tables, kept up to date while they are open."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

from wsq.errors import WsqError
from wsq.projections.rows import Execution, RecurringTask
from wsq.views import words
from wsq.views.cards import Card, instant
from wsq.views.hub import hub_of
from wsq.views.live import LivePage, pool, resource, weakly
from wsq.views.ports import Store, Workspace

log = logging.getLogger(__name__)

Section = dict[str, Any]
Sections = Callable[[Workspace, str], list[Section]]


class Sheet(LivePage):
    """A page of sections, each a heading over figures or a table; made again after every change."""

    _esm = resource("frame.js", "sheet.js")

    def __init__(self, workspace: Workspace, store_id: str, path: str, sections: Sections) -> None:
        super().__init__(sizing_mode="stretch_both")
        self._workspace = workspace
        self._store_id = store_id
        self._sections = sections
        self._wanted = threading.Event()
        self._subscription = hub_of(workspace).subscribe(None, weakly(self._heard))
        opening = {"store": store_id, "project": None, "page": True, "path": path}
        self.first = json.dumps(self._subscription.opening() | {"opening": opening})
        self.follow_session(self._subscription)

    def _handle_msg(self, data: object) -> None:
        """Called by Panel on its event loop: whatever a page sends, it is told the sections."""
        del data
        self._make_sections()

    def _make_sections(self) -> None:
        """Have them made and sent; asked for again before that has begun, it is done once."""
        if not self._wanted.is_set():
            self._wanted.set()
            pool.submit(self._send_sections)

    def _send_sections(self) -> None:
        self._wanted.clear()
        header = self._subscription.opening()["header"]
        try:
            header = self._subscription.snapshot()["header"]
            sections = self._sections(self._workspace, self._store_id)
        except WsqError as trouble:
            log.warning("A page could not be made: %s", trouble, extra={"action": "page.sections"})
            sections = [{"title": "Nothing can be shown", "note": str(trouble)}]
        self.send({"type": "sections", "sections": sections, "header": header})

    def _heard(self, message: Card) -> None:
        if message["type"] == "changed":
            self._make_sections()
        else:
            self.send(message)


def admin_sheet(workspace: Workspace, store_id: str) -> list[Section]:  # noqa: ARG001 - over all stores
    """The recurring tasks of all stores."""
    rows = [row for each in workspace.stores() for row in _task_rows(workspace.store(each.id))]
    return [
        {
            "title": "Recurring tasks of all stores",
            "columns": [
                "Store",
                "Recurring task",
                "Interval",
                "State",
                "Next",
                "Last outcome",
                "Failures in a row",
            ],
            "rows": rows,
            "empty": "There is no recurring task yet.",
        }
    ]


def _task_rows(store: Store) -> Iterable[list[Card]]:
    newest = store.recent_executions(1)
    for task in store.recurring_tasks():
        last = next(iter(newest.get(task.id, ())), None)
        yield [
            _text(store.id),
            _text(task.name),
            _text(words.interval(task.interval_value, task.interval_unit, task.starting)),
            _text(_state(task)),
            _time(instant(task.next_execution_at)),
            _badge(last) if last else _text("Never run"),
            _text(str(task.failures_in_row or "")),
        ]


def _state(task: RecurringTask) -> str:
    if task.enabled:
        return "Enabled"
    return f"Disabled: {task.disabled_reason}" if task.disabled_reason else "Disabled"


def _badge(run: Execution) -> Card:
    return {"text": words.STATUSES.get(run.status, run.status), "tone": run.status}


def _text(text: str) -> Card:
    return {"text": text}


def _time(at: str | None) -> Card:
    return {"at": at}
