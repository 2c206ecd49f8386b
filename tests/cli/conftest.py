"""The real commands, run as anyone would: in a folder of their own, on real files."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.commands import Said, run_cold
from wsq.cli import main as wsq_command
from wsq.cli import process as wsq_process


def eventually(true: Callable[[], bool], within: float = 10.0) -> bool:
    """Wait until it is so; False when it is not so in time."""
    deadline = time.monotonic() + within
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def command(folder: Path) -> Callable[..., Said]:
    """Runs an installed command to its end."""
    return partial(run_cold, cwd=folder)


@pytest.fixture
def started(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a process that is ended with the test, if it has not ended by itself."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path, **given: object) -> subprocess.Popen[str]:
        settings = {"cwd": folder, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **given}
        processes.append(subprocess.Popen(arguments, **settings))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def wsq_(folder: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """`wsq` within this process, which is faster."""
    return _within(wsq_command.main, capfd)


@pytest.fixture
def process_(folder: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """`wsq-process` within this process."""
    return _within(wsq_process.main, capfd)


def _within(main: Callable[[list[str]], int], capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def run(*arguments: str) -> Said:
        capfd.readouterr()
        status = main(list(arguments))
        return Said(status, *capfd.readouterr())

    return run
