"""`wsq serve`: the dashboards, and a scheduler beside them that lives as long as they do."""

from __future__ import annotations

import subprocess
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from time import monotonic
from typing import TYPE_CHECKING

import wsq
from wsq import settings as configuration
from wsq.cli import journal
from wsq.cli.output import complain, say
from wsq.cli.parser import PROGRAM
from wsq.errors import InvalidInput, SettingError

if TYPE_CHECKING:
    from wsq.views.auth.authenticator import Authenticator

WATCH = 15
"""Seconds between the scheduler's passes."""

TELLING = 60.0
"""Seconds between two looks at what is to be told outside."""

RESTARTS = 5
"""How often a scheduler that ends by itself is started again; each time it is waited for twice as long."""

STEADY = 600.0
"""Seconds after which a scheduler's earlier ends no longer count."""

_PATIENCE = 5.0


def serve_command(given: Namespace) -> int:
    """Serve the pages until told to stop."""
    database = given.database
    if given.demo:
        from wsq.cli.demo import prepared

        database = str(prepared(given.database))
    with wsq.open(database) as ws, _scheduling(ws, wanted=not given.no_scheduler), telling(ws):
        auth = _door(ws, given)
        from wsq.views.server.server import serve

        try:
            serve(
                ws,
                port=given.port,
                address=given.address,
                origins=_origins(ws, given),
                on_up=lambda url: _announce(url, ws, given, auth),
                auth=auth,
            )
        except OSError as error:
            raise SettingError(
                f"The pages cannot be served at {given.address}, port {given.port}: {error.strerror or error}."
            ) from error
    return 0


def _announce(url: str, ws: wsq.Workspace, given: Namespace, auth: Authenticator | None) -> None:
    say(f"wsq is up at {url}, on {ws.place}; Ctrl+C stops it.")
    if auth is not None and not is_here(given.address):
        say("One has to log in. What is sent is only safe behind a proxy that speaks https.")
    if ws.provider_kind == "offline":
        say("No language model is asked here: the offline provider understands a few sentences.")
    if given.no_scheduler:
        say("No scheduler was started beside it: recurring tasks run when wsq-process does.")
    else:
        say(f"A scheduler looks for due tasks every {WATCH} s, and stops with this command.")
        say("For one that stays: wsq schedule install")


def _door(ws: wsq.Workspace, given: Namespace) -> Authenticator | None:
    """The auth, where a login is set up; None on a machine of one's own without one."""
    from wsq.views.auth.setup import authenticator_of

    auth = authenticator_of(ws, ws.settings)
    if auth is None and not is_here(given.address):
        raise InvalidInput(
            f"--address is {given.address!r}, expected a loopback address such as 127.0.0.1 as long as there is no "
            "login: `wsq user add` makes one."
        )
    if auth is not None:
        journal.keep()
    return auth


def _origins(ws: wsq.Workspace, given: Namespace) -> tuple[str, ...]:
    return configuration.load(origin=given.origin, flags=True).origin if given.origin else ws.settings.origin


def is_here(address: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return address == "localhost" or ip_address(address).is_loopback
    except ValueError:
        return False


@contextmanager
def _scheduling(ws: wsq.Workspace, *, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    scheduler = Scheduler(_command(ws))
    scheduler.start()
    try:
        yield
    finally:
        scheduler.stop()


@contextmanager
def telling(ws: wsq.Workspace, *, every: float = TELLING) -> Iterator[None]:
    """Have it told outside what is not well, also that passes have stopped, which no pass can tell."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(every):
            ws.notify()

    if ws.settings.alert_url:
        journal.keep()
        threading.Thread(target=tell, name="wsq-telling", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _command(ws: wsq.Workspace) -> list[str]:
    served = ws.settings.stores
    if served and ws.is_demo:  # those that the settings name belong to another workspace
        served = tuple(store.id for store in ws.stores())
    stores = ["--stores", ",".join(served)] if served else []
    return [
        *(sys.executable, "-m", "wsq.cli.process", "--watch", str(WATCH), "--quiet", "--tethered"),
        *("--database", ws.settings.database, "--max-concurrency", str(ws.settings.max_concurrency)),
        *stores,
    ]


class Scheduler:
    """A scheduler in a process of its own, started again when it ends by itself.

    It reads from a pipe whose other end is held here and by nobody else, and stops when that ends: so it
    does not outlive this process, not even when this one is killed. It has a session of its own, so that
    Ctrl+C reaches it through here alone.
    """

    def __init__(self, command: Sequence[str], *, pause: float = 1.0) -> None:
        self._command = command
        self._pause = pause
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread(target=self._keep, name="wsq-scheduler", daemon=True)

    @property
    def pid(self) -> int | None:
        """The process that schedules now, None when there is none."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start it, and keep it running."""
        self._launch()
        self._keeper.start()

    def stop(self) -> None:
        """End it, by force when it does not end in five seconds."""
        self._stopping.set()
        with self._lock:
            process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_PATIENCE + 1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        finally:
            if process.stdin:
                process.stdin.close()

    def _launch(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopping.is_set():
                return None
            if self._process is not None and self._process.stdin:
                self._process.stdin.close()
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                self._command, stdin=subprocess.PIPE, start_new_session=True
            )
            return self._process

    def _keep(self) -> None:
        ends, process = 0, self._process
        while process is not None:
            began = monotonic()
            status = process.wait()
            if self._stopping.is_set():
                return
            ends = 1 if monotonic() - began > STEADY else ends + 1
            if ends > RESTARTS:
                told = f"The scheduler ended {ends} times and is not started again; see what it said above."
                complain(PROGRAM, told)
                return
            journal.warn("scheduler_ended", f"The scheduler ended with status {status}; it is started again.")
            if self._stopping.wait(self._pause * 2 ** (ends - 1)):
                return
            process = self._launch()
