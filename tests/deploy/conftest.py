"""Processes that run as on a host: by a shell, in a folder and with variables of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

OF_THE_TESTS = ("PYTHONPATH", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START", "XDG_RUNTIME_DIR")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class Host:
    """Runs commands in a folder: the installed programs are on its path, and of this process it knows nothing else."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._running: list[subprocess.Popen[str]] = []

    def environment(self, variables: dict[str, str]) -> dict[str, str]:
        """The variables of a process there."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.defpath])
        shared = {name: os.environ[name] for name in OF_THE_TESTS if name in os.environ}
        return {"HOME": str(self.home), "PATH": path, **shared, **variables}

    def run(self, command: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """A command to its end."""
        given = {"cwd": self.home, "env": self.environment(variables)}
        return subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120, **given)

    def start(self, command: str | list[str], variables: dict[str, str]) -> subprocess.Popen[str]:
        """A command that goes on, until the host is shut down; what it says goes to its file `log`."""
        with (self.home / "log").open("a") as log:
            words = command
            if isinstance(command, str):
                words = ["sh", "-c", command if "exec " in command else f"exec {command}"]
            given = {"cwd": self.home, "env": self.environment(variables), "text": True}
            self._running.append(subprocess.Popen(words, stdout=log, stderr=log, **given))
        return self._running[-1]

    def log(self) -> str:
        """What those that go on have said."""
        return (self.home / "log").read_text()

    def shut_down(self) -> list[int]:
        """End all that runs as a host does before it kills, and what each has ended with."""
        for each in self._running:
            each.send_signal(signal.SIGTERM)
        return [each.wait(60) for each in self._running]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Host]]:
    """Makes hosts by name."""
    made: list[Host] = []

    def make(name: str) -> Host:
        made.append(Host(tmp_path_factory.mktemp(name)))
        return made[-1]

    yield make
    for each in made:
        each.shut_down()


def is_up(address: str, within: float = 120.0) -> bool:
    """Whether an address answers well, or does soon."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    return False
