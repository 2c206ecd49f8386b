"""The whole loop through the SDK, against a peer that refuses what the service refuses."""

from __future__ import annotations

import json
import threading
import time

import pytest

from tests.agent.peer import Say, calls, finished, text, thinking
from tests.agent.strict import Memory, Refused, check, uncached
from tests.rings import within
from wsq.agent.providers.anthropic import thinks

pytestmark = pytest.mark.long_on_server

HARD = "Line\none\ttab <b>&amp;</b> {{today}} {{x}} \u202eright to left\u202c 𝔘𝔫𝔦 🦆\u200d \"quoted\" 'and' \\back"
"""What texts lose when somebody tidies them up."""


def test_two_parallel_calls_with_thinking_and_then_finish(serve, ask):
    # Given a service that thinks, makes two tasks at once, looks, and ends
    peer = serve(
        [
            calls(
                ("create_task", {"title": "One"}),
                ("create_task", {"title": "Two", "status": "doing"}),
                before=[thinking("Two tasks are wanted."), text("I make both.")],
            ),
            calls(("list_tasks", {}), before=[{"type": "redacted_thinking", "data": "c2VjcmV0"}]),
            finished("Made two tasks."),
        ]
    )
    acme = ask(peer.url).store("acme")
    task = acme.create_recurring_task("Triage", "Make two tasks.", every="1 day")

    # When it is carried out
    execution = acme.run_now(task.id)

    # Then it is done, with all of it on record
    assert execution.error is None
    assert (execution.status, execution.verdict, execution.output) == ("completed", "done", "Made two tasks.")
    assert (execution.model, execution.attempts) == ("claude-sonnet-5-5", 1)
    made = [acme.task(id_) for id_ in execution.created_task_ids]
    assert [(each.title, each.status) for each in made] == [("One", "todo"), ("Two", "doing")]
    assert execution.output_tokens == 150
    assert (execution.cache_write_tokens, execution.cache_read_tokens) == (60, 30)
    dollars = execution.input_tokens * 2 + 150 * 10 + 60 * 2.5 + 30 * 0.1
    assert execution.cost_usd == pytest.approx(dollars / 1_000_000)
    # and the second request gave the first answer back, its thinking byte for byte, both results in one message
    _, again, said, results = [None, *peer.requests[1]["messages"]]
    assert said["content"][0]["signature"]
    assert [block["type"] for block in said["content"]] == ["thinking", "text", "tool_use", "tool_use"]
    assert [block["type"] for block in results["content"]] == ["tool_result", "tool_result"]
    assert uncached(again) == uncached(peer.requests[0]["messages"][0])
    assert peer.answered == [0, 1, 2]


def test_what_is_asked_for_is_what_the_current_models_take(serve, ask):
    peer = serve([finished()])
    acme = ask(peer.url).store("acme")

    acme.run_now(acme.create_recurring_task("Triage", "Look.", every="1 day").id)

    (body,) = peer.requests
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": "medium"}
    assert (body["model"], body["max_tokens"], body["stream"]) == ("claude-sonnet-5-5", 16_000, True)
    assert all(tool["strict"] for tool in body["tools"])
    assert not {"temperature", "top_p", "top_k", "tool_choice"} & set(body)


@pytest.mark.parametrize("model", ["qwen3:8b", "claude-haiku-4-5", "SmolLM2"])
def test_models_without_adaptive_thinking_are_asked_plainly(serve, ask, model):
    peer = serve([calls(("create_task", {"title": "One"})), finished()])
    acme = ask(peer.url).store("acme")
    task = acme.create_recurring_task("Triage", "Look.", every="1 day", model=model)

    execution = acme.run_now(task.id)

    assert execution.error is None
    assert (execution.status, execution.model) == ("completed", model)
    assert all(not {"thinking", "output_config"} & set(body) for body in peer.requests)
    assert all("strict" not in tool for body in peer.requests for tool in body["tools"])
    assert (execution.cost_usd is None) == (not model.startswith("claude-"))


def test_which_models_think_adaptively_goes_by_their_version():
    old = ["claude-3-7-sonnet-20250219", "claude-opus-4-20250514", "claude-haiku-4-5-20251001", "claude-opus-4-5"]
    new = ["claude-opus-4-6", "claude-sonnet-5", "claude-sonnet-5-5", "claude-opus-5-20260724", "claude-mythos-preview"]

    assert [thinks(model) for model in old + new] == [False] * 4 + [True] * 5
    assert not thinks("gpt-oss:20b")


def test_the_tasks_model_goes_before_the_stores_before_the_settings(serve, ask, monkeypatch):
    monkeypatch.setenv("WSQ_MODEL", "claude-opus-5-5")
    peer = serve([finished()])
    ws = ask(peer.url)
    ws.create_store("acme", model="claude-haiku-5-5")
    acme, other = ws.store("acme"), ws.store("other")

    for store, model in ((acme, "claude-sonnet-5"), (acme, None), (other, None)):
        store.run_now(store.create_recurring_task("Triage", "Look.", every="1 day", model=model).id)

    assert [body["model"] for body in peer.requests] == ["claude-sonnet-5", "claude-haiku-5-5", "claude-opus-5-5"]


def test_a_server_that_asks_for_no_key_is_served_without_one(serve, ask):
    peer = serve([finished()], key="none")
    acme = ask(peer.url, key=None).store("acme")

    execution = acme.run_now(acme.create_recurring_task("Triage", "Look.", every="1 day").id)

    assert execution.status == "completed"


@pytest.mark.parametrize("where", ["prompt", "description", "tool", "output"])
def test_hard_text_reaches_the_model_and_the_board_unchanged(serve, ask, where):
    peer = serve([calls(("create_task", {"title": "One", "description": HARD})), finished(HARD)])
    acme = ask(peer.url).store("acme")
    given = {"prompt": HARD if where == "prompt" else "Look.", "description": HARD if where == "description" else ""}
    task = acme.create_recurring_task("Triage", every="1 day", **given)

    execution = acme.run_now(task.id)

    prompt, data = peer.requests[0]["messages"][0]["content"][-1]["text"], peer.requests[0]["messages"][0]["content"]
    match where:
        case "prompt":
            assert prompt == HARD.replace("{{today}}", "2026-03-02")
        case "description":
            assert HARD in _told(data, "execution")["description"]
        case "tool":
            assert acme.task(execution.created_task_ids[0]).description == HARD
            back = peer.requests[1]["messages"][1]["content"][0]["input"]
            assert back["description"] == HARD
        case "output":
            assert execution.output == HARD


def _told(content, tag):
    """What stands as JSON inside a tag of the first message."""
    whole = content[0]["text"]
    _, _, after = whole.partition(f"<{tag} mark=")
    return json.loads(after.partition(">\n")[2].partition(f"\n</{tag} ")[0])


@pytest.mark.timed
def test_cancelling_stops_the_request_within_a_second(serve, ask):
    peer = serve([Say([text("Late.")], seconds=30)])
    acme = ask(peer.url).store("acme")
    running = acme.start_now(acme.create_recurring_task("Triage", "Look.", every="1 day").id)
    _until(lambda: peer.requests)

    began = time.monotonic()
    acme.cancel_execution(running.id)

    assert peer.left.wait(within(2.0)), "the connection was not closed"
    assert time.monotonic() - began < within(1.5)
    assert acme.execution(running.id).status == "cancelled"
    assert acme.tasks() == []


def test_closing_the_workspace_gives_the_connections_back(serve, ask):
    peer = serve([Say([text("Late.")], seconds=30)])
    ws = ask(peer.url)
    acme = ws.store("acme")
    acme.start_now(acme.create_recurring_task("Triage", "Look.", every="1 day").id)
    _until(lambda: peer.requests)

    ws.close()

    assert peer.left.wait(20)
    assert [thread for thread in threading.enumerate() if "wsq-executor" in thread.name] == []


def _until(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


# The peer itself


def _body(**given):
    message = {"role": "user", "content": [{"type": "text", "text": "Hello"}]}
    return {"model": "claude-sonnet-5-5", "max_tokens": 100, "stream": True, "messages": [message], **given}


def _answered(*content):
    return {"role": "assistant", "content": list(content)}


CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "{}"}
HELLO = _body()["messages"][0]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"wishes": 1}, "wishes: Extra inputs"),
        ({"temperature": 1}, "temperature: is not supported"),
        ({"tool_choice": {"type": "any"}, "thinking": {"type": "adaptive"}}, "thinking may not be enabled"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "takes `adaptive`"),
        ({"messages": [HELLO, _answered(CALL)]}, "without `tool_result`"),
        ({"messages": [HELLO, _answered(CALL), HELLO]}, "without `tool_result`"),
        ({"messages": [{"role": "user", "content": [RESULT]}]}, "unexpected `tool_use_id`"),
        ({"messages": [HELLO, _answered(CALL), {"role": "user", "content": [text("x"), RESULT]}]}, "come first"),
        ({"messages": [HELLO, HELLO]}, "alternate"),
        ({"messages": [{"role": "user", "content": [text(" ")]}]}, "non-whitespace"),
        ({"messages": [HELLO, _answered({**thinking("x"), "signature": "made up"}), HELLO]}, "Invalid `signature`"),
        ({"system": [{**text("x"), "cache_control": {"type": "ephemeral"}}] * 5}, "maximum of 4"),
        ({"max_tokens": 0}, "max_tokens"),
    ],
)
def test_the_peer_refuses_what_the_service_refuses(given, why):
    with pytest.raises(Refused, match=why):
        check(_body(**given), Memory())


@pytest.mark.parametrize("changed", ["system", "tools", "message", "thinking", "nothing"])
def test_the_peer_refuses_a_changed_prefix_under_a_thinking_block(changed):
    memory = Memory()
    body = _body(system="Be good.", tools=[{"name": "look", "input_schema": {"type": "object"}}])
    said = memory.sign(body, [thinking("Hm."), CALL])
    match changed:
        case "system":
            body["system"] = "Be good!"
        case "tools":
            body["tools"] = [{**body["tools"][0], "description": "Look."}]
        case "message":
            body["messages"] = [{"role": "user", "content": [text("Hello.")]}]
        case "thinking":
            said = [{**said[0], "thinking": "Hm!"}, CALL]
    body["messages"] = [*body["messages"], _answered(*said), {"role": "user", "content": [RESULT]}]

    if changed == "nothing":
        check(body, memory)
        return
    with pytest.raises(Refused):
        check(body, memory)
