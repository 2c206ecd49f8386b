"""A workspace of two stores whose tasks are due, in a folder of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.faults.commands import make


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace that `team` is a copy of."""
    path = tmp_path_factory.mktemp("made") / "team.duckdb"
    make(path, "acme", "umbrella")
    return path


@pytest.fixture
def team(made: Path, folder: Path) -> Path:
    """A workspace with the stores acme and umbrella, each with a task that is due at `DUE`."""
    for file in made.parent.glob("team.duckdb*"):
        if file.is_file():
            shutil.copy(file, folder)
    return folder / "team.duckdb"
