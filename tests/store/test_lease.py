"""Many processes and threads at one file."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.rings import count, within
from tests.store import crew
from tests.store.crew import Counters, counted, finish, increment, kill, start, wait_for
from wsq.errors import WorkspaceBusy, WorkspaceError
from wsq.store.duckdb.engine import EmbeddedEngine


def test_no_increment_is_lost_among_processes(path):
    times = count(15, 40)
    finish(*[start(crew.count, path, times) for _ in range(4)])

    engine = EmbeddedEngine(path, Counters())
    assert counted(engine) == 4 * times
    engine.close()


def test_no_increment_is_lost_among_threads_and_engines_of_a_process(path):
    engines = [EmbeddedEngine(path, Counters()) for _ in range(2)]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: increment(engines[number % 2]), range(40)))

    assert counted(engines[0]) == counted(engines[1]) == 40
    for engine in engines:
        engine.close()


def test_processes_that_create_the_workspace_at_once_both_succeed(path, tmp_path):
    flags = [tmp_path / f"flag{number}" for number in range(3)]
    finish(*[start(crew.open_slowly, path, flag) for flag in flags])

    engine = EmbeddedEngine(path, Counters())
    assert counted(engine) == 0
    engine.close()


def test_a_workspace_whose_creation_was_killed_is_made_anew(path, tmp_path):
    for round_ in range(3):
        flag = tmp_path / f"flag{round_}"
        maker = start(crew.open_slowly, path, flag)
        wait_for(flag)
        time.sleep(0.1 * round_)
        kill(maker)
        assert not path.exists()

    engine = EmbeddedEngine(path, Counters())
    assert counted(engine) == 0
    engine.close()


@pytest.mark.timed
def test_eight_writing_processes_all_get_their_turn(path, tmp_path, record_property):
    EmbeddedEngine(path, Counters()).close()
    reports = [tmp_path / f"report{number}" for number in range(8)]

    go = tmp_path / "go"
    writers = [start(crew.write_on, path, go, report) for report in reports]
    for report in reports:
        wait_for(report.with_suffix(".ready"))
    go.touch()
    time.sleep(count(3, 6) / 2)
    go.unlink()
    finish(*writers)

    writes, waits = zip(*[map(float, report.read_text().split()) for report in reports], strict=True)
    record_property("longest wait", max(waits))
    record_property("writes", writes)
    print(f"longest wait {max(waits):.2f} s; writes of each: {[int(w) for w in writes]}")
    assert max(waits) < within(3)
    assert min(writes) > max(writes) / 4
    engine = EmbeddedEngine(path, Counters())
    assert counted(engine) == sum(writes)
    engine.close()


def test_nothing_acknowledged_is_lost_when_writers_are_killed(path, tmp_path):
    chance = random.Random(22)
    EmbeddedEngine(path, Counters()).close()
    begun = {"a": 0, "b": 0}
    slowest = 0.0
    rounds = count(8, 30)
    for round_ in range(rounds):
        told = {worker: tmp_path / f"told-{worker}-{round_}" for worker in begun}
        workers = [start(crew.mark_and_tell, path, worker, begun[worker], told[worker]) for worker in begun]
        for worker in list(begun)[: round_ % 3]:
            wait_for(told[worker])
        for process in workers:
            time.sleep(chance.uniform(0.01, 0.15))
            kill(process)

        began = time.monotonic()
        engine = EmbeddedEngine(path, Counters())
        slowest = max(slowest, time.monotonic() - began)
        with engine.read() as cursor:
            kept = set(cursor.query("SELECT worker, number FROM marks"))
        engine.close()
        for worker in begun:
            acknowledged = told[worker].read_text().split() if told[worker].exists() else []
            assert {(worker, int(number)) for number in acknowledged} <= kept
            begun[worker] = max((number for who, number in kept if who == worker), default=-1) + 1
    print(f"{2 * rounds} kills; {sum(begun.values())} marks kept; reopened in at most {slowest * 1000:.0f} ms")
    assert sum(begun.values()) >= rounds
    assert slowest < 5


@pytest.mark.timed
def test_a_lease_that_is_held_too_long_is_given_up_with_a_sentence_that_names_the_holder(path, tmp_path, engine):
    flag = tmp_path / "flag"
    holder = start(crew.hold, path, flag)
    wait_for(flag)
    engine._timeout = 0.3
    began = time.monotonic()
    with pytest.raises(WorkspaceBusy, match=rf"team\.duckdb was in use by process {holder.pid} \(.+\) for longer"):
        counted(engine)
    assert time.monotonic() - began < within(2)

    engine._timeout = 10
    kill(holder)
    assert counted(engine) == 0


def test_whoever_gave_up_waiting_holds_nothing_afterwards(path, tmp_path, engine):
    flag = tmp_path / "flag"
    holder = start(crew.hold, path, flag)
    wait_for(flag)
    engine._timeout = 0.05
    for _ in range(3):
        with pytest.raises(WorkspaceBusy):
            counted(engine)

    flag.unlink()
    finish(holder)
    finish(start(crew.count, path, 1), within=20)

    engine._timeout = 10
    assert counted(engine) == 1


def test_a_new_lease_takes_up_the_place_that_was_given_up(path, tmp_path, engine):
    flag = tmp_path / "flag"
    holder = start(crew.hold, path, flag)
    wait_for(flag)
    engine._timeout = 0.05
    with pytest.raises(WorkspaceBusy):
        counted(engine)

    engine._timeout = 10
    threading.Timer(0.1, flag.unlink).start()
    increment(engine)
    assert not flag.exists()

    finish(holder)
    assert counted(engine) == 1


def test_another_thread_that_stays_too_long_is_named_as_such(engine):
    engine._timeout = 0.2
    with engine.read(), ThreadPoolExecutor(1) as thread:
        time.sleep(0.1)
        with pytest.raises(WorkspaceBusy, match="another thread of this process"):
            thread.submit(counted, engine).result()


def test_readers_and_the_writer_of_a_process_share_a_lease(engine):
    together = threading.Barrier(3, timeout=10)

    def read():
        with engine.read() as cursor:
            before = cursor.query("SELECT n FROM counters")
            together.wait()
            together.wait()
            return before + cursor.query("SELECT n FROM counters")

    def write():
        with engine.write() as cursor:
            together.wait()
            cursor.query("UPDATE counters SET n = 5")
        together.wait()

    with ThreadPoolExecutor(3) as threads:
        seen = [threads.submit(read), threads.submit(read)]
        threads.submit(write).result()
        assert [future.result() for future in seen] == [[(0,), (0,)]] * 2
    assert counted(engine) == 5


def test_a_lease_lets_no_newcomers_in_after_a_while_so_that_other_processes_get_their_turn(path, engine):
    stop = threading.Event()

    def ask_on():
        while not stop.is_set():
            with engine.read() as cursor:
                cursor.query("SELECT n FROM counters")
                time.sleep(0.005)

    with ThreadPoolExecutor(4) as threads:
        busy = [threads.submit(ask_on) for _ in range(4)]
        finish(start(crew.count, path, 5), within=20)
        stop.set()
        for future in busy:
            future.result()
    assert counted(engine) == 5


def test_a_read_or_a_write_inside_another_of_the_same_thread_is_refused(engine):
    for outer in (engine.read, engine.write):
        for inner in (engine.read, engine.write, engine.snapshot):
            with outer(), pytest.raises(RuntimeError, match="cannot be nested"), inner():
                raise AssertionError
    increment(engine)
    assert counted(engine) == 1


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_forked_children_use_nothing_of_their_parents(engine):
    stop = threading.Event()

    def ask_on():
        while not stop.is_set():
            counted(engine)

    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(ask_on)
        for _ in range(5):
            child = os.fork()
            if child == 0:
                os._exit(_as_child(engine))
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0
        stop.set()
        asking.result()
    increment(engine)
    assert counted(engine) == 6


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_child_that_was_forked_inside_a_lease_is_told_so(path, engine):
    with engine.read() as cursor:
        child = os.fork()
        if child == 0:
            os._exit(_as_child_of_a_reader(engine))
        cursor.query("SELECT n FROM counters")
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def _as_child(engine: EmbeddedEngine) -> int:
    try:
        increment(engine)
        return 0 if counted(engine) else 3
    except BaseException as error:  # noqa: BLE001 - a forked child must not go on with the suite
        print(repr(error), file=sys.stderr)
        return 2


def _as_child_of_a_reader(engine: EmbeddedEngine) -> int:
    try:
        counted(engine)
    except WorkspaceBusy as error:
        return 0 if "before a fork" in str(error) else 4
    except BaseException as error:  # noqa: BLE001 - a forked child must not go on with the suite
        print(repr(error), file=sys.stderr)
        return 2
    return 3


def test_a_forked_child_keeps_no_lock_of_a_parent_that_has_died(path, tmp_path):
    flag = tmp_path / "flag"
    parent = start(_fork_inside_a_lease, path, flag)
    wait_for(flag)
    kill(parent)

    engine = EmbeddedEngine(path, Counters(), timeout=5)
    assert counted(engine) == 0
    engine.close()
    os.kill(int(flag.read_text()), signal.SIGKILL)


def _fork_inside_a_lease(path: Path, flag: Path) -> None:
    engine = EmbeddedEngine(path, Counters())
    with engine.read():
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(0)
        ready = flag.with_suffix(".new")
        ready.write_text(str(child))
        ready.rename(flag)
        time.sleep(60)


def test_interrupts_at_any_moment_leave_nothing_held(path, tmp_path):
    chance = random.Random(7)
    flag, report = tmp_path / "flag", tmp_path / "report"
    process = start(crew.be_interrupted, path, flag, report)
    wait_for(flag)
    for _ in range(count(20, 50)):
        time.sleep(chance.uniform(0.02, 0.08))
        os.kill(process.pid, signal.SIGINT)
    time.sleep(0.1)

    finish(start(crew.count, path, 3), within=15)
    flag.unlink()
    finish(process, within=15)
    assert int(report.read_text()) >= 3  # many meet before they are noticed


def test_an_interrupt_while_waiting_gives_the_place_up(path, tmp_path, engine):
    held, waits, interrupted = tmp_path / "held", tmp_path / "waits", tmp_path / "interrupted"
    holder = start(crew.hold, path, held)
    wait_for(held)
    waiter = start(crew.wait_and_be_interrupted, path, waits, interrupted)
    wait_for(waits)
    time.sleep(0.2)

    os.kill(waiter.pid, signal.SIGINT)

    wait_for(interrupted, 5)
    held.unlink()
    finish(holder)
    increment(engine)
    assert counted(engine) == 1
    kill(waiter)


def test_locks_that_somebody_deleted_are_made_anew_and_still_exclude(path, engine):
    for lock in ("turn", "lock"):
        (engine._lease.side / lock).unlink()
    others = [start(crew.count, path, 10) for _ in range(2)]
    for _ in range(10):
        increment(engine)
    finish(*others)
    assert counted(engine) == 30


def test_a_closed_engine_says_so_and_leaves_others_on_the_file_alone(path):
    first, second = EmbeddedEngine(path, Counters()), EmbeddedEngine(path, Counters())
    first.close()
    first.close()

    with pytest.raises(WorkspaceError, match=r"team\.duckdb is closed"):
        counted(first)
    with pytest.raises(WorkspaceError, match="is closed"):
        first.changes()
    increment(second)
    assert counted(second) == 1
    second.close()
