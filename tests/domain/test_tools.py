"""The tools for documents, people and projects: what they tell, what they change, and how far they reach."""

from __future__ import annotations

import json

import pytest

from tests.domain.worlds import UNUSUAL_TEXTS
from wsq.agent.tools import Scope, offered, only_looks
from wsq.agent.tools.base import MOST_LISTED
from wsq.agent.tools.documents import FOUND, PART


@pytest.fixture
def library(agent):
    """Two projects with documents and people each, and one document of both and one of none."""
    store = agent.store

    class Library:
        launch, other = store.create_project("Launch"), store.create_project("Other")
        brief = store.create_document("Brief", "The launch is in May.", project_id=launch.id)
        secret = store.create_document("Secret", "Of the other project.", project_id=other.id)
        shared = store.create_document("Shared", "Of both.", project_id=other.id)
        loose = store.create_document("Loose", "Of none.")
        ada = store.create_contact("Ada", email="Ada@example.com", notes="Likes MAY", project_id=launch.id)
        bob = store.create_contact("Bob", email="bob@example.org", project_id=other.id)

    store.add_document_to_project(Library.shared.id, Library.launch.id)
    return Library


def titles(result):
    return [document["title"] for document in result["documents"]]


# Documents


def test_in_a_project_its_documents_are_listed_and_no_others(agent, library):
    result, is_error = agent.call("list_documents", library.launch.id)

    assert not is_error
    assert titles(result) == ["Brief", "Shared"]
    assert result["documents"][0]["characters"] == len("The launch is in May.")
    assert titles(agent.call("list_documents")[0]) == ["Brief", "Loose", "Secret", "Shared"]


def test_an_archived_document_is_gone(agent, library):
    agent.store.archive_document(library.brief.id)

    assert titles(agent.call("list_documents", library.launch.id)[0]) == ["Shared"]
    assert titles(agent.call("search_documents", library.launch.id, query="may")[0]) == []
    assert agent.call("read_document", library.launch.id, document_id=library.brief.id)[1]


@pytest.mark.parametrize(
    ("query", "found"),
    [("may", ["Brief"]), ("MAY launch", ["Brief"]), ("of", ["Shared"]), ("brief may", ["Brief"]), ("june", [])],
)
def test_documents_are_found_by_all_words_whatever_their_case(agent, library, query, found):
    result, _ = agent.call("search_documents", library.launch.id, query=query)

    assert titles(result) == found


def test_a_search_shows_the_text_around_what_it_found(agent, library):
    agent.store.create_document("Long", "a" * 900 + " Nadel im Heu " + "b" * 900, project_id=library.launch.id)

    result, _ = agent.call("search_documents", library.launch.id, query="NADEL")

    (found,) = result["documents"]
    assert "Nadel im Heu" in found["found"]
    assert len(found["found"]) <= 300


@pytest.mark.parametrize("query", ["%", "_", "'", "\\", "$1", "[a]", "a'; DROP TABLE documents; --"])
def test_a_search_takes_every_character_as_it_is(agent, library, query):
    agent.store.create_document("Odd", f"Here: {query}!", project_id=library.launch.id)

    assert titles(agent.call("search_documents", library.launch.id, query=query)[0]) == ["Odd"]


def test_more_than_a_search_returns_is_said(agent, library):
    for number in range(FOUND + 1):
        agent.store.create_document(f"Doc {number:02}", "needle", project_id=library.launch.id)

    result, _ = agent.call("search_documents", library.launch.id, query="needle")

    assert len(result["documents"]) == FOUND
    assert "more" in result["hint"]


@pytest.mark.parametrize("text", UNUSUAL_TEXTS)
def test_a_document_is_read_as_it_was_written(agent, library, text):
    document = agent.store.create_document("Odd", text, project_id=library.launch.id)

    parts, offset = "", 0
    while offset is not None:
        result, is_error = agent.call("read_document", library.launch.id, document_id=document.id, offset=offset)
        assert not is_error
        assert len(result["text"]) <= PART
        parts, offset = parts + result["text"], result["next_offset"]

    assert parts == agent.store.document(document.id).content
    assert result["total"] == len(parts)


def test_a_document_is_written_and_known_as_the_executions(agent, library):
    result, _ = agent.call("create_document", library.launch.id, title="Draft: to Ada", content="To: ada@example.com")

    document = agent.store.document(result["document"]["id"])
    assert (document.title, document.content) == ("Draft: to Ada", "To: ada@example.com")
    assert document.project_ids == (library.launch.id,)
    assert document.created_by_execution_id == agent.execution.id
    assert agent.execution.changes == 1


def test_without_a_project_a_document_goes_where_it_is_told_to(agent, library):
    loose, _ = agent.call("create_document", title="Loose", content="x")
    placed, _ = agent.call("create_document", title="Placed", content="x", project_id=library.other.id)

    assert agent.store.document(loose["document"]["id"]).project_ids == ()
    assert agent.store.document(placed["document"]["id"]).project_ids == (library.other.id,)


def test_what_is_left_out_of_an_update_stays(agent, library):
    agent.call("update_document", library.launch.id, document_id=library.brief.id, content="It is in June.")

    document = agent.store.document(library.brief.id)
    assert (document.title, document.content) == ("Brief", "It is in June.")


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("read_document", {"document_id": "nowhere"}, "no document 'nowhere' in this project; list_documents"),
        ("read_document", {"document_id": "BRIEF", "offset": 22}, "offset is 22, expected at most 21"),
        ("read_document", {"document_id": "BRIEF", "offset": -1}, "offset: "),
        ("read_document", {}, "document_id: "),
        ("search_documents", {"query": "  "}, "query is empty"),
        (
            "search_documents",
            {"query": " ".join(map(str, range(21)))},
            "query has 21 different words, expected at most 20",
        ),
        ("create_document", {"title": "", "content": "x"}, "title is ''"),
        ("create_document", {"title": "x", "content": "x" * 1_000_001}, "1,000,000"),
        ("create_document", {"title": "x", "content": "x", "project_id": "other"}, "project_id: "),
        ("search_contacts", {"query": ""}, "query is empty"),
        ("get_project", {"project_id": "x"}, "project_id: "),
    ],
)
def test_a_mistake_is_told_with_what_would_work_and_changes_nothing(agent, library, tool, arguments, says):
    given = {name: library.brief.id if value == "BRIEF" else value for name, value in arguments.items()}

    result, is_error = agent.call(tool, library.launch.id, **given)

    assert is_error
    assert says in result["error"]
    assert agent.execution.changes == 0


@pytest.mark.parametrize("which", ["secret", "loose"])
@pytest.mark.parametrize("tool", ["read_document", "update_document"])
def test_what_lies_outside_the_project_is_not_found(agent, library, tool, which):
    document = getattr(library, which)

    result, is_error = agent.call(tool, library.launch.id, document_id=document.id)

    assert is_error
    assert result["error"].startswith(f"There is no document {document.id!r} in this project")
    assert document.title not in str(result)


def test_another_stores_document_is_not_found(agent, library):
    elsewhere = agent.store.workspace.store("elsewhere").create_document("Theirs", "x")

    for tool in ("read_document", "update_document"):
        result, is_error = agent.call(tool, document_id=elsewhere.id)
        assert is_error
        assert "in this store" in result["error"]


# People and projects


def test_people_are_listed_with_their_addresses(agent, library):
    here, _ = agent.call("list_contacts", library.launch.id)
    everybody, _ = agent.call("list_contacts")

    assert here["contacts"] == [{"id": library.ada.id, "name": "Ada", "email": "Ada@example.com", "notes": "Likes MAY"}]
    assert [contact["name"] for contact in everybody["contacts"]] == ["Ada", "Bob"]


@pytest.mark.parametrize(("query", "found"), [("ADA", ["Ada"]), ("may example", ["Ada"]), ("bob", []), ("@", ["Ada"])])
def test_people_are_found_by_all_words_in_the_project_alone(agent, library, query, found):
    result, _ = agent.call("search_contacts", library.launch.id, query=query)

    assert [contact["name"] for contact in result["contacts"]] == found


def test_the_project_is_shown_in_one_and_all_are_listed_without(agent, library):
    shown, _ = agent.call("get_project", library.launch.id)
    listed, _ = agent.call("list_projects")

    assert shown["project"]["name"] == "Launch"
    assert [project["name"] for project in listed["projects"]] == ["Launch", "Other"]
    assert agent.call("list_projects", library.launch.id)[1]
    assert agent.call("get_project")[1]


# Long lists


def test_a_long_list_says_how_many_are_left_out_and_how_to_get_them(agent):
    agent.store.workspace._log.write(_many_tasks)

    first, _ = agent.call("list_tasks")
    rest, _ = agent.call("list_tasks", offset=MOST_LISTED)

    assert (len(first["tasks"]), first["left_out"]) == (MOST_LISTED, 7)
    assert "offset" in first["hint"]
    assert len(rest["tasks"]) == 7
    assert "left_out" not in rest


def test_long_lists_of_people_and_projects_say_how_many_are_left_out(agent):
    agent.store.workspace._log.write(_many_people_and_projects)

    for tool, given in (("list_contacts", {}), ("search_contacts", {"query": "PERSON"}), ("list_projects", {})):
        result, _ = agent.call(tool, **given)
        first, *rest = result[tool.partition("_")[2]]
        assert (first["name"][-3:], len(rest), result["left_out"]) == ("000", MOST_LISTED - 1, 7)


def _many_people_and_projects(tx):
    from wsq.commands import boards

    for number in range(MOST_LISTED + 7):
        boards.create_contact(tx, "acme", f"Person {number:03}")
        boards.create_project(tx, "acme", f"Project {number:03}")


def _many_tasks(tx):
    from wsq.commands import tasks

    for number in range(MOST_LISTED + 7):
        tasks.create_task(tx, "acme", f"Task {number}")


# The catalogue


SCOPES = [Scope(store_id="s", project_id=project_id, execution_id="e") for project_id in (None, "p")]


def test_what_only_looks_is_not_counted_as_a_change():
    looks = {name for scope in SCOPES for name in named(scope) if only_looks(name)}

    assert looks == {
        "list_tasks", "get_task", "list_documents", "search_documents", "read_document", "list_contacts",
        "search_contacts", "get_project", "list_projects", "finish",
    }  # fmt: skip
    assert not only_looks("launch_rocket")


def named(scope):
    return [tool["name"] for tool in json.loads(offered(scope))]


def test_no_tool_sends_fetches_runs_or_reschedules_anything():
    names = " ".join(name for scope in SCOPES for name in named(scope))

    assert not any(word in names for word in ("send", "mail", "fetch", "http", "run", "recurring", "schedule"))
