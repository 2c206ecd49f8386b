from types import SimpleNamespace

import pytest

from wsq.views import pages
from wsq.views.hub import forget


@pytest.fixture
def logged_in(monkeypatch):
    """Makes Panel say who has logged in."""
    return lambda user: monkeypatch.setattr(pages, "state", SimpleNamespace(user=user, curdoc=object()))


def test_who_has_logged_in_stands_on_what_the_page_does(store, logged_in):
    logged_in("grace")

    pages.acting(store).create_task("Write copy")

    assert store.events()[-1].actor == "grace"


@pytest.mark.parametrize("user", [None, "guest"])
def test_without_a_login_the_workspaces_actor_stands_on_it(store, logged_in, user):
    logged_in(user)

    pages.acting(store).create_task("Write copy")

    assert store.events()[-1].actor == store.workspace.actor


def test_the_default_store_is_shown_first_where_there_is_one(workspace):
    assert pages.first_store(workspace) == "default"

    workspace.create_store("acme")
    assert pages.first_store(workspace) == "acme"

    workspace.create_store("default")
    assert pages.first_store(workspace) == "default"
    forget(workspace)
