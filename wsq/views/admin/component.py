"""The administration page: all recurring tasks of all stores, alerts, and bulk actions."""

from __future__ import annotations

from typing import Any

from wsq.api import Store, Workspace
from wsq.errors import InvalidInput, NotFound
from wsq.projections import Rows
from wsq.rules.roles import EVERYWHERE
from wsq.statistics.health import Alert
from wsq.statistics.overview import TaskOverview
from wsq.views.live.component import CELL_HEIGHT, InteractivePage, weakly
from wsq.views.live.dispatch import Dispatcher, Responder, set_paused
from wsq.views.live.hub import SHOWN_AS_BANNERS, hub_of
from wsq.views.live.permissions import OPEN, Permissions
from wsq.views.live.table import COLUMNS, Line, TaskTable
from wsq.views.page import messages
from wsq.views.page.cards import Card, instant
from wsq.views.page.scripts import script

ALERTS_SHOWN = 200
"""Maximum number of alerts shown; the others are counted."""


_STORE = COLUMNS.index("store")


class Overseer(Responder):
    """Handles one administration page's requests, which name the store they concern.

    `actor` is the actor of its events. Remembers which table the page has, to send only updates.
    """

    def __init__(self, workspace: Workspace, table: TaskTable, actor: str | None = None) -> None:
        self._workspace = workspace
        self._table = table
        self._actor = actor
        self._sent: dict[str, Line] = {}
        self._rev = 0

    def handle(self, message: messages.Request) -> Any:
        """See `Responder.handle`."""
        workspace = self._workspace
        match message:
            case messages.Overview(known=known):
                return self._news(known)
            case messages.Alerts():
                return self._alerts()
            case messages.EnableMany(ids=ids):
                changed = workspace.enable_recurring_tasks(self._ruled(ids), actor=self._actor)
                return {"changed": [row.id for row in changed]}
            case messages.DisableMany(ids=ids, reason=reason):
                changed = workspace.disable_recurring_tasks(self._ruled(ids), reason=reason, actor=self._actor)
                return {"changed": [row.id for row in changed]}
            case messages.Pause(whole=True, until=until, reason=reason):
                workspace.pause(until=until, reason=reason, actor=self._actor)
            case messages.Resume(whole=True):
                workspace.resume(actor=self._actor)
            case messages.Within(store=store, message=messages.Pause() | messages.Resume() as inner):
                set_paused(inner, self._store(store))
            case messages.Within(store=store, message=inner):
                return Dispatcher(self._store(store)).handle(inner)
            case _:
                raise InvalidInput("This page cannot do that.")
        return None

    def _store(self, store_id: str) -> Store:
        store = self._workspace.store(store_id)
        return store.as_actor(self._actor) if self._actor else store

    def _lines(self) -> dict[str, Line]:
        """Return the lines of the stores that the page's user administers."""
        lines = self._table.lines()
        if self.permissions is OPEN:
            return lines
        ruled = {store for store in {line[_STORE] for line in lines.values()} if self.permissions.may(store, "admin")}
        return {id_: line for id_, line in lines.items() if line[_STORE] in ruled}

    def _ruled(self, ids: list[str]) -> list[str]:
        """Return the ids, if the page's user administers the stores of all of them.

        Raises:
            NotFound: They do not; the error does not reveal whether the id exists.
        """
        if self.permissions is not OPEN:
            lines = self._lines()
            for each in ids:
                if each not in lines:
                    raise NotFound(f"There is no recurring task {each!r}.")
        return ids

    def _news(self, known: int) -> dict[str, Any]:
        """Return the lines that differ from the page's, or all of them if it has none."""
        lines, before = self._lines(), self._sent if known == self._rev else {}
        news = [line for id_, line in lines.items() if before.get(id_) != line]
        gone = [id_ for id_ in before if id_ not in lines]
        whole = known == 0 or known != self._rev
        self._sent, self._rev = lines, self._rev + 1
        return {"rev": self._rev, "whole": whole, "columns": COLUMNS, "lines": news, "gone": gone}

    def _alerts(self) -> dict[str, Any]:
        """Return the alerts without those that the page shows elsewhere, and the scheduler's last pass."""
        scheduler = self._workspace.scheduler()
        found = [
            each
            for each in self._workspace.alerts()
            if each.kind not in SHOWN_AS_BANNERS and self.permissions.may(each.store_id or EVERYWHERE, "admin")
        ]
        lines = [alert_line(each) for each in found[:ALERTS_SHOWN]]
        host = scheduler.last.host if scheduler and self.permissions.may(EVERYWHERE, "admin") else None
        last = {"at": instant(scheduler.last.started_at), "host": host} if scheduler else None
        return {"alerts": lines, "more": len(found) - len(lines), "last_pass": last}


def alert_line(alert: Alert) -> Card:
    """Return an alert with the ids to link to."""
    return {
        "key": alert.key,
        "level": alert.level,
        "store": alert.store_id,
        "task": alert.recurring_task_id,
        "execution": alert.execution_id,
        "since": instant(alert.since),
        "sentence": alert.sentence,
    }


class Admin(InteractivePage):
    """All recurring tasks of a workspace, on a page or in a notebook cell, where it is 640 pixels high.

    Its browser requests the table when it is loaded, and updates when something has changed.
    """

    _esm = script("admin/admin-page.js")

    _polled = "columns"

    def __init__(
        self,
        workspace: Workspace,
        *,
        actor: str | None = None,
        store: str | None = None,
        page: bool = False,
        permissions: Permissions = OPEN,
    ) -> None:
        sizes = {"sizing_mode": "stretch_both"} if page else {"sizing_mode": "stretch_width", "height": CELL_HEIGHT}
        super().__init__(**sizes)
        self.permissions = permissions
        self._workspace = workspace
        hub = hub_of(workspace)
        subscription = hub.subscribe(None, weakly(self.send))
        self.begin(Overseer(workspace, hub.task_table, actor), subscription)
        opening = {"store": store, "project": None, "page": page, "path": "admin"}
        self.open_with(subscription.opening() | {"opening": opening})

    def to_html(self) -> str:
        """Return the current table as static HTML, for notebooks that are read without a kernel."""
        return Rows(self._workspace.overview(), kind=TaskOverview)._repr_html_()
