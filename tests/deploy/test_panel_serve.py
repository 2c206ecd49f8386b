"""The scripts of the dashboards, served by Panel alone."""

from playwright.sync_api import expect

from tests.deploy.blueprint import ROOT
from tests.deploy.conftest import free_port, is_up


def test_panel_serve_says_that_the_workspace_is_missing_and_makes_none(visitor, host):
    home, port = host("panel"), free_port()
    board = ROOT / "dashboards" / "board.py"
    home.start(f"panel serve {board} --port {port}", {"WSQ_DATABASE": "taem.duckdb"})
    assert is_up(f"http://127.0.0.1:{port}/board"), home.log()

    page = visitor.new_page()
    page.goto(f"http://127.0.0.1:{port}/board")

    expect(page.get_by_text(f"No database at {home.home}/taem.duckdb; its folder has no database.")).to_be_visible()
    assert not list(home.home.glob("taem*"))
    page.close()
