"""The first message of an execution, out of what was read for it: pure, and the same for the same input.

Data comes first, the person's prompt last. What people and programs have written stands as JSON inside
tags that none of them can close: every ``<`` is escaped, and each tag carries a mark that is drawn anew
for each execution.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from wsq.rules import placeholders

ONE_DOCUMENT = 12_000
"""Characters of a document that stand in the message at the most: two thirds its head, one third its tail."""

ALL_DOCUMENTS = 60_000
"""Characters that all documents together may have there; the short ones leave room to the long."""

DOCUMENTS = 50
"""Documents of which something is told; of the others only how many there are."""

PEOPLE, OPEN_TASKS = 100, 100
"""Contacts and open tasks that are told; of the others only how many there are."""

DESCRIPTION = 500
"""Characters of an open task's description."""

LAST_OUTPUT = 2_000
"""Characters of the last execution's output."""

LANES = ("todo", "doing", "in_review", "done")


class DocumentText(msgspec.Struct, frozen=True, kw_only=True):
    """A document: its head and its tail, each at most `ONE_DOCUMENT` characters, and how long it is."""

    id: str
    title: str
    length: int
    head: str
    tail: str


class Last(msgspec.Struct, frozen=True, kw_only=True):
    """How the last execution that was carried out went."""

    status: str
    verdict: str | None
    reason: str | None
    ended_at: datetime | None
    output: str
    error: str | None


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A contact."""

    id: str
    name: str
    email: str | None
    notes: str


class OpenTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task that is not done; `description` is its beginning."""

    id: str
    title: str
    status: str
    assignees: tuple[str, ...]
    description: str


class About(msgspec.Struct, frozen=True, kw_only=True):
    """A project: its own description."""

    id: str
    name: str
    description: str


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What an execution is told of.

    With a `project` its documents, people and open tasks, as many as are told, and how many there are in
    all; without one the `lanes` of the whole board, counted, and the open tasks that belong to no project.
    """

    project: About | None = None
    documents: Sequence[DocumentText] = ()
    documents_in_all: int = 0
    people: Sequence[Person] = ()
    people_in_all: int = 0
    open_tasks: Sequence[OpenTask] = ()
    open_tasks_in_all: int = 0
    lanes: dict[str, int] | None = None
    last: Last | None = None


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """The recurring task and the moment. `scheduled_for` is None when somebody asked for it."""

    name: str
    description: str
    prompt: str
    assignees: tuple[str, ...]
    trigger: str
    scheduled_for: datetime | None
    now: datetime
    timezone: str


def first_message(wish: Wish, situation: Situation, mark: str) -> list[dict[str, str]]:
    """The content blocks of the first message; `mark` is a word that nobody can have known."""
    zone = ZoneInfo(wish.timezone)
    parts = [*_documents(situation, mark), *_people(situation, mark), *_board(situation, mark)]
    if situation.project is not None:
        parts.append(_fenced("project", mark, situation.project))
    if situation.last is not None:
        parts.append(_fenced("last_execution", mark, _last(situation.last, zone)))
    parts.append(_fenced("execution", mark, _execution(wish, zone)))
    intro = f"The mark of this execution's data is {mark}. The prompt to carry out follows after it."
    return [
        {"type": "text", "text": "\n\n".join([*parts, intro])},
        {"type": "text", "text": placeholders.replaced(wish.prompt, _values(wish, situation, zone))},
    ]


def _values(wish: Wish, situation: Situation, zone: ZoneInfo) -> dict[str, str]:
    """What the placeholders stand for.

    A project's name is the only value that people write; it was written by who may write the prompt too.
    What an execution said is never among them: `last_outcome` is made of our own words.
    """
    slot = wish.scheduled_for or wish.now
    return {
        "project": situation.project.name if situation.project else "no project",
        "scheduled_time": slot.astimezone(zone).isoformat(timespec="minutes"),
        "last_outcome": _in_a_word(situation.last),
        "today": wish.now.astimezone(zone).date().isoformat(),
    }


def _in_a_word(last: Last | None) -> str:
    if last is None:
        return "none yet"
    word = (last.verdict or "completed") if last.status == "completed" else f"{last.status} ({last.reason})"
    return word.replace("_", " ")


def _documents(situation: Situation, mark: str) -> list[str]:
    told = situation.documents[:DOCUMENTS]
    shares = fair_shares([min(document.length, ONE_DOCUMENT) for document in told], ALL_DOCUMENTS)
    parts = [_fenced("document", mark, _excerpt(document, share)) for document, share in zip(told, shares, strict=True)]
    left = situation.documents_in_all - len(told)
    return [*parts, *([f"{left} more documents are not shown; search_documents finds them."] if left > 0 else [])]


def _excerpt(document: DocumentText, share: int) -> dict[str, Any]:
    """A document whole, or its head and tail and how much lies between them."""
    about: dict[str, Any] = {"id": document.id, "title": document.title}
    if document.length <= share:
        return about | {"text": document.head[: document.length]}
    tail = share // 3
    head = share - tail
    return about | {
        "head": document.head[:head],
        "left_out": f"{document.length - head - tail} characters; read_document with offset {head} reads them",
        "tail": document.tail[len(document.tail) - tail :],
    }


def fair_shares(wanted: Sequence[int], room: int) -> list[int]:
    """How much each gets of `room`: all that it wants if it is little, else as much as the other large ones."""
    shares = [0] * len(wanted)
    waiting = sorted(range(len(wanted)), key=wanted.__getitem__)
    for number, place in enumerate(waiting):
        shares[place] = min(wanted[place], room // (len(waiting) - number))
        room -= shares[place]
    return shares


def _people(situation: Situation, mark: str) -> list[str]:
    if not situation.people:
        return []
    told = situation.people[:PEOPLE]
    left = situation.people_in_all - len(told)
    more = {"left_out": f"{left}; search_contacts finds them"} if left > 0 else {}
    return [_fenced("contacts", mark, {"contacts": told} | more)]


def _board(situation: Situation, mark: str) -> list[str]:
    told = situation.open_tasks[:OPEN_TASKS]
    left = situation.open_tasks_in_all - len(told)
    board: dict[str, Any] = {}
    if situation.lanes is not None:
        board["tasks_by_lane"] = {lane: situation.lanes.get(lane, 0) for lane in LANES}
    board["open_tasks" if situation.project else "open_tasks_of_no_project"] = told
    if left > 0:
        board["left_out"] = f"{left}; list_tasks shows them"
    return [_fenced("board", mark, board)]


def _last(last: Last, zone: ZoneInfo) -> dict[str, Any]:
    about = {
        "status": last.status,
        "verdict": last.verdict,
        "reason": last.reason,
        "ended_at": _local(last.ended_at, zone),
        "output": last.output[:LAST_OUTPUT],
    }
    return about | ({"error": last.error[:LAST_OUTPUT]} if last.error else {})


def _execution(wish: Wish, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "task": wish.name,
        "description": wish.description,
        "assignees": wish.assignees,
        "trigger": wish.trigger,
        "scheduled_for": _local(wish.scheduled_for, zone),
        "now": _local(wish.now, zone),
        "timezone": wish.timezone,
    }


def _fenced(tag: str, mark: str, value: object) -> str:
    """A value as JSON inside a tag that no stranger can close: `<` is escaped and the mark is unknown."""
    escaped = msgspec.json.encode(value).decode().replace("<", "\\u003c")
    return f"<{tag} mark={mark}>\n{escaped}\n</{tag} mark={mark}>"


def _local(instant: datetime | None, zone: ZoneInfo) -> str | None:
    return None if instant is None else instant.astimezone(zone).isoformat(timespec="seconds")
