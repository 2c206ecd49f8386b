"""What a run says at its end: CPU-seconds by folder, and how it went in which ring."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path

import psutil
import pytest

from tests.rings import DURATIONS, HERE
from tests.servers import PIDS


class Meter:
    """The CPU-seconds of this process and of all that it started, and the wall clock, by file of tests.

    It is read where one file ends and another begins: to look at every process after each test would take a minute.
    What a process used that ended with nobody waiting for it, is lost.
    """

    def __init__(self, cpu: Callable[[], float]) -> None:
        self._cpu = cpu
        self.cpu: Counter[str] = Counter()
        self.wall: Counter[str] = Counter()
        self._file, self._read = "tests", (cpu(), time.monotonic())

    def turn(self, file: str) -> None:
        """What is used from now on, is used by `file`."""
        if file == self._file:
            return
        now = self._cpu(), time.monotonic()
        self.cpu[self._file] += max(0, now[0] - self._read[0])
        self.wall[self._file] += now[1] - self._read[1]
        self._file, self._read = file, now


class Report:
    """Collects the meters of all workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config, self._began = config, time.monotonic()
        self.is_worker = "PYTEST_XDIST_WORKER" in os.environ
        has_workers = not self.is_worker and bool(config.getoption("numprocesses", None))
        self._meter = Meter(time.process_time if has_workers else _cpu)  # the workers count their own
        self.cpu: Counter[str] = Counter()
        self.wall: Counter[str] = Counter()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Begin to count for the test's file."""
        self._meter.turn(item.path.relative_to(HERE).as_posix())
        return (yield)

    def pytest_sessionfinish(self) -> None:
        """Hand over what was counted."""
        self._meter.turn("")
        if self.is_worker:
            self._config.workeroutput["meter"] = [dict(self._meter.cpu), dict(self._meter.wall)]
        else:
            self._add([self._meter.cpu, self._meter.wall])

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Take what a worker counted."""
        self._add(getattr(node, "workeroutput", {}).get("meter", [{}, {}]))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print CPU-seconds by folder, largest first."""
        if self._config.option.record:
            seconds = {file: round(took) for file, took in sorted(self.wall.items()) if file.endswith(".py")}
            DURATIONS.write_text(json.dumps(seconds, indent=2) + "\n", "utf-8")
        folders: Counter[str] = Counter()
        for file, seconds in self.cpu.items():
            folders[str(Path(file).parent) if "/" in file else "collection, and tests in no folder"] += seconds
        if len(folders) < 3:
            return
        terminalreporter.section("CPU-seconds by folder")
        for folder, seconds in folders.most_common():
            terminalreporter.write_line(f"{seconds:8.1f}  {folder}")
        terminalreporter.write_line(f"{folders.total():8.1f}  in all")

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """End with how many tests passed, and in which ring."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if self.is_worker or reporter is None or self._config.option.collectonly:
            return
        ring, took = self._config.option.ring, round(time.monotonic() - self._began)
        passed, failed, errors = (len(reporter.stats.get(kind, ())) for kind in ("passed", "failed", "error"))
        more = "; python -m tests runs all" if ring == "quick" else ""
        reporter.write_line(
            f"{passed} passed, {failed} failed, {errors} errors in {took // 60}:{took % 60:02} (ring: {ring}{more})"
        )

    def _add(self, meter: list[dict[str, float]]) -> None:
        for total, counted in zip((self.cpu, self.wall), meter, strict=True):
            total.update(counted)


def pytest_configure(config: pytest.Config) -> None:
    """Watch from the beginning."""
    config.pluginmanager.register(Report(config), "report")


def _cpu() -> float:
    own = os.times()
    total = own.user + own.system + own.children_user + own.children_system
    for process in _started():
        try:
            each = process.cpu_times()
            total += each.user + each.system + each.children_user + each.children_system
        except psutil.Error:  # it ended meanwhile, and its parent has its seconds
            pass
    return total


def _started() -> list[psutil.Process]:
    found = psutil.Process().children(recursive=True)
    for pid in PIDS:
        try:
            daemon = psutil.Process(pid)
            found += [daemon, *daemon.children(recursive=True)]
        except psutil.Error:
            pass
    return found
