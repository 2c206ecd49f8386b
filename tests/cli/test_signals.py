"""Being told to stop: in good order, in time, and with the status that says so."""

import os
import signal
import subprocess
import time
from datetime import timedelta
from functools import partial

import pytest

import wsq
from tests.cli import slow
from tests.cli.conftest import eventually
from tests.commands import SCRIPTS, Forked, main_of
from wsq import settings
from wsq.agent.providers import ScriptedProvider, finish
from wsq.cli import process
from wsq.cli.process import Options
from wsq.clock import ManualClock, SystemClock

SOON = 5.0
"""Seconds within which a command must have ended."""


def told(running, number):
    """Tell a process to stop; its exit status, the seconds it took, and what it said on standard error."""
    running.send_signal(number)
    begun = time.monotonic()
    status = running.wait(20)
    return status, time.monotonic() - begun, running.stderr.read()


@pytest.fixture
def pondering():
    """Starts a slow command, warm, and waits until its provider is asked."""
    begun = []

    def begin(command, *arguments):
        begun.append(Forked(partial(command, *arguments)))
        assert eventually(lambda: "pondering\n" in begun[-1].said())
        return begun[-1]

    yield begin
    for each in begun:
        each.kill()


def stopped(running, number):
    """Tell a warm process to stop, in time; what it said, and the status it ended with."""
    os.kill(running.pid, number)
    return running.ended(SOON)


@pytest.fixture
def workspace(folder):
    """The workspace, in which nothing is yet."""
    wsq.open(folder / "team.duckdb").close()


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_watch_stops_with_128_and_the_signals_number(started, number):
    watching = started(SCRIPTS / "wsq-process", "--watch", "60")
    assert watching.stdout.readline() == "Nothing was due in 0 stores.\n"

    status, took, said = told(watching, number)

    assert (status, said) == (128 + number, f"wsq-process: Stopped by {number.name}.\n")
    assert took < SOON


def test_what_runs_when_it_is_told_to_stop_is_released_and_taken_up_at_once(pondering, folder):
    with wsq.open() as ws:
        task = ws.store("default").create_recurring_task("Tick", "Ponder", every="1 minute")
        due = task.next_execution_at
    running = pondering(slow.one_pass, due)

    said = stopped(running, signal.SIGTERM)

    assert (said.status, said.err) == (143, "")
    with wsq.open() as ws:
        assert ws.store("default").latest_execution(task.id).status == "running"
    moments_later = Options(now=due + timedelta(seconds=5), json=True)
    assert process.run(settings.load(), moments_later, ScriptedProvider([finish()])) == 0
    with wsq.open() as ws:
        (execution,) = ws.store("default").executions()
    assert (execution.status, execution.takeovers) == ("completed", 1)


def test_a_watch_goes_on_ticking_while_an_execution_runs_and_stops_it_too(pondering, folder):
    now = SystemClock().now()
    with wsq.open(clock=ManualClock(now - timedelta(minutes=1))) as ws:
        ws.store("default").create_recurring_task("Tick", "Ponder", every="1 minute")
    watching = pondering(slow.watch)
    assert eventually(lambda: "due in 1 store" in watching.said().partition("pondering\n")[2])

    assert stopped(watching, signal.SIGINT).status == 130


def test_it_stops_in_time_also_while_it_waits_for_the_workspace(folder):
    with wsq.open() as ws:
        ws.store("default").create_task("There is something")
        with ws._log.engine.write():  # as long as this lasts nobody else gets in
            waiting = Forked(main_of("wsq-process"))
            time.sleep(0.7)
            assert waiting.is_alive()

            said = stopped(waiting, signal.SIGTERM)

    assert said.status == 143
    assert "Traceback" not in said.err


@pytest.mark.usefixtures("workspace")
def test_a_tethered_watch_stops_when_its_standard_input_ends(started):
    tethered = started(SCRIPTS / "wsq-process", "--watch", "60", "--tethered", stdin=subprocess.PIPE)
    assert tethered.stdout.readline()

    tethered.stdin.close()

    assert tethered.wait(SOON) == 143
    tethered.stdin = None


def test_run_now_that_is_interrupted_leaves_nothing_running(pondering, folder):
    with wsq.open() as ws:
        task = ws.store("default").create_recurring_task("Tick", "Ponder", every="1 minute")
    running = pondering(slow.run_now, task.id)

    assert stopped(running, signal.SIGINT).status == 130

    with wsq.open() as ws:
        assert ws.store("default").latest_execution(task.id).status == "cancelled"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_command_that_is_stopped_inside_a_query_ends_with_its_status(pondering, number):
    said = stopped(pondering(slow.wait_as_a_query), number)

    assert (said.status, said.err) == (128 + number, "")


@pytest.mark.usefixtures("workspace")
def test_in_the_background_of_a_script_an_interrupt_is_meant_for_others(started):
    background = started("env", "--ignore-signal=INT", SCRIPTS / "wsq-process", "--watch", "60")
    assert background.stdout.readline()

    background.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        background.wait(0.3)

    assert told(background, signal.SIGTERM)[0] == 143
