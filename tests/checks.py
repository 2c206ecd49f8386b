"""The checks of the source: linters, types, layers. `python -m tests` runs them beside the tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.environments import Outcome

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
CHECKS: tuple[tuple[str | Path, ...], ...] = (
    (BIN / "ruff", "check", "."),
    (BIN / "ruff", "format", "--check", "."),
    (BIN / "mypy",),
    (BIN / "lint-imports",),
    (Path(sys.executable), "-m", "tests.javascript"),
)
"""Commands that must exit 0 in the checkout's folder."""


class Checks:
    """Runs the checks one after another; what they find stands in the tests' summary and fails the run.

    So does what was run `before`.
    """

    def __init__(self, before: Iterable[Outcome] = ()) -> None:
        self._before = {name: (status, output) for name, status, output in before}
        self._thread = ThreadPoolExecutor(1)
        self._running = {_name(command): self._thread.submit(_run, command) for command in CHECKS}

    def failed(self) -> dict[str, str]:
        """What the checks that failed printed, by the check's name; waits for all of them."""
        return {name: output for name, (status, output) in self._done().items() if status != 0}

    def stop(self) -> None:
        """Run no further check."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run if a check failed."""
        if session.exitstatus == pytest.ExitCode.INTERRUPTED:
            self.stop()
        elif self.failed() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        """Print what the checks found."""
        if exitstatus == pytest.ExitCode.INTERRUPTED:
            return
        for name, output in self.failed().items():
            terminalreporter.section(name)
            terminalreporter.write(output)
        terminalreporter.section("checks")
        for name in self._done():
            terminalreporter.write_line(f"{'failed' if name in self.failed() else 'passed'}  {name}")

    def _done(self) -> dict[str, tuple[int, str]]:
        return self._before | {name: running.result() for name, running in self._running.items()}


def _name(command: tuple[str | Path, ...]) -> str:
    return " ".join((Path(command[0]).name, *map(str, command[1:])))


def _run(command: tuple[str | Path, ...]) -> tuple[int, str]:
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout
