"""Stores, and real browsers on pages that a server in a process of its own serves."""

import os
import shutil
import signal
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

import wsq
from wsq.agent.providers import OfflineProvider

SERVE = """\
import asyncio, sys, wsq
from wsq.agent.providers import OfflineProvider
from wsq.views import serve

class Unhurried(OfflineProvider):
    async def turn(self, request, progress):
        if "unhurried" in str(request.messages):
            progress("Let me think <b>it</b> over.")
            await asyncio.sleep(1.5)
        return await super().turn(request, progress)

with wsq.open(sys.argv[1], provider=Unhurried()) as ws:
    serve(ws, port=0, notice="A notice for all", on_up=lambda url: print(url, flush=True))
"""


@pytest.fixture
def workspace(tmp_path):
    with wsq.open(tmp_path / "team.duckdb") as opened:
        yield opened


@pytest.fixture
def store(workspace):
    return workspace.store("acme")


@pytest.fixture(scope="session")
def chromium():
    found = shutil.which("chromium")
    assert found, "the browser tests need Debian's chromium on the PATH"
    return found


@pytest.fixture(scope="module")
def visitor(chromium, tmp_path_factory):
    """Somebody whose browser has met the pages before, which makes them quick to open."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    """The workspace as another process has it open, here the test's own."""
    with wsq.open(tmp_path_factory.mktemp("board") / "team.duckdb", provider=OfflineProvider()) as opened:
        yield opened


@pytest.fixture(scope="module")
def served(team):
    environment = {**os.environ, "WSQ_TIMEZONE": "UTC", "PYTHONWARNINGS": "default"}
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, team.place], stdout=subprocess.PIPE, text=True, env=environment
    ) as server:
        try:
            yield server.stdout.readline().strip()
        finally:
            server.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert server.wait(10) == 0
            assert time.monotonic() - began < 3, "the server takes too long to stop"


@pytest.fixture
def acme(team, request):
    """A store of the test's own."""
    return team.store(f"s{abs(hash(request.node.name)) % 10**9}")


@pytest.fixture
def open_board(visitor, served, acme):
    """Opens the store's board in a window; nothing may leave the host, and nothing be complained of."""
    pages, complaints, strayed = [], [], []

    def opened(width=1440, height=900, path="board", scheme="light", also=""):
        page = visitor.new_page()
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        page.set_default_timeout(8_000)
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: _strays(asked.url, served) and strayed.append(asked.url))
        page.goto(f"{served}/{path}{'' if '?' in path else '?'}store={acme.id}{also}")
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.evaluate("localStorage.clear()")
        page.close()
    assert complaints == []
    assert strayed == []


def _strays(url, served):
    parts = urlsplit(url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != urlsplit(served).netloc
