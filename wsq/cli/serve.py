"""`wsq serve`: the dashboards, with a scheduler that stops with them."""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

import wsq
from wsq import settings as configuration
from wsq.cli import logs, opening
from wsq.cli.output import print_error, say, warn_of_exposure
from wsq.cli.parser import PROGRAM
from wsq.errors import InvalidInput, SettingError

if TYPE_CHECKING:
    from wsq.views.auth.authenticator import Authenticator

WATCH = 15
"""Seconds between the scheduler's passes."""

NOTIFY_EVERY = 60.0
"""Seconds between two checks for notifications."""

RESTARTS = 5
"""How often a scheduler that exits is restarted; the pause doubles each time."""

STEADY = 600.0
"""Seconds of running after which earlier exits no longer count."""

_STOP_TIMEOUT = 5.0


def serve_command(given: Namespace) -> int:
    """Serve the pages until stopped by a signal."""
    _check_port(given.address, given.port)
    if ignored := configuration.drop_variables_of_panel():
        logs.warn("serve.environment", f"Ignoring {', '.join(ignored)}. For other hosts, use --origin or WSQ_ORIGIN.")
    if given.demo:
        from wsq.cli.demo import prepared

        given.database = str(prepared(given.database))
    settings = opening.settings(given, origin=given.origin)
    with opening.workspace(given, settings) as ws, _scheduling(ws, wanted=_schedules(ws, given)), notifying(ws):
        auth = _login(ws, given)
        from wsq.views.server.server import serve

        try:
            serve(
                ws,
                port=given.port,
                address=given.address,
                origins=settings.origin,
                on_up=lambda url: _announce(url, ws, given, auth),
                auth=auth,
            )
        except OSError as error:
            raise _unavailable(given.address, given.port, error) from error
    return 0


def _check_port(address: str, port: int) -> None:
    """Refuse a port that cannot be listened on, before anything is opened, created or started.

    Raises:
        SettingError: It is in use, or needs more rights.
    """
    try:
        found = socket.getaddrinfo(address or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        return  # a name that is not known is refused where it is used, unless it is refused for want of a login
    for family, kind, protocol, _, place in found:
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Tornado does
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(place)
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):  # as for ::1 where there is no IPv6
                raise _unavailable(address, port, error) from error


def _unavailable(address: str, port: int, error: OSError) -> SettingError:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else port - 1
        return SettingError(f"Port {port} at {address} is in use already. Choose another one, such as --port {other}.")
    return SettingError(f"The pages cannot be served at {address}, port {port}: {error.strerror or error}.")


def _announce(url: str, ws: wsq.Workspace, given: Namespace, auth: Authenticator | None) -> None:
    say(f"wsq is up at {url}, on {ws.place}. Press Ctrl+C to stop.")
    warn_of_exposure(PROGRAM, ws.settings)
    if auth is not None and not configuration.is_loopback(given.address):
        say("A login is required. Passwords are only safe behind a proxy with HTTPS.")
    blocked = ws.blocked_reason()
    if blocked:
        print_error(PROGRAM, blocked)
    elif ws.provider_kind == "offline":
        say("No language model is used: the offline provider understands a few sentences.")
    if not _schedules(ws, given):
        say("No scheduler is running: recurring tasks only run when wsq-process does.")
    else:
        say(f"A scheduler checks for due tasks every {WATCH} s, and stops with this command.")
        say("To install a permanent one: wsq schedule install")


def _schedules(ws: wsq.Workspace, given: Namespace) -> bool:
    """Whether a scheduler runs with this command; without credentials each of its passes would be refused."""
    return not given.no_scheduler and ws.can_run


def _login(ws: wsq.Workspace, given: Namespace) -> Authenticator | None:
    """Return the authenticator if a login is set up; None on a loopback address without one."""
    from wsq.views.auth.setup import authenticator_of

    auth = authenticator_of(ws, ws.settings)
    if auth is None and not configuration.is_loopback(given.address):
        raise InvalidInput(
            f"--address is {given.address!r}, expected a loopback address such as 127.0.0.1, since there is no login. "
            "Run `wsq user add` to set one up."
        )
    if auth is not None:
        logs.set_up()
    return auth


@contextmanager
def _scheduling(ws: wsq.Workspace, *, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    settings = ws.settings
    is_server = configuration.is_server(settings.database)
    scheduler = Scheduler(_command(ws), environment=configuration.environment_for(settings) if is_server else None)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.stop()


@contextmanager
def notifying(ws: wsq.Workspace, *, every: float = NOTIFY_EVERY) -> Iterator[None]:
    """Send notifications periodically, also that passes have stopped, which no pass can report."""
    over = threading.Event()

    def notify() -> None:
        while not over.wait(every):
            ws.notify()

    if ws.settings.alert_url:
        logs.set_up()
        threading.Thread(target=notify, name="wsq-notifications", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _command(ws: wsq.Workspace) -> list[str]:
    served = ws.settings.stores
    if served and ws.is_demo:  # the settings name stores of another workspace
        served = tuple(store.id for store in ws.stores())
    stores = ["--stores", ",".join(served)] if served else []
    database = [] if configuration.is_server(ws.settings.database) else ["--database", ws.settings.database]
    return [
        *(sys.executable, "-m", "wsq.cli.process", "--watch", str(WATCH), "--quiet", "--tethered"),
        *("--max-concurrency", str(ws.settings.max_concurrency), *database, *stores),
    ]


class Scheduler:
    """A scheduler in its own process, restarted if it exits.

    It reads from a pipe that only this process holds, and stops when that closes: so it never outlives this process,
    even if this one is killed. It has its own session, so that Ctrl+C does not reach it directly.
    """

    def __init__(
        self, command: Sequence[str], *, pause: float = 1.0, environment: Mapping[str, str] | None = None
    ) -> None:
        self._command = command
        self._environment = environment
        self._pause = pause
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread(target=self._keep, name="wsq-scheduler", daemon=True)

    @property
    def pid(self) -> int | None:
        """The scheduler's process id; None if it is not running."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start it, and keep it running."""
        self._launch()
        self._keeper.start()

    def stop(self) -> None:
        """Stop it, and kill it if that takes over five seconds."""
        self._stopping.set()
        with self._lock:
            process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT + 1)
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
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                self._command, stdin=subprocess.PIPE, start_new_session=True, env=self._environment
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
                message = f"The scheduler exited {ends} times and is not restarted. See its output above."
                print_error(PROGRAM, message)
                return
            logs.warn("scheduler_ended", f"The scheduler exited with status {status} and is restarted.")
            if self._stopping.wait(self._pause * 2 ** (ends - 1)):
                return
            process = self._launch()
