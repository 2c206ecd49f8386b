"""How things are measured here."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Figure:
    """A goal and what was measured."""

    what: str
    goal: str
    measured: str
    held: bool


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes, in seconds of real time."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_turn(rounds: int, *sides: Callable[[], float]) -> list[float]:
    """The median of what each side returns, measured in turn so that noise falls on all alike."""
    taken: list[list[float]] = [[] for _ in sides]
    for _ in range(rounds):
        for side, mine in zip(sides, taken, strict=True):
            mine.append(side())
    return [statistics.median(mine) for mine in taken]


@contextmanager
def folder() -> Iterator[Path]:
    """A folder of its own, on a real disk, gone afterwards."""
    place = Path(tempfile.mkdtemp(prefix="wsq-benchmark-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def run_python(*arguments: str) -> float:
    """How long a whole Python process takes, in seconds."""
    return seconds(lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True))
