"""The machine as the workers of a run share it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.rings import is_alone


class Machine:
    """It is used by all workers at once, or by one alone."""

    def __init__(self) -> None:
        here = Path(__file__)
        self._lock, self._turnstile = (
            os.open(path, os.O_RDONLY) for path in (here.parents[1] / "pyproject.toml", here)
        )
        self._alone = False

    def take(self, *, alone: bool) -> None:
        """Wait until it is free; who waits stands in the turnstile, so that nobody overtakes them for ever."""
        if alone and self._alone:
            return
        fcntl.flock(self._turnstile, fcntl.LOCK_EX)
        fcntl.flock(self._lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(self._turnstile, fcntl.LOCK_UN)
        self._alone = alone

    def release(self) -> None:
        """Let others have it."""
        fcntl.flock(self._lock, fcntl.LOCK_UN)
        self._alone = False


MACHINE = Machine()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Share the machine with the tests of other workers; waiting for it is no part of a test's time."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return (yield)
    MACHINE.take(alone=is_alone(item))
    try:
        return (yield)
    finally:
        if not (is_alone(item) and is_alone(nextitem)):
            MACHINE.release()
