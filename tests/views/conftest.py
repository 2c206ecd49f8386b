"""Stores, and real browsers on pages that a server in a process of its own serves."""

import os
import signal
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

import wsq
from tests.views.windows import eventually
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
    """A store of the test's own; of those that are `kept` the one that they share, emptied."""
    if "kept" in request.fixturenames:
        return _emptied(team.store("kept"))
    return team.store(f"s{abs(hash(request.node.name)) % 10**9}")


class Window:
    """A page, and what was complained of and asked for elsewhere meanwhile."""

    def __init__(self, visitor, served):
        self.page, self.complaints, self.strayed = visitor.new_page(), [], []
        self.page.set_default_timeout(8_000)
        self.page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda asked: _strays(asked.url, served) and self.strayed.append(asked.url))

    def judge(self):
        assert self.complaints == []
        assert self.strayed == []

    def tidied(self, address):
        """Whether it shows the page at `address` and nothing more, once dialogs and toasts are put away."""
        dialogs, discard = self.page.get_by_role("dialog"), self.page.get_by_role("button", name="Discard")
        for _ in range(4):
            if dialogs.count() == 0:
                break
            self.page.keyboard.press("Escape")
            if discard.is_visible():
                discard.click()
        self.page.locator(".toast").evaluate_all("all => all.forEach((each) => each.remove())")
        untouched = self.page.evaluate("() => /native code/.test(String(WebSocket.prototype.send))")
        return untouched and dialogs.count() == 0 and self.page.url == address

    def follows(self, store):
        """Whether its cards are those of the board."""
        shown = self.page.locator("article[data-id]").evaluate_all("all => all.map((each) => each.dataset.id)")
        return {*shown} == {each.id for each in (*store.tasks(), *store.recurring_tasks())}


@pytest.fixture(scope="module")
def kept_windows(visitor):
    """The window that stays open from test to test, once there is one."""
    windows = []
    yield windows
    for window in windows:
        window.page.close()


@pytest.fixture
def kept(kept_windows):
    """For tests that need no board of their own: their first window is the one that the last such test left.

    To open a board takes two seconds of processor time, to empty it a tenth of that.
    """
    return kept_windows


@pytest.fixture
def open_board(visitor, served, acme, request):
    """Opens the store's board in a window; nothing may leave the host, and nothing be complained of."""
    windows = []
    kept = request.getfixturevalue("kept") if "kept" in request.fixturenames else None

    def opened(width=1440, height=900, path="board", scheme="light", also=""):
        address = f"{served}/{path}{'' if '?' in path else '?'}store={acme.id}{also}"
        stays = kept is not None and not windows
        known = kept.pop() if stays and kept else None
        if known and not known.tidied(address):
            known.page.close()
            known = None
        window = known or Window(visitor, served)
        windows.append(window)
        if stays:
            kept.append(window)
        page = window.page
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        if known:
            eventually(lambda: known.follows(acme), within=8)
        else:
            page.goto(address)
        return page

    yield opened
    for window in windows:
        window.page.evaluate("localStorage.clear()")
        if window not in (kept or ()):
            window.page.close()
    for window in windows:
        window.judge()


def _emptied(store):
    if store.id not in {each.id for each in store.workspace.stores()}:
        return store  # it comes into being with the first thing in it
    for task in store.tasks():
        store.archive_task(task.id)
    for task in store.recurring_tasks():
        store.delete_recurring_task(task.id)
    for project in store.projects():
        store.archive_project(project.id)
    return store


def _strays(url, served):
    parts = urlsplit(url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != urlsplit(served).netloc
