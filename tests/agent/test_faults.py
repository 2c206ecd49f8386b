"""Whatever a service may do: what it is called, whether it is tried again, and that nothing is written twice."""

from __future__ import annotations

import json
import socket
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime

import pytest

from tests.agent.peer import KEY, TYPES, Broken, Refusal, Say, calls, finished, text, turn_of
from wsq.agent.providers.anthropic import AnthropicProvider

pytestmark = pytest.mark.long_on_server

PATIENCE = 2.5
"""Seconds for which a silent stream is waited for here."""

SPEND = {"error_code": "enforced_spend_limit_reached"}
PASSING = {
    "408": (Refusal(408, "Too slow."), "408 timeout_error: Too slow. (request req_1)"),
    "429": (Refusal(429, "Slow down."), "429 rate_limit_error: Slow down. (request req_1)"),
    "500": (Refusal(500, "Ouch."), "500 api_error: Ouch. (request req_1)"),
    "503": (Refusal(503, "Later."), "503 api_error: Later. (request req_1)"),
    "529": (Refusal(529, "Overloaded"), "529 overloaded_error: Overloaded (request req_1)"),
    "a cut body": (Refusal(500, "Ouch.", cut=True), "the connection broke off"),
    "a cut stream": (Broken("cut"), "the connection broke off"),
    "a silent stream": (Broken("silent"), "the service said nothing for too long"),
    "a silent service": (Broken("silent", chunks=0), "the service did not answer in time"),
    "a clean truncation": (Broken("ends"), "the answer ended before it was complete"),
    "an answer without a word": (Broken("ends", chunks=0), "the answer ended before it was complete"),
    "bad JSON": (Broken("garbage"), "the answer cannot be understood"),
    "a page": (Broken("html"), "answered with text/html where a stream of events was expected"),
    "another service": (Broken("json"), "answered with application/json where a stream of events was expected"),
    "an error inside": (Broken("error"), "overloaded_error inside the stream: Overloaded"),
}
FINAL = {
    "400": (Refusal(400, "Prompt is too long."), "400 invalid_request_error: Prompt is too long."),
    "401": (Refusal(401, "invalid key"), "401 authentication_error: invalid key"),
    "402": (Refusal(402, "No credit."), "402 billing_error: No credit."),
    "403": (Refusal(403, "Not you."), "403 permission_error: Not you."),
    "404": (Refusal(404, "model: claude-x"), "404 not_found_error: model: claude-x"),
    "413": (Refusal(413, "Too large."), "413 invalid_request_error: Too large."),
    "spend limit": (Refusal(429, "Your limit.", details=SPEND), "429 rate_limit_error: Your limit."),
    "usage limit": (Refusal(400, "You have reached your API usage limits."), "400 invalid_request_error: You have"),
}
ALL = {**PASSING, **FINAL}


@pytest.fixture
def world(serve, open_workspace):
    """A peer that makes one task, then meets its faults, then ends; and the task that asks it."""

    def made(*faults):
        left = list(faults)

        def line(body):
            if turn_of(body) == 0:
                return calls(("create_task", {"title": "Made"}))
            return left.pop(0) if left else finished()

        peer = serve(line)
        provider = AnthropicProvider(api_key=KEY, base_url=peer.url, read_timeout=PATIENCE)
        ws = open_workspace(provider=provider)
        acme = ws.store("acme")
        return peer, acme, acme.create_recurring_task("Triage", "Make a task.", every="1 day")

    return made


def failures(acme, execution):
    return [line for line in acme.transcript(execution.id) if line.role == "failure"]


@pytest.mark.parametrize("name", PASSING)
def test_what_may_pass_is_tried_again_and_nothing_is_written_twice(world, name):
    fault, words = PASSING[name]
    peer, acme, task = world(fault)

    execution = acme.run_now(task.id)

    assert (execution.status, execution.verdict, execution.attempts) == ("completed", "done", 2)
    assert [each.title for each in acme.tasks()] == ["Made"]
    assert peer.answered == [0, 1]
    (failure,) = failures(acme, execution)
    assert words in failure.content
    assert 0 < failure.wait <= 2
    assert KEY not in str(acme.transcript(execution.id))


@pytest.mark.parametrize("name", PASSING)
def test_what_does_not_pass_is_given_up_after_three_attempts(world, name):
    fault, words = PASSING[name]
    peer, acme, task = world(*[fault] * 3)

    execution = acme.run_now(task.id)

    assert (execution.status, execution.reason, execution.attempts) == ("failed", "provider", 3)
    assert words in execution.error
    assert [each.title for each in acme.tasks()] == ["Made"]
    assert len(peer.requests) == 4
    first, second = (failure.wait for failure in failures(acme, execution))
    assert 0 < first <= 2
    assert second > 1


@pytest.mark.parametrize("name", FINAL)
def test_what_cannot_pass_is_not_tried_again(world, name):
    fault, words = FINAL[name]
    peer, acme, task = world(fault)

    execution = acme.run_now(task.id)

    assert (execution.status, execution.reason, execution.attempts) == ("failed", "provider", 1)
    assert execution.error.startswith(f"anthropic: {words}")
    assert [each.title for each in acme.tasks()] == ["Made"]
    assert len(peer.requests) == 2
    assert KEY not in execution.error


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after-ms": "6500"}, 6.5),
        ({"retry-after": "30", "date": "x"}, 30),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
    ],
)
def test_the_wait_that_the_service_asks_for_is_kept(world, headers, seconds):
    _, acme, task = world(Refusal(429, "Slow down.", headers=headers))

    execution = acme.run_now(task.id)

    (failure,) = failures(acme, execution)
    if seconds is None:
        assert failure.wait <= 2
    else:
        assert failure.wait == seconds
        assert execution.duration.total_seconds() >= seconds


def test_a_date_until_which_to_wait_is_by_the_services_own_clock(world):
    date = parsedate_to_datetime("Sun, 01 Jan 2040 00:00:00 GMT")
    headers = {"date": format_datetime(date), "retry-after": format_datetime(date + timedelta(seconds=20))}
    _, acme, task = world(Refusal(429, "Slow down.", headers=headers))

    execution = acme.run_now(task.id)

    assert [failure.wait for failure in failures(acme, execution)] == [20]


def test_a_wait_beyond_the_time_limit_ends_it_at_once(world):
    _, acme, task = world(Refusal(429, "Slow down.", headers={"retry-after": "3600"}))

    execution = acme.run_now(task.id)

    assert (execution.status, execution.reason, execution.attempts) == ("failed", "provider", 1)
    assert execution.duration.total_seconds() < 60


def test_an_answer_that_breaks_off_is_paid_for(world):
    peer, acme, task = world(Broken("cut", chunks=9))

    execution = acme.run_now(task.id)

    assert execution.input_tokens == sum(len(json.dumps(body)) // 4 for body in peer.requests)
    assert execution.output_tokens > 100
    assert (execution.cache_write_tokens, execution.cache_read_tokens) == (60, 30)


def test_a_refused_connection_is_tried_again_and_named(open_workspace):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    ws = open_workspace(provider=AnthropicProvider(api_key=KEY, base_url=f"http://127.0.0.1:{port}"))
    acme = ws.store("acme")

    execution = acme.run_now(acme.create_recurring_task("Triage", "Look.", every="1 day").id)

    assert (execution.status, execution.reason, execution.attempts) == ("failed", "provider", 3)
    assert "the service cannot be reached" in execution.error


CREATE = calls(("create_task", {"title": "Cut"})).content
DETAILS = {"type": "refusal", "category": "cyber", "explanation": None}


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (Say(CREATE, "max_tokens"), "truncated", "max_tokens"),
        (Say([text("So")], "model_context_window_exceeded"), "truncated", "model_context_window_exceeded"),
        (Say([text("No.")], "refusal", stop_details=DETAILS), "refused", "declined to do what was asked (cyber)."),
        (Say([text("No.")], "refusal"), "refused", "declined to do what was asked."),
        (Say([text(" ")], "end_turn"), "empty_answer", "was empty"),
    ],
    ids=["out of tokens", "out of context", "a refusal", "an unexplained one", "no words"],
)
def test_each_reason_to_stop_has_its_own_end_and_nothing_of_it_is_carried_out(world, answer, reason, words):
    _, acme, task = world(answer)

    execution = acme.run_now(task.id)

    assert (execution.status, execution.reason) == ("failed", reason)
    assert words in execution.error
    assert [each.title for each in acme.tasks()] == ["Made"]


def test_an_answer_in_words_alone_is_the_end_and_its_verdict_unknown(world):
    _, acme, task = world(Say([text("All is well.")], "end_turn"))

    execution = acme.run_now(task.id)

    assert (execution.status, execution.verdict, execution.output) == ("completed", None, "All is well.")


def test_a_turn_that_is_paused_is_asked_to_go_on(world):
    peer, acme, task = world(Say([text("Wait.")], "pause_turn"))

    execution = acme.run_now(task.id)

    assert (execution.status, execution.turns) == ("completed", 3)
    assert peer.requests[2]["messages"][-1] == {"role": "assistant", "content": [text("Wait.")]}


# The same of a server that others wrote


@pytest.fixture
def others(llmock, open_workspace):
    """A task that is carried out against llmock, which makes one task and ends unless it is told otherwise."""
    provider = AnthropicProvider(api_key="any", base_url=llmock.base_url("anthropic"), read_timeout=PATIENCE)
    acme = open_workspace(provider=provider).store("acme")
    return llmock, acme, acme.create_recurring_task("Triage", "Make a task.", every="1 day")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_others_refusals_are_final(others, status):
    llmock, acme, task = others
    llmock.fail(status)

    execution = acme.run_now(task.id)

    assert (execution.status, execution.reason, execution.attempts) == ("failed", "provider", 1)
    assert execution.error.startswith(f"anthropic: {status} ")
    llmock.assert_resilient()


@pytest.mark.parametrize("status", [408, 429, 500, 503, 529])
def test_others_troubles_are_waited_out(others, status):
    llmock, acme, task = others
    llmock.fail(status, times=2, retry_after=3 if status == 429 else None)
    llmock.call_tool("create_task", {"title": "Made"}).call_tool("finish", {"outcome": "done", "summary": "Done."})

    execution = acme.run_now(task.id)

    assert (execution.status, execution.attempts) == ("completed", 3)
    assert [each.title for each in acme.tasks()] == ["Made"]
    if status == 429:
        assert all(failure.wait >= 3 for failure in failures(acme, execution))


@pytest.mark.parametrize("kind", ["disconnect", "truncate", "malformed", "stall"])
@pytest.mark.parametrize("chunks", [1, 3, 5])
def test_others_broken_streams_write_nothing_and_are_asked_again(others, kind, chunks):
    llmock, acme, task = others
    create, end = {"title": "Made"}, {"outcome": "done", "summary": "Done."}
    breaks = {"disconnect": llmock.disconnect, "truncate": llmock.truncate, "malformed": llmock.corrupt}
    if kind == "stall":
        llmock.stall(after_chunks=chunks, seconds=5)
    else:
        breaks[kind](after_chunks=chunks)
    llmock.call_tool("create_task", create).call_tool("create_task", create).call_tool("finish", end)

    execution = acme.run_now(task.id)

    assert (execution.status, execution.verdict, execution.attempts) == ("completed", "done", 2)
    assert [each.title for each in acme.tasks()] == ["Made"]


@pytest.mark.parametrize("kind", ["malformed_arguments", "unknown_tool"])
def test_others_broken_calls_are_told_to_the_model_or_asked_again(others, kind):
    llmock, acme, task = others
    create, end = {"title": "Made"}, {"outcome": "done", "summary": "Done."}
    llmock.break_tool_call(kind)
    llmock.call_tool("create_task", create).call_tool("create_task", create).call_tool("finish", end)

    execution = acme.run_now(task.id)

    assert (execution.status, execution.verdict) == ("completed", "done")
    assert [each.title for each in acme.tasks()] == ["Made"]


def test_every_kind_of_error_is_in_the_table():
    assert set(TYPES) >= {fault.status for fault, _ in ALL.values() if isinstance(fault, Refusal)}
