"""Pings and alerts of the real commands: begun, ended and failed are told, and nothing is held up."""

import asyncio
import json
import threading
import time
from datetime import timedelta

import pytest

import wsq
from tests.cli.test_wsq_process import add
from tests.conftest import NOON
from tests.domain.outside import hanging, listening, status
from wsq import settings
from wsq.agent.providers import ProviderError, ScriptedProvider, finish
from wsq.api import Workspace
from wsq.cli import logs, process
from wsq.cli.demo import MovedClock
from wsq.cli.process import Options, Passes
from wsq.cli.serve import notifying
from wsq.errors import WorkspaceBusy
from wsq.runner import webhook
from wsq.runner.webhook import Pings

BROKEN = ScriptedProvider([ProviderError("The service is gone.", retryable=False)])


@pytest.fixture
def peer(monkeypatch):
    with listening() as peer:
        monkeypatch.setenv("WSQ_PING_URL", f"{peer.url}/ping/abc/?rid=1")
        yield peer


@pytest.fixture
def logged(caplog):
    """The log of the commands, set up before the test: pytest only listens to loggers that it finds at its start."""
    logs.set_up()
    return caplog


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
    assert webhook.CLOSE_TIMEOUT == webhook.TIMEOUT == 5
    monkeypatch.setattr(webhook, "CLOSE_TIMEOUT", 0.8)
    monkeypatch.setattr(webhook, "START_TIMEOUT", 0.2)
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
    assert {path for path, _ in peer.heard} == {"/hook", "/ping/abc/start?rid=1", "/ping/abc?rid=1"}
    assert peer.url not in said.out


@pytest.mark.parametrize("late", ["never answered", "answered after the end"])
def test_the_end_of_a_pass_is_pinged_however_late_its_start_is(peer, command, folder, late):
    add()
    ended = threading.Event()

    def answer(request):
        if "/start" in request.path and late == "never answered":
            peer.over.wait(30)
        elif "/start" in request.path:
            ended.wait(30)
        status(200)(request)
        if "/start" not in request.path:
            ended.set()

    peer.answer = answer

    said = command("wsq-process")

    assert (said.status, said.out) == (0, "Nothing was due in 1 store.\n")
    assert said.err == ""
    assert peer.heard == [("/ping/abc/start?rid=1", b""), ("/ping/abc?rid=1", b"Nothing was due in 1 store.")]


def test_what_cannot_be_pinged_is_one_warning_and_no_exit_status(peer, command, folder):
    add()
    peer.answer = status(404)

    said = command("wsq-process")

    assert (said.status, said.out) == (0, "Nothing was due in 1 store.\n")
    assert len(peer.heard) == 2
    (line,) = said.err.splitlines()
    assert line.endswith(f" warning not_sent: {peer.url}/… answered with status 404.")


def test_pages_tell_that_passes_have_stopped_since_no_pass_can(peer, folder, monkeypatch):
    monkeypatch.setenv("WSQ_ALERT_URL", f"{peer.url}/hook")
    add()
    with wsq.open() as ws, notifying(ws, every=0.05):
        (message,) = peer.eventually(1)
        time.sleep(0.2)

    assert (message["type"], message["kind"], message["store"]) == ("alert", "scheduler", None)
    assert len(peer.heard) == 1
    assert "wsq-notifications" not in [thread.name for thread in threading.enumerate() if not thread.daemon]


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
    resumed, alone = wsq_("resume"), wsq_("list")
    wholly = wsq_("resume", "--store", "default")

    assert paused.out.startswith("The workspace is paused until 2")
    assert r"(moving\x1b house)" in paused.out
    assert store.out.startswith("Store 'default' is paused until wsq resume --store default. Due runs are skipped;")
    assert listed.out.startswith(r"The workspace is paused: moving\x1b house; nothing starts until 2")
    assert "ok       pauses: The workspace is paused until" in examined.out
    assert resumed.out.endswith("Store 'default' is still paused; wsq resume --store default.\n")
    assert alone.out.startswith("The store is paused; nothing starts until wsq resume --store default.\n")
    assert wholly.out == "Store 'default' is resumed. Schedules are unchanged.\n"
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
    wsq.open().close()

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
    from wsq.cli.pauses import _instant

    assert _instant("WHEN", text, NOON, zone, ahead=ahead).isoformat() == expected


class _Busy(Workspace):
    """A workspace whose second look, and no other, finds it held by somebody else."""

    looks = 0

    def begin_pass(self, **given):
        self.looks += 1
        if self.looks == 2:
            raise WorkspaceBusy("Somebody else holds it.")
        if self.looks == 3:
            self.looked.set()
        return super().begin_pass(**given)


@pytest.mark.parametrize("kind", ["failed", "busy"])
def test_a_lone_run_that_looks_again_pings_once_that_it_begins_and_once_its_end_with_its_exit_status(
    peer, folder, kind
):
    # Given an execution during which it is looked again: what came due meanwhile fails, or the look itself does
    clock, due = MovedClock(), threading.Event()
    clock.move_to(NOON)

    async def first_waits_and_second_fails(_request):
        if len(provider.requests) > 1:
            due.set()
            raise ProviderError("It is gone.", retryable=False)
        if kind == "failed":
            clock.move_to(slot + timedelta(seconds=31))
        assert await asyncio.to_thread(due.wait, 20)
        return finish()

    provider = ScriptedProvider([first_waits_and_second_fails])
    with _Busy(settings.load(), clock=clock, provider=provider) as ws:
        ws.looks, ws.looked = (0 if kind == "busy" else 3), due
        board = ws.store("default")
        slot = board.create_recurring_task("First", "p", every="1 minute").next_execution_at
        board.create_recurring_task("Second", "p", every="1 day", starting=slot + timedelta(seconds=30))
        clock.move_to(slot)
        pings = Pings(f"{peer.url}/x", watching=False)

        # When it is run
        pings.begin()
        status = Passes(ws, Options(meanwhile=0.05), pings).once()
        pings.close()
        ended = sorted(row.status for row in board.executions())

    # Then its end is told once, and is what it exits with
    assert status == {"failed": 1, "busy": 2}[kind]
    assert [path for path, _ in peer.heard] == ["/x/start", "/x/fail"]
    assert ended == {"failed": ["completed", "failed"], "busy": ["completed"]}[kind]
    assert {"failed": b"1 failed", "busy": b"Somebody else holds it."}[kind] in peer.heard[1][1]


def test_a_pass_whose_clock_was_set_leaves_no_sign_that_passes_are_made_and_tells_neither_alerts_nor_a_digest(
    peer, process_, wsq_, folder, monkeypatch
):
    monkeypatch.setenv("WSQ_ALERT_URL", f"{peer.url}/hook")
    monkeypatch.setenv("WSQ_DIGEST", "08:00")
    monkeypatch.delenv("WSQ_PING_URL")
    due = add(every="1 day")

    for then in (due - timedelta(days=400), due + timedelta(days=400)):
        assert process_("--now", then.isoformat()).status == 0
    with wsq.open() as ws:
        ws.process(due + timedelta(days=500))
        assert ws.scheduler() is None
    assert peer.heard == []

    assert process_().status == 0
    alert, digest = peer.messages()
    assert (alert["type"], digest["type"]) == ("alert", "digest")
    assert "schedule_ahead" in str(alert)  # which those passes left
    with wsq.open() as ws:
        assert ws.scheduler().last.started_at < due


def test_a_digest_that_goes_nowhere_is_a_problem_to_doctor_and_a_warning_of_each_pass(
    peer, process_, wsq_, folder, monkeypatch, logged
):
    monkeypatch.delenv("WSQ_PING_URL")
    monkeypatch.setenv("WSQ_DIGEST", "8:00")
    add()
    sentence = "WSQ_DIGEST is 08:00, but no digest is sent, since WSQ_ALERT_URL is not set."

    passed, dry, examined = process_(), process_("--dry-run"), wsq_("doctor")
    monkeypatch.setenv("WSQ_ALERT_URL", f"{peer.url}/hook")
    well, silent = wsq_("doctor"), process_()

    assert (passed.status, dry.status, silent.status) == (0, 0, 0)
    assert [each.getMessage() for each in logged.records].count(sentence) == 1
    assert (examined.status, f"problem  outside: {sentence}" in examined.out) == (1, True)
    assert (well.status, f"ok       outside: Alerts are sent to {peer.url}/…, and a digest at 08:00." in well.out) == (
        0,
        True,
    )
