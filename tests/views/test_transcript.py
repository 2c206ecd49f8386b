import json

import wsq
from wsq.agent.providers import ScriptedProvider, call, finish, say
from wsq.agent.providers.base import ProviderError
from wsq.views.dialogs import transcript


def turns_of(tmp_path, lines):
    with wsq.open(tmp_path / "other.duckdb", provider=ScriptedProvider(lines)) as ws:
        store = ws.store("acme")
        task = store.create_recurring_task("Triage", "Look.", every="1 day")
        return transcript.turns(store.transcript(store.run_now(task.id).id))


def test_each_call_stands_in_the_answer_that_made_it_with_its_arguments_and_its_result(tmp_path):
    lines = [
        call(("create_task", {"title": "One"}), ("get_task", {"task_id": "nowhere"})),
        finish("done", "Made **one**."),
    ]

    asked, first, second = turns_of(tmp_path, lines)

    assert (asked["word"], first["word"], second["word"]) == ("Asked", "Answered", "Answered")
    assert "Look." in asked["text"]
    assert [made["tool"] for made in first["calls"]] == ["create_task", "get_task"]
    assert json.loads(first["calls"][0]["arguments"]) == {"title": "One"}
    assert json.loads(first["calls"][0]["result"])["task"]["title"] == "One"
    assert [made["is_error"] for made in first["calls"]] == [False, True]
    assert [made["tool"] for made in second["calls"]] == ["finish"]


def test_an_answer_is_told_as_markdown_and_never_as_markup(tmp_path):
    *_, last = turns_of(tmp_path, [say("**Done** <script>alert(1)</script>")])

    assert "strong" in json.dumps(last["tree"])
    assert "<script>alert(1)</script>" in json.dumps(last["tree"])


def test_a_failed_attempt_says_why_and_how_long_was_waited(tmp_path):
    overloaded = ProviderError("The service is overloaded.", retryable=True)

    def overloaded_once(_request, tried=[]):  # noqa: B006 - it remembers that it was tried
        tried.append(1)
        if len(tried) == 1:
            raise overloaded
        return finish("done", "At last.")

    _, failed, answered = turns_of(tmp_path, [overloaded_once])

    assert (failed["word"], answered["word"]) == ("Failed attempt", "Answered")
    assert "overloaded" in failed["text"]
    assert failed["wait"] > 0


def test_a_result_whose_answer_is_gone_is_shown_all_the_same():
    class Line:
        role, tool, tool_use_id, content, is_error, at, wait = "tool", "get_task", "t1", {"ok": True}, False, None, None

    [turn] = transcript.turns([Line])

    assert turn["calls"][0]["result"] == '{\n  "ok": true\n}'
