"""Engines on a file of the test's own, and at the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Relay, Server
from tests.store.crew import Counters, engine_at
from wsq.store.duckdb.engine import EmbeddedEngine


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the engine's file will be."""
    return tmp_path / "team.duckdb"


@pytest.fixture
def engine(path: Path) -> Iterator[EmbeddedEngine]:
    """An engine with a table of counters; closed at the end."""
    engine = EmbeddedEngine(path, Counters())
    yield engine
    engine.close()


@pytest.fixture
def opening(server: Server) -> Iterator[Callable[..., Any]]:
    """Opens engines at the server, or at another URL of it; all are closed at the end."""
    opened = []

    def another(url: str = server.url, schema: Counters | None = None, **given: float) -> Any:
        opened.append(engine_at(url, schema, **given))
        return opened[-1]

    yield another
    for engine in opened:
        engine.close()


@pytest.fixture
def relay(server: Server) -> Iterator[Relay]:
    """A proxy before the server, which can cut connections."""
    there = Relay(server)
    yield there
    there.close()
