"""What the tests of the domain say again and again, in one place."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import wsq
from tests.conftest import NOON
from wsq.agent.providers import Most, Progress, Request, ScriptedProvider, Turn, Usage, finish
from wsq.clock import ManualClock

ENDINGS = ("task_execution.complete", "task_execution.fail", "task_execution.cancel", "task_execution.skip")

UNUSUAL_TEXTS = [
    "plain",
    "\"double\" 'single' `back` \\backslash\\",
    "{braces} {0} {{prompt}} %s $1 ${HOME} <b>&amp;</b> --; DROP TABLE tasks",
    "first line\nsecond\r\nthird\ttab",
    "🎉 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩‍👩‍👧 \U0010fffd",
    "שלום עולם \u202eright to left\u202c مرحبا",
    "e\u0301 and é are kept apart",
    "x" * 10_240,
]
"""Texts that come back as they went in, for fields that take 20,000 characters."""


def names(store: wsq.Store, after: int = 0) -> list[str]:
    """The stored names of the store's events after a seq."""
    return [event.fact.stored_name for event in store.events(after)]


def head(store: wsq.Store) -> int:
    """How many events the store has."""
    try:
        return len(store.events())
    except wsq.NotFound:
        return 0


@contextmanager
def nothing_written(store: wsq.Store) -> Iterator[None]:
    """What happens inside leaves the store's log as it is."""
    before = head(store)
    yield
    assert head(store) == before


@contextmanager
def refused(store: wsq.Store, kind: type[Exception], match: str | None = None) -> Iterator[None]:
    """What happens inside raises `kind` and writes nothing."""
    with nothing_written(store), pytest.raises(kind, match=match) as caught:
        yield
    assert isinstance(caught.value, wsq.WsqError)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def endings(store: wsq.Store) -> Counter[str]:
    """How many terminal events each execution has."""
    return Counter(
        event.fact.execution_id  # type: ignore[attr-defined]  # endings have one
        for event in store.events()
        if event.fact.stored_name in ENDINGS
    )


def until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """What `condition` comes to when it is true, waiting for it in real time."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "It never came to be."
        time.sleep(0.01)
    return found


async def for_ever(request: Request) -> Turn:
    """A line of a script that is never through."""
    import asyncio

    await asyncio.sleep(3600)
    raise AssertionError


class PaidProvider(ScriptedProvider):
    """A model whose every answer has a price: `price` dollars, at most `most` of them or `tokens`."""

    kind = "paid"

    def __init__(
        self, lines: list[Any], *, price: float | None = 0.25, most: float | None = 0.25, tokens: int = 1_000
    ) -> None:
        super().__init__(lines, name="paid")
        self.price, self.maximum, self.tokens = price, most, tokens

    def most(self, _request: Request, *, unseen: int = 0) -> Most:
        """What a call may come to."""
        return Most(cost_usd=self.maximum, tokens=self.tokens + unseen)

    async def turn(self, request: Request, progress: Progress) -> Turn:
        """The script's line, and what it cost."""
        turn = await super().turn(request, progress)
        usage = Usage(input_tokens=self.tokens // 2, output_tokens=self.tokens // 2)
        return Turn(content=turn.content, stop_reason=turn.stop_reason, usage=usage, cost_usd=self.price)


def slow_to_say(seconds: float) -> Callable[[Request], Any]:
    """A line of a script that takes so long in real time, and ends."""
    import asyncio

    async def line(_request: Request) -> Turn:
        await asyncio.sleep(seconds)
        return finish()

    return line


def try_out(place: str, times: int, ready: Path, go: Path) -> None:
    """Do so many dry runs side by side; each may cost up to 0.10 dollars in one call, and costs 0.08."""
    from concurrent.futures import ThreadPoolExecutor

    provider = PaidProvider([slow_to_say(0.2)], price=0.08, most=0.1)
    with (
        wsq.open(place, clock=ManualClock(NOON), provider=provider) as ws,
        ThreadPoolExecutor(times) as threads,
    ):
        ready.touch()
        until(go.exists, 60)
        for tried in [threads.submit(ws.store("acme").dry_run, "Go") for _ in range(times)]:
            assert tried.result().status in ("completed", "failed")


def try_and_think(place: str) -> None:
    """Do a dry run whose model thinks until the process is killed; a call may cost up to 0.10 dollars."""
    with wsq.open(place, clock=ManualClock(NOON), provider=PaidProvider([for_ever], most=0.1)) as ws:
        ws.store("acme").dry_run("Go")
