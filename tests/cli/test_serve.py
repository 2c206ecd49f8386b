"""`wsq serve`: the scheduler beside the pages lives as long as they do, and no longer."""

import http.client
import re
import signal
import socket
import sys
import urllib.request

import psutil
import pytest

import wsq
from tests.cli.conftest import eventually
from tests.commands import SCRIPTS
from wsq.agent.providers import ScriptedProvider, finish
from wsq.cli.serve import RESTARTS, Scheduler

SOON = 10.0


def up(serving):
    """Wait for the address at which the pages are served."""
    line = serving.stdout.readline()
    assert line.startswith("wsq is up at http://127.0.0.1:"), serving.stderr.read()
    return line.split()[4].rstrip(",")


def schedulers(serving):
    """The schedulers beside the pages."""
    children = psutil.Process(serving.pid).children()
    return [child for child in children if "wsq.cli.process" in child.cmdline()]


def opens_socket(url, origin):
    """Whether the board's socket opens for a page of an origin."""
    with urllib.request.urlopen(f"{url}/board") as page:
        token = re.search(r'"token":"([^"]+)"', page.read().decode())[1]
    link = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Origin": origin}
    handshake |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": f"bokeh, {token}"}
    link.request("GET", "/board/ws", headers=handshake)
    status = link.getresponse().status
    link.close()
    return status == 101


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_scheduler_goes_with_the_pages_however_they_end(started, number):
    serving = started(SCRIPTS / "wsq", "serve", "--port", "0")
    url = up(serving)
    (scheduler,) = schedulers(serving)
    with urllib.request.urlopen(f"{url}/health") as answer:
        assert answer.status == 200

    serving.send_signal(number)

    assert serving.wait(SOON) == (0 if number == signal.SIGTERM else -number)
    assert eventually(lambda: not scheduler.is_running() or scheduler.status() == psutil.STATUS_ZOMBIE)


def test_without_a_scheduler_none_is_started_and_a_script_may_have_it_in_its_background(started):
    hostile = "BOKEH_ALLOW_WS_ORIGIN=*"
    serving = started("env", "--ignore-signal=INT", hostile, SCRIPTS / "wsq", "serve", "--port", "0", "--no-scheduler")
    url = up(serving)
    assert [opens_socket(url, origin) for origin in (url, "https://evil.example")] == [True, False]
    serving.send_signal(signal.SIGINT)  # which is meant for what runs in front

    assert schedulers(serving) == []
    assert "offline provider" in serving.stdout.readline()
    assert "No scheduler is running" in serving.stdout.readline()
    serving.terminate()
    assert serving.wait(SOON) == 0


def test_without_credentials_for_the_model_that_was_used_it_says_so_and_starts_no_scheduler(started, folder):
    model = ScriptedProvider([finish()], name="claude")
    model.kind = "anthropic"
    with wsq.open(folder / "team.duckdb", provider=model) as ws:
        acme = ws.store("acme")
        assert acme.run_now(acme.create_recurring_task("Tick", "Tick", every="1 day").id).status == "completed"

    serving = started(SCRIPTS / "wsq", "serve", "--port", "0", "--database", "team.duckdb")
    up(serving)

    assert "nothing runs" in serving.stderr.readline()
    assert "No scheduler is running" in serving.stdout.readline()
    assert schedulers(serving) == []


def test_a_port_that_is_taken_is_refused_before_anything_is_created_or_started(command, folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = command("wsq", "serve", "--port", str(port), "--database", "new.duckdb")

    assert (said.status, said.out) == (2, "")
    assert (
        said.err == f"wsq: Port {port} at 127.0.0.1 is in use already. Choose another one, such as --port {port + 1}.\n"
    )
    assert list(folder.glob("new*")) == []


def test_a_scheduler_that_is_killed_is_started_again():
    scheduler = Scheduler([sys.executable, "-c", "import sys; sys.stdin.read()"], pause=0.01)
    scheduler.start()
    try:
        first = scheduler.pid
        psutil.Process(first).kill()

        assert eventually(lambda: scheduler.pid not in (None, first))
    finally:
        scheduler.stop()

    assert scheduler.pid is None


def test_a_scheduler_that_cannot_live_is_given_up_in_the_end(tmp_path, capfd):
    marks = tmp_path / "marks"
    scheduler = Scheduler([sys.executable, "-S", "-c", f"open({str(marks)!r}, 'a').write('x')"], pause=0.001)
    scheduler.start()

    assert eventually(lambda: "is not restarted" in capfd.readouterr().err)

    scheduler.stop()
    assert marks.read_text() == "x" * (RESTARTS + 1)
