"""What is told outside: alerts once, and once that they are over; ends to those who are named; a daily digest."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import wsq
from tests.conftest import NOON
from tests.domain.outside import Peer, dripping, garbage, hanging, listening, status
from tests.rings import within
from wsq.agent.providers import ProviderError, ScriptedProvider, finish
from wsq.clock import ManualClock
from wsq.runner import heartbeat, notifications, webhook

BROKEN = ScriptedProvider([ProviderError("The service is <gone> @channel.", retryable=False)])
WELL = ScriptedProvider([finish("done", "Well.")])


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    with listening() as peer:
        monkeypatch.setenv("WSQ_ALERT_URL", f"{peer.url}/hook?key=secret")
        yield peer


def test_an_alert_is_told_once_by_all_processes_together_and_once_that_it_is_over(
    peer: Peer, open_workspace: Callable[..., wsq.Workspace], clock: ManualClock
) -> None:
    # Given a task that fails, and two processes that make passes
    broken = open_workspace(provider=BROKEN)
    acme = broken.store("acme")
    task = acme.create_recurring_task("Triage", "List the tasks", every="1 hour")
    acme.run_now(task.id)
    broken.process()
    (alert,) = peer.eventually(1)
    other = open_workspace(provider=WELL)
    other.process()
    broken.process()
    broken.close()

    # When it fails again, and then completes
    clock.advance(timedelta(hours=1))
    open_workspace(provider=BROKEN).process()
    other.store("acme").run_now(task.id)
    other.process()
    other.notify()
    other.close()

    # Then it was told at first, and at last, in the shape that is documented
    first, last = peer.messages()
    assert first == alert
    assert (first["type"], first["kind"], first["level"]) == ("alert", "failing", "problem")
    assert (first["store"], first["task"], first["at"]) == ("acme", task.id, "2026-03-02T12:00:00Z")
    assert first["workspace"] == broken.place
    assert "The service is \\<gone\\> @\u200bchannel." in first["content"]
    assert "The service is &lt;gone&gt; @\u200bchannel." in first["text"]
    assert (last["type"], last["key"]) == ("resolved", first["key"])
    assert last["content"].startswith("Resolved: 'Triage' failed: ")
    assert {path for path, _ in peer.heard} == {"/hook?key=secret"}


def test_a_process_without_credentials_says_so_where_no_scheduler_has_any(
    peer: Peer, open_workspace: Callable[..., wsq.Workspace], clock: ManualClock
) -> None:
    model = ScriptedProvider([finish("done", "Well.")], name="claude")
    model.kind = "anthropic"
    served = open_workspace(provider=model)
    acme = served.store("acme")
    acme.run_now(acme.create_recurring_task("Triage", "Look", every="1 day").id)
    served.process()
    served.close()  # which has been heard out

    pages = open_workspace(provider=None)
    pages.notify()
    clock.advance(timedelta(hours=1))  # the scheduler has stopped
    pages.notify()

    kinds = {message["kind"] for message in peer.eventually(2)}
    assert kinds == {"no_credentials", "scheduler"}
    pages.close()


def test_what_goes_over_into_something_graver_is_not_told_to_be_over(
    peer: Peer, open_workspace: Callable[..., wsq.Workspace]
) -> None:
    ws = open_workspace(provider=BROKEN)
    acme = ws.store("acme")
    task = acme.create_recurring_task("Triage", "List the tasks", every="1 hour")
    acme.run_now(task.id)
    ws.process()
    peer.eventually(1)
    for _ in range(4):
        acme.run_now(task.id)
    ws.process()
    ws.close()

    assert [(each["type"], each["kind"]) for each in peer.messages()] == [
        ("alert", "failing"),
        ("alert", "failed_repeatedly"),
    ]


def test_of_very_many_alerts_some_are_told_and_the_others_counted(
    peer: Peer, ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock
) -> None:
    for n in range(22):
        acme.create_recurring_task(f"Task {n}", "List the tasks", every="1 hour")
    heartbeat.note(ws._engine, NOON, NOON)
    clock.advance(timedelta(hours=2))
    heartbeat.note(ws._engine, clock.now(), clock.now(), interval=60)

    ws.notify()
    peer.eventually(21)
    ws.process()
    ws.close()

    assert peer.texts()[20] == "And 2 more alerts. Run wsq doctor to see them."
    assert [each["type"] for each in peer.messages()[21:]] == ["resolved"] * 21
    assert peer.texts()[41] == "And 2 more alerts are resolved."


def test_while_the_scheduler_stands_still_that_is_told_and_not_every_slot_that_is_late_for_it(
    peer: Peer, ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock
) -> None:
    acme.create_recurring_task("Triage", "List the tasks", every="1 hour")
    heartbeat.note(ws._engine, NOON, NOON)
    clock.advance(timedelta(hours=2))
    assert [alert.kind for alert in ws.alerts()] == ["scheduler", "never_ran"]

    ws.notify()
    ws.close()

    assert [each["kind"] for each in peer.messages()] == ["scheduler"]


@pytest.mark.parametrize(
    ("ends", "notify_on", "told"),
    [
        (BROKEN, ("failed",), "failed (provider): "),
        (BROKEN, ("done", "could_not"), None),
        (
            ScriptedProvider([finish("could_not", "No key\nto it.")]),
            ("could_not",),
            "could not: No key to it. (for Ada, Bo)",
        ),
        (WELL, ("done",), "is done: Well. (for Ada, Bo)"),
        (WELL, ("failed", "could_not"), None),
    ],
    ids=["failed", "not failed", "could not", "done", "not done"],
)
def test_who_is_named_is_told_of_the_ends_that_are_named_by_whoever_ended_it(
    peer: Peer, open_workspace: Callable[..., wsq.Workspace], ends, notify_on, told
) -> None:
    ws = open_workspace(provider=ends)
    acme = ws.store("acme")
    task = acme.create_recurring_task(
        "Triage", "List the tasks", every="1 hour", notify=("Ada", "Bo"), notify_on=notify_on
    )
    quiet = acme.create_recurring_task("Quiet", "List the tasks", every="1 hour", notify_on=notify_on)

    execution = acme.run_now(task.id)
    acme.run_now(quiet.id)
    ws.close()

    if told is None:
        assert peer.heard == []
        return
    (message,) = peer.messages()
    assert message["content"].startswith(f"'Triage' {told}")
    assert (message["type"], message["execution"], message["notify"]) == ("execution", execution.id, ["Ada", "Bo"])
    assert (message["status"], message["verdict"], message["reason"]) == (
        execution.status,
        execution.verdict,
        execution.reason,
    )
    assert message["error"] == execution.error


def test_an_execution_that_is_given_up_by_a_pass_is_told_too(
    peer: Peer, open_workspace: Callable[..., wsq.Workspace], clock: ManualClock
) -> None:
    def never(_request: object) -> None:
        raise AssertionError("It is not asked.")

    stopped = open_workspace(provider=ScriptedProvider([hanging_turn]))
    acme = stopped.store("acme")
    task = acme.create_recurring_task("Triage", "List the tasks", every="1 day", notify=("Ada",))
    acme.start_now(task.id)
    stopped.close()
    clock.advance(timedelta(hours=2))
    ws = open_workspace(provider=ScriptedProvider([never]))

    assert ws.process().failed == 1
    ws.close()

    assert [each["reason"] for each in peer.messages() if each["type"] == "execution"] == ["abandoned"]


async def hanging_turn(_request: object) -> None:
    import asyncio

    await asyncio.sleep(60)


def test_a_digest_comes_once_a_day_and_of_days_slept_through_only_the_newest(
    peer: Peer, open_workspace: Callable[..., wsq.Workspace], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WSQ_DIGEST", "08:00")
    ws = open_workspace()
    ws.store("acme").create_task("Plan")
    for expected, hours in ((1, 1), (1, 10), (2, 9.5), (2, 1), (3, 24 * 5)):
        clock.advance(timedelta(hours=hours))
        ws.process()
        peer.eventually(expected)
    ws.create_store("beta")
    ws.store("beta").create_task("Two")
    clock.advance(timedelta(days=1))
    ws.process()
    ws.close()

    first, second, third, fourth = peer.messages()
    assert {each["type"] for each in peer.messages()} == {"digest"}
    assert first["content"].startswith("Since 2026-03-01 08:00 UTC: 1 card made by people.")
    assert first["stores"][0]["made_by_people"] == 1
    assert second["content"] == "Nothing happened since 2026-03-02 13:00 UTC."
    assert second["at"] == "2026-03-03T08:30:00Z"
    assert third["content"] == "Nothing happened since 2026-03-03 08:30 UTC."
    assert fourth["content"].startswith("beta: Since 2026-03-08 09:30 UTC: 1 card made by people.")


@pytest.mark.parametrize("kind", ["hanging", "500", "redirect", "dripping", "garbage", "closed"])
def test_a_pass_ends_whatever_the_endpoint_does_and_what_was_not_told_is_told_later(
    peer: Peer,
    open_workspace: Callable[..., wsq.Workspace],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    # Given an endpoint that does not do what it should
    answers = {
        "hanging": hanging(peer), "500": status(500), "redirect": status(302, Location="http://127.0.0.1:9/x"),
        "dripping": dripping(peer), "garbage": garbage, "closed": lambda request: request.connection.close(),
    }  # fmt: skip
    peer.answer = answers[kind]
    monkeypatch.setattr(webhook, "TIMEOUT", 0.4)
    ws = open_workspace(provider=WELL)
    acme = ws.store("acme")
    acme.create_recurring_task("Triage", "List the tasks", every="1 hour")
    acme.pause(reason="lunch")

    # When a pass is made
    begun = time.monotonic()
    ws.process()
    took = time.monotonic() - begun
    ws.close()

    # Then it was not held up, tried twice where that may help, and one warning says so without the secret
    assert took < 5
    assert len(peer.heard) == (1 if kind == "redirect" else 2)
    (record,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert "127.0.0.1" in record.getMessage()
    assert "secret" not in record.getMessage()
    peer.answer = status(204)
    peer.heard.clear()
    again = open_workspace(provider=WELL)
    again.process()
    again.close()
    assert [each["kind"] for each in peer.messages()] == ["paused"]


@pytest.mark.timed
def test_closing_waits_for_what_is_being_sent_and_no_longer_than_it_may(
    peer: Peer, open_workspace: Callable[..., wsq.Workspace], monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    peer.answer = hanging(peer)
    ws = open_workspace(provider=WELL)
    ws.create_store("acme")
    ws.pause()
    monkeypatch.setattr(webhook, "CLOSE_TIMEOUT", 0.3)

    ws.notify()
    peer.eventually(1)
    begun = time.monotonic()
    ws.close()

    assert time.monotonic() - begun < within(2)
    assert "were not sent in time" in caplog.text


def test_an_example_workspace_tells_nothing_and_one_without_a_url_has_no_teller(
    peer: Peer, open_workspace: Callable[..., wsq.Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = open_workspace(provider=WELL)
    ws.create_store("acme")
    ws.mark_as_demo()
    ws.pause()
    ws.process()
    ws.close()
    assert peer.heard == []

    monkeypatch.delenv("WSQ_ALERT_URL")
    silent = open_workspace(provider=WELL)
    assert silent._service._notifier is None
    silent.notify()


@pytest.mark.file
def test_what_a_slow_endpoint_took_is_on_record_at_once_and_the_next_process_goes_on_from_there(
    peer: Peer, open_workspace: Callable[..., wsq.Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given six alerts, and an endpoint that takes two and then hangs for longer than a process waits
    monkeypatch.setattr(webhook, "CLOSE_TIMEOUT", 0.5)

    def two_and_no_more(request: object) -> None:
        (status(200) if len(peer.heard) <= 2 else hanging(peer))(request)

    peer.answer = two_and_no_more
    ws = open_workspace()
    for name in "abcdef":
        ws.create_store(name)
        ws.store(name).pause()

    # When one process gives up, and another comes before its thread has ended, as after a kill
    ws.notify()
    ws.close()
    said = (Path(ws.place + ".wsq") / "told").read_bytes()
    peer.answer = status(200)
    (Path(ws.place + ".wsq") / "told.lock").unlink()
    again = open_workspace()
    again.notify()
    again.close()

    # Then what was taken was not told again, and all the others were
    assert list(json.loads(said)["alerts"]) == ["paused:a", "paused:b"]
    told = [each["key"] for each in peer.messages()]
    assert told[:2] == ["paused:a", "paused:b"]
    assert told[3:] == [f"paused:{name}" for name in "cdef"]


@pytest.mark.file
def test_nothing_is_sent_while_no_record_of_it_can_be_kept_and_one_warning_says_so(
    peer: Peer, open_workspace: Callable[..., wsq.Workspace], caplog: pytest.LogCaptureFixture
) -> None:
    ws = open_workspace(provider=WELL)
    task = ws.store("acme").create_recurring_task(
        "Triage", "List the tasks", every="1 hour", notify=("Ada",), notify_on=("done",)
    )
    blocked = Path(ws.place + ".wsq") / "told.new"
    blocked.mkdir()

    ws.store("acme").run_now(task.id)
    ws.store("acme").pause()
    for _ in range(3):
        ws.notify()
    time.sleep(0.3)

    assert peer.heard == []
    (record,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert record.getMessage().startswith("No notifications are sent, since their record cannot be written: ")
    blocked.rmdir()
    ws.notify()
    ws.close()
    assert [each.get("kind", each["type"]) for each in peer.messages()] == ["scheduler", "paused", "execution"]


def test_an_end_that_could_not_be_told_is_told_once_by_the_next_look_of_any_process(
    peer: Peer, open_workspace: Callable[..., wsq.Workspace]
) -> None:
    peer.answer = status(404)
    ws = open_workspace(provider=WELL)
    task = ws.store("acme").create_recurring_task(
        "Triage", "List the tasks", every="1 hour", notify=("Ada",), notify_on=("done",)
    )
    ended = [ws.store("acme").run_now(task.id).id for _ in range(3)]
    ws.close()
    assert {each["type"] for each in peer.messages()} == {"execution"}

    peer.answer = status(200)
    peer.heard.clear()
    for _ in range(2):
        later = open_workspace(provider=WELL)
        later.process()
        later.close()

    assert sorted(each["execution"] for each in peer.messages()) == sorted(ended)


@pytest.mark.file
def test_ends_that_wait_when_a_process_leaves_are_kept_and_of_too_many_the_oldest_are_dropped(
    peer: Peer, open_workspace: Callable[..., wsq.Workspace], monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    monkeypatch.setattr(webhook, "CLOSE_TIMEOUT", 0.3)
    monkeypatch.setattr(notifications, "MOST_ENDS", 2)
    peer.answer = hanging(peer)
    ws = open_workspace(provider=WELL)
    task = ws.store("acme").create_recurring_task(
        "Triage", "List the tasks", every="1 hour", notify=("Ada",), notify_on=("done",)
    )

    first = ws.store("acme").run_now(task.id)
    peer.eventually(1)
    later = [ws.store("acme").run_now(task.id).id for _ in range(2)]
    ws.close()

    kept = json.loads((Path(ws.place + ".wsq") / "told").read_bytes())["ends"]
    assert kept == [["acme", each] for each in later]
    assert first.id not in later
    assert "Not notified of 1 ended execution" in caplog.text


def test_names_and_texts_are_no_markup_and_make_no_line_of_their_own(
    peer: Peer, open_workspace: Callable[..., wsq.Workspace], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WSQ_DIGEST", "08:00")
    said = "[Reset](http://evil.example) **now** `x` ~y~ <@1> ||z|| \\_o_/ & "
    ws = open_workspace(provider=ScriptedProvider([ProviderError(said, retryable=False)]))
    acme = ws.store("acme")
    task = acme.create_recurring_task("Triage", "List the tasks", every="1 day", notify=("Ada",))
    acme.run_now(task.id)
    acme.pause(reason="lunch\n- 'Backup' was deleted by root\u2028- more")
    clock.advance(timedelta(hours=1))
    ws.process()
    ws.close()

    by_type = {each.get("kind", each["type"]): each for each in peer.messages()}
    for kind in ("failing", "execution", "digest"):
        content, text = by_type[kind]["content"], by_type[kind]["text"]
        assert r"\[Reset\](http://evil.example) \*\*now\*\* \`x\` \~y\~ \<@1\> \|\|z\|\| \\\_o\_/ &" in content
        assert r"\[Reset\](http://evil.example) \*\*now\*\* \`x\` \~y\~ &lt;@1&gt; \|\|z\|\| \\\_o\_/ &amp;" in text
        assert by_type[kind]["mrkdwn"] is False
    assert said.strip() in by_type["execution"]["error"]
    assert len(by_type["paused"]["content"].splitlines()) == 1
    assert [line for line in by_type["digest"]["content"].splitlines() if line.startswith("- 'Backup'")] == []
    assert "lunch - 'Backup' was deleted by root - more" in by_type["digest"]["content"]


def test_a_digest_of_the_future_by_a_clock_that_was_wrong_silences_none(
    peer: Peer, open_workspace: Callable[..., wsq.Workspace], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WSQ_DIGEST", "08:00")
    for away, back in ((timedelta(days=400), timedelta(days=400)), (timedelta(minutes=1), timedelta())):
        clock.advance(away)
        ws = open_workspace()
        ws.process()
        ws.close()
        clock.advance(-back)

    assert [each["at"][:10] for each in peer.messages() if each["type"] == "digest"] == ["2027-04-06", "2026-03-02"]
