"""The world in which workers die: one recurring task whose agent makes two tasks and ends.

`main` is such a worker, in a process that was forked for it: it makes a pass at an instant and kills itself with
SIGKILL before, in or after a transaction; when it is ``asked``, it asks the service that the settings name.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import wsq
from wsq.agent.providers import (
    ScriptedProvider,
    anthropic,  # noqa: F401 - which takes a second to load, once for all workers
    call,
    finish,
)
from wsq.api import workspace
from wsq.clock import ManualClock
from wsq.store.duckdb.engine import EmbeddedEngine
from wsq.store.engine import Scope, Writing, WritingCursor
from wsq.store.postgres import engine
from wsq.store.postgres.engine import PostgresEngine
from wsq.store.transaction import BeyondScope

PHASES = ("before", "in", "after")


def provider() -> ScriptedProvider:
    """Two parallel calls, more than share a transaction, and the end: an answer asked for twice would show."""
    looks = [("list_tasks", {"status": status}) for status in ("todo", "doing", "done")]
    return ScriptedProvider(
        [
            call(("create_task", {"title": "First"}), ("create_task", {"title": "Second"})),
            call(("move_task_by_title", {}), *looks, ("create_task", {"title": "Third"})),
            finish("done", "Three tasks."),
        ]
    )


def opened(database: Path | str, clock: ManualClock, *, asked: bool = False) -> wsq.Workspace:
    """The world's workspace."""
    return wsq.open(database, clock=clock, provider=None if asked else provider(), actor="ada")


class Mortal:
    """What makes the real engine that of a process that dies at a chosen moment."""

    phase = ""
    number = 0

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """The workspace, for transactions of which one is the last."""
        with super().writing() as writing:  # type: ignore[misc]  # an engine's
            yield MortalWriting(writing)


class MortalEngine(Mortal, EmbeddedEngine):
    """On a file."""


class MortalServerEngine(Mortal, PostgresEngine):
    """On a server."""


class MortalWriting:
    """Counts transactions, and dies at the chosen one."""

    def __init__(self, writing: Writing) -> None:
        self.is_wanted = writing.is_wanted
        self._writing = writing

    @contextmanager
    def transaction(self, scope: Scope = None) -> Iterator[WritingCursor]:
        """A transaction, if one lives to see it."""
        Mortal.number -= 1
        phase = Mortal.phase if Mortal.number == 0 else ""
        if phase == "before":
            die()
        with self._writing.transaction(scope) as cursor:
            try:
                yield cursor
            except BeyondScope:  # it is taken again with all stores, and counts once
                Mortal.number += 1
                raise
            if phase == "in":
                die()
        if phase == "after":
            die()


def die() -> None:
    """As a machine does when its power goes."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(database: str, instant: str, phase: str, number: str, asked: str = "") -> None:
    """Make a pass, and die in it."""
    Mortal.phase = phase
    workspace.EmbeddedEngine = MortalEngine  # type: ignore[misc]  # the one place that makes engines
    engine.PostgresEngine = MortalServerEngine  # type: ignore[misc]  # where that looks for the other
    with opened(database, ManualClock(datetime.fromisoformat(instant)), asked=bool(asked)) as ws:
        Mortal.number = int(number)
        ws.process()
