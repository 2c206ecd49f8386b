"""How a server stops while it has something to do."""

import signal
import subprocess
import sys
import time
from contextlib import nullcontext

import pytest

import wsq
from tests.rings import within

BUSY = """\
import sys, wsq
from wsq.views import serve
from wsq.views.live.component import pool

def count():
    with ws._log.engine.snapshot() as cursor:
        print("busy", flush=True)
        cursor.query("SELECT count(*) FROM range(1_000_000_000) AS a, range(1_000_000) AS b WHERE a <> b")

def wait():
    print("busy", flush=True)
    ws.stores()

def begin():
    print("up", flush=True)
    sys.stdin.readline()
    globals()[sys.argv[2]]()

with wsq.open(sys.argv[1]) as ws:
    serve(ws, port=0, on_up=lambda url: pool.submit(begin))
"""


@pytest.mark.timed
@pytest.mark.parametrize("work", ["count", "wait"])
def test_a_server_told_to_stop_is_gone_within_two_seconds_whatever_it_counts_or_waits_for(tmp_path, work):
    place = tmp_path / "team.duckdb"
    with (
        wsq.open(place) as other,
        subprocess.Popen(
            [sys.executable, "-c", BUSY, place, work], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server,
    ):
        assert server.stdout.readline() == "up\n"
        with other._log.engine.write() if work == "wait" else nullcontext():
            server.stdin.write("\n")
            server.stdin.flush()
            assert server.stdout.readline() == "busy\n"
            time.sleep(0.3)  # now it is in the midst of it

            began = time.monotonic()
            server.send_signal(signal.SIGTERM)

            assert server.wait(10) == 0
            assert time.monotonic() - began < within(2)
