"""A dump is restored on a server while processes use the workspace: they go on with what it holds."""

from __future__ import annotations

import pytest

import wsq
from tests.servers import SCHEMA
from tests.store.crew import eventually
from wsq.views.auth.authenticator import Ended
from wsq.views.auth.sessions import new_session
from wsq.views.live.hub import Hub


def titles(page) -> list[str]:
    return sorted(card["title"] for card in page.snapshot()["cards"])


def test_what_was_read_before_a_dump_is_restored_is_not_taken_for_what_there_is(server, tmp_path):
    with wsq.open(server.url) as ws, wsq.open(server.url) as other:
        acme = ws.store("acme")
        acme.create_task("first")
        server.tool("pg_dump", "-Fc", "-n", SCHEMA, "-f", tmp_path / "dump")
        early, late = (new_session(name, "mark", 0) for name in ("early", "late"))
        ended, hub = Ended(ws), Hub(ws)
        Ended(other).end(early)
        ended.look()
        lost = [acme.create_task(title) for title in ("second", "third")]
        page = hub.subscribe("acme", lambda _: None)
        assert titles(page) == ["first", "second", "third"]
        assert len(ws.sql("SELECT id FROM tasks")) == 3

        server.tool("pg_restore", "--clean", "--if-exists", tmp_path / "dump")

        assert eventually(lambda: titles(page) == ["first"], within=30)
        # others write as often as this process had, so that counts of writes are what they were
        Ended(other).end(late)
        for title in ("fourth", "fifth"):
            other.store("acme").create_task(title)
        with pytest.raises(wsq.NotFound):
            acme.update_task(lost[0].id, title="changed")
        acme.create_task("sixth")
        assert eventually(lambda: titles(page) == ["fifth", "first", "fourth", "sixth"], within=30)
        assert len(ws.sql("SELECT id FROM tasks")) == 4
        ended.look()
        assert ended.has(early)
        assert ended.has(late)
        assert ws.verify() == []
        hub.close()
