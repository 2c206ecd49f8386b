"""An engine on a file of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.crew import Counters
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
