"""The pages that are served: each is made anew for each browser that opens it."""

from __future__ import annotations

from typing import TypeVar

from panel.io.state import state

from wsq.errors import WsqError
from wsq.views import charts, messages
from wsq.views.admin import Admin
from wsq.views.board import Board
from wsq.views.hub import hub_of
from wsq.views.library import Library
from wsq.views.live import pool
from wsq.views.ports import Store, Workspace
from wsq.views.refusal import RefusalPage
from wsq.views.since import SincePage
from wsq.views.statistics import StatisticsPage, count_ahead

Page = TypeVar("Page")

TITLES = {
    "board": "Board",
    "library": "Library",
    "statistics": "Statistics",
    "since": "Since you were last here",
    "admin": "Administration",
}

DEFAULT_STORE = "default"


def board_page(workspace: Workspace) -> Board | RefusalPage:
    """The board of the store that the address names (``?store=…&project=…``), else of the first one."""
    try:
        store = acting(workspace.store(asked("store") or first_store(workspace)))
    except WsqError as refusal:
        return _dressed(_refused(workspace, "board", str(refusal)), "board")
    return _dressed(Board(store, project_id=asked("project"), page=True), "board")


def library_page(workspace: Workspace) -> Library | RefusalPage:
    """Projects, contacts and documents of the store that the address names, else of the first one."""
    try:
        store = acting(workspace.store(asked("store") or first_store(workspace)))
    except WsqError as refusal:
        return _dressed(_refused(workspace, "library", str(refusal)), "library")
    return _dressed(Library(store), "library")


def statistics_page(workspace: Workspace) -> StatisticsPage | RefusalPage:
    """What came of the executions of the store that the address names (``*`` is all), else of the first one."""
    named = asked("store")
    try:
        store = acting(workspace.store(first_store(workspace) if named in (None, "*") else named))
    except WsqError as refusal:
        return _dressed(_refused(workspace, "statistics", str(refusal)), "statistics")
    pool.submit(count_ahead, workspace, _counted_by_address(store.id))
    pool.submit(charts.make_ready)  # the database counts meanwhile
    return _dressed(StatisticsPage(store), "statistics")


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


def since_page(workspace: Workspace) -> SincePage | RefusalPage:
    """What has happened in the store that the address names, else in the first one."""
    try:
        store = acting(workspace.store(asked("store") or first_store(workspace)))
    except WsqError as refusal:
        return _dressed(_refused(workspace, "since", str(refusal)), "since")
    return _dressed(SincePage(store), "since")


def admin_page(workspace: Workspace) -> Admin:
    """Every recurring task of every store, what is wrong, and the switches for many of them."""
    return _dressed(Admin(workspace, actor=whoever(), store=asked("store"), page=True), "admin")


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
    ids = [each["id"] for each in hub_of(workspace).stores()]
    return ids[0] if ids and DEFAULT_STORE not in ids else DEFAULT_STORE


def asked(name: str) -> str | None:
    """A value from the page's address; None when it is absent or empty."""
    values = state.session_args.get(name) or [b""]
    return values[0].decode("utf-8", "replace") or None


def _refused(workspace: Workspace, path: str, why: str) -> RefusalPage:
    return RefusalPage(workspace, first_store(workspace), path, why)


def titled(path: str) -> str:
    """What a browser's tab is called."""
    return f"{TITLES[path]} · wsq"


def _dressed(page: Page, path: str) -> Page:
    """Give the browser's document our frame instead of Panel's."""
    from wsq.views.theme import TEMPLATE

    document = state.curdoc
    if document is not None:
        document.title = titled(path)
        document.template = TEMPLATE
    return page
