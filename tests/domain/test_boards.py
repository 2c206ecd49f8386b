"""Stores, projects, contacts and documents: what commands promise."""

from __future__ import annotations

import pytest

import wsq
from tests.domain.worlds import UNUSUAL_TEXTS, head, names, nothing_written, refused
from wsq.queries.boards import ProjectCounts


def test_the_first_command_makes_the_store_in_the_zone_of_the_settings(ws, acme):
    with pytest.raises(wsq.NotFound):
        acme.row()

    acme.create_project("Launch")

    assert names(acme) == ["store.create", "project.create"]
    assert (acme.row().id, acme.row().timezone) == ("acme", "UTC")
    assert [row.id for row in ws.stores()] == ["acme"]


def test_a_command_that_is_refused_does_not_make_the_store(ws, acme):
    with refused(acme, wsq.InvalidInput):
        acme.create_project(" ")
    with refused(acme, wsq.NotFound):
        acme.update_project("nope", name="x")

    assert ws.stores() == []


@pytest.mark.parametrize("store_id", ["", "a b", "a/b", "ä", "x" * 65, "*", "a\n", "../x"])
def test_a_store_id_is_1_to_64_plain_characters(ws, store_id):
    with pytest.raises(wsq.InvalidInput):
        ws.store(store_id)
    with pytest.raises(wsq.InvalidInput):
        ws.create_store(store_id)


def test_a_store_can_be_made_edited_and_archived(ws):
    made = ws.create_store("acme", name=" Acme Ltd ", timezone="Europe/Berlin", budget_per_day=2)
    assert (made.name, made.timezone, made.budget_per_day, made.version) == ("Acme Ltd", "Europe/Berlin", 2.0, 1)

    edited = ws.update_store("acme", budget_per_day=None, model="claude-x")
    assert (edited.budget_per_day, edited.model, edited.name, edited.version) == (None, "claude-x", "Acme Ltd", 2)
    assert ws.update_store("acme", name="Acme Ltd").version == 2
    with pytest.raises(wsq.Conflict):
        ws.update_store("acme", name="Other", expected_version=1)
    with pytest.raises(wsq.InvalidInput):
        ws.create_store("acme")

    assert ws.archive_store("acme").archived_at is not None
    assert ws.stores() == []
    assert [row.id for row in ws.stores(include_archived=True)] == ["acme"]


def test_nothing_new_is_made_or_run_in_an_archived_store(ws, acme):
    task = acme.create_recurring_task("Triage", "List the tasks", every="1 hour")
    ws.archive_store("acme")

    with refused(acme, wsq.InvalidInput, "archived"):
        acme.create_task("More")
    with refused(acme, wsq.InvalidInput, "archived"):
        acme.run_now(task.id)


LISTS = (
    lambda s: s.projects(), lambda s: s.contacts(), lambda s: s.documents(), lambda s: s.document_lines(),
    lambda s: s.tasks(), lambda s: s.tasks(status="doing"), lambda s: s.recurring_tasks(), lambda s: s.executions(),
    lambda s: s.events(), lambda s: s.documents_holding("x"),
)  # fmt: skip


def test_the_lists_of_a_store_are_empty_until_its_first_command(ws):
    ws.create_store("marketing")
    handle = ws.store("sales")

    for question in LISTS:
        assert question(handle) == []
    assert (handle.project_counts(), handle.recent_runs()) == ({}, {})
    assert handle.recurring_tasks()._repr_html_()
    with pytest.raises(wsq.NotFound, match="store 'sales'"):
        handle.documents(project_id="x")
    assert [row.id for row in ws.stores()] == ["marketing"]

    handle.create_task("Call")

    assert [task.title for task in handle.tasks()] == ["Call"]


def test_an_unknown_store_is_not_found_and_the_nearest_is_named(ws):
    ws.create_store("marketing")
    questions = [
        lambda s: s.row(), lambda s: s.head(), lambda s: s.spending(), lambda s: s.since(ws.clock.now()),
        lambda s: ws.statistics(s.id), lambda s: s.forecast("x"), lambda s: s.executions("x"),
        lambda s: s.latest_execution("x"), lambda s: s.transcript("x"), lambda s: s.project("x"),
        lambda s: s.contact("x"), lambda s: s.document("x"), lambda s: s.task("x"),
        lambda s: s.recurring_task("x"), lambda s: s.execution("x"),
    ]  # fmt: skip

    for question in questions:
        with pytest.raises(wsq.NotFound, match="'marketing'"):
            question(ws.store("marketin"))


def test_an_unknown_id_is_not_found_and_the_nearest_is_named(acme):
    project = acme.create_project("Launch")
    acme.create_document("Brief")

    with pytest.raises(wsq.NotFound, match=project.id):
        acme.project(project.id[:-1] + "x")
    with pytest.raises(wsq.NotFound, match=rf"'{project.id}' \(Launch\)"):
        acme.update_project("launch", name="x")
    with pytest.raises(wsq.NotFound, match="Brief"):
        acme.document("brief")


@pytest.mark.parametrize("unusable", ["\ud800", "\0", 5, None, "", ["x"]])
def test_what_can_be_no_id_is_not_found_as_well(acme, unusable):
    acme.create_project("Launch")

    for question in (acme.project, acme.contact, acme.document, acme.task, acme.recurring_task, acme.execution):
        with pytest.raises(wsq.NotFound):
            question(unusable)
    for command in (acme.archive_project, acme.delete_contact, acme.archive_document, acme.archive_task):
        with refused(acme, wsq.NotFound):
            command(unusable)


def test_questions_about_an_unknown_project_or_recurring_task_are_not_found(acme):
    acme.create_project("Launch")

    for question in (acme.tasks, acme.contacts, acme.documents, acme.recurring_tasks):
        with pytest.raises(wsq.NotFound, match=r"project 'launhc'.*Launch"):
            question("launhc")
    for about in (acme.executions, acme.latest_execution):
        with pytest.raises(wsq.NotFound, match="recurring task 'nope'"):
            about("nope")
    with pytest.raises(wsq.NotFound, match="execution 'nope'"):
        acme.executions(before="nope")


def test_nothing_crosses_from_one_store_to_another(ws, acme):
    other = ws.store("other")
    other.create_project("Theirs")
    project = acme.create_project("Launch")
    contact = acme.create_contact("Ada", email="ada@example.com", project_id=project.id)
    document = acme.create_document("Brief", project_id=project.id)
    task = acme.create_task("Write", project_id=project.id)
    recurring = acme.create_recurring_task("Triage", "List the tasks", every="1 hour", project_id=project.id)
    execution = acme.run_now(recurring.id)
    before = head(acme)
    attempts = [
        lambda: other.project(project.id), lambda: other.update_project(project.id, name="x"),
        lambda: other.archive_project(project.id), lambda: other.unarchive_project(project.id),
        lambda: other.contact(contact.id), lambda: other.update_contact(contact.id, name="x"),
        lambda: other.delete_contact(contact.id), lambda: other.create_contact("x", project_id=project.id),
        lambda: other.add_contact_to_project(contact.id, project.id),
        lambda: other.remove_contact_from_project(contact.id, project.id),
        lambda: other.document(document.id), lambda: other.update_document(document.id, title="x"),
        lambda: other.archive_document(document.id), lambda: other.unarchive_document(document.id),
        lambda: other.create_document("x", project_id=project.id),
        lambda: other.add_document_to_project(document.id, project.id),
        lambda: other.remove_document_from_project(document.id, project.id),
        lambda: other.task(task.id), lambda: other.update_task(task.id, title="x"),
        lambda: other.move_task(task.id, status="done"), lambda: other.archive_task(task.id),
        lambda: other.unarchive_task(task.id), lambda: other.create_task("x", project_id=project.id),
        lambda: other.recurring_task(recurring.id), lambda: other.update_recurring_task(recurring.id, name="x"),
        lambda: other.enable_recurring_task(recurring.id), lambda: other.disable_recurring_task(recurring.id),
        lambda: other.delete_recurring_task(recurring.id),
        lambda: other.create_recurring_task("x", "y", every="1 day", project_id=project.id),
        lambda: other.run_now(recurring.id), lambda: other.start_now(recurring.id),
        lambda: other.execution(execution.id), lambda: other.cancel_execution(execution.id),
        lambda: other.transcript(execution.id), lambda: other.executions(recurring.id),
        lambda: other.executions(before=execution.id), lambda: other.latest_execution(recurring.id),
        lambda: other.tasks(project.id), lambda: other.documents(project.id), lambda: other.contacts(project.id),
        lambda: other.recurring_tasks(project.id),
    ]  # fmt: skip

    for attempt in attempts:
        with refused(other, wsq.NotFound) as _:
            attempt()

    assert head(acme) == before
    assert (other.tasks(), other.contacts(), other.documents(), other.recurring_tasks()) == ([], [], [], [])
    assert [row.name for row in other.projects()] == ["Theirs"]


# Projects


def test_a_project_is_made_edited_archived_and_taken_up_again(acme):
    project = acme.create_project("  Launch ", description="Ship 1.0")
    assert (project.name, project.description, project.store_id, project.version) == ("Launch", "Ship 1.0", "acme", 1)

    edited = acme.update_project(project.id, name="Start")
    assert (edited.name, edited.description, edited.version) == ("Start", "Ship 1.0", 2)
    assert acme.update_project(project.id, description=None).description == ""

    assert acme.archive_project(project.id).archived_at is not None
    assert acme.projects() == []
    assert [row.id for row in acme.projects(include_archived=True)] == [project.id]
    assert acme.unarchive_project(project.id).archived_at is None
    assert acme.project(project.id) == acme.projects()[0]


def test_lists_come_by_name(acme):
    for name in ("beta", "alpha", "gamma"):
        acme.create_project(name)
        acme.create_contact(name)
        acme.create_document(name)

    assert [row.name for row in acme.projects()] == ["alpha", "beta", "gamma"]
    assert [row.name for row in acme.contacts()] == ["alpha", "beta", "gamma"]
    assert [row.title for row in acme.documents()] == ["alpha", "beta", "gamma"]


def test_archiving_a_project_disables_its_recurring_tasks_with_that_reason(acme):
    project = acme.create_project("Launch")
    within = acme.create_recurring_task("In", "List the tasks", every="1 hour", project_id=project.id)
    without = acme.create_recurring_task("Out", "List the tasks", every="1 hour")

    acme.archive_project(project.id)

    row = acme.recurring_task(within.id)
    assert (row.enabled, row.next_execution_at) == (False, None)
    assert row.disabled_reason == "project 'Launch' was archived"
    assert acme.recurring_task(without.id).enabled
    with refused(acme, wsq.InvalidInput, "archived"):
        acme.enable_recurring_task(within.id)
    with refused(acme, wsq.InvalidInput, "archived"):
        acme.create_recurring_task("More", "x", every="1 hour", project_id=project.id)

    acme.unarchive_project(project.id)
    assert not acme.recurring_task(within.id).enabled


# Contacts


def test_a_contact_is_made_edited_linked_and_deleted(acme):
    project = acme.create_project("Launch")
    ada = acme.create_contact(" Ada ", email=" Ada@Example.com ", notes="n", project_id=project.id)
    assert (ada.name, ada.email, ada.notes, ada.project_ids) == ("Ada", "Ada@Example.com", "n", (project.id,))
    assert acme.contacts(project.id) == [ada]

    assert acme.remove_contact_from_project(ada.id, project.id).project_ids == ()
    assert acme.contacts(project.id) == []
    assert acme.add_contact_to_project(ada.id, project.id).project_ids == (project.id,)
    cleared = acme.update_contact(ada.id, email=None, notes=None)
    assert (cleared.email, cleared.notes, cleared.name) == (None, "", "Ada")

    assert acme.delete_contact(ada.id) == cleared
    assert acme.contacts() == []
    with pytest.raises(wsq.NotFound):
        acme.contact(ada.id)


def test_an_address_belongs_to_one_contact_of_a_store_whatever_its_case(ws, acme):
    ada = acme.create_contact("Ada", email="ada@example.com")

    with refused(acme, wsq.InvalidInput, "Ada"):
        acme.create_contact("Another", email="ADA@Example.COM")
    bob = acme.create_contact("Bob", email="bob@example.com")
    with refused(acme, wsq.InvalidInput, "Ada"):
        acme.update_contact(bob.id, email="Ada@example.com")

    assert ws.store("other").create_contact("Ada", email="ada@example.com").email == "ada@example.com"
    assert acme.update_contact(ada.id, email="ADA@example.com").email == "ADA@example.com"
    acme.delete_contact(ada.id)
    assert acme.update_contact(bob.id, email="ada@example.com").email == "ada@example.com"
    assert acme.create_contact("Bob again", email="bob@example.com").email == "bob@example.com"


def test_contacts_without_an_address_do_not_meet(acme):
    acme.create_contact("Ada")
    acme.create_contact("Ada")

    assert len(acme.contacts()) == 2


@pytest.mark.parametrize("email", ["", "ada", "ada@", "@example.com", "a b@example.com", "a@b@c.com", 5])
def test_what_is_no_address_is_refused(acme, email):
    acme.create_project("Launch")

    with refused(acme, wsq.InvalidInput):
        acme.create_contact("Ada", email=email)


# Documents


def test_a_document_is_made_edited_linked_archived_and_taken_out_again(acme):
    project = acme.create_project("Launch")
    brief = acme.create_document(" Brief ", "Text", project_id=project.id)
    assert (brief.title, brief.content, brief.project_ids) == ("Brief", "Text", (project.id,))

    assert acme.remove_document_from_project(brief.id, project.id).project_ids == ()
    assert acme.add_document_to_project(brief.id, project.id).project_ids == (project.id,)
    assert acme.documents(project.id) == [acme.document(brief.id)]
    edited = acme.update_document(brief.id, content=None)
    assert (edited.title, edited.content) == ("Brief", "")

    acme.archive_document(brief.id)
    assert acme.documents() == []
    assert len(acme.documents(include_archived=True)) == 1
    assert acme.unarchive_document(brief.id).archived_at is None


def test_a_document_takes_a_million_characters_and_no_more(acme):
    brief = acme.create_document("Brief", "é" * 1_000_000)
    assert acme.document(brief.id).content == "é" * 1_000_000

    with refused(acme, wsq.InvalidInput, "1,000,000"):
        acme.update_document(brief.id, content="x" * 1_000_001)


# What holds for all of them


@pytest.fixture
def everything(acme):
    """For each kind of thing: how it is made, how it is edited, and its row by id."""
    project = acme.create_project("Launch")
    return {
        "project": (acme.create_project, acme.update_project, acme.project, "name", "description"),
        "contact": (acme.create_contact, acme.update_contact, acme.contact, "name", "notes"),
        "document": (acme.create_document, acme.update_document, acme.document, "title", "content"),
        "task": (acme.create_task, acme.update_task, acme.task, "title", "description"),
        "recurring": (
            lambda name, **kw: acme.create_recurring_task(name, "p", every="1 hour", project_id=project.id, **kw),
            acme.update_recurring_task, acme.recurring_task, "name", "description",
        ),
    }  # fmt: skip


def test_archived_tasks_come_last_archived_first_and_are_found_by_words(acme, clock):
    made = [acme.create_task(title, description="ÄRGER" * (title == "b")) for title in "abc"]
    for task in made:
        clock.advance(1)
        acme.archive_task(task.id)

    assert [task.title for task in acme.archived_tasks()] == ["c", "b", "a"]
    assert [task.title for task in acme.archived_tasks(limit=1)] == ["c"]
    assert [task.title for task in acme.archived_tasks("ärger B")] == ["b"]
    assert acme.archived_tasks("nothing") == []
    with pytest.raises(wsq.InvalidInput, match="20"):
        acme.archived_tasks(" ".join(map(str, range(30))))


KINDS = ["project", "contact", "document", "task", "recurring"]


@pytest.mark.parametrize("kind", KINDS)
def test_texts_come_back_as_they_went_in(everything, kind):
    create, update, one, _, text = everything[kind]
    for given in UNUSUAL_TEXTS:
        row = create("A name", **{text: given})
        assert getattr(row, text) == given
        assert getattr(one(row.id), text) == given
        assert getattr(update(row.id, **{text: given + "."}), text) == given + "."


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_trimmed_and_come_back_as_they_went_in(everything, kind):
    create, update, one, name, _ = everything[kind]
    for given in (text for text in UNUSUAL_TEXTS if len(text) <= 200):
        row = create(f" \t{given}\n")
        assert getattr(one(row.id), name) == given
        assert update(row.id, **{name: f"  {given} "}).version == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_has_1_to_200_characters(everything, acme, kind):
    create, update, _, name, _ = everything[kind]
    row = create("x" * 200)
    create("  " + "🎉" * 200 + "  ")

    for bad in ("", "   ", "\n\t", "x" * 201, "\u200b", None, 5, b"x"):
        with refused(acme, wsq.InvalidInput):
            create(bad)
        with refused(acme, wsq.InvalidInput):
            update(row.id, **{name: bad})


@pytest.mark.parametrize("kind", ["project", "contact", "task", "recurring"])
def test_a_text_has_at_most_20_000_characters(everything, acme, kind):
    create, update, _, _, text = everything[kind]
    row = create("A name", **{text: "🎉" * 20_000})

    with refused(acme, wsq.InvalidInput, "20,000"):
        create("A name", **{text: "x" * 20_001})
    with refused(acme, wsq.InvalidInput, "20,000"):
        update(row.id, **{text: "x" * 20_001})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", ["a\0b", "\0", "a\ud800", "\udfff b"])
def test_null_characters_and_lone_surrogates_are_refused(everything, acme, kind, bad):
    create, update, _, name, text = everything[kind]
    row = create("A name")

    for wish in (
        lambda: create(bad),
        lambda: create("A name", **{text: bad}),
        lambda: update(row.id, **{name: bad}),
        lambda: update(row.id, **{text: bad}),
    ):
        with refused(acme, wsq.InvalidInput, "U\\+"):
            wish()


@pytest.mark.parametrize("kind", KINDS)
def test_an_update_keeps_what_is_left_out_and_one_that_changes_nothing_writes_no_event(everything, acme, kind, clock):
    create, update, one, name, text = everything[kind]
    row = create("A name", **{text: "A text"})
    clock.advance(60)

    with nothing_written(acme):
        assert update(row.id) == row
        assert update(row.id, **{name: " A name ", text: "A text"}) == row

    changed = update(row.id, **{text: "Another"})
    assert (getattr(changed, name), getattr(changed, text), changed.version) == ("A name", "Another", 2)
    assert changed.updated_at == clock.now() > changed.created_at
    assert update(row.id, **{text: None}).version == 3
    assert getattr(one(row.id), text) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_expected_another_version_is_told_of_the_conflict(everything, acme, kind):
    create, update, one, name, _ = everything[kind]
    row = create("A name")
    update(row.id, **{name: "Faster"}, expected_version=1)

    with refused(acme, wsq.Conflict, "version 2, not 1"):
        update(row.id, **{name: "Slower"}, expected_version=1)
    with refused(acme, wsq.Conflict):
        update(row.id, expected_version=3)

    assert getattr(one(row.id), name) == "Faster"


def test_linking_and_archiving_twice_writes_one_event(acme):
    project = acme.create_project("Launch")
    ada, brief = acme.create_contact("Ada"), acme.create_document("Brief")
    task = acme.create_task("Write")
    again = [
        lambda: acme.add_contact_to_project(ada.id, project.id),
        lambda: acme.remove_contact_from_project(ada.id, project.id),
        lambda: acme.add_document_to_project(brief.id, project.id),
        lambda: acme.remove_document_from_project(brief.id, project.id),
        lambda: acme.archive_document(brief.id),
        lambda: acme.unarchive_document(brief.id),
        lambda: acme.archive_task(task.id),
        lambda: acme.unarchive_task(task.id),
        lambda: acme.archive_project(project.id),
        lambda: acme.unarchive_project(project.id),
    ]

    for command in again:
        before = head(acme)
        first = command()
        assert head(acme) == before + 1
        with nothing_written(acme):
            assert command() == first


def test_every_event_says_who_and_when(ws, acme, clock):
    acme.create_project("Launch")
    clock.advance(60)
    acme.as_actor("grace").create_task("Write")

    first, _, last = acme.events()
    assert (first.seq, first.actor, first.cause) == (1, "ada", None)
    assert (last.seq, last.actor, last.recorded_at) == (3, "grace", clock.now())
    assert acme.events(after=2) == [last]


def test_the_log_folds_into_what_stands_after_all_of_this(ws, acme):
    project = acme.create_project("Launch")
    ada = acme.create_contact("Ada", email="a@example.com", project_id=project.id)
    acme.update_contact(ada.id, email=None)
    acme.delete_contact(ada.id)
    acme.create_document("Brief", "x", project_id=project.id)
    acme.archive_project(project.id)

    assert ws.verify() == []
    ws.rebuild()
    assert ws.verify() == []


def test_documents_are_listed_by_lines_that_hold_their_beginning_and_their_length(acme):
    launch = acme.create_project("Launch")
    long = acme.create_document("Brief", "é😀" * 500_000, project_id=launch.id)
    gone = acme.create_document("Aside", "Short.")
    acme.archive_document(gone.id)

    [line] = acme.document_lines()
    both = acme.document_lines(include_archived=True)

    assert (line.id, line.title, line.beginning, line.length) == (long.id, "Brief", "é😀" * 100, 1_000_000)
    assert (line.project_ids, line.version, line.updated_at) == ((launch.id,), long.version, long.updated_at)
    assert [(each.title, each.archived_at is None) for each in both] == [("Aside", False), ("Brief", True)]


def test_documents_are_found_by_any_words_of_title_and_text(acme):
    brief = acme.create_document("Brief", "x" * 5_000 + " The CONTRACT is 100% due")
    acme.create_document("Notes", "due")

    assert acme.documents_holding("contract brief") == [brief.id]
    assert acme.documents_holding("100%  due") == [brief.id]
    assert acme.documents_holding("due_") == []
    assert acme.documents_holding("  ") == []
    assert acme.together(lambda store: store.documents_holding("brief")) == [brief.id]


@pytest.mark.parametrize(("text", "query"), [("İSTANBUL", "istanbul"), ("ΟΔΟΣΗΜΑ", "ΟΔΟΣ"), ("École", "éCOLE")])
def test_a_search_compares_small_letters_of_any_alphabet(acme, text, query):
    found = acme.create_document("Brief", text)

    assert acme.documents_holding(query) == [found.id]


def test_a_search_has_twenty_different_words_at_most(acme):
    many = [f"w{number}" for number in range(21)]
    found = acme.create_document("Brief", " ".join(many))

    assert acme.documents_holding(" ".join(many[:20] * 3)) == [found.id]
    with pytest.raises(wsq.InvalidInput, match=r"The search has 21 different words, expected at most 20\."):
        acme.documents_holding(" ".join(many))


def test_what_belongs_to_a_project_is_counted_without_what_is_archived_or_done(acme, ws):
    launch, other = acme.create_project("Launch"), acme.create_project("Other")
    acme.create_task("open", project_id=launch.id, status="doing")
    acme.create_task("done", project_id=launch.id, status="done")
    acme.archive_task(acme.create_task("archived", project_id=launch.id).id)
    acme.create_recurring_task("on", "List the tasks", every="1 day", project_id=launch.id)
    off = acme.create_recurring_task("off", "List the tasks", every="1 day", project_id=launch.id)
    acme.disable_recurring_task(off.id)
    ada = acme.create_contact("Ada", project_id=launch.id)
    acme.add_contact_to_project(ada.id, other.id)
    acme.create_document("Brief", project_id=launch.id)
    acme.archive_document(acme.create_document("Old", project_id=launch.id).id)
    ws.store("globex").create_document("Theirs")

    counts = acme.project_counts()

    assert counts == {
        launch.id: ProjectCounts(open_tasks=1, recurring_tasks=2, enabled_recurring_tasks=1, contacts=1, documents=1),
        other.id: ProjectCounts(contacts=1),
    }
