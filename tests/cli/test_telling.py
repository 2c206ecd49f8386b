"""Pings and alerts of the real commands: begun, ended and failed are told, and nothing is held up."""

import json
import threading
import time

import pytest

import wsq
from tests.cli.test_wsq_process import add
from tests.domain.outside import hanging, listening, status
from wsq import settings
from wsq.agent.providers import ProviderError, ScriptedProvider
from wsq.cli import process
from wsq.cli.process import Options
from wsq.cli.serve import telling
from wsq.runner import outside
from wsq.runner.outside import Pings

BROKEN = ScriptedProvider([ProviderError("The service is gone.", retryable=False)])


@pytest.fixture
def peer(monkeypatch):
    with listening() as peer:
        monkeypatch.setenv("WSQ_PING_URL", f"{peer.url}/ping/abc/?rid=1")
        yield peer


def test_a_pass_pings_that_it_begins_and_how_it_ended(peer, process_, folder, capfd):
    due = add()

    idle, dry = process_(), process_("--dry-run")
    failed = process.run(settings.load(), Options(now=due), BROKEN)
    (folder / "other.duckdb").write_text("no database")
    refused = process_("--database", str(folder / "other.duckdb"))

    assert (idle.status, dry.status, failed, refused.status) == (0, 0, 1, 2)
    begin, well, fail = "/ping/abc/start?rid=1", "/ping/abc?rid=1", "/ping/abc/fail?rid=1"
    assert [path for path, _ in peer.heard] == [begin, well, begin, fail, begin, fail]
    bodies = [body.decode() for _, body in peer.heard]
    assert bodies[1] == "Nothing was due in 1 store."
    assert bodies[3] == "1 task was due in 1 store: 1 failed."
    assert "other.duckdb" in bodies[5]


def test_a_watch_pings_once_a_minute_that_all_is_well_and_at_once_when_it_is_not(peer):
    pings = Pings(f"{peer.url}/x", watching=True)
    pings.begin()
    for outcome in (0, 0, 1, 0, 0):
        pings.end(outcome, "")
    pings.close()

    assert [path for path, _ in peer.heard] == ["/x", "/x/fail", "/x"]


def test_a_single_pass_waits_once_for_all_endpoints_that_hang_and_exits_as_it_would(
    peer, process_, folder, monkeypatch
):
    assert outside.PATIENCE == outside.LONGEST == 5
    monkeypatch.setattr(outside, "PATIENCE", 0.8)
    monkeypatch.setenv("WSQ_ALERT_URL", f"{peer.url}/hook")
    add()
    with wsq.open() as ws:
        ws.pause()
    peer.answer = hanging(peer)

    begun = time.monotonic()
    said = process_()
    took = time.monotonic() - begun

    assert (said.status, said.out) == (0, "Nothing was due in 1 store.\n")
    assert 0.8 <= took < 4
    assert {path for path, _ in peer.heard} == {"/hook", "/ping/abc/start?rid=1"}
    assert peer.url not in said.out


def test_what_cannot_be_pinged_is_one_warning_and_no_exit_status(peer, command, folder):
    add()
    peer.answer = status(404)

    said = command("wsq-process")

    assert (said.status, said.out) == (0, "Nothing was due in 1 store.\n")
    assert len(peer.heard) == 2
    (line,) = said.err.splitlines()
    assert line.endswith(f" warning not_told: {peer.url}/… answered with status 404.")


def test_pages_tell_that_passes_have_stopped_since_no_pass_can(peer, folder, monkeypatch):
    monkeypatch.setenv("WSQ_ALERT_URL", f"{peer.url}/hook")
    add()
    with wsq.open() as ws, telling(ws, every=0.05):
        (message,) = peer.eventually(1)
        time.sleep(0.2)

    assert (message["type"], message["kind"], message["store"]) == ("alert", "scheduler", None)
    assert len(peer.heard) == 1
    assert "wsq-telling" not in [thread.name for thread in threading.enumerate() if not thread.daemon]


def test_somebody_to_be_told_is_named_on_the_command_line(wsq_, folder):
    added = wsq_(
        "add", "Tick", "--prompt", "List the tasks", "--every", "1 hour", "--notify", "Ada", "--notify", "Bo",
        "--notify-on", "failed, done", "--json",
    )  # fmt: skip
    usual = wsq_("add", "Tock", "--prompt", "List the tasks", "--every", "1 hour", "--notify", "Ada", "--json")
    refused = wsq_("add", "Tack", "--prompt", "List the tasks", "--every", "1 hour", "--notify-on", "never")

    assert (json.loads(added.out)["notify"], json.loads(added.out)["notify_on"]) == (["Ada", "Bo"], ["failed", "done"])
    assert json.loads(usual.out)["notify_on"] == ["failed", "could_not"]
    assert (refused.status, "never" in refused.err, len(refused.err.splitlines())) == (2, True, 1)


def test_pausing_and_resuming_are_said_and_shown(wsq_, process_, folder):
    wsq_("add", "Tick", "--prompt", "List the tasks", "--every", "1 hour")
    process_()

    paused = wsq_("pause", "--until", "2 hours", "--reason", "moving\x1b house")
    store = wsq_("pause", "--store", "default")
    listed, examined = wsq_("list"), wsq_("doctor")
    resumed = wsq_("resume")
    wholly = wsq_("resume", "--store", "default")

    assert paused.out.startswith("The workspace is paused until 2")
    assert r"(moving\x1b house)" in paused.out
    assert store.out.startswith("Store 'default' is paused until wsq resume;")
    assert listed.out.startswith(r"The workspace is paused: moving\x1b house; nothing starts, until 2")
    assert "ok       pauses: The workspace is paused until" in examined.out
    assert resumed.out.endswith("Store 'default' is still paused; wsq resume --store default.\n")
    assert wholly.out == "Store 'default' goes on; every schedule is where it always was.\n"
    assert "paused" not in wsq_("list").out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["pause", "--until", "soon"], "--until is 'soon', expected an instant with its offset, a wall time such as"),
        (["pause", "--until", "2026-03-02T12:00"], "--until is '2026-03-02T12:00'"),
        (["pause", "--until", "2020-03-02T12:00:00Z"], "which has passed already"),
        (["pause", "--store", "none"], "no store 'none'"),
        (["since", "yesterday"], "WHEN is 'yesterday'"),
        (["since", "--store", "none"], "no store 'none'"),
    ],
)
def test_what_is_not_a_time_or_a_store_is_refused_in_one_sentence(wsq_, arguments, named):
    said = wsq_(*arguments)

    assert (said.status, said.out) == (2, "")
    assert named in said.err
    assert len(said.err.splitlines()) == 1


def test_since_tells_each_store_and_one_line_when_nothing_happened(wsq_, folder):
    wsq_("add", "Tick", "--prompt", "List the tasks", "--every", "1 hour")

    told, as_json = wsq_("since"), wsq_("since", "2 hours", "--store", "default", "--json")
    later = wsq_("since", "2190-01-01T00:00:00Z")

    assert told.out.startswith("default: Since 2")
    assert "\n- 'Tick' was made by " in told.out
    (found,) = json.loads(as_json.out)
    assert (found["store_id"], found["edits"]) == ("default", 1)
    assert later.out == "Nothing happened since 2190-01-01 00:00:00 UTC.\n"


@pytest.mark.parametrize(
    ("text", "zone", "ahead", "expected"),
    [
        ("17:00", "Europe/Berlin", True, "2026-03-02T16:00:00+00:00"),
        ("12:59", "Europe/Berlin", True, "2026-03-03T11:59:00+00:00"),
        ("13:00", "Europe/Berlin", True, "2026-03-03T12:00:00+00:00"),
        ("13:00", "Europe/Berlin", False, "2026-03-02T12:00:00+00:00"),
        ("14:00", "Europe/Berlin", False, "2026-03-01T13:00:00+00:00"),
        ("2 hours", "UTC", True, "2026-03-02T14:00:00+00:00"),
        ("2 days", "UTC", False, "2026-02-28T12:00:00+00:00"),
        ("2026-05-01T09:00:00+02:00", "UTC", True, "2026-05-01T09:00:00+02:00"),
    ],
)
def test_a_time_is_an_instant_a_wall_time_or_a_duration(text, zone, ahead, expected):
    from tests.conftest import NOON
    from wsq.cli.stillness import _instant

    assert _instant("WHEN", text, NOON, zone, ahead=ahead).isoformat() == expected
