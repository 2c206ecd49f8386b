"""Forgetting: no byte of it stays, and everything else is as it was."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import wsq
from tests.domain.worlds import for_ever
from tests.faults.commands import command
from wsq.agent.providers import ScriptedProvider, call, finish
from wsq.events import boards as b
from wsq.rules.erasure import BLOCK, MARK, folded, marked, traces_of
from wsq.store.log import stored_world

NAME, EMAIL, NOTES = "Zephyrine Quill", "zq@quill.example", "Prefers the blue door at seven\nin the evening"
FORMER = "Zephyrine Maiden"
SECRET = "The heron nests behind the third boathouse, where nobody looks for it before the month of May. " * 3


@pytest.fixture
def told(open_workspace: Callable[..., wsq.Workspace]) -> tuple[wsq.Workspace, wsq.Store, str, str]:
    """A store with a contact and a document of a project, of which an execution was told and read."""
    ws = open_workspace(provider=ScriptedProvider([finish()]))
    acme = ws.store("acme")
    project = acme.create_project("Launch")
    contact = acme.create_contact(FORMER, email=EMAIL, notes=NOTES, project_id=project.id)
    acme.update_contact(contact.id, name=NAME)
    document = acme.create_document("Where herons nest", SECRET, project_id=project.id)
    acme.create_contact("Bo", email="bo@example.com", notes="Somebody else altogether")
    script = [
        call(("read_document", {"document_id": document.id})),
        call(("list_contacts", {})),
        finish("done", "Read."),
    ]
    reading = open_workspace(provider=ScriptedProvider(script)).store("acme")
    reading.run_now(reading.create_recurring_task("Read", "Look.", every="1 hour", project_id=project.id).id)
    other = open_workspace(provider=ScriptedProvider([finish("done", "Nothing.")])).store("acme")
    other.run_now(other.create_recurring_task("Other", "Look elsewhere.", every="1 hour").id)
    return ws, acme, contact.id, document.id


def bytes_of(ws: wsq.Workspace, *texts: str) -> list[str]:
    """Which of these texts a file or copy of the workspace holds, plain or in a body; of a server its rows alone."""
    files = () if ws._engine.is_server else Path(ws.place).parent.rglob("*")
    content = b"".join(file.read_bytes() for file in files if file.is_file())
    into = io.BytesIO()
    ws.export(into)
    content += gzip.decompress(into.getvalue())
    return [text for text in texts if text.encode() in content]


def figures(ws: wsq.Workspace) -> object:
    """What must not change: where events stand and when, what executions cost and came to, all other rows."""
    world = ws._log.read(stored_world)
    kept = {t: rows for t, rows in world.items() if t not in ("contacts", "documents", "execution_steps")}
    kept["task_executions"] = {
        key: (row.status, row.output, row.input_tokens, row.duration, row.turns, row.calls)
        for key, row in world["task_executions"].items()
    }
    log = ws.sql("SELECT store_id, seq, event_id, name, actor, recorded_at FROM events WHERE seq <= 16 ORDER BY ALL")
    return kept, log.to_dict()


@pytest.mark.file
def test_what_is_forgotten_is_nowhere_in_the_file_and_all_else_is_as_it_was(told, clock):
    # Given a contact and a document that are on record in many ways, also in a copy for long questions
    ws, acme, contact, document = told
    head, before = acme.head(), figures(ws)
    past = acme.as_of(head)
    sought = (NAME, FORMER, EMAIL, "blue door", "third boathouse", "herons")
    assert bytes_of(ws, *sought) == list(sought)
    clock.advance(timedelta(minutes=1))

    # When both are forgotten, by somebody
    person = acme.as_actor("bea").forget_contact(contact)
    paper = acme.as_actor("bea").forget_document(document)

    # Then no byte of it is left, not in free blocks, the log beside the file, bodies or private copies
    assert bytes_of(ws, *sought) == []
    # and the log says that it was done and by whom, in its place
    assert (person.events, person.conversations) == (2, 1)
    assert (paper.events, paper.conversations) == (1, 0)
    said = [(e.seq, e.name, e.actor, e.fact.events) for e in acme.events(after=head) if e.name.endswith("forget")]
    assert said == [(head + 2, "contact.forget", "bea", 2), (head + 3, "document.forget", "bea", 1)]
    # and everything else is as it was
    assert figures(ws) == before
    assert ws.verify() == []
    ws.rebuild()
    assert ws.verify() == []
    assert not ws.unsettled()
    assert [row.name for row in acme.contacts()] == ["Bo"]
    assert acme.documents(include_archived=True) == []
    assert len(acme.as_of(head).tasks()) == len(past.tasks())


def test_looking_back_shows_the_mark_in_its_place(told):
    _, acme, contact, document = told
    head = acme.head()
    acme.forget_contact(contact)
    acme.forget_document(document)

    past = acme.as_of(head)

    was = next(row for row in past.contacts() if row.id == contact)
    assert (was.name, was.email, was.notes) == (MARK, None, MARK)
    paper = past.document(document)
    assert (paper.title, paper.content) == (MARK, MARK)
    assert was.project_ids == paper.project_ids != ()
    assert acme.difference(head, acme.head())


def test_the_conversations_that_speak_of_it_are_given_up_and_no_others(told):
    _, acme, contact, _ = told
    mine, other = (
        acme.executions(task.id)[0] for task in sorted(acme.recurring_tasks(), key=lambda t: t.name == "Other")
    )
    assert acme.transcript(mine.id)

    acme.forget_contact(contact)

    assert acme.transcript(mine.id) == []
    assert acme.transcript(other.id) != []
    assert acme.execution(mine.id).output == "Read."
    with pytest.raises(wsq.NotFound):
        acme.contact(contact)


def test_where_it_still_occurs_is_told_and_a_second_time_changes_nothing(told):
    ws, acme, contact, _document = told
    task = acme.create_task(f"Call {NAME.upper()}", description="Before noon")
    acme.create_task("Call the quill maker")
    elsewhere = ws.store("beta").create_task("Mail", description=f'To <{EMAIL}>, "soon"')

    first = acme.forget_contact(contact)
    head = acme.head()
    again = acme.forget_contact(contact)

    assert {(m.store_id, m.name, m.about) for m in first.mentions} == {
        ("acme", "task.create", task.id), ("beta", "task.create", elsewhere.id)
    }  # fmt: skip
    assert (again.events, again.conversations, acme.head()) == (0, 0, head)
    assert acme.task(task.id).title == f"Call {NAME.upper()}"


def test_where_a_part_of_the_name_stands_is_listed_apart(told, open_workspace):
    # Given parts of a name in tasks, and in prompts; and the whole of it in another store's transcript
    _, acme, contact, _document = told
    tasks = {acme.create_task(f"{part}'s call").id: part for part in ("zephyrine", "MAIDEN", "quill", "zq")}
    for other in ("Quillon", "Zephyrines", "z q"):
        acme.create_task(f"{other} called")
    writing = open_workspace(provider=ScriptedProvider([finish("done", "Sent.")]))
    runs = []
    for store_id, prompt in (("acme", "Write to Quill."), ("beta", f"Write to {NAME}."), ("beta", "Write to Bo.")):
        store = writing.store(store_id)
        project = store.create_project("Apart")
        task = store.create_recurring_task("Write", prompt, every="1 day", project_id=project.id)
        runs.append(store.run_now(task.id))

    # When it is forgotten
    done = acme.forget_contact(contact)

    # Then each place is listed, with the part that stands there, and nothing of it has changed
    assert {m.about: m.part for m in done.partial_mentions if m.name == "task.create"} == {
        task_id: part.lower() for task_id, part in tasks.items()
    }
    transcripts = [(m.store_id, m.about, m.part) for m in done.partial_mentions if m.name == "transcript"]
    assert transcripts == [("acme", runs[0].id, "quill")]
    assert ("beta", runs[1].id, None) in {(m.store_id, m.about, m.part) for m in done.mentions}
    assert not {m.about for m in (*done.mentions, *done.partial_mentions)} & {runs[2].id}
    assert acme.transcript(runs[0].id)
    assert {acme.task(task_id).title for task_id in tasks} == {f"{part}'s call" for part in tasks.values()}


@pytest.mark.file
def test_the_command_lists_mentions_and_parts(told):
    ws, acme, contact, document = told
    whole, partly = acme.create_task(f"Call {NAME}"), acme.create_task("Call Zephyrine")

    said = command("forget", "contact", contact, "--store", "acme", "--yes", "--database", ws.place)

    assert (said.status, said.err) == (0, "")
    before, after = said.out.split("A part of the name, which may mean somebody else, stands in 1 place:")
    assert whole.id in before
    assert partly.id not in before
    assert [line.split()[-1] for line in after.splitlines() if partly.id in line] == ["zephyrine"]
    again = command("forget", "document", document, "--store", "acme", "--yes", "--database", ws.place)
    assert "A part of" not in again.out


@pytest.mark.file
def test_what_was_broken_off_is_finished_by_saying_it_again(told):
    # Given that the file cannot be written anew
    ws, acme, contact, _ = told
    in_the_way = Path(f"{ws.place}.wsq", "anew")
    in_the_way.write_bytes(b"")
    with pytest.raises(wsq.WorkspaceError, match="cannot be"):
        acme.forget_contact(contact)
    assert ws.verify() == []

    # When that is mended, and it is said again
    in_the_way.unlink()
    again = acme.forget_contact(contact)

    # Then it is done
    assert again.events == 0
    assert bytes_of(ws, NAME, FORMER, EMAIL) == []


def test_a_deleted_contact_is_forgotten_too_and_an_unknown_one_is_named(told):
    ws, acme, contact, document = told
    acme.delete_contact(contact)

    assert acme.forget_contact(contact).events == 2

    assert bytes_of(ws, NAME, EMAIL) == []
    for unknown in ("none", document, "a\u0000b"):
        with pytest.raises(wsq.NotFound, match="no contact"):
            acme.forget_contact(unknown)
    with pytest.raises(wsq.NotFound):
        ws.store("beta").forget_document(document)
    with pytest.raises(wsq.InvalidInput, match="outside"):
        acme.together(lambda store: store.forget_document(document))
    assert ws.verify() == []


def test_nothing_is_forgotten_while_an_execution_runs_that_was_told_of_it(open_workspace):
    # Given an execution of a project that has read its contact
    ws = open_workspace(provider=ScriptedProvider([for_ever]))
    acme = ws.store("acme")
    project = acme.create_project("Launch")
    contact = acme.create_contact(NAME, project_id=project.id)
    running = acme.start_now(acme.create_recurring_task("R", "Look.", every="1 day", project_id=project.id).id)
    head = acme.head()

    # When the contact is to be forgotten, then it is refused, and nothing has changed
    with pytest.raises(wsq.AlreadyRunning, match=f"{running.id}.*still running") as refused:
        acme.forget_contact(contact.id)
    assert refused.value.execution_id == running.id
    assert (acme.head(), acme.contact(contact.id).name) == (head, NAME)

    # but once it is cancelled it is done
    acme.cancel_execution(running.id)
    assert acme.forget_contact(contact.id).conversations == 1
    assert bytes_of(ws, NAME) == []


@pytest.mark.file
def test_a_file_that_was_written_anew_has_every_constraint_and_other_processes_go_on(told, open_workspace):
    ws, acme, contact, _document = told
    with open_workspace() as other:
        tasks = other.store("acme").tasks()
        question = "SELECT table_name, constraint_text FROM duckdb_constraints() ORDER BY ALL"
        before = ws._log.read(lambda cursor: cursor.query(question))

        acme.forget_contact(contact)

        assert ws._log.read(lambda cursor: cursor.query(question)) == before
        assert other.store("acme").tasks() == tasks
        other.store("acme").create_task("After")
        with pytest.raises(wsq.WsqError), ws._engine.write() as cursor:
            cursor.query("INSERT INTO heads VALUES ('acme', 1)")
    assert ws.verify() == []


WORDS = ["heron", "Boathouse", 'the "blue" door', "\\", "naïve", "日本語", "C:\\new", "<b>", "May,\n", "quick"]


@settings(max_examples=30)
@given(lines=st.lists(st.permutations(WORDS), min_size=4, max_size=6), data=st.data())
def test_any_long_quotation_of_a_text_is_known_whatever_it_is_wrapped_in(lines, data):
    # Given a text, and a quotation of it that is long enough
    text = " ".join(word for line in lines for word in line)
    fact = b.DocumentCreated(document_id="d1", title="T", content=text, project_ids=())
    begin = data.draw(st.integers(0, len(text) // 3))
    quoted = text[begin : begin + data.draw(st.integers(90, len(text)))]
    assume(len(folded(quoted).replace(" ", "")) >= 2 * BLOCK + 4)

    # When it stands in a message, wrapped once or twice
    body = msgspec.json.encode({"content": [{"type": "text", "text": f"It says: {quoted}."}]}).decode()
    for wrapped in (body, msgspec.json.encode([body]).decode()):
        # Then it is known; and nothing is known any more by what forgetting leaves
        assert traces_of("d1", [fact]).are_in(wrapped)
        assert not traces_of("d1", [marked(fact)]).are_in(wrapped)


def test_names_are_known_as_whole_words_in_any_case_and_script():
    def known(name: str, text: str) -> bool:
        fact = b.ContactCreated(contact_id="c1", name=name, email=None, email_folded=None, notes="", project_ids=())
        return traces_of("c1", [fact]).are_in(text)

    assert known("Ann", '{"to": "ANN,"}')
    assert not known("Ann", "Announce the annual plan")
    assert known("Renée O'Neil", "mail to renée\no'neil")
    assert known("田中", "今日は田中さんに")
    assert not known("X", "x marks the spot"), "one letter is no trace"


def test_parts_of_a_name_are_its_words_and_the_local_part_of_the_address():
    def part(name: str, email: str | None, text: str) -> tuple[bool, str | None]:
        fact = b.ContactCreated(
            contact_id="c1", name=name, email=email, email_folded=email, notes="", project_ids=()
        )  # fmt: skip
        return traces_of("c1", [fact]).found_in(text)

    assert part("Ada Lovelace", None, '{"title": "Ask ADA, soon"}') == (False, "ada")
    assert part("Ada Lovelace", None, "Lovelace, Ada") == (False, "lovelace")
    assert part("Ada Lovelace", None, "the adage of lovelaces") == (False, None)
    assert part("Ada Lovelace", None, "ada lovelace") == (True, None)
    assert part("Ada", "a.lovelace@example.com", "user a.lovelace") == (False, "a lovelace")
    assert part("Ada", "a.lovelace@example.com", "bo@example.com") == (False, None)
    assert part("Ludwig van Beethoven", None, "A van of the firm") == (False, None)
    assert part("J. Doe", None, "J. is here") == (False, None)
    assert part("山田太郎", None, "山田さんへ") == (False, "山田")
    assert part("山田太郎", None, "山の上") == (False, None)
