"""One hub for each workspace in a process: it notices change once and tells every open page.

Twice over: a page that asked the database itself would cost as much for each window as this does for
all of them together.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wsq.api import Workspace
from wsq.errors import NewerWorkspace, WsqError
from wsq.projections.rows import StoreRow
from wsq.rules.pauses import holds
from wsq.runner.heartbeat import Scheduler
from wsq.views.admin.table import Survey
from wsq.views.board.feed import Feed
from wsq.views.page.cards import Card, instant, pause_line

log = logging.getLogger(__name__)

POLL = 0.1
"""Seconds between two looks at the change counter; a look costs microseconds."""

PROGRESS_EVERY = 0.25
"""Seconds between two looks at what running executions do; nothing is looked at while nothing runs."""

HEADER_EVERY = 5.0
"""Seconds between two looks at what changes without a write: whether the scheduler still comes by."""

GRACE = 20.0
"""For how many seconds after it began the hub does not complain that no scheduler was ever seen."""

SLACK = 3.0
"""Seconds, but at most a twentieth of its usual interval, by which this may exceed the round number that is told."""

LOOK_FOR_A_RETURN = 5.0
"""Seconds between two looks at a workspace that a newer wsq has upgraded: somebody may go back to this version."""

LEEWAY = 0.15
"""Part of its usual interval by which a scheduler must have changed before it is told anew."""

Deliver = Callable[[Card], None]


class Subscription:
    """An open page's wish to hear of a store's changes, until it is closed."""

    def __init__(self, hub: Hub, feed: Feed | None, deliver: Deliver) -> None:
        self.feed = feed
        self.deliver = deliver
        self._hub = hub

    def snapshot(self) -> Card:
        """The board as it is now, read afresh if anything was written since the last look."""
        return self._hub.snapshot(self)

    def opening(self) -> Card:
        """What a page can show before anything is read: for where waiting would hold up others."""
        return self._hub.opening()

    def find(self, text: str) -> list[str]:
        """The cards that hold a text, see `Feed.find`."""
        return self.feed.find(text) if self.feed else []

    def wake(self) -> None:
        """Look now: this page has just changed something."""
        self._hub.wake()

    def close(self) -> None:
        """Hear no more."""
        self._hub.leave(self)


class Hub:
    """Watches a workspace in a thread of its own, which lives while anybody listens."""

    def __init__(self, workspace: Workspace, *, notice: str | None = None) -> None:
        self.workspace = workspace
        self.notice = notice
        self._began = time.monotonic()
        self._lock = threading.RLock()
        self._refreshing = threading.Lock()
        self._listeners: list[Subscription] = []
        self._seen = -1
        self._stores: Sequence[StoreRow] = []
        self._header: Card = {}
        self._header_due = 0.0
        self._progress_due = 0.0
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._upgraded = False
        self._survey = Survey(workspace)

    def survey(self) -> Survey:
        """The table of all recurring tasks, one for all pages that show it."""
        return self._survey

    def subscribe(self, store_id: str | None, deliver: Deliver) -> Subscription:
        """Have `deliver` called, in the hub's thread, with every patch of a store from now on.

        Without a store, `deliver` is called with ``{"type": "changed"}`` after every change.
        """
        with self._lock:
            feed = self._feed(store_id) if store_id is not None else None
            subscription = Subscription(self, feed, deliver)
            self._listeners.append(subscription)
            self._begin()
            return subscription

    def leave(self, subscription: Subscription) -> None:
        """Take a listener off the list; leaving twice does no harm."""
        with self._lock:
            if subscription in self._listeners:
                self._listeners.remove(subscription)
        self._woken.set()

    def listeners(self) -> int:
        """How many pages are listening."""
        return len(self._listeners)

    def snapshot(self, subscription: Subscription) -> Card:
        """See `Subscription.snapshot`."""
        self.look()
        board = subscription.feed.snapshot() if subscription.feed else {"type": "snapshot"}
        return board | {"header": self._header, "now": self._now()}

    def opening(self) -> Card:
        """See `Subscription.opening`."""
        try:
            header = self._header or self._read_header()
        except NewerWorkspace:
            header = self._unread_header()
        return {"type": "opening", "rev": 0, "cards": [], "projects": [], "header": header, "now": self._now()}

    def stores(self) -> list[Card]:
        """The stores by name, each with its id; read only when something was written since the last look."""
        if self.workspace.changes() != self._seen:
            return _named(self.workspace.stores())
        return _named(self._stores)

    def known_stores(self) -> list[Card]:
        """The stores as they were last read, also when they can be read no more; see `stores`."""
        try:
            return self.stores()
        except NewerWorkspace:
            return _named(self._stores)

    def wake(self) -> None:
        """Look at once instead of at the next tick."""
        self._woken.set()

    def close(self) -> None:
        """Stop watching; nobody hears anything more."""
        with self._lock:
            self._closed = True
            self._listeners.clear()
            thread = self._thread
        self._woken.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=2)

    def look(self) -> None:
        """Read what has changed since the last look and tell it; costs µs when nothing has."""
        with self._refreshing:
            changes = self.workspace.changes()
            if changes == self._seen:
                self._tell_all([feed for feed in self._feeds_in_use() if feed.rev == 0])
                if time.monotonic() >= self._header_due:
                    self._look_at_header()
                    self._look_at_the_date()
                self._follow_progress()
                return
            self._tell_all(self._feeds_in_use())
            self._stores = self.workspace.stores()
            self._look_at_header()
            self._tell(None, {"type": "changed"})
            self._follow_progress()
            # Only now: a read that failed is tried again at the next look.
            self._seen = changes

    def _look_at_the_date(self) -> None:
        now = self.workspace.clock.now()
        for feed in self._feeds_in_use():
            patch = feed.refresh(now) if feed.is_of_yesterday(now) else None
            if patch is not None:
                self._tell(feed, patch)

    def _tell_all(self, feeds: list[Feed]) -> None:
        for feed in feeds:
            patch = feed.refresh()
            if patch is not None:
                self._tell(feed, patch)

    def _follow_progress(self) -> None:
        now = time.monotonic()
        if now < self._progress_due:
            return
        self._progress_due = now + PROGRESS_EVERY
        for feed in self._feeds_in_use():
            running = feed.running()
            message = feed.follow(self.workspace.progress(running) if running else {})
            if message is not None:
                self._tell(feed, message)

    def _tell(self, feed: Feed | None, message: Card) -> None:
        for listener in self._listening_to(feed):
            listener.deliver(message)

    def _listening_to(self, feed: Feed | None) -> list[Subscription]:
        with self._lock:
            return [listener for listener in self._listeners if listener.feed is feed]

    def _feeds_in_use(self) -> list[Feed]:
        with self._lock:
            return list({id(each.feed): each.feed for each in self._listeners if each.feed}.values())

    def _feed(self, store_id: str) -> Feed:
        """The feed of a store; one that nobody listened to meanwhile starts anew."""
        in_use = {feed.store.id: feed for feed in self._feeds_in_use()}
        return in_use.get(store_id) or Feed(self.workspace.store(store_id))

    def _look_at_header(self) -> None:
        self._header_due = time.monotonic() + HEADER_EVERY
        header = self._read_header()
        self._upgraded = False  # not sooner: a look that had nothing to read would have met no newer version
        self._tell_header(header)

    def _tell_header(self, header: Card) -> None:
        if header == self._header:
            return
        self._header = header
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener.deliver({"type": "header", "header": header})

    def _read_header(self) -> Card:
        workspace, now = self.workspace, self.workspace.clock.now()
        about = workspace.row()
        return {
            "stores": _named(self._stores),
            "demo": about.demo,
            "pauses": {
                "workspace": pause_line(about) if holds(about, now) else None,
                "stores": {each.id: pause_line(each) for each in self._stores if holds(each, now)},
            },
            "offline": workspace.provider_kind == "offline",
            "notice": self.notice,
            "upgraded": False,
            "scheduler": scheduler_state(
                workspace.scheduler(), time.monotonic() - self._began, self._header.get("scheduler")
            ),
        }

    def _unread_header(self) -> Card:
        """What can be told of a workspace that a newer wsq has upgraded: what was known of it, and that."""
        unknown = {
            "stores": _named(self._stores),
            "demo": False,
            "pauses": {"workspace": None, "stores": {}},
            "offline": False,
            "notice": self.notice,
            "scheduler": {"state": "unknown"},
        }
        return unknown | self._header | {"upgraded": True}

    def _now(self) -> str | None:
        return instant(self.workspace.clock.now())

    def _begin(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._watch, name="wsq-hub", daemon=True)
            self._thread.start()

    def _watch(self) -> None:
        while True:
            self._woken.wait(LOOK_FOR_A_RETURN if self._upgraded else POLL)
            self._woken.clear()
            with self._lock:
                if self._closed or not self._listeners:
                    self._thread = None
                    return
            self._look_and_survive()

    def _look_and_survive(self) -> None:
        try:
            self.look()
        except NewerWorkspace as trouble:
            if not self._upgraded:
                log.warning("The pages are refreshed no more: %s", trouble, extra={"action": "hub.upgraded"})
            self._upgraded = True
            self._tell_header(self._unread_header())
        except WsqError as trouble:
            log.warning("The pages could not be refreshed: %s", trouble, extra={"action": "hub.look"})
        except Exception:
            # The thread must outlive whatever one look meets, or every open page would freeze.
            log.exception("The pages could not be refreshed", extra={"action": "hub.look"})


def _named(stores: Sequence[StoreRow]) -> list[Card]:
    return [{"id": each.id, "name": each.name} for each in stores]


def scheduler_state(
    scheduler: Scheduler | None, known_for: float, told: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Whether somebody still comes by to start what is due: ``ok``, ``late``, ``never`` or ``unknown``.

    `known_for` is for how many seconds we have been looking, `told` what was answered last. While all is well
    `within` is in how many seconds the next pass is to be expected at most, as far as one can tell. The last pass is
    told only when the next ones are missed, so that what is told stays the same while all is well; with it the `usual`
    seconds from one to the next.
    """
    if scheduler is None:
        return {"state": "never" if known_for > GRACE else "unknown"}
    if scheduler.missed:
        return {"state": "late", "last": instant(scheduler.last.started_at), "usual": round(scheduler.usual)}
    return {"state": "ok", "within": _within(scheduler.usual, (told or {}).get("within"))}


def _within(usual: float, told: int | None) -> int:
    """Seconds from one pass to the next, rounded up; what was told already for as long as it is about right.

    Passes that cron starts come a little early or late. The slack makes 60.4 s a minute, the leeway keeps a number
    wherever the round ones lie: one that was found with 5 % of jitter is not left for as much to either side.
    """
    if told is not None and _rounded_up(usual * (1 - LEEWAY)) <= told <= _rounded_up(usual * (1 + LEEWAY)):
        return told
    return _rounded_up(usual - min(SLACK, usual / 20))


def _rounded_up(seconds: float) -> int:
    """To whole minutes when it is more than one, to five seconds below."""
    step = 60 if seconds > 60 else 5
    return max(step, math.ceil(seconds / step) * step)


_hubs: dict[int, Hub] = {}
_hubs_lock = threading.Lock()


def hub_of(workspace: Workspace) -> Hub:
    """The hub of a workspace in this process, made when it is first asked for."""
    with _hubs_lock:
        hub = _hubs.get(id(workspace))
        if hub is None or hub.workspace is not workspace:
            hub = _hubs[id(workspace)] = Hub(workspace)
        return hub


def forget(workspace: Workspace) -> None:
    """Close a workspace's hub, before the workspace itself is closed."""
    with _hubs_lock:
        hub = _hubs.pop(id(workspace), None)
    if hub is not None:
        hub.close()
