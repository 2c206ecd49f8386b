"""Administration: every recurring task of every store in one table, what is wrong, and the switches for many."""

from __future__ import annotations

from typing import Any

from wsq.api import Store, Workspace
from wsq.errors import InvalidInput, NotFound
from wsq.projections import Rows
from wsq.rules.roles import EVERYWHERE
from wsq.statistics.health import Alert
from wsq.statistics.overview import TaskOverview
from wsq.views.admin.table import COLUMNS, Line, Survey
from wsq.views.auth.permissions import OPEN, Gate
from wsq.views.page import messages
from wsq.views.page.cards import Card, instant
from wsq.views.page.dispatch import Dispatcher, Responder, set_paused
from wsq.views.page.hub import hub_of
from wsq.views.page.live import InteractivePage, weakly
from wsq.views.page.scripts import script

ALERTS_SHOWN = 200
"""How many alerts a page is told one by one; of the others it is told how many there are."""


_STORE = COLUMNS.index("store")

TOLD_ELSEWHERE = ("scheduler", "paused")
"""Kinds of alerts that the page tells apart from the others: by its banners, and beside the switch for pauses."""


class Overseer(Responder):
    """Serves one page of administration: what it asks names the store that it is about.

    `actor` stands on what is done through it. It remembers which table the page knows, to tell it the news alone.
    """

    def __init__(self, workspace: Workspace, survey: Survey, actor: str | None = None) -> None:
        self._workspace = workspace
        self._survey = survey
        self._actor = actor
        self._told: dict[str, Line] = {}
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
        """The lines of the stores that whoever looks at the page administers."""
        lines = self._survey.lines()
        if self.gate is OPEN:
            return lines
        ruled = {store for store in {line[_STORE] for line in lines.values()} if self.gate.may(store, "admin")}
        return {id_: line for id_, line in lines.items() if line[_STORE] in ruled}

    def _ruled(self, ids: list[str]) -> list[str]:
        """The same ids, unless one is of a store that whoever looks at the page does not administer.

        Raises:
            NotFound: One is; it is not told whether it is anywhere.
        """
        if self.gate is not OPEN:
            lines = self._lines()
            for each in ids:
                if each not in lines:
                    raise NotFound(f"There is no recurring task {each!r}.")
        return ids

    def _news(self, known: int) -> dict[str, Any]:
        """The lines that are others than the page was told, or all of them when it knows none."""
        lines, before = self._lines(), self._told if known == self._rev else {}
        news = [line for id_, line in lines.items() if before.get(id_) != line]
        gone = [id_ for id_ in before if id_ not in lines]
        whole = known == 0 or known != self._rev
        self._told, self._rev = lines, self._rev + 1
        return {"rev": self._rev, "whole": whole, "columns": COLUMNS, "lines": news, "gone": gone}

    def _alerts(self) -> dict[str, Any]:
        """What is not as it should be; what has a banner on every page or a place of its own here is left out."""
        found = [
            each
            for each in self._workspace.alerts()
            if each.kind not in TOLD_ELSEWHERE and self.gate.may(each.store_id or EVERYWHERE, "admin")
        ]
        told = [alert_line(each) for each in found[:ALERTS_SHOWN]]
        return {"alerts": told, "more": len(found) - len(told)}


def alert_line(alert: Alert) -> Card:
    """An alert with where it leads."""
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
    """All recurring tasks of a workspace's stores, on a page or in a notebook's cell; in a cell it is 640 pixels high.

    Its browser asks for the table when it has come up, and for what is new when it is told that something has changed.
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
        gate: Gate = OPEN,
    ) -> None:
        sizes = {"sizing_mode": "stretch_both"} if page else {"sizing_mode": "stretch_width", "height": 640}
        super().__init__(**sizes)
        self.gate = gate
        self._workspace = workspace
        hub = hub_of(workspace)
        subscription = hub.subscribe(None, weakly(self.send))
        self.begin(Overseer(workspace, hub.survey(), actor), subscription)
        opening = {"store": store, "project": None, "page": page, "path": "admin"}
        self.open_with(subscription.opening() | {"opening": opening})

    def still(self) -> str:
        """The table as it is now, static in HTML: for a notebook that is read without a kernel."""
        return Rows(self._workspace.overview(), kind=TaskOverview)._repr_html_()
