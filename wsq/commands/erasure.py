"""Forgetting a contact or a document: the one permitted change of what was written before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

import msgspec

from wsq.commands import executions
from wsq.errors import AlreadyRunning
from wsq.events import Fact
from wsq.events import boards as b
from wsq.projections import Execution, Row
from wsq.queries import boards
from wsq.rules import naming
from wsq.rules.erasure import Traces, marked, traces_of
from wsq.store import erasure
from wsq.store.engine import Cursor, ReadingCursor
from wsq.store.transaction import Transaction


class Subject(msgspec.Struct, frozen=True):
    """What is forgotten: a contact or a document of a store."""

    table: str
    store_id: str
    id: str

    @property
    def word(self) -> str:
        """``contact`` or ``document``."""
        return naming.WORDS[self.table]


class Looked(msgspec.Struct, frozen=True):
    """What a look at all bodies has found: of those that were seen, those that speak of the subject.

    `partial` are those in which only a part of its name stands, with that part.
    """

    traces: Traces
    seen: frozenset[str]
    speaking: frozenset[str]
    partial: dict[str, str]


class Mention(Row, frozen=True, kw_only=True):
    """An event or a transcript that still mentions what was forgotten: texts elsewhere are not changed.

    `part` is None if the name, the address or a quotation stands there, else the part of the name that does, which may
    mean somebody else. A transcript has the name ``transcript``, the id of its execution, and its first event's number.
    """

    _plural: ClassVar[str] = "mentions"
    _columns: ClassVar[tuple[str, ...]] = ("store_id", "seq", "name", "about", "recorded_at", "part")
    _brief: ClassVar[tuple[str, ...]] = ("name", "about", "part")

    store_id: str
    seq: int
    name: str
    about: str | None
    recorded_at: datetime
    part: str | None = None


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: events whose text gave way to a mark, conversations given up, and where else it occurs.

    `partial_mentions` are those in which only a part of its name stands.
    """

    id: str
    events: int
    conversations: int
    mentions: list[Mention]
    partial_mentions: list[Mention]


def look(cursor: ReadingCursor, subject: Subject) -> Looked:
    """Go through every body: seconds for a gigabyte of them, so it is done on a private copy."""
    if not naming.can_be_an_id(subject.id):
        raise boards.no_row(cursor, subject.table, subject.store_id, subject.id)
    traces = traces_of(subject.id, (fact for _, fact in _facts_of(cursor, subject)))
    seen, speaking, partial = set[str](), set[str](), dict[str, str]()
    for name, text in erasure.all_bodies(cursor):
        seen.add(name)
        whole, part = traces.found_in(text)
        if whole:
            speaking.add(name)
        elif part is not None:
            partial[name] = part
    return Looked(traces, frozenset(seen), frozenset(speaking), partial)


def forget(tx: Transaction, subject: Subject, looked: Looked) -> tuple[Traces, int, list[str]]:
    """Put a mark in the place of every text of the subject, and give up the conversations that speak of it.

    It is struck from the store as well. Ids, order, times and figures stay. Returns its traces, how many events were
    changed, and the executions whose conversations were given up; forgetting once more changes nothing.

    Raises:
        NotFound: There never was such a subject in the store.
        AlreadyRunning: An execution that has read it is running.
    """
    past = _facts_of(tx, subject)
    if not past:
        raise boards.no_row(tx, subject.table, subject.store_id, subject.id)
    traces = traces_of(subject.id, (fact for _, fact in past))
    speaking = _still_speaking(tx, traces, looked)
    readers = _executions_that_read(tx, subject.store_id, speaking)
    _refuse_while_running(readers, subject)
    changed = [(seq, other) for seq, fact in past if (other := marked(fact)) != fact]
    for seq, fact in changed:
        erasure.replace_fact(tx, subject.store_id, seq, fact)
    pruned = [row.id for row in readers]
    executions.prune(tx, subject.store_id, pruned)
    tx.give_up(speaking)
    if changed or pruned or tx.row(subject.table, subject.id) is not None:
        tx.record(subject.store_id, _said(subject, len(changed), len(pruned)))
    return traces, len(changed), pruned


def mentions(cursor: ReadingCursor, subject: Subject, traces: Traces, looked: Looked) -> list[Mention]:
    """Where the subject is still mentioned, in any store, but for events that only name its id.

    First the events, by store and seq, then the transcripts.
    """
    telling = traces.without(subject.id)
    return [*_events_mentioning(cursor, telling), *_transcripts_mentioning(cursor, telling, looked)]


def _events_mentioning(cursor: ReadingCursor, traces: Traces) -> Iterator[Mention]:
    for store_id, seq, name, recorded_at, args in erasure.whole_log(cursor):
        whole, part = traces.found_in(args)
        if whole or part is not None:
            about = _about(name, args)
            yield Mention(store_id=store_id, seq=seq, name=name, about=about, recorded_at=recorded_at, part=part)


def _transcripts_mentioning(cursor: ReadingCursor, traces: Traces, looked: Looked) -> Iterator[Mention]:
    """Of those that stayed: other stores', and those with a part of the name."""
    parts: dict[str, str | None] = {**dict.fromkeys(looked.speaking), **looked.partial}
    for body, text in erasure.bodies_beside(cursor, looked.seen):
        whole, part = traces.found_in(text)
        if whole or part is not None:
            parts[body] = part
    mentioned: dict[str, Mention] = {}
    for store_id, seq, execution_id, started_at, body in erasure.executions_holding(cursor, parts):
        part, known = parts[body], mentioned.get(execution_id)
        if known is None or part is None:
            mentioned[execution_id] = Mention(
                store_id=store_id, seq=seq, name="transcript", about=execution_id, recorded_at=started_at, part=part
            )
    yield from mentioned.values()


def _about(name: str, args: str) -> str | None:
    """The id of what an event is about: of its recurring task, its execution, its document."""
    fields = msgspec.json.decode(args)
    kind = name.partition(".")[0].removeprefix("task_")
    found = fields.get(f"{kind}_id")
    return found if isinstance(found, str) else None


def _said(subject: Subject, events: int, conversations: int) -> Fact:
    if subject.table == "contacts":
        return b.ContactForgotten(contact_id=subject.id, events=events, conversations=conversations)
    return b.DocumentForgotten(document_id=subject.id, events=events, conversations=conversations)


_KINDS: dict[str, tuple[type[Fact], ...]] = {
    "contacts": (b.ContactCreated, b.ContactUpdated),
    "documents": (b.DocumentCreated, b.DocumentUpdated),
}
"""The facts that hold texts of a subject."""


def _facts_of(cursor: Cursor, subject: Subject) -> list[tuple[int, Fact]]:
    """The facts that hold texts of the subject, by seq; those that were marked before are among them."""
    if not naming.can_be_an_id(subject.id):
        return []
    facts = erasure.facts_naming(cursor, subject.store_id, _KINDS[subject.table], subject.id)
    return [(seq, fact) for seq, fact in facts if getattr(fact, f"{subject.word}_id") == subject.id]


def _still_speaking(tx: Transaction, traces: Traces, looked: Looked) -> set[str]:
    """The bodies that speak of the subject, those among them that came since the look."""
    same = traces == looked.traces
    seen = looked.seen if same else frozenset()
    speaking = set(looked.speaking) if same else set()
    speaking.update(name for name, text in erasure.bodies_beside(tx, seen) if traces.are_in(text))
    return speaking


def _executions_that_read(tx: Transaction, store_id: str, speaking: set[str]) -> list[Execution]:
    """The store's executions whose conversation holds one of these bodies, by id."""
    found = {id_ for store, _, id_, *_ in erasure.executions_holding(tx, speaking) if store == store_id}
    return [executions.execution(tx, store_id, id_) for id_ in sorted(found)]


def _refuse_while_running(readers: list[Execution], subject: Subject) -> None:
    """What a running execution has read must not change: a person ends it, not this command."""
    running = next((row for row in readers if row.status == "running"), None)
    if running is not None:
        raise AlreadyRunning(
            f"Run {running.id!r} has read {subject.word} {subject.id!r} and is still running:"
            " cancel it or wait for its end, then forget.",
            execution_id=running.id,
        )
