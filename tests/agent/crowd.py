"""Many executions side by side against a service that is told what to answer to each: one pass of the scheduler."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

import wsq
from tests.agent.raw import RawService, script_of
from tests.conftest import NOON
from wsq.agent.providers import Progress, Provider, Request, Turn
from wsq.agent.providers.anthropic import AnthropicProvider
from wsq.clock import ManualClock

MODEL = "claude-sonnet-5-5"
PLENTY = 1e9
"""US dollars a day."""

TOGETHER = 50
"""Executions that run side by side: writes that come together cost little more than one."""


@dataclass(frozen=True)
class Outcome:
    """What became of one execution: its row, what it made, what was asked, and what was refused of that."""

    execution: wsq.Execution
    made: tuple[str, ...]
    requests: Sequence[Any]
    refused: Sequence[str]


class Scripts(Protocol):
    """What the agent asks: it has a script for each execution, and keeps what was asked, and what was refused."""

    scripts: dict[str, Sequence[Any]]
    requests: dict[str, list[Any]]
    refused: dict[str, list[str]]


class Own:
    """A provider of one's own: its answers are what a script has, errors are raised."""

    name = kind = "my-own"

    def __init__(self) -> None:
        self.scripts: dict[str, Sequence[Any]] = {}
        self.requests: dict[str, list[Any]] = {}
        self.refused: dict[str, list[str]] = {}

    async def turn(self, request: Request, progress: Progress) -> Turn:
        """The next line of the script that the request names."""
        line = self.next_of(request)
        progress("Hm.")
        if isinstance(line, Exception):
            raise line
        turn: Turn = line
        return turn

    def next_of(self, request: Request) -> Any:
        """Remember a request, and return the line that answers it."""
        name = script_of(request.messages[0])
        asked = self.requests.setdefault(name, [])
        asked.append(request)
        return self.scripts[name][min(len(asked), len(self.scripts[name])) - 1]


class Crowd:
    """A workspace whose agent asks `service`."""

    def __init__(self, service: Scripts, ws: wsq.Workspace, clock: ManualClock) -> None:
        self.service, self.ws, self.clock = service, ws, clock
        ws.create_store("acme", model=MODEL, timezone="UTC", budget_per_day=PLENTY)
        self.store = ws.store("acme")
        self._count = 0

    def run(self, scripts: Sequence[Sequence[Any]]) -> list[Outcome]:
        """One execution for each script, all in one pass; their outcomes in the order of the scripts."""
        names = {str(self._count + number): script for number, script in enumerate(scripts)}
        self._count += len(names)
        self.service.scripts.update(names)
        tasks = self.store.together(lambda store: {self._task(store, name): name for name in names})
        self.clock.advance(timedelta(days=1))
        self.ws.process()
        made: dict[str | None, list[str]] = {}
        for task in self.store.tasks():
            made.setdefault(task.created_by_execution_id, []).append(task.title)
        found = {row.recurring_task_id: row for row in self.store.executions(limit=len(names))}
        self.store.together(lambda store: [store.delete_recurring_task(each) for each in tasks])
        return [self._outcome(found[task_id], name, made) for task_id, name in tasks.items()]

    def check(self) -> None:
        """The log can be read, and the tables are what it says."""
        assert self.ws.verify() == []
        assert len(self.store.events()) == self.store.head()

    def _task(self, store: wsq.Store, name: str) -> str:
        made = store.create_recurring_task(name, f"This is script {name}.", every="1 day", budget_per_day=PLENTY)
        return made.id

    def _outcome(self, row: wsq.Execution, name: str, made: dict[str | None, list[str]]) -> Outcome:
        service = self.service
        titles = tuple(made.get(row.id, ()))
        return Outcome(row, titles, service.requests.get(name, ()), service.refused.get(name, ()))


@contextmanager
def crowd(folder: Path) -> Iterator[tuple[Crowd, RawService]]:
    """A workspace whose agent asks a service on loopback; in the end its log can be read, and the tables match it."""
    service = RawService()
    try:
        with crowd_of(folder, service, AnthropicProvider(api_key="k", base_url=service.url, read_timeout=20)) as opened:
            yield opened, service
    finally:
        service.close()


@contextmanager
def crowd_of(folder: Path, scripts: Scripts, provider: Provider) -> Iterator[Crowd]:
    """The same with any provider that answers by `scripts`."""
    clock = ManualClock(NOON)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSQ_MAX_CONCURRENCY", str(TOGETHER))
        opening = wsq.open(folder / "team.duckdb", clock=clock, provider=provider, actor="ada")
    with opening as ws:
        opened = Crowd(scripts, ws, clock)
        yield opened
        opened.check()
