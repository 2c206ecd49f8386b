"""Titles on pages stand in sentences, lists and labels: none breaks a line there or turns round what is beside it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

import wsq
from tests.conftest import NOON
from wsq.agent.providers import ScriptedProvider, call, finish
from wsq.agent.providers.base import ProviderError
from wsq.clock import ManualClock
from wsq.projections.display import one_line
from wsq.views import Board, Library
from wsq.views.admin.component import Admin
from wsq.views.live.hub import forget
from wsq.views.since.component import SincePage
from wsq.views.statistics.component import StatisticsPage

BREAKS = "\n\r\v\f\x85\u2028\u2029"
TURNS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
TITLE = "a" + "b".join(BREAKS) + "c" + "d".join(TURNS) + "\x1be"

STATISTICS = {"project": None, "task": None, "model": None, "days": 30, "since": None, "until": None, "known": ""}


@pytest.fixture
def named(tmp_path):
    """A store in which everything that has a title has this one."""
    lines = [call(("create_task", {"title": TITLE}), ("create_document", {"title": f"Draft: {TITLE}", "content": "x"}))]
    ends = [finish("done", "Done.")]

    def end(_request):
        if not ends:
            raise ProviderError("No.", retryable=False)
        return ends.pop()

    place = tmp_path / "team.duckdb"
    with wsq.open(place, provider=ScriptedProvider([*lines, end]), clock=ManualClock(NOON), actor="ada") as ws:
        acme = ws.store("acme")
        acme.create_project(TITLE)
        ws.update_store("acme", name=TITLE)
        acme.create_contact(TITLE)
        acme.create_document(TITLE, "x")
        acme.create_task(TITLE, assignees=[TITLE])
        notified = {"notify": [TITLE], "notify_on": ["failed"]}
        project = acme.projects()[0].id
        task = acme.create_recurring_task(
            TITLE, "Look.", every="1 day", project_id=project, assignees=[TITLE], **notified
        )
        assert [acme.run_now(task.id).status for _ in range(2)] == ["completed", "failed"]
        yield acme
        forget(ws)


def told(page, *requests):
    """All that a page is sent, as text, but for the arguments of a run's calls, which are shown as they are."""
    answers = [page._dispatcher.answer(json.dumps({"ref": 1, **each})) for each in requests]
    assert all(answer["ok"] for answer in answers), answers
    page.close()
    for answer in answers:
        if isinstance(answer["value"], dict):
            answer["value"].pop("turns", None)
    return json.dumps([json.loads(page.first), answers], ensure_ascii=False, default=str)


def test_no_title_on_a_page_breaks_a_line_or_turns_round_what_is_beside_it(named):
    [task], ids = named.recurring_tasks(), [run.id for run in named.executions()]
    since = datetime(2020, 1, 1, tzinfo=UTC).isoformat()
    runs = [{"type": "history", "id": task.id, "before": None}, *({"type": "open_execution", "id": id_} for id_ in ids)]
    pages = {
        "board": told(Board(named), *runs),
        "library": told(Library(named), {"type": "library", "archived": True, "known": ""}),
        "since": told(SincePage(named), {"type": "since", "since": since}),
        "statistics": told(
            StatisticsPage(named), {"type": "statistics", "store": "acme", "theme": "light", **STATISTICS}
        ),
        "admin": told(Admin(named.workspace, actor="ada"), {"type": "overview", "known": 0}),
    }

    for name, heard in pages.items():
        assert "d\ufffd" in heard, name
        for sign in (*TURNS, "\x85", "\u2028", "\u2029"):
            assert sign not in heard, (name, hex(ord(sign)))
        for written in (r"a\n", r"b\r", r"b\u000b", r"b\f", r"\u001b"):
            assert written not in heard, (name, written)


@pytest.mark.parametrize("text", ["Grüße", "李 🧑🏽‍🚀", "שלום עולם", "e\u0301", ""])
def test_a_title_without_them_is_shown_as_it_is(text):
    assert one_line(text) == text
