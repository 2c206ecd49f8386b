"""The pages that are served: each is made anew for each browser that opens it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from panel.io.state import state

from wsq.api import Store, Workspace
from wsq.errors import NotAllowed, SettingError, WsqError
from wsq.views.admin.component import Admin
from wsq.views.auth.authenticator import Door
from wsq.views.auth.guard import Visitor, visitor_of
from wsq.views.auth.permissions import OPEN, Gate, LobbyGate, no_store
from wsq.views.auth.setup import is_set_up
from wsq.views.board.component import Board
from wsq.views.library.component import Library
from wsq.views.page import messages
from wsq.views.page.hub import hub_of
from wsq.views.page.live import pool
from wsq.views.page.refusal import RefusalPage
from wsq.views.since.component import SincePage
from wsq.views.statistics import charts
from wsq.views.statistics.component import StatisticsPage, count_ahead

Page = TypeVar("Page")

TITLES = {
    "board": "Board",
    "library": "Library",
    "statistics": "Statistics",
    "since": "Since you were last here",
    "admin": "Administration",
}

DEFAULT_STORE = "default"


def board_page(workspace: Workspace, door: Door | None = None) -> Board | RefusalPage:
    """The board of the store that the address names (``?store=…&project=…``), else of the first one."""
    _refuse_without_its_door(workspace, door)
    try:
        store, gate = _shown(workspace, door)
    except WsqError as refusal:
        return _refused(workspace, door, "board", str(refusal))
    return _dressed(Board(store, project_id=asked("project"), page=True, gate=gate), "board")


def library_page(workspace: Workspace, door: Door | None = None) -> Library | RefusalPage:
    """Projects, contacts and documents of the store that the address names, else of the first one."""
    _refuse_without_its_door(workspace, door)
    try:
        store, gate = _shown(workspace, door)
    except WsqError as refusal:
        return _refused(workspace, door, "library", str(refusal))
    return _dressed(Library(store, gate=gate), "library")


def statistics_page(workspace: Workspace, door: Door | None = None) -> StatisticsPage | RefusalPage:
    """What came of the executions of the store that the address names (``*`` is all), else of the first one."""
    _refuse_without_its_door(workspace, door)
    try:
        store, gate = _shown(workspace, door)
    except WsqError as refusal:
        return _refused(workspace, door, "statistics", str(refusal))
    if gate.everywhere or asked("store") != "*":
        pool.submit(count_ahead, workspace, _counted_by_address(store.id))
    pool.submit(charts.make_ready)  # the database counts meanwhile
    return _dressed(StatisticsPage(store, gate=gate), "statistics")


def _counted_by_address(store_id: str) -> messages.Statistics:
    """What the page's script will ask for when it has come up, as far as the address says."""
    days, named = asked("days") or "", asked("store") or store_id
    return messages.Statistics(
        ref=0,
        store=None if named == "*" else named,
        project=asked("project"),
        task=asked("task"),
        model=asked("model"),
        days=int(days) if days.isascii() and days.isdigit() and 0 < int(days[:9]) <= 3660 else 30,
        since=asked("from"),
        until=asked("to"),
        theme="light",
        known="",
    )


def since_page(workspace: Workspace, door: Door | None = None) -> SincePage | RefusalPage:
    """What has happened in the store that the address names, else in the first one."""
    _refuse_without_its_door(workspace, door)
    try:
        store, gate = _shown(workspace, door)
    except WsqError as refusal:
        return _refused(workspace, door, "since", str(refusal))
    return _dressed(SincePage(store, gate=gate), "since")


def admin_page(workspace: Workspace, door: Door | None = None) -> Admin | RefusalPage:
    """Every recurring task of every store, what is wrong, and the switches for many of them."""
    _refuse_without_its_door(workspace, door)
    if door is None:
        return _dressed(Admin(workspace, actor=whoever(), store=asked("store"), page=True), "admin")
    gate = visiting(door).gate(None)
    if not gate.rules():
        return _refused(workspace, door, "admin", "Only an admin may see the administration of all stores.")
    named = asked("store")
    store = named if named is not None and gate.sees(named) else None
    return _dressed(Admin(workspace, actor=gate.actor, store=store, page=True, gate=gate), "admin")


def _shown(workspace: Workspace, door: Door | None) -> tuple[Store, Gate]:
    """The store that the address names, and what may be seen and done there.

    Raises:
        InvalidInput: It names what can be no store's id.
        NotFound: Whoever has logged in is no member of it.
    """
    named = asked("store")
    if door is None:
        return acting(workspace.store(first_store(workspace) if named in (None, "*") else named)), OPEN
    visitor = visiting(door)
    ids = [each["id"] for each in hub_of(workspace).stores()]
    lobby = visitor.gate(None)
    mine = [each for each in ids if lobby.sees(each)] or lobby.named()
    store = workspace.store(first_of(mine) if named in (None, "*") else named)
    if not lobby.sees(store.id):
        raise no_store(store.id) if named == store.id else NotAllowed("You are a member of no store yet; ask an admin.")
    return store.as_actor(visitor.session.name), visitor.gate(store.id)


def _refuse_without_its_door(workspace: Workspace, door: Door | None) -> None:
    """Serve no page to anybody by `panel serve` where people have to log in.

    Raises:
        SettingError: So it is; not even a page with a sentence is made, since that names the stores.
    """
    if door is None and is_set_up(workspace.settings):
        raise SettingError("A login is set up for this workspace, so its pages are served by `wsq serve` alone.")


def visiting(door: Door) -> Visitor:
    """Who asks for the page that is being made; the guard at the server's entrance has let them in.

    Raises:
        LoggedOut: Nobody has.
    """
    document = state.curdoc
    context = document.session_context if document is not None else None
    return visitor_of(door, context.request if context is not None else None)


def whoever() -> str | None:
    """Who has logged in; None without a login."""
    user = state.user if state.curdoc is not None else None
    return user if user and user != "guest" else None


def acting(store: Store) -> Store:
    """The store, on whose events whoever has logged in stands; without a login it stays as it was."""
    user = whoever()
    return store.as_actor(user) if user else store


def first_store(workspace: Workspace) -> str:
    """The store that is shown when none is asked for: ``default`` if there is none or it is there."""
    return first_of([each["id"] for each in hub_of(workspace).stores()])


def first_of(ids: Sequence[str]) -> str:
    """The one of some stores that is shown first."""
    return ids[0] if ids and DEFAULT_STORE not in ids else DEFAULT_STORE


def asked(name: str) -> str | None:
    """A value from the page's address; None when it is absent or empty."""
    values = state.session_args.get(name) or [b""]
    return values[0].decode("utf-8", "replace") or None


def _refused(workspace: Workspace, door: Door | None, path: str, why: str) -> RefusalPage:
    if door is None:
        known = first_of([each["id"] for each in hub_of(workspace).known_stores()])
        return _dressed(RefusalPage(workspace, known, path, why), path)
    visitor = visiting(door)
    visitor.note_refusal(f"/{path}: {why}")
    gate = visitor.gate(None, LobbyGate)
    ids = [each["id"] for each in hub_of(workspace).known_stores() if gate.sees(each["id"])]
    return _dressed(RefusalPage(workspace, first_of(ids), path, why, gate=gate), path)


def titled(path: str) -> str:
    """What a browser's tab is called."""
    return f"{TITLES[path]} · wsq"


def _dressed(page: Page, path: str) -> Page:
    """Give the browser's document our frame instead of Panel's."""
    from wsq.views.page.theme import TEMPLATE

    document = state.curdoc
    if document is not None:
        document.title = titled(path)
        document.template = TEMPLATE
    return page
