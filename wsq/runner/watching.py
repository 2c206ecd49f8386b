"""Shows an execution's steps in a notebook's cell while it runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from wsq.commands import budgets
from wsq.errors import WsqError
from wsq.projections import Rows
from wsq.projections.display import in_a_kernel
from wsq.queries import executions as queries
from wsq.queries.executions import Line
from wsq.runner.executor import Watch, unwatched
from wsq.runner.progress import doing
from wsq.store.log import Log

TAIL = 60
"""Characters of the current answer's end that are shown."""


@contextmanager
def watched(log: Log, store_id: str, provider_kind: str) -> Iterator[Watch]:
    """Gives a `Watch` that shows the steps of a store's execution in the running cell, and in the end all of them.

    It shows nothing outside a kernel or off the cells' thread, nor where no model is called: such answers take no
    time, and a notebook that is run again must have the same outputs.
    """
    in_a_cell = in_a_kernel() and threading.current_thread() is threading.main_thread()
    if budgets.costs_nothing(provider_kind) or not in_a_cell:
        yield unwatched
        return
    steps = _Steps(log, store_id)
    try:
        yield steps
    finally:
        steps.end()


class _Steps:
    """One display that is updated: the transcript so far, and what is happening now."""

    def __init__(self, log: Log, store_id: str) -> None:
        self._log = log
        self._store_id = store_id
        self._execution_id: str | None = None
        self._handle: Any = None
        self._shown: list[Line] = []

    def __call__(self, execution_id: str) -> None:
        """Show the current steps if they have changed."""
        self._execution_id = execution_id
        with suppress(WsqError):  # a failed read must not end the execution; the next may succeed
            self._show(self._lines(execution_id) + self._now(execution_id))

    def end(self) -> None:
        """Leave only the recorded steps in the display, if it was shown."""
        if self._handle is not None and self._execution_id is not None:
            with suppress(WsqError):
                self._show(self._lines(self._execution_id))

    def _lines(self, execution_id: str) -> list[Line]:
        return list(self._log.read(lambda cursor: queries.transcript(cursor, self._store_id, execution_id))[1:])

    def _now(self, execution_id: str) -> list[Line]:
        now = doing(self._log.engine, {execution_id}).get(execution_id)
        if now is None or not (now.tool or now.text):
            return []
        said = f"… {now.tool}" if now.tool else f"… {now.text[-TAIL:]}"
        return [Line(step=0, role="now", at=self._log.clock.now(), content=said)]

    def _show(self, lines: list[Line]) -> None:
        from IPython.display import display

        if lines == self._shown or not lines:
            return
        self._shown = lines
        rows = Rows(lines, kind=Line)
        if self._handle is None:
            show: Any = display  # IPython is not typed
            self._handle = show(rows, display_id=True)
        else:
            self._handle.update(rows)
