"""The served pages: each is created for each browser that opens it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from panel.io.state import state
from panel.pane import Str
from panel.viewable import Viewable

from wsq import api
from wsq.api import Store, Workspace
from wsq.errors import NotAllowed, SettingError, WsqError
from wsq.rules import naming
from wsq.views.admin.component import Admin
from wsq.views.auth.authenticator import Authenticator
from wsq.views.auth.guard import Visitor, visitor_of
from wsq.views.auth.setup import is_set_up
from wsq.views.board.component import Board
from wsq.views.library.component import Library
from wsq.views.live.component import pool
from wsq.views.live.hub import hub_of
from wsq.views.live.permissions import OPEN, EntryPermissions, MemberPermissions, Permissions, no_store
from wsq.views.live.refusal import RefusalPage
from wsq.views.page import messages
from wsq.views.page.policy import nonce_of
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


def served(page: Callable[[Workspace], Viewable]) -> Viewable:
    """Return a page of the settings' workspace, for `panel serve`; a sentence if it cannot be opened.

    A missing workspace is not created. It is opened once for all pages.
    """
    try:
        workspace = state.as_cached("workspace", api.open, create=False)
    except WsqError as error:
        return Str(str(error))
    return page(workspace)


def board_page(workspace: Workspace, auth: Authenticator | None = None) -> Board | RefusalPage:
    """Return the board of the store in the address (``?store=…&project=…``), by default of the first one."""
    return _store_page(workspace, auth, "board", partial(Board, project_id=asked("project"), page=True))


def library_page(workspace: Workspace, auth: Authenticator | None = None) -> Library | RefusalPage:
    """Return the library of the store in the address, by default of the first one."""
    return _store_page(workspace, auth, "library", Library)


def statistics_page(workspace: Workspace, auth: Authenticator | None = None) -> StatisticsPage | RefusalPage:
    """Return the statistics of the store in the address (``*`` for all), by default of the first one."""

    def page(store: Store, *, permissions: Permissions) -> StatisticsPage:
        if permissions.everywhere or asked("store") != "*":
            pool.submit(count_ahead, workspace, _counted_by_address(store.id))
        pool.submit(charts.make_ready)  # while the database counts
        return StatisticsPage(store, permissions=permissions)

    return _store_page(workspace, auth, "statistics", page)


def _counted_by_address(store_id: str) -> messages.Statistics:
    """Return the request that the page's script will send, according to the address."""
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


def since_page(workspace: Workspace, auth: Authenticator | None = None) -> SincePage | RefusalPage:
    """Return what has happened in the store in the address, by default in the first one."""
    return _store_page(workspace, auth, "since", SincePage)


def admin_page(workspace: Workspace, auth: Authenticator | None = None) -> Admin | RefusalPage:
    """Return the administration: all recurring tasks of all stores, alerts, and bulk actions."""
    _refuse_without_login(workspace, auth)
    permissions = OPEN if auth is None else visiting(auth).permissions(None)
    if isinstance(permissions, MemberPermissions) and not permissions.rules():
        return _refused(workspace, auth, "admin", "Only admins may see the administration of all stores.")
    named = asked("store")
    store = named if named is not None and permissions.sees(named) else None
    try:
        if store is not None and store != "*":
            _existing(workspace.store(store), permissions)
    except WsqError as refusal:
        return _refused(workspace, auth, "admin", str(refusal))
    actor = user_name() if auth is None else permissions.actor
    return _dressed(Admin(workspace, actor=actor, store=store, page=True, permissions=permissions), "admin")


def _store_page(
    workspace: Workspace, auth: Authenticator | None, path: str, create: Callable[..., Page]
) -> Page | RefusalPage:
    """Create the page of the store in the address, or one that says why it cannot be shown."""
    _refuse_without_login(workspace, auth)
    try:
        store, permissions = _shown(workspace, auth)
    except WsqError as refusal:
        return _refused(workspace, auth, path, str(refusal))
    return _dressed(create(store, permissions=permissions), path)


def _shown(workspace: Workspace, auth: Authenticator | None) -> tuple[Store, Permissions]:
    """Return the store in the address, and the permissions there.

    Raises:
        InvalidInput: The address contains an invalid store id.
        NotFound: There is no such store, or the user is not a member of it.
    """
    named = asked("store")
    if auth is None:
        store = workspace.store(first_store(workspace) if named in (None, "*") else named)
        return acting(_existing(store, OPEN)), OPEN
    visitor = visiting(auth)
    ids = [each["id"] for each in hub_of(workspace).stores()]
    everywhere = visitor.permissions(None)
    mine = [each for each in ids if everywhere.sees(each)] or everywhere.named()
    store = workspace.store(first_of(mine) if named in (None, "*") else named)
    if not everywhere.sees(store.id):
        raise (
            no_store(store.id) if named == store.id else NotAllowed("You are not a member of any store. Ask an admin.")
        )
    return _existing(store, everywhere).as_actor(visitor.session.name), visitor.permissions(store.id)


def _existing(store: Store, permissions: Permissions) -> Store:
    """Return the store if it exists; so does the default one of a workspace without stores, for its first command.

    Raises:
        NotFound: It does not exist; the nearest of those that the user may see is named.
    """
    known = [each["id"] for each in hub_of(store.workspace).known_stores()]
    if store.id not in (known or [DEFAULT_STORE]):
        there = [row.id for row in store.workspace.stores(include_archived=True)]
        if store.id not in there:
            raise naming.no_store(store.id, [each for each in there if permissions.sees(each)])
    return store


def _refuse_without_login(workspace: Workspace, auth: Authenticator | None) -> None:
    """Refuse to serve pages with `panel serve` if a login is set up.

    Raises:
        SettingError: It is. Not even an error page is shown, since that names the stores.
    """
    if auth is None and is_set_up(workspace.settings):
        raise SettingError("This workspace has a login. Use `wsq serve` to serve its pages.")


def visiting(auth: Authenticator) -> Visitor:
    """Return the visitor for whom the current page is created.

    Raises:
        LoggedOut: The guard has not accepted the request.
    """
    document = state.curdoc
    context = document.session_context if document is not None else None
    return visitor_of(auth, context.request if context is not None else None)


def user_name() -> str | None:
    """Return the name of the logged-in user; None without a login."""
    user = state.user if state.curdoc is not None else None
    return user if user and user != "guest" else None


def acting(store: Store) -> Store:
    """Return the store with the logged-in user as its actor; unchanged without a login."""
    user = user_name()
    return store.as_actor(user) if user else store


def first_store(workspace: Workspace) -> str:
    """Return the default store: ``default`` if it exists or there is none, else the first."""
    return first_of([each["id"] for each in hub_of(workspace).stores()])


def first_of(ids: Sequence[str]) -> str:
    """Return the default one of some stores."""
    return ids[0] if ids and DEFAULT_STORE not in ids else DEFAULT_STORE


def asked(name: str) -> str | None:
    """Return a value from the page's address; None if it is absent or empty."""
    values = state.session_args.get(name) or [b""]
    return values[0].decode("utf-8", "replace") or None


def _refused(workspace: Workspace, auth: Authenticator | None, path: str, why: str) -> RefusalPage:
    if auth is None:
        known = first_of([each["id"] for each in hub_of(workspace).known_stores()])
        return _dressed(RefusalPage(workspace, known, path, why), path)
    visitor = visiting(auth)
    visitor.note_refusal(f"/{path}: {why}")
    permissions = visitor.permissions(None, EntryPermissions)
    ids = [each["id"] for each in hub_of(workspace).known_stores() if permissions.sees(each["id"])]
    return _dressed(RefusalPage(workspace, first_of(ids), path, why, permissions=permissions), path)


def titled(path: str) -> str:
    """Return the title of the browser tab."""
    return f"{TITLES[path]} · wsq"


def _dressed(page: Page, path: str) -> Page:
    """Use wsq's document template instead of Panel's."""
    from wsq.views.page.theme import TEMPLATE

    document = state.curdoc
    if document is not None:
        document.title = titled(path)
        document.template = TEMPLATE
        context = document.session_context
        document.template_variables["nonce"] = nonce_of(context.request if context is not None else None)
    return page
