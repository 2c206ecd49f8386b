"""What every test stands on: a real database file, a clock that is moved by hand, and no way out."""

from __future__ import annotations

import fcntl
import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest

import wsq
from wsq.clock import ManualClock
from wsq.ids import seeded

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday, far from any change of clocks."""

hypothesis.settings.register_profile("shared", deadline=None)  # on a busy machine an example may take any time
hypothesis.settings.load_profile("shared")


@pytest.fixture(autouse=True)
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Share the machine with the tests of other workers, but for those marked ``alone``: they measure time."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        yield
        return
    shared = tmp_path_factory.getbasetemp().parent
    kind = fcntl.LOCK_EX if request.node.get_closest_marker("alone") else fcntl.LOCK_SH
    with _locked(shared / "machine.lock", kind, turnstile=shared / "turnstile.lock"):
        yield


@contextmanager
def _locked(path: Path, kind: int, *, turnstile: Path) -> Iterator[None]:
    """Hold a lock on a file; who waits for it stands in the turnstile, so that nobody overtakes them for ever."""
    with path.open("w") as lock:
        with turnstile.open("w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            fcntl.flock(lock, kind)
        yield


@pytest.fixture(autouse=True)
def nobody_calls_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that would leave this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family != socket.AF_UNIX and not _is_here(address):
            raise AssertionError(f"A test tried to reach {address}; nothing may leave this machine.")
        connect(self, address)  # type: ignore[arg-type]  # as it was given

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def settings_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the developer's own settings, credentials and data out of every test."""
    for name in (
        "WSQ_DATABASE", "WSQ_STORES", "WSQ_MODEL", "WSQ_MAX_CONCURRENCY", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WSQ_TIMEZONE", "UTC")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at Monday noon until it is moved."""
    return ManualClock(NOON)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the test's workspace is kept."""
    return tmp_path / "team.duckdb"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory in which commands run; the settings name ``team.duckdb`` in it, which is not there yet."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("WSQ_DATABASE", str(here / "team.duckdb"))
    return here


@pytest.fixture
def open_workspace(database: Path, clock: ManualClock) -> Iterator[Callable[..., wsq.Workspace]]:
    """Opens the test's workspace, with a provider or ids of one's own; closed at the end."""
    opened: list[wsq.Workspace] = []

    def opening(**given: object) -> wsq.Workspace:
        ws = wsq.open(database, **{"clock": clock, "actor": "ada", "ids": seeded(len(opened)), **given})  # type: ignore[arg-type]
        opened.append(ws)
        return ws

    yield opening
    for ws in opened:
        ws.close()


@pytest.fixture
def ws(open_workspace: Callable[..., wsq.Workspace]) -> wsq.Workspace:
    """A workspace on a real file, with the offline provider."""
    return open_workspace()


@pytest.fixture
def acme(ws: wsq.Workspace) -> wsq.Store:
    """A store in it."""
    return ws.store("acme")


def _is_here(address: object) -> bool:
    host = address[0] if isinstance(address, tuple) else None
    if host in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False
