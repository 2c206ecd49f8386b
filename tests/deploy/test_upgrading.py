"""A newer wsq meets an older workspace while an old dashboard is open and an old pass runs; on a file and a server."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

import wsq
from tests.agent.peer import KEY, Peer, calls, finished
from tests.deploy.conftest import free_port, is_up
from tests.views.windows import eventually
from wsq.clock import ManualClock
from wsq.store import schema


@pytest.fixture
def model():
    """A model that thinks its first answer over for longer than anybody waits."""
    peer = Peer([calls(("create_task", {"title": "Check mail"}), seconds=60)])
    yield peer
    peer.close()
    assert peer.refusals == []


LATER = ("ALTER TABLE leases ADD COLUMN later BIGINT DEFAULT 7",)
"""What the version after this one adds."""

NEWER = f"""
import sys
from wsq.cli.main import main
from wsq.store import schema
schema._SINCE[schema.VERSION] = {LATER!r}
schema.WorkspaceSchema.version = schema.VERSION + 1
sys.exit(main())
"""
"""`wsq` of that version."""


@pytest.fixture
def upgrade(monkeypatch):
    """Makes this process one of that version."""

    def newer():
        monkeypatch.setitem(schema._SINCE, schema.VERSION, LATER)
        monkeypatch.setattr(schema.WorkspaceSchema, "version", schema.VERSION + 1)

    return newer


def test_the_old_page_and_the_old_pass_say_so_and_nothing_is_lost(
    window, host, database, kept_in, model, upgrade, monkeypatch
):
    # Given an older workspace, in which something is due
    monkeypatch.setenv("ANTHROPIC_BASE_URL", model.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    now = datetime.now(UTC)
    with wsq.open(database, clock=ManualClock(now - timedelta(minutes=5))) as ws:
        task = ws.store("acme").create_task("First", description="A thought")
        ws.store("acme").create_recurring_task("Triage", "Look after the mail", every="5 minutes")

    # And its board in a browser, in which somebody types, and a pass that waits for the model
    old, port = host("old"), free_port()
    here = {"WSQ_DATABASE": str(database), "WSQ_TIMEZONE": "UTC"}
    keys = {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": KEY}
    serving = old.start(f"wsq serve --no-scheduler --port {port}", here | keys)
    assert is_up(f"http://127.0.0.1:{port}/health"), old.log()
    page = window
    page.goto(f"http://127.0.0.1:{port}/board?store=acme")
    page.get_by_role("button", name="First", exact=True).click()
    page.get_by_label("Description").fill("A long thought")
    passing = host("pass")
    running = passing.start("wsq-process", here | keys)
    eventually(lambda: model.requests, within=150)
    expect(page.get_by_role("article", name="Triage")).to_contain_text("Running")

    # When a newer wsq opens the workspace
    upgrade()
    with wsq.open(database, clock=ManualClock(now + timedelta(minutes=4))) as ws:
        acme = ws.store("acme")
        before = acme.events()

        # Then the old pass ends by itself with a sentence, though its model has not answered
        assert running.wait(60) == 2, passing.log()
        assert "Traceback" not in passing.log()
        assert passing.log().count("newer wsq") == 1, passing.log()

        # And the old page says so and stays as it is, with what was typed; what it asks is refused
        warning = page.get_by_role("alert").filter(has_text="wsq was upgraded")
        expect(warning).to_have_count(1)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("newer wsq").first).to_be_visible()
        expect(page.get_by_label("Description")).to_have_value("A long thought")
        for path in ("board", "board?store=acme", "admin"):  # they are pages still, also when they are opened now
            assert is_up(f"http://127.0.0.1:{port}/{path}")
        time.sleep(1.5)  # in which it looks as often as it did before

        # And nothing was written by either, nothing is lost, and the newer one goes on where the old pass was
        assert acme.events() == before
        assert acme.task(task.id).description == "A thought"
        assert ws.verify() == []
        model.script = lambda body: finished()
        assert (ws.process().resumed, ws.verify()) == (1, [])
        [triage] = acme.recurring_tasks()
        assert (acme.latest_execution(triage.id).status, acme.latest_execution(triage.id).takeovers) == ("completed", 1)

        assert old.shut_down() == [0]
        assert serving.returncode == 0
        assert "Traceback" not in old.log()
        assert old.log().count("newer wsq") == 1, old.log()

        # When the newer one is served in its place, the page comes back with what was typed, which can now be saved
        if kept_in == "file":  # for the page it is all one where that is
            new = host("new")
            new.start([sys.executable, "-c", NEWER, "serve", "--no-scheduler", "--port", str(port)], here | keys)
            expect(warning).to_have_count(0, timeout=60_000)
            expect(page.get_by_label("Description")).to_have_value("A long thought", timeout=60_000)
            page.get_by_role("button", name="Save").click()
            expect(page.get_by_role("dialog")).to_have_count(0)
            assert acme.task(task.id).description == "A long thought"
            assert new.shut_down() == [0]
