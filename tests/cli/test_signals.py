"""Being told to stop: in good order, in time, and with the status that says so."""

import signal
import sys
import time
from datetime import timedelta

import pytest

import wsq
from tests.cli.conftest import SCRIPTS
from wsq import settings
from wsq.agent.providers import ScriptedProvider, finish
from wsq.cli import process
from wsq.cli.process import Options
from wsq.clock import ManualClock, SystemClock

pytestmark = pytest.mark.alone

SOON = 5.0
"""Seconds within which a command must have ended."""

SLOW = """
import asyncio, sys
from datetime import datetime
from wsq import settings
from wsq.agent.providers import ScriptedProvider
from wsq.cli import process
from wsq.cli.signals import Stopped, stoppable

async def ponder(request):
    print("pondering", flush=True)
    await asyncio.sleep(60)

due, watch = datetime.fromisoformat(sys.argv[1]), sys.argv[2:] == ["watch"]
options = process.Options(watch=0.2) if watch else process.Options(now=due)
try:
    with stoppable():
        process.run(settings.load(), options, ScriptedProvider([ponder]))
except Stopped as stop:
    sys.exit(stop.status)
"""
"""`wsq-process` with a provider that takes its time, which the command line does not offer."""


def told(running, number):
    """Tell a process to stop; its exit status, the seconds it took, and what it said on standard error."""
    running.send_signal(number)
    begun = time.monotonic()
    status = running.wait(20)
    return status, time.monotonic() - begun, running.stderr.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_watch_stops_with_128_and_the_signals_number(started, number):
    watching = started(SCRIPTS / "wsq-process", "--watch", "60")
    assert watching.stdout.readline() == "Nothing was due in 0 stores.\n"

    status, took, said = told(watching, number)

    assert (status, said) == (128 + number, f"wsq-process: Stopped by {number.name}.\n")
    assert took < SOON


def test_what_runs_when_it_is_told_to_stop_is_released_and_taken_up_at_once(started):
    with wsq.open() as ws:
        task = ws.store("default").create_recurring_task("Tick", "Ponder", every="1 minute")
        due = task.next_execution_at
    running = started(sys.executable, "-c", SLOW, due.isoformat())
    assert running.stdout.readline() == "pondering\n"

    status, took, said = told(running, signal.SIGTERM)

    assert (status, said) == (143, "")
    assert took < SOON
    with wsq.open() as ws:
        assert ws.store("default").latest_execution(task.id).status == "running"
    moments_later = Options(now=due + timedelta(seconds=5), json=True)
    assert process.run(settings.load(), moments_later, ScriptedProvider([finish()])) == 0
    with wsq.open() as ws:
        (execution,) = ws.store("default").executions()
    assert (execution.status, execution.takeovers) == ("completed", 1)


def test_a_watch_goes_on_ticking_while_an_execution_runs_and_stops_it_too(started):
    now = SystemClock().now()
    with wsq.open(clock=ManualClock(now - timedelta(minutes=1))) as ws:
        ws.store("default").create_recurring_task("Tick", "Ponder", every="1 minute")
    watching = started(sys.executable, "-c", SLOW, now.isoformat(), "watch")
    while watching.stdout.readline() != "pondering\n":
        assert watching.poll() is None
    after = watching.stdout.readline()

    status, took, _said = told(watching, signal.SIGINT)

    assert "due in 1 store" in after
    assert status == 130
    assert took < SOON


def test_it_stops_in_time_also_while_it_waits_for_the_workspace(started, folder):
    with wsq.open() as ws:
        ws.store("default").create_task("There is something")
        with ws._log.engine.write():  # as long as this lasts nobody else gets in
            waiting = started(SCRIPTS / "wsq-process")
            time.sleep(1.5)
            assert waiting.poll() is None

            status, took, said = told(waiting, signal.SIGTERM)

    assert status == 143
    assert took < SOON
    assert "Traceback" not in said


def test_a_tethered_watch_stops_when_its_standard_input_ends(started):
    import subprocess

    tethered = started(SCRIPTS / "wsq-process", "--watch", "60", "--tethered", stdin=subprocess.PIPE)
    assert tethered.stdout.readline()

    tethered.stdin.close()

    assert tethered.wait(SOON) == 143
    tethered.stdin = None


def test_run_now_that_is_interrupted_leaves_nothing_running(started, folder):
    slow = SLOW.replace(
        "process.run(settings.load(), options, ScriptedProvider([ponder]))",
        "import wsq\n        with wsq.open(provider=ScriptedProvider([ponder])) as ws:\n"
        "            ws.store('default').run_now(sys.argv[2])",
    )
    with wsq.open() as ws:
        task = ws.store("default").create_recurring_task("Tick", "Ponder", every="1 minute")
    running = started(sys.executable, "-c", slow, task.next_execution_at.isoformat(), task.id)
    assert running.stdout.readline() == "pondering\n"

    status, took, _said = told(running, signal.SIGINT)

    assert status == 130
    assert took < SOON
    with wsq.open() as ws:
        assert ws.store("default").latest_execution(task.id).status == "cancelled"
