from types import SimpleNamespace
from urllib.request import urlopen

import pytest
from bokeh.document import Document
from bokeh.models import ImportedStyleSheet

from tests.views.serving import served
from wsq.errors import SettingError
from wsq.views.live.hub import forget
from wsq.views.live.refusal import RefusalPage
from wsq.views.server import pages


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


@pytest.mark.parametrize("page", list(pages.TITLES))
def test_where_people_have_to_log_in_no_page_is_served_without_the_door(workspace, tmp_path, page):
    (tmp_path / "team.duckdb.users.json").write_text("{}")

    with pytest.raises(SettingError, match="Use `wsq serve`"):
        getattr(pages, f"{page}_page")(workspace)


@pytest.mark.parametrize("page", [*pages.TITLES, "refusal"])
def test_a_session_that_begins_with_its_websocket_loads_no_style_sheet(workspace, page):
    """As after a restart of the server: no HTML is rendered for it, which would say where the server has them."""
    refusal = lambda workspace: RefusalPage(workspace, "acme", "board", "There is no such store.")
    document = Document()

    (refusal if page == "refusal" else getattr(pages, f"{page}_page"))(workspace).server_doc(document)

    assert document.roots
    assert [sheet.url for sheet in document.select({"type": ImportedStyleSheet})] == []
    forget(workspace)


def test_no_page_loads_anything_from_elsewhere_whatever_bokehs_settings_say(tmp_path, monkeypatch):
    monkeypatch.setenv("BOKEH_RESOURCES", "cdn")

    with served(tmp_path / "team.duckdb") as server:
        for page in pages.TITLES:
            with urlopen(f"{server.url}/{page}") as answer:
                html = answer.read().decode()

            assert 'src="static/' in html
            assert "cdn." not in html
