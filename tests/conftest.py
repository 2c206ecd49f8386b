"""What every test stands on: a real database file, a clock that is moved by hand, and no way out."""

from __future__ import annotations

import contextlib
import ipaddress
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest

import wsq
from tests import browser
from tests.servers import Ready, Server, postgres_at
from wsq.clock import ManualClock
from wsq.ids import seeded

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday, far from any change of clocks."""

pytest_plugins = ("tests.rings", "tests.report", "tests.machine", "tests.browsing")


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples Hypothesis tries; have Ctrl+C interrupt processes that were started in a background."""
    few, many = 25, 300  # examples; on a busy machine each may take any time
    examples = many if config.getoption("ring") == "long" else few
    hypothesis.settings.register_profile("shared", deadline=None, max_examples=examples)
    hypothesis.settings.load_profile("shared")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run in a folder of its own, so that what a test leaves at a relative path is not left in the checkout."""
    with contextlib.chdir(tmp_path_factory.mktemp("elsewhere")):
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
        "WSQ_ALERT_URL", "WSQ_PING_URL", "WSQ_DIGEST", "WSQ_USERS", "WSQ_ADMIN", "WSQ_ADMIN_PASSWORD",
        "WSQ_COOKIE_SECRET", "WSQ_ORIGIN", "WSQ_OAUTH_PROVIDER", "WSQ_OAUTH_KEY", "WSQ_OAUTH_SECRET",
        "WSQ_OAUTH_REDIRECT_URI", "WSQ_OAUTH_PARAMS", "WSQ_TRUSTED_PROXIES", "WSQ_FILE_MODE",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WSQ_TIMEZONE", "UTC")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at Monday noon until it is moved."""
    return ManualClock(NOON)


ON_BOTH = (
    "tests/domain/",
    "tests/agent/",
    "tests/deploy/test_upgrading.py",
    "tests/store/test_engine.py",
    "tests/store/test_erasure.py",
    "tests/store/test_every_event.py",
    "tests/store/test_looking_back.py",
    "tests/store/test_settlements.py::test_in_a_random_history_every_slot_belongs_to_exactly_one_settlement",
)
"""What is tested here is tested on both databases, but for tests marked `file`."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have every test of a workspace's behaviour run on a file and on a server."""
    if "kept_in" in metafunc.fixturenames:
        both = metafunc.definition.nodeid.startswith(ON_BOTH) and not metafunc.definition.get_closest_marker("file")
        metafunc.parametrize("kept_in", ["file", "server"] if both else ["file"], indirect=True)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path; a test that has this fixture is one with a browser, which the quick ring leaves out."""
    found = browser.find()
    assert found, "There is no browser for the tests; `python -m tests` installs one."
    return found


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The worker's PostgreSQL server; its user could not stay in pytest's folder, which each run closes to others."""
    with tempfile.TemporaryDirectory(prefix="wsq-postgres-") as folder, postgres_at(Path(folder) / "data") as server:
        yield server


@pytest.fixture
def server(postgres: Server) -> Iterator[Server]:
    """A PostgreSQL server with nothing in its database, and nothing left in it."""
    yield postgres
    postgres.empty()


@pytest.fixture(scope="session")
def _ready(postgres: Server) -> Iterator[Ready]:
    ready = postgres.ready()
    yield ready
    ready.close()


@pytest.fixture
def ready_server(_ready: Ready) -> Iterator[Ready]:
    """A PostgreSQL server with a workspace in which nothing is yet, and nothing left in it."""
    _ready.prepare()
    yield _ready
    _ready.empty()


@pytest.fixture
def kept_in(request: pytest.FixtureRequest) -> str:
    """Which database the test's workspace is kept in: a `file` or a `server`."""
    return str(request.param)


@pytest.fixture
def database(kept_in: str, tmp_path: Path, request: pytest.FixtureRequest) -> Path | str:
    """Where the test's workspace is kept."""
    return tmp_path / "team.duckdb" if kept_in == "file" else request.getfixturevalue("ready_server").url


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory in which commands run; the settings name ``team.duckdb`` in it, which is not there yet."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("WSQ_DATABASE", str(here / "team.duckdb"))
    return here


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which nothing is yet: to copy one takes half the time of making it."""
    file = tmp_path_factory.mktemp("blank") / "team.duckdb"
    wsq.open(file, clock=ManualClock(NOON)).close()
    return file


@pytest.fixture
def open_workspace(database: Path | str, clock: ManualClock, blank: Path) -> Iterator[Callable[..., wsq.Workspace]]:
    """Opens the test's workspace, with a provider or ids of one's own; closed at the end."""
    opened: list[wsq.Workspace] = []

    def opening(**given: object) -> wsq.Workspace:
        if isinstance(database, Path) and not database.exists():
            shutil.copy(blank, database)
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
