"""Stores, and real browsers on pages that a server in a process of its own serves."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

import wsq
from tests.views.serving import gate_of
from tests.views.serving import served as serving
from tests.views.windows import eventually
from wsq.agent.providers import OfflineProvider


@pytest.fixture
def workspace(tmp_path):
    with wsq.open(tmp_path / "team.duckdb") as opened:
        yield opened


@pytest.fixture
def store(workspace):
    return workspace.store("acme")


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """Where the workspace is that modules share, and where it is served."""
    place = tmp_path_factory.mktemp("shared") / "team.duckdb"
    with serving(place, notice="A notice for all") as server:
        yield place, server.url


@pytest.fixture(scope="module")
def place(shared):
    """Where the module's workspace is; modules whose pages show all stores have one of their own."""
    return shared[0]


@pytest.fixture(scope="module")
def served(shared):
    """The address at which it is served."""
    return shared[1]


@pytest.fixture(scope="module")
def team(place):
    """The workspace as another process has it open, here the test's own."""
    with wsq.open(place, provider=OfflineProvider()) as opened:
        yield opened


@pytest.fixture
def acme(team, request):
    """A store of the test's own; of those that are `kept` the one that they share, emptied."""
    own = "kept" if "kept" in request.fixturenames else f"s{abs(hash(request.node.nodeid)) % 10**9}"
    team.create_store(own, exist_ok=True)
    return _emptied(team.store(own)) if own == "kept" else team.store(own)


@pytest.fixture
def kept():
    """For tests that need no store of their own: theirs is shared, and so is the window in which it is open.

    To open a board takes two seconds of processor time, to empty it a tenth of that.
    """


@pytest.fixture
def go_on(place):
    """Lets executions that are `unhurried` go on, which wait for their model until this is called."""
    gate_of(place).touch()
    yield lambda: gate_of(place).unlink()
    gate_of(place).unlink(missing_ok=True)


class Window:
    """A page, and what was complained of and asked for elsewhere meanwhile."""

    def __init__(self, visitor):
        self.page, self.complaints, self.asked = visitor.new_page(), [], []
        self.page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda asked: self.asked.append(asked.url))

    def show(self, address, store):
        """Show the page at an address; a board that stands there already, untouched, only has to follow the store."""
        if self._is_tidied() and self.page.url == address and urlsplit(address).path == "/board":
            eventually(lambda: self._follows(store))
        else:
            self.page.goto(address)

    def _is_tidied(self):
        """Whether nothing is left of what a test did, once dialogs and toasts are put away."""
        dialogs, discard = self.page.get_by_role("dialog"), self.page.get_by_role("button", name="Discard")
        for _ in range(4):
            if dialogs.count() == 0:
                break
            self.page.keyboard.press("Escape")
            if discard.is_visible():
                discard.click()
        self.page.locator(".toast").evaluate_all("all => all.forEach((each) => each.remove())")
        untouched = self.page.evaluate("() => /native code/.test(String(WebSocket.prototype.send))")
        return untouched and dialogs.count() == 0

    def _follows(self, store):
        """Whether its cards are those of the board."""
        shown = self.page.locator("article[data-id]").evaluate_all("all => all.map((each) => each.dataset.id)")
        return {*shown} == {each.id for each in (*store.tasks(), *store.recurring_tasks())}

    def judge(self, served):
        """Complain of what was complained of since the last time, and of what was asked for elsewhere."""
        complaints, asked = self.complaints[:], self.asked[:]
        self.complaints.clear()
        self.asked.clear()
        assert complaints == []
        assert [url for url in asked if _strays(url, served)] == []


@pytest.fixture(scope="session")
def all_windows():
    """Windows that stay open from test to test: another page in one costs a third of another window."""
    return []


@pytest.fixture(scope="module")
def idle_windows(all_windows, served):
    """Those that no test uses; after its last test a module leaves them empty, so that they cost nothing."""
    yield all_windows
    for window in all_windows:
        window.page.goto("about:blank")


@pytest.fixture
def open_board(visitor, served, acme, idle_windows):
    """Opens the store's board in a window; nothing may leave the host, and nothing be complained of."""
    windows = []

    def opened(width=1440, height=900, path="board", scheme="light", also=""):
        address = f"{served}/{path}{'' if '?' in path else '?'}store={acme.id}{also}"
        window = idle_windows.pop(0) if idle_windows else Window(visitor)
        windows.append(window)
        page = window.page
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        window.show(address, acme)
        return page

    yield opened
    for window in windows:
        if not window.page.is_closed():
            window.page.evaluate("localStorage.clear()")
    idle_windows[:0] = [window for window in windows if not window.page.is_closed()]
    for window in windows:
        window.judge(served)


def _emptied(store):
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
