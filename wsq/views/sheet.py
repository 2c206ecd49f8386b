"""Plain pages of figures and tables, kept up to date while they are open."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from wsq.errors import InvalidInput, NotFound, WsqError
from wsq.projections.rows import Execution
from wsq.views import words
from wsq.views.cards import Card, instant, shortened
from wsq.views.hub import hub_of
from wsq.views.live import LivePage, pool, resource, weakly
from wsq.views.ports import Workspace

log = logging.getLogger(__name__)

COUNTED = 500
"""How many of the newest executions the statistics count."""

LISTED = 50
"""How many of them the table lists."""

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


def statistics_sheet(workspace: Workspace, store_id: str) -> list[Section]:
    """How the newest executions of a store ended, and the newest of them one by one."""
    try:
        store = workspace.store(store_id)
        runs = list(store.executions(limit=COUNTED))
        names = {task.id: task.name for task in store.recurring_tasks()}
    except (NotFound, InvalidInput):
        runs, names = [], {}
    counts = Counter(run.status for run in runs)
    figures = [{"label": word, "value": counts[status], "tone": status} for status, word in words.STATUSES.items()]
    counted = f"The newest {COUNTED} executions" if len(runs) == COUNTED else "All executions"
    return [
        {"title": "Executions by status", "note": f"{counted} of this store.", "figures": figures},
        {
            "title": "Recent executions",
            "columns": [
                "Recurring task",
                "Status",
                "Trigger",
                "Started",
                "Took",
                "Tasks made",
                "Verdict or reason",
            ],
            "rows": [_run_row(run, names) for run in runs[:LISTED]],
            "empty": "Nothing has been carried out yet.",
        },
    ]


def _run_row(run: Execution, names: dict[str, str]) -> list[Card]:
    ending = words.verdict(run.status, run.verdict) or run.error or words.reason(run.reason) or ""
    return [
        _text(names.get(run.recurring_task_id, "(deleted)")),
        _badge(run),
        _text(words.TRIGGERS.get(run.trigger, run.trigger)),
        _time(instant(run.started_at)),
        {"seconds": run.duration.total_seconds() if run.duration is not None else None},
        _text(str(len(run.created_task_ids) or "")),
        _text(shortened(ending, 200)),
    ]


def _badge(run: Execution) -> Card:
    return {"text": words.STATUSES.get(run.status, run.status), "tone": run.status}


def _text(text: str) -> Card:
    return {"text": text}


def _time(at: str | None) -> Card:
    return {"at": at}
