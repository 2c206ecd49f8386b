"""What the board's page costs: in a real browser, served by a process of its own, on a real database.

A third process writes: the one that measures. The browser is headless Chromium; nothing is drawn on a screen.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import psutil
from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

import wsq
from tests.benchmarks.measure import Figure, folder
from wsq.agent.providers import OfflineProvider
from wsq.clock import ManualClock
from wsq.commands.boards import create_project
from wsq.commands.recurring import create_recurring_task
from wsq.commands.tasks import create_task
from wsq.projections.rows import Task
from wsq.store.transaction import Transaction

TASKS, MANY, RECURRING, RUNS = 500, 2_000, 50, 5
FURTHER, AT_ONCE = 20, 4
"""Windows that are opened beside the first one, and how many of them from one reading to the next."""

IDLE = 30
"""For how many seconds it is watched what open windows cost while nothing happens."""

LANES = ("todo", "doing", "in_review", "done")
PEOPLE = ("Ada", "Grace", "Edsger")
EVERY = timedelta(days=100)
AT_REST = 15
"""Per cent of all cores that may be busy on a machine that is at rest."""

LONGEST = 60_000
"""Milliseconds after which what was waited for in the browser is not expected any more."""

KILOBYTE, MEGABYTE = 1_000, 1_000_000


# ---- what is measured ----------------------------------------------------------------------------


def first_load(rounds: int) -> list[Figure]:
    """What a browser that was never here before is sent until every card stands there.

    The bytes of all answers as they came over the wire, headers included (compressed where the server compresses),
    and of what the WebSocket brought, which is the whole board of 550 cards.
    """
    with team(TASKS) as (ws, server), sync_playwright() as playwright:
        del ws
        sent = [_loaded(playwright, server.url) for _ in range(rounds)]
    files, board = (statistics.median(side) for side in zip(*sent, strict=True))
    return [
        Figure(
            f"bytes of a first visit to a board with {TASKS} tasks and {RECURRING} recurring ones, with an empty cache",
            "≤ 4 MB",
            f"{(files + board) / MEGABYTE:.2f} MB ({board / MEGABYTE:.2f} MB of them for the board itself)",
            files + board <= 4 * MEGABYTE,
        )
    ]


def first_render(rounds: int) -> list[Figure]:
    """From the beginning of the navigation until every card is in the document and painted, on one clock.

    The page is opened anew, in a browser that has met it three times, so that scripts come from its cache. "Painted"
    is the first task after the animation frame that found them all: the main thread has laid them out and painted
    them by then; what the compositor does in its own thread is not counted, nor is the time before the navigation.
    """
    with team(TASKS) as (_, server), browser() as visitor:
        for _ in range(3):
            _opened_and_closed(visitor, server, TASKS)
        taken = statistics.median(_opened_and_closed(visitor, server, TASKS) for _ in range(rounds))
    return [
        Figure(
            f"first render of {TASKS} tasks and {RECURRING} recurring ones with {RUNS} runs each, "
            "from navigation to painted, with a warm cache",
            "≤ 1.8 s",
            f"{taken / 1000:.2f} s",
            taken <= 1800,
        )
    ]


def change(rounds: int) -> list[Figure]:
    """How long after the hub has seen it a change by another process is painted, and what it weighs.

    From the hub's look that finds it (its read of the new events is counted) to the first task after the animation
    frame that follows the card's arrival in the document: server and browser read the same machine's clock. Bytes are
    those of all that the WebSocket brings meanwhile. A round is a new task, a renamed one and one that changes its
    lane; the kind counts whose median is the greatest. What an execution sends is weighed as well, the heaviest
    message of a round; and each change waits until nobody else is at work on the machine, if not for ever.
    """
    usual, many = _changes(TASKS, rounds), _changes(MANY, rounds)
    weight, ran = usual["bytes"], usual["run_bytes"]
    return [
        Figure(
            f"a change painted in the browser after the hub has seen it, {TASKS} tasks",
            "≤ 60 ms",
            f"{usual['seen']:.0f} ms ({usual['told']:.0f} ms after it was sent)",
            usual["seen"] <= 60,
        ),
        Figure(
            f"the same with {MANY:,} tasks",
            "≤ 150 ms",
            f"{many['seen']:.0f} ms ({many['told']:.0f} ms after it was sent)",
            many["seen"] <= 150,
        ),
        Figure(
            "bytes of a change, for each open window",
            "≤ 1.5 KB",
            f"{weight / KILOBYTE:.2f} KB (start or end of a run: {ran / KILOBYTE:.2f} KB)",
            max(weight, ran) <= 1.5 * KILOBYTE,
        ),
    ]


def sessions(rounds: int) -> list[Figure]:
    """What further open windows cost the server: memory of its own and, idle, its time.

    Each round has a new server, one window that was opened before and twenty that are opened then. Memory is USS, after
    a collection and with what was freed given back, read after every four windows: the median of what they add counts,
    since the server once gives back some megabytes of what its start took. While all are open for half a minute a pass
    with nothing to do comes by every five seconds, as from a scheduler.
    """
    grown, busy = zip(*(_with_further_windows() for _ in range(rounds)), strict=True)
    memory, share = statistics.median(grown), statistics.median(busy)
    return [
        Figure(
            f"memory of the server for each of {FURTHER} more windows",
            "≤ 0.5 MB",
            f"{memory / MEGABYTE:.2f} MB",
            memory <= 0.5 * MEGABYTE,
        ),
        Figure(
            f"CPU time of the server while {FURTHER + 1} windows are open and nothing happens",
            "≤ 2 % of a core",
            f"{share * 100:.1f} %",
            share <= 0.02,
        ),
    ]


# ---- how -----------------------------------------------------------------------------------------


def _loaded(playwright: Playwright, url: str) -> tuple[int, int]:
    """Bytes of the answers and of the messages that a browser gets on its first visit."""
    with browser(playwright) as visitor:
        page = _prepared(visitor, TASKS + RECURRING)
        answers: list[int] = []
        wire = visitor.new_cdp_session(page)
        wire.send("Network.enable")
        wire.on("Network.loadingFinished", lambda told: answers.append(int(told["encodedDataLength"])))
        messages = _listen(page)
        page.goto(url)
        page.evaluate("() => measured.full")
        page.wait_for_timeout(500)
        return sum(answers), sum(messages)


def _opened_and_closed(visitor: BrowserContext, server: Server, tasks: int) -> float:
    """Milliseconds of one visit."""
    page = _prepared(visitor, tasks + RECURRING)
    page.goto(server.url)
    taken: float = page.evaluate("() => measured.full.then((at) => at - performance.timeOrigin)")
    page.close()
    time.sleep(0.5)
    return taken


def _changes(tasks: int, rounds: int) -> dict[str, float]:
    """Of the slowest kind the median milliseconds since `seen` and `told`; of the heaviest `bytes`; `run_bytes`."""
    with team(tasks) as (ws, server), browser() as visitor:
        page = _prepared(visitor, tasks + RECURRING)
        messages = _listen(page)
        page.goto(server.url)
        page.evaluate("() => measured.full")
        store = ws.store("acme")
        _one_round(store, server, page, messages, "warm")
        rounds_of = [_one_round(store, server, page, messages, f"round {turn}") for turn in range(rounds)]
    kinds = [
        {name: statistics.median(one[name] for one in kind) for name in kind[0]}
        for kind in zip(*rounds_of, strict=True)
    ]
    slowest = max(kinds[:-1], key=lambda kind: kind["seen"])
    return slowest | kinds[-1] | {"bytes": max(kind["bytes"] for kind in kinds[:-1])}


def _one_round(store: wsq.Store, server: Server, page: Page, messages: list[int], word: str) -> list[dict[str, float]]:
    task: Task = store.tasks(status="doing")[20]
    recurring = store.recurring_tasks()[20]
    name = f"Renamed in {word}"

    def changed(title: str, write: Callable[[], object]) -> dict[str, float]:
        return _one_change(server, page, messages, title, write)

    found = [
        changed(f"Made in {word}", lambda: store.create_task(f"Made in {word}", status="todo", assignees=["Ada"])),
        changed(name, lambda: store.update_task(task.id, title=name)),
        changed(name, lambda: store.move_task(task.id, status="in_review", position=30)),
    ]
    before = len(messages)
    store.run_now(recurring.id)
    page.wait_for_timeout(1000)
    pieces = _patches(messages[before:])
    return [*found, {"run_bytes": max(pieces)}]


def _one_change(
    server: Server, page: Page, messages: list[int], title: str, write: Callable[[], object]
) -> dict[str, float]:
    calm(page)
    server.forget()
    before = len(messages)
    page.evaluate("(title) => { measured.change = measured.shown(title) }", title)
    write()
    at = page.evaluate("() => measured.change")
    hub = server.told("patch")
    return {
        "seen": at - hub["seen"] * 1000,
        "told": at - hub["told"] * 1000,
        "bytes": sum(messages[before:]),
    }


def calm(page: Page) -> None:
    """Wait until the machine has been at rest for half a second, for a minute at most; the page goes on meanwhile."""
    for _ in range(60 * 2):
        psutil.cpu_percent()
        page.wait_for_timeout(500)
        if psutil.cpu_percent() < AT_REST:
            return


def _patches(frames: list[int]) -> list[int]:
    """Bytes of messages; each comes as three frames: what it is, about what, and itself."""
    return [sum(frames[at : at + 3]) for at in range(0, len(frames), 3)]


def _with_further_windows() -> tuple[float, float]:
    """Bytes for each further window, and the share of a core that all of them take while nothing happens."""
    with team(TASKS) as (ws, server), browser() as visitor:
        _opened(visitor, server)
        grown = statistics.median(_grown_by(AT_ONCE, visitor, server) for _ in range(FURTHER // AT_ONCE))
        began, before = time.monotonic(), server.processor_time()
        for _ in range(IDLE // 5):
            time.sleep(5)
            ws.process()
        return grown, (server.processor_time() - before) / (time.monotonic() - began)


def _grown_by(windows: int, visitor: BrowserContext, server: Server) -> float:
    """Bytes that the server takes more for each of so many windows."""
    before = server.uss()
    for _ in range(windows):
        _opened(visitor, server)
    time.sleep(1)
    return (server.uss() - before) / windows


def _opened(visitor: BrowserContext, server: Server) -> None:
    page = _prepared(visitor, TASKS + RECURRING)
    page.goto(server.url)
    page.evaluate("() => measured.full")


# ---- the three processes -------------------------------------------------------------------------

_SERVER = """
import ctypes, gc, json, os, signal, sys, threading, time, wsq
from wsq.views import serve
from wsq.views.live.feed import Feed
from wsq.views.live.hub import Hub

def say(**words):
    print(json.dumps(words), flush=True)

refresh, tell, began = Feed.refresh, Hub._publish, {}

def timed(feed, now=None):
    began[id(feed)] = time.time()
    return refresh(feed, now)

def told(hub, feed, message):
    at = time.time()
    tell(hub, feed, message)
    if message["type"] == "patch":
        say(kind="patch", seen=began[id(feed)], told=at)

def collect():
    for _ in sys.stdin:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # what was freed must not hide what came instead
        say(kind="collected")
    os.kill(os.getpid(), signal.SIGTERM)  # who measures has gone, however

Feed.refresh, Hub._publish = timed, told
threading.Thread(target=collect, daemon=True).start()
with wsq.open(sys.argv[1]) as ws:
    serve(ws, port=0, on_up=lambda url: say(kind="up", url=url))
"""


class Server:
    """The served board in a process of its own, which tells when the hub has seen a change and sent it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._seen_by_system = psutil.Process(process.pid)
        self._said: Queue[dict[str, Any]] = Queue()
        Thread(target=self._listen, daemon=True).start()
        self.url = f"{self.told('up')['url']}/board?store=acme"

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(json.loads(line))

    def told(self, kind: str) -> dict[str, Any]:
        """The next thing of a kind that it tells."""
        while (said := self._said.get(timeout=30))["kind"] != kind:
            pass
        return said

    def forget(self) -> None:
        """Listen to nothing that was told so far."""
        while not self._said.empty():
            self._said.get()

    def uss(self) -> int:
        """Bytes that would be free if it ended, after a collection; needs glibc."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self.told("collected")
        return int(self._seen_by_system.memory_full_info().uss)

    def processor_time(self) -> float:
        """Seconds that all its threads have worked so far."""
        spent = self._seen_by_system.cpu_times()
        return float(spent.user + spent.system)


@contextmanager
def team(tasks: int) -> Iterator[tuple[wsq.Workspace, Server]]:
    """A workspace with a full board, open here and served by another process."""
    with folder() as place:
        database = place / "team.duckdb"
        fill(database, tasks)
        with served(database) as server, wsq.open(database, provider=OfflineProvider()) as ws:
            yield ws, server


@contextmanager
def served(database: Path) -> Iterator[Server]:
    """The pages of a workspace, served by a process of its own."""
    command = [sys.executable, "-c", _SERVER, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Server(process)
        finally:
            process.terminate()
            process.wait(10)


def fill(database: Path, tasks: int) -> None:
    """A board of cards as people write them; its recurring tasks have run and are not due for a long time."""
    clock = ManualClock(datetime.now(UTC) - RUNS * EVERY - timedelta(hours=1))

    def make_recurring(tx: Transaction) -> None:
        for n in range(RECURRING):
            create_recurring_task(
                tx, "acme", f"Look after part {n}", "Summarise the board", every=EVERY, assignees=[PEOPLE[n % 3]],
                description="Says every now and then how far that part of the whole has come.",
            )  # fmt: skip

    def make_tasks(tx: Transaction) -> None:
        projects = [create_project(tx, "acme", f"Project {n}").id for n in range(5)]
        for n in range(tasks):
            create_task(
                tx, "acme", f"Write the copy of page {n}", status=LANES[n % 4], assignees=[PEOPLE[n % 3]],
                project_id=projects[n % 5],
                description=f"What stands on page {n} now is two years old; ask the people who know, then write it.",
            )  # fmt: skip

    with wsq.open(database, clock=clock, provider=OfflineProvider()) as ws:
        ws._log.write(make_recurring)
        for _ in range(RUNS):
            clock.advance(EVERY.total_seconds())
            assert ws.process().completed == RECURRING
        ws._log.write(make_tasks)


@contextmanager
def browser(playwright: Playwright | None = None) -> Iterator[BrowserContext]:
    """A browser with a profile, and so a cache, of its own."""
    if playwright is None:
        with sync_playwright() as opened, browser(opened) as visitor:
            yield visitor
        return
    with folder() as profile:
        visitor = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=shutil.which("chromium"),
            viewport={"width": 1440, "height": 900},
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        try:
            yield visitor
        finally:
            visitor.close()


_IN_THE_PAGE = """
(() => {
  const painted = (then) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => then(performance.timeOrigin + performance.now());
    channel.port2.postMessage(null);
  };
  const lanes = (root) => {
    const found = root.querySelector("main.lanes");
    if (found) return found;
    for (const each of root.querySelectorAll("*")) {
      const inside = each.shadowRoot && lanes(each.shadowRoot);
      if (inside) return inside;
    }
    return null;
  };
  const full = new Promise((done) => {
    let board = null;
    const look = () => {
      board = board || lanes(document);
      if (board && board.querySelectorAll("article").length >= %d) painted(done);
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  const shown = (title) => new Promise((done) => {
    const is = (node) => node.nodeName === "ARTICLE" && node.getAttribute("aria-label") === title;
    const watch = new MutationObserver((changes) => {
      if (!changes.some((change) => [...change.addedNodes].some(is))) return;
      watch.disconnect();
      requestAnimationFrame(() => painted(done));
    });
    watch.observe(lanes(document), { childList: true, subtree: true });
  });
  window.measured = { full, shown };
})();
"""


def _prepared(visitor: BrowserContext, cards: int) -> Page:
    """A new window whose page tells when so many cards are painted, and when a changed one is."""
    page = visitor.new_page()
    page.set_default_timeout(LONGEST)
    page.add_init_script(_IN_THE_PAGE % cards)
    return page


def _listen(page: Page) -> list[int]:
    """The bytes of each frame that a page's WebSocket brings, as they come."""
    sizes: list[int] = []

    def came(payload: str | bytes) -> None:
        sizes.append(len(payload.encode() if isinstance(payload, str) else payload))

    page.on("websocket", lambda socket: socket.on("framereceived", came))
    return sizes
