"""The library without a browser: what it lists, puts away and takes out again, and what it refuses."""

import json
import queue

import pytest

from wsq.views import Board, Library
from wsq.views.live.dispatch import Dispatcher
from wsq.views.live.hub import forget


@pytest.fixture
def ask(store):
    dispatcher = Dispatcher(store)

    def asked(wish, /, **fields):
        return dispatcher.answer(json.dumps({"type": wish, "ref": 7, **fields}))

    return asked


@pytest.fixture
def library(store):
    """A page that puts what it sends to its browser into `told`."""
    made = Library(store)
    made.told = queue.Queue()
    made._send_msg = lambda text: made.told.put(json.loads(text))
    yield made
    made.close()
    forget(store.workspace)


def lists(ask, *, archived=False, known=""):
    return ask("library", archived=archived, known=known)["value"]


def next_told(library, kind):
    return next(message for message in iter(lambda: library.told.get(timeout=30), None) if message["type"] == kind)


def test_a_row_tells_what_matters_of_it(store, ask):
    launch = store.create_project("Launch", description="In April")
    store.create_task("Write copy", project_id=launch.id)
    store.create_contact("Ada", email="ada@example.com", notes="Prints", project_id=launch.id)
    store.create_document("Draft: hello", "x" * 1_000, project_id=launch.id)

    told = lists(ask)

    [project], [contact], [document] = told["projects"], told["contacts"], told["documents"]
    assert (project["name"], project["text"], project["archived"]) == ("Launch", "In April", False)
    assert project["counts"] == {
        "open_tasks": 1,
        "recurring_tasks": 0,
        "enabled_recurring_tasks": 0,
        "contacts": 1,
        "documents": 1,
    }
    assert (contact["name"], contact["email"], contact["text"]) == ("Ada", "ada@example.com", "Prints")
    assert contact["projects"] == document["projects"] == [launch.id]
    assert (document["text"], document["length"]) == ("x" * 199 + "…", 1_000)
    assert (document["draft"], document["by_agent"], document["archived"]) == (True, False, False)


def test_lists_stay_small_however_long_the_documents_are(store, ask):
    for number in range(3):
        store.create_document(f"Novel {number}", "é" * 1_000_000)
        store.create_project(f"Saga {number}", description="é" * 20_000)
        store.create_contact(f"Author {number}", notes="é" * 20_000)

    assert len(json.dumps(lists(ask))) < 30_000


def test_a_page_that_knows_the_lists_is_not_sent_them_again(store, ask):
    store.create_project("Launch")
    mark = lists(ask)["mark"]

    assert lists(ask, known=mark) == {"mark": mark}
    store.create_document("Brief")
    assert [each["name"] for each in lists(ask, known=mark)["documents"]] == ["Brief"]


def test_a_store_that_is_not_there_yet_has_empty_lists_and_stays_that_way(store, ask):
    told = lists(ask)

    assert (told["projects"], told["contacts"], told["documents"]) == ([], [], [])
    assert store.workspace.stores() == []


@pytest.mark.parametrize("kind", ["project", "document"])
def test_what_is_archived_is_shown_to_who_asks_for_it_and_can_be_taken_out_again(store, ask, kind):
    row = getattr(store, f"create_{kind}")("Old")

    assert ask("archive", kind=kind, id=row.id)["ok"]
    assert lists(ask)[f"{kind}s"] == []
    assert [each["archived"] for each in lists(ask, archived=True)[f"{kind}s"]] == [True]

    assert ask("restore", kind=kind, id=row.id)["value"] == {"id": row.id, "version": row.version + 2}
    assert [each["name"] for each in lists(ask)[f"{kind}s"]] == ["Old"]


def test_undoing_that_a_project_was_archived_enables_what_that_disabled_and_nothing_else(store, ask):
    launch, other = store.create_project("Launch"), store.create_project("Other")
    on, off = (store.create_recurring_task(n, "List", every="1 day", project_id=launch.id) for n in ("on", "off"))
    elsewhere = store.create_recurring_task("elsewhere", "List", every="1 day", project_id=other.id)
    for task in (off, elsewhere):
        store.disable_recurring_task(task.id)

    disabled = ask("archive", kind="project", id=launch.id)["value"]["disabled"]
    assert disabled == [on.id]
    assert not store.recurring_task(on.id).enabled
    assert ask("restore", kind="project", id=launch.id, enable=[on.id, elsewhere.id, "nope"])["ok"]

    assert {task.name: task.enabled for task in store.recurring_tasks()} == {
        "on": True,
        "off": False,
        "elsewhere": False,
    }


def test_a_contact_is_deleted_once(store, ask):
    ada = store.create_contact("Ada")

    assert ask("delete_contact", id=ada.id)["ok"]
    assert store.contacts() == []
    again = ask("delete_contact", id=ada.id)
    assert not again["ok"]
    assert "no contact" in again["error"]


@pytest.mark.parametrize(
    "forged",
    [
        {"type": "library"},
        {"type": "library", "archived": "yes", "known": ""},
        {"type": "library", "archived": True, "known": None},
        {"type": "library", "archived": True, "known": "x" * 65},
        {"type": "library", "archived": True, "known": "", "store": "globex"},
        {"type": "archive", "kind": "contact", "id": "x"},
        {"type": "archive", "kind": "task", "id": "x"},
        {"type": "archive", "id": "x"},
        {"type": "archive", "kind": "project", "id": ""},
        {"type": "archive", "kind": "project", "id": ["x"]},
        {"type": "restore", "kind": "project", "id": "x", "enable": "x"},
        {"type": "restore", "kind": "project", "id": "x", "enable": [7]},
        {"type": "restore", "kind": "project", "id": "x", "enable": ["x"] * 1_001},
        {"type": "delete_contact", "id": None},
        {"type": "delete_contact", "id": "x", "sure": True},
    ],
)
def test_a_malformed_wish_is_refused_and_writes_nothing(store, forged):
    answer = Dispatcher(store).answer(json.dumps({"ref": 1, **forged}))

    assert not answer["ok"]
    assert "invalid request" in answer["error"]
    assert store.workspace.stores() == []


@pytest.mark.parametrize("kind", ["project", "document"])
def test_what_belongs_to_another_store_is_out_of_reach(store, ask, kind):
    theirs = getattr(store.workspace.store("globex"), f"create_{kind}")("Theirs")
    getattr(store, f"create_{kind}")("Ours")

    for wish in ("archive", "restore"):
        answer = ask(wish, kind=kind, id=theirs.id)
        assert not answer["ok"]
        assert f"no {kind}" in answer["error"]
    assert getattr(store.workspace.store("globex"), kind)(theirs.id).archived_at is None


def test_a_library_tells_its_browser_that_something_has_changed_and_answers_it(store, library):
    store.create_project("Launch")
    next_told(library, "changed")

    library._handle_msg(json.dumps({"type": "library", "ref": 3, "archived": False, "known": ""}))

    answer = next_told(library, "answer")
    assert answer["ref"] == 3
    assert [each["name"] for each in answer["value"]["projects"]] == ["Launch"]
    assert store.id in [each["id"] for each in answer["header"]["stores"]]  # it may have come up after that was told


def test_a_library_finds_documents_by_their_whole_text(store, library):
    brief = store.create_document("Brief", "x " * 5_000 + "contract")
    store.create_document("Notes")

    library._handle_msg(json.dumps({"type": "search", "ref": 1, "text": "CONTRACT"}))

    assert next_told(library, "answer")["value"] == [brief.id]


@pytest.mark.parametrize("page", [Library, Board])
def test_a_search_of_too_many_words_is_refused_with_their_limit(store, page):
    made = page(store)
    made.told = queue.Queue()
    made._send_msg = lambda text: made.told.put(json.loads(text))

    made._handle_msg(json.dumps({"type": "search", "ref": 1, "text": " ".join(map(str, range(300)))}))

    answer = next_told(made, "answer")
    assert (answer["ok"], answer["error"]) == (False, "The search has 300 different words, expected at most 20.")
    made.close()
    forget(store.workspace)


def test_a_page_begins_without_a_read_and_finds_nothing_where_there_is_no_store_yet(library):
    first = json.loads(library.first)
    assert (first["type"], first["opening"]["path"], first["projects"]) == ("opening", "library", [])

    library._handle_msg(json.dumps({"type": "search", "ref": 1, "text": "contract"}))

    assert next_told(library, "answer")["value"] == []
