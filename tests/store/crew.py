"""Other processes at the same workspace: what they do, and how a test starts them.

They are forked from a process that has imported wsq and done nothing else, so that one starts in 10 ms; so do the
commands of `tests.commands`.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import duckdb

from wsq.errors import WorkspaceLost
from wsq.settings import is_server
from wsq.store.duckdb import lease
from wsq.store.duckdb.engine import EmbeddedEngine
from wsq.store.engine import Cursor

_ROOT = Path(__file__).parents[2]
_context = multiprocessing.get_context("forkserver")
PRELOADED = ("tests.store.crew", "tests.commands", "tests.durability.world")
"""What that process imports; `tests.views.serving` adds itself, where it is used."""
_context.set_forkserver_preload([*PRELOADED])

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18


class Counters:
    """A schema of two small tables, in any version."""

    def __init__(self, version: int = 1) -> None:
        self.version = version

    def create(self, cursor: Cursor) -> None:
        cursor.query("CREATE TABLE counters (id VARCHAR PRIMARY KEY, n BIGINT NOT NULL)")
        cursor.query("CREATE TABLE marks (worker VARCHAR, number BIGINT, note VARCHAR, PRIMARY KEY (worker, number))")
        cursor.query("INSERT INTO counters VALUES ('c', 0)")

    def upgrade(self, cursor: Cursor, version: int) -> None:
        for passed in range(version, self.version):
            cursor.query(f"ALTER TABLE counters ADD COLUMN since_{passed + 1} BIGINT DEFAULT 7")

    def inconsistency(self, cursor: Cursor) -> str | None:
        return None


class SlowToCreate(Counters):
    """Takes long to be made, so that others come in between."""

    def create(self, cursor: Cursor) -> None:
        super().create(cursor)
        time.sleep(0.3)


def engine_at(place: Path | str, schema: Counters | None = None, **given: float) -> Any:
    """An engine on a file or a server."""
    if not is_server(str(place)):
        return EmbeddedEngine(Path(place), schema or Counters(), **given)
    from wsq.store.postgres.engine import PostgresEngine

    return PostgresEngine(str(place), schema or Counters(), **given)


def start(work: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Have another process do `work`."""
    process = _context.Process(target=work, args=arguments, daemon=True)
    _be_ready()
    process.start()
    return process


@cache
def _be_ready() -> None:
    """Start the process that others are forked from; it finds what it is to import wherever a test has gone."""
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_ROOT), before)))
    try:
        forkserver.ensure_running()
    finally:
        os.environ["PYTHONPATH"] = before


def finish(*processes: BaseProcess, within: float = 60) -> None:
    """Wait until all have ended well."""
    for process in processes:
        process.join(within)
        assert process.exitcode == 0, f"{process} ended with {process.exitcode}"
        process.close()


def kill(process: BaseProcess) -> None:
    """End it as the power would."""
    process.kill()
    process.join()
    process.close()


def wait_for(path: Path, seconds: float = 20) -> None:
    """Return when there is something at `path`."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(0.002)


def increment(engine: EmbeddedEngine) -> None:
    """Read, think and write, as a command does."""
    with engine.write() as cursor:
        [(n,)] = cursor.query("SELECT n FROM counters WHERE id = 'c'")
        cursor.query("UPDATE counters SET n = $1 WHERE id = 'c'", (n + 1,))


def counted(engine: EmbeddedEngine) -> int:
    """How far the counter has come."""
    with engine.read() as cursor:
        return int(cursor.query("SELECT n FROM counters WHERE id = 'c'")[0][0])


def studied(engine: EmbeddedEngine) -> int:
    """The same, from a private copy."""
    with engine.snapshot() as cursor:
        return int(cursor.query("SELECT n FROM counters WHERE id = 'c'")[0][0])


# What the others do


def count(place: Path | str, times: int) -> None:
    """Increment the counter."""
    engine = engine_at(place)
    for _ in range(times):
        increment(engine)
    engine.close()


def open_slowly(place: Path | str, flag: Path) -> None:
    """Open a workspace whose making takes long."""
    flag.touch()
    engine_at(place, SlowToCreate()).close()


def write_on(path: Path, go: Path, report: Path) -> None:
    """Write as fast as it goes once everybody is there; report how often and the longest wait for one write."""
    engine = EmbeddedEngine(path, Counters())
    longest, writes = 0.0, 0
    report.with_suffix(".ready").touch()
    wait_for(go)
    while go.exists():
        began = time.monotonic()
        increment(engine)
        longest, writes = max(longest, time.monotonic() - began), writes + 1
    report.write_text(f"{writes} {longest}")
    engine.close()


def mark_and_tell(path: Path, worker: str, first: int, told: Path) -> None:
    """Write one mark after the other, and tell of each when it is committed, until killed."""
    lease.CHECKPOINT_AFTER = 600  # so that checkpoints are killed as well
    engine = EmbeddedEngine(path, Counters())
    for number in range(first, first + 10_000):
        with engine.write() as cursor:
            cursor.query("INSERT INTO marks VALUES ($1, $2, repeat('x', 50))", (worker, number))
        file = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, f"{number}\n".encode())
        os.close(file)


def hold(path: Path, flag: Path) -> None:
    """Stay inside a read for longer than one should: until the flag has gone."""
    engine = EmbeddedEngine(path, Counters())
    with engine.read():
        flag.touch()
        while flag.exists():
            time.sleep(0.005)
    engine.close()


def die_in_a_write(path: Path, flag: Path) -> None:
    """Change something, and wait to be killed before the commit."""
    engine = EmbeddedEngine(path, Counters())
    with engine.write() as cursor:
        cursor.query("UPDATE counters SET n = 999")
        engine._lease.counter.before_commit()
        flag.touch()
        time.sleep(60)


def write_and_be_away(place: str, flag: Path, report: Path) -> None:
    """Have the right to write, be stopped meanwhile by whoever sees the flag, and try to go on."""
    engine = engine_at(place, idle_timeout=0.4)
    try:
        with engine.write() as cursor:
            cursor.query("UPDATE counters SET n = 999")
            flag.touch()
            while flag.exists():
                time.sleep(0.01)
            cursor.query("SELECT n FROM counters")
    except WorkspaceLost as error:
        report.write_text(str(error))


def write_twice_and_die(place: str) -> None:
    """Write, so that it is told at once, and again, so that it would be told a moment later."""
    engine = engine_at(place)
    for _ in range(2):
        increment(engine)
    os.kill(os.getpid(), signal.SIGKILL)


def hold_copies(place: str, flag: Path) -> None:
    """Have private copies of a server's workspace until killed; the flag says where."""
    engine = engine_at(place)
    with engine.snapshot() as cursor, engine.snapshot_file() as path:
        cursor.query("SELECT * FROM counters")
        flag.with_suffix(".new").write_text(str(path.parent))
        flag.with_suffix(".new").rename(flag)
        time.sleep(60)


def hold_with_another_program(path: Path, flag: Path) -> None:
    """Open the file as DuckDB's own tools do, as soon as nobody else has it open."""
    connection = None
    while connection is None:
        try:
            connection = duckdb.connect(str(path))
        except duckdb.IOException:
            time.sleep(0.01)
    flag.touch()
    time.sleep(60)
    connection.close()


def be_interrupted(path: Path, flag: Path, report: Path) -> None:
    """Read and write in the main thread, and take every interrupt for what it is, until the flag has gone."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    engine = EmbeddedEngine(path, Counters(), timeout=20)
    interrupts = 0
    flag.touch()
    while True:
        try:
            while flag.exists():
                increment(engine)
                counted(engine)
            break
        except KeyboardInterrupt:
            interrupts += 1
    increment(engine)
    report.write_text(str(interrupts))
    engine.close()


def wait_and_be_interrupted(path: Path, flag: Path, report: Path) -> None:
    """Wait for the workspace until an interrupt comes; then stay, with nothing held."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    flag.touch()
    try:
        EmbeddedEngine(path, Counters(), timeout=60)
    except KeyboardInterrupt:
        report.touch()
    time.sleep(60)


def take_a_snapshot_and_wait(path: Path, flag: Path) -> None:
    """Hold a private copy until killed."""
    with EmbeddedEngine(path, Counters()).snapshot_file():
        flag.touch()
        time.sleep(60)


# File systems of their own


def on_a_file_system_of_its_own(scenario: Callable[[Path], None], directory: Path, size: str = "3m") -> None:
    """Run a scenario in a process that has a tmpfs of `size` at `directory`; it goes with the process."""
    _elsewhere(partial(_mount_and_run, scenario, directory, size))


def in_a_namespace_of_its_own(scenario: Callable[[Any], None], given: Any) -> None:
    """Run a scenario in a process that is root among the users of a namespace in which there is nobody else."""
    _elsewhere(partial(_be_root_and_run, scenario, given))


def _elsewhere(work: Callable[[], None]) -> None:
    outcome, sent = _context.Pipe(duplex=False)
    process = start(_tell_outcome, work, sent)
    sent.close()
    with suppress(EOFError):
        trouble = outcome.recv()
        process.join()
        assert not trouble, trouble
        return
    raise AssertionError(f"the scenario ended with {process.exitcode}")


def let_others_in(*paths: Path) -> None:
    """Have other users reach these folders, for this process alone: Python itself may be in a home that is closed."""
    _call(_libc.unshare(CLONE_NEWNS))
    _mount(b"none", Path("/"), None, MS_REC | MS_PRIVATE, None)
    found = {path.resolve() for path in paths if path.is_dir()}
    closed = {next((each for each in reversed(path.parents) if not each.stat().st_mode & 1), None) for path in found}
    held = {path: os.open(path, os.O_PATH) for path in sorted(found) if closed.intersection(path.parents)}
    for home in closed - {None}:
        _mount(b"tmpfs", home, b"tmpfs", 0, b"mode=755")
    for path, folder in held.items():
        path.mkdir(parents=True, exist_ok=True)
        _mount(f"/proc/self/fd/{folder}".encode(), path, None, MS_BIND | MS_REC, None)


def remount_read_only(directory: Path) -> None:
    """From now on, nothing on the file system at `directory` can be written."""
    _mount(b"none", directory, None, MS_REMOUNT | MS_RDONLY, None)


def remount_writable(directory: Path) -> None:
    """It can be written again."""
    _mount(b"none", directory, None, MS_REMOUNT, None)


def fill_the_disk(directory: Path) -> None:
    """Leave no byte free on the file system at `directory`."""
    file = os.open(directory / "filler", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for size in (1 << 16, 1 << 12, 1 << 8, 1):
        with suppress(OSError):
            while os.write(file, b"x" * size) == size:
                pass
    os.close(file)


def free_the_disk(directory: Path) -> None:
    """Give the room back."""
    (directory / "filler").unlink()


def _tell_outcome(work: Callable[[], None], outcome: Any) -> None:
    try:
        work()
        outcome.send("")
    except BaseException:  # noqa: BLE001 - whatever it was, the test tells it
        outcome.send(traceback.format_exc())


def _mount_and_run(scenario: Callable[[Path], None], directory: Path, size: str) -> None:
    if os.geteuid() == 0:
        _call(_libc.unshare(CLONE_NEWNS))
    else:
        _be_root(CLONE_NEWNS)
    _mount(b"none", Path("/"), None, MS_REC | MS_PRIVATE, None)
    _mount(b"tmpfs", directory, b"tmpfs", 0, f"size={size}".encode())
    scenario(directory)


def _be_root_and_run(scenario: Callable[[Any], None], given: Any) -> None:
    _be_root(0)
    scenario(given)


def _be_root(flags: int) -> None:
    user, group = os.geteuid(), os.getegid()
    _call(_libc.unshare(flags | CLONE_NEWUSER))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def _mount(source: bytes, target: Path, kind: bytes | None, flags: int, options: bytes | None) -> None:
    _call(_libc.mount(source, os.fsencode(target), kind, ctypes.c_ulong(flags), options))


def _call(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


_libc = ctypes.CDLL(None, use_errno=True)


def eventually(question: Callable[[], Any], within: float = 5.0) -> Any:
    """Whether it comes true within that many seconds."""
    until = time.monotonic() + within
    while not question() and time.monotonic() < until:
        time.sleep(0.01)
    return question()
