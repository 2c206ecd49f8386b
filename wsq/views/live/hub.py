"""One hub per workspace and process: it detects changes once and updates all open pages.

If each page queried the database itself, every window would cost as much as the hub does for all of them.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wsq.api import Workspace
from wsq.errors import NewerWorkspace, WsqError
from wsq.projections.display import one_line
from wsq.projections.rows import StoreRow
from wsq.rules.pauses import holds
from wsq.rules.roles import EVERYWHERE
from wsq.runner.heartbeat import Scheduler
from wsq.views.live.feed import Feed
from wsq.views.live.table import TaskTable
from wsq.views.page.cards import Card, instant, pause_line

log = logging.getLogger(__name__)

POLL = 0.1
"""Seconds between two checks of the change counter; a check takes microseconds."""

PROGRESS_EVERY = 0.25
"""Seconds between two checks of running executions' progress; skipped while nothing runs."""

HEADER_EVERY = 5.0
"""Seconds between two checks of what changes without a write, such as the scheduler's state."""

ALERTS_EVERY = 15.0
"""Seconds between two counts of the alerts, of which some come with time alone."""

ALERTS_AFTER = 3.0
"""Least seconds between two counts if something was written."""

SHOWN_AS_BANNERS = ("no_credentials", "scheduler", "paused")
"""Kinds of alerts that every page shows in a banner; they are not counted."""

GRACE = 20.0
"""Seconds after the start of the hub before it reports that no scheduler was ever seen."""

SLACK = 3.0
"""Seconds, at most a twentieth of the usual interval, by which passes may exceed the displayed interval."""

UPGRADE_POLL = 5.0
"""Seconds between two checks of a workspace that a newer wsq has upgraded: the upgrade may be reverted."""

LEEWAY = 0.15
"""Part of the usual interval by which the scheduler must change before the page shows another interval."""

Deliver = Callable[[Card], None]


class Subscription:
    """An open page's subscription to a store's changes, until it is closed."""

    def __init__(self, hub: Hub, feed: Feed | None, deliver: Deliver) -> None:
        self.feed = feed
        self.deliver = deliver
        self._hub = hub

    def snapshot(self) -> Card:
        """Return the board, read again if anything was written since the last check."""
        return self._hub.snapshot(self)

    def opening(self) -> Card:
        """Return what a page can show before anything is read, where waiting would block others."""
        return self._hub.opening()

    def find(self, text: str) -> list[str]:
        """Return the cards that contain a text; see `Feed.find`."""
        return self.feed.find(text) if self.feed else []

    def wake(self) -> None:
        """Check for changes now: this page has just made one."""
        self._hub.wake()

    def close(self) -> None:
        """Unsubscribe."""
        self._hub.unsubscribe(self)


class Hub:
    """Watches a workspace in a thread that runs while there are subscriptions."""

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
        self._alerts: dict[str, int] = {}
        self._alerts_at = -ALERTS_EVERY
        self._alerts_seen = -1
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._upgraded = False
        self.task_table = TaskTable(workspace)
        """The table of all recurring tasks, shared by all pages."""

    def subscribe(self, store_id: str | None, deliver: Deliver) -> Subscription:
        """Call `deliver`, in the hub's thread, with every patch of a store from now on.

        Without a store, calls it with ``{"type": "changed"}`` after every change.
        """
        with self._lock:
            feed = self._feed(store_id) if store_id is not None else None
            subscription = Subscription(self, feed, deliver)
            self._listeners.append(subscription)
            self._begin()
            return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Remove a subscription. Removing it twice is fine."""
        with self._lock:
            if subscription in self._listeners:
                self._listeners.remove(subscription)
        self._woken.set()

    def listeners(self) -> int:
        """Return the number of subscribed pages."""
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
        """Return the stores by name, with their ids; read only if something was written since the last check."""
        if self.workspace.changes() != self._seen:
            return _named(self.workspace.stores())
        return _named(self._stores)

    def known_stores(self) -> list[Card]:
        """Return the stores as last read, even if they can no longer be read; see `stores`."""
        try:
            return self.stores()
        except NewerWorkspace:
            return _named(self._stores)

    def wake(self) -> None:
        """Check now instead of at the next tick."""
        self._woken.set()

    def close(self) -> None:
        """Stop watching."""
        with self._lock:
            self._closed = True
            self._listeners.clear()
            thread = self._thread
        self._woken.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=2)

    def look(self) -> None:
        """Read what has changed since the last check and publish it; takes microseconds if nothing has."""
        with self._refreshing:
            changes = self.workspace.changes()
            if changes == self._seen:
                self._publish_all([feed for feed in self._feeds_in_use() if feed.rev == 0])
                if time.monotonic() >= self._header_due:
                    self._check_header()
                    self._check_date()
                self._follow_progress()
                return
            self._publish_all(self._feeds_in_use())
            self._stores = self.workspace.stores()
            self._check_header()
            self._publish(None, {"type": "changed"})
            self._follow_progress()
            # Last, so that a failed read is repeated at the next check.
            self._seen = changes

    def _count_alerts(self) -> None:
        """Count what needs attention by store, now and then: some 40 ms for 10,000 recurring tasks."""
        now, changes = time.monotonic(), self.workspace.changes()
        if now - self._alerts_at < (ALERTS_EVERY if changes == self._alerts_seen else ALERTS_AFTER):
            return
        self._alerts_at, self._alerts_seen = now, changes
        found = (each for each in self.workspace.alerts() if each.level != "information")
        counts = dict(Counter(each.store_id or EVERYWHERE for each in found if each.kind not in SHOWN_AS_BANNERS))
        if counts != self._alerts:
            self._alerts = counts
            self._header_due = 0.0

    def _check_date(self) -> None:
        now = self.workspace.clock.now()
        for feed in self._feeds_in_use():
            if feed.is_outdated(now) and (patch := feed.refresh(now)) is not None:
                self._publish(feed, patch)

    def _publish_all(self, feeds: list[Feed]) -> None:
        for feed in feeds:
            if (patch := feed.refresh()) is not None:
                self._publish(feed, patch)

    def _follow_progress(self) -> None:
        now = time.monotonic()
        if now < self._progress_due:
            return
        self._progress_due = now + PROGRESS_EVERY
        for feed in self._feeds_in_use():
            running = feed.running()
            message = feed.follow(self.workspace.progress(running) if running else {})
            if message is not None:
                self._publish(feed, message)

    def _publish(self, feed: Feed | None, message: Card) -> None:
        with self._lock:
            listeners = [listener for listener in self._listeners if listener.feed is feed]
        for listener in listeners:
            listener.deliver(message)

    def _feeds_in_use(self) -> list[Feed]:
        with self._lock:
            return list({id(each.feed): each.feed for each in self._listeners if each.feed}.values())

    def _feed(self, store_id: str) -> Feed:
        """Return the feed of a store; a new one unless it has subscriptions."""
        in_use = {feed.store.id: feed for feed in self._feeds_in_use()}
        return in_use.get(store_id) or Feed(self.workspace.store(store_id))

    def _check_header(self) -> None:
        self._header_due = time.monotonic() + HEADER_EVERY
        header = self._read_header()
        self._upgraded = False  # only now: without a read, a newer version would go unnoticed
        self._publish_header(header)

    def _publish_header(self, header: Card) -> None:
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
            "blocked": workspace.blocked_reason(),
            "notice": self.notice,
            "upgraded": False,
            "alerts": self._alerts,
            "scheduler": scheduler_state(
                workspace.scheduler(), time.monotonic() - self._began, self._header.get("scheduler")
            ),
        }

    def _unread_header(self) -> Card:
        """Return the header of a workspace that a newer wsq has upgraded: the last known values."""
        unknown = {
            "stores": _named(self._stores),
            "demo": False,
            "pauses": {"workspace": None, "stores": {}},
            "offline": False,
            "blocked": None,
            "notice": self.notice,
            "alerts": {},
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
            self._woken.wait(UPGRADE_POLL if self._upgraded else POLL)
            self._woken.clear()
            with self._lock:
                if self._closed or not self._listeners:
                    self._thread = None
                    return
            self._look_safely()

    def _look_safely(self) -> None:
        try:
            self.look()
            self._count_alerts()
        except NewerWorkspace as trouble:
            if not self._upgraded:
                log.warning("The pages are no longer updated: %s", trouble, extra={"action": "hub.upgraded"})
            self._upgraded = True
            self._publish_header(self._unread_header())
        except WsqError as trouble:
            log.warning("The pages could not be updated: %s", trouble, extra={"action": "hub.look"})
        except Exception:
            # The thread must survive any error, or every open page would freeze.
            log.exception("The pages could not be updated", extra={"action": "hub.look"})


def _named(stores: Sequence[StoreRow]) -> list[Card]:
    return [{"id": each.id, "name": one_line(each.name)} for each in stores]


def scheduler_state(
    scheduler: Scheduler | None, known_for: float, shown: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return whether a scheduler is running: ``ok``, ``late``, ``never`` or ``unknown``.

    `known_for` is for how many seconds the hub has been running, `shown` the last result. If all is well, `within` is
    the maximum number of seconds until the next pass, as far as known. The last pass is only included once later ones
    are missed, so that the result is stable while all is well; so are the `usual` seconds between passes.
    """
    if scheduler is None:
        return {"state": "never" if known_for > GRACE else "unknown"}
    if scheduler.missed:
        return {"state": "late", "last": instant(scheduler.last.started_at), "usual": round(scheduler.usual)}
    return {"state": "ok", "within": _within(scheduler.usual, (shown or {}).get("within"))}


def _within(usual: float, shown: int | None) -> int:
    """Return the seconds between passes, rounded up; the last result while that is about right.

    Passes that cron starts come a little early or late. The slack rounds 60.4 s to a minute; the leeway keeps a number
    stable wherever the rounding limits are: a number found with 5 % of jitter stays within 5 % to either side.
    """
    if shown is not None and _rounded_up(usual * (1 - LEEWAY)) <= shown <= _rounded_up(usual * (1 + LEEWAY)):
        return shown
    return _rounded_up(usual - min(SLACK, usual / 20))


def _rounded_up(seconds: float) -> int:
    """Round up to whole minutes above one minute, to five seconds below."""
    step = 60 if seconds > 60 else 5
    return max(step, math.ceil(seconds / step) * step)


_hubs: dict[int, Hub] = {}
_hubs_lock = threading.Lock()


def hub_of(workspace: Workspace) -> Hub:
    """Return the workspace's hub in this process, created on first use."""
    with _hubs_lock:
        hub = _hubs.get(id(workspace))
        if hub is None or hub.workspace is not workspace:
            hub = _hubs[id(workspace)] = Hub(workspace)
        return hub


def forget(workspace: Workspace) -> None:
    """Close a workspace's hub, before the workspace is closed."""
    with _hubs_lock:
        hub = _hubs.pop(id(workspace), None)
    if hub is not None:
        hub.close()
