"""The first message of an execution, composed from what was read for it: a pure function.

Data comes first, the person's prompt last. What people and programs have written stands as JSON inside tags that
none of them can close: every ``<`` is escaped, and each tag carries a mark that is new for each execution.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from wsq.projections.display import one_line
from wsq.queries.situations import DocumentText, Last, OpenTask, Person
from wsq.rules import placeholders, values
from wsq.vocabulary import LANES

ONE_DOCUMENT = 12_000
"""Characters of a document in the message at the most: two thirds its head, one third its tail."""

ALL_DOCUMENTS = 60_000
"""Characters of all documents together; short ones leave room to long ones."""

DOCUMENTS = 50
"""Documents in the message; of the others only how many there are."""

PEOPLE, OPEN_TASKS = 100, 100
"""Contacts and open tasks in the message; of the others only how many there are."""

DESCRIPTION = 500
"""Characters of an open task's description."""

LAST_OUTPUT = 2_000
"""Characters of the last execution's output."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """A project: its own description."""

    id: str
    name: str
    description: str


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What an execution knows of the board when it starts.

    With a `project` its first documents, people and open tasks, and how many there are in all; without one the
    number of tasks in each of the board's `lanes`, and the open tasks that belong to no project.
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


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The recurring task and the moment; `scheduled_for` is None for a manual run."""

    name: str
    description: str
    prompt: str
    assignees: tuple[str, ...]
    trigger: str
    scheduled_for: datetime | None
    now: datetime
    timezone: str


def first_message(request: RunRequest, situation: Situation, mark: str) -> list[dict[str, str]]:
    """The content blocks of the first message; `mark` is a word that nobody can know beforehand."""
    zone = values.zone(request.timezone)
    parts = [*_documents(situation, mark), *_people(situation, mark), *_board(situation, mark)]
    if situation.project is not None:
        parts.append(_fenced("project", mark, situation.project))
    if situation.last is not None:
        parts.append(_fenced("last_execution", mark, _last(situation.last, zone)))
    parts.append(_fenced("execution", mark, _execution(request, zone)))
    intro = f"The mark of this execution's data is {mark}. The prompt follows after it."
    return [
        {"type": "text", "text": "\n\n".join([*parts, intro])},
        {"type": "text", "text": placeholders.replaced(request.prompt, _values(request, situation, zone))},
    ]


def _values(request: RunRequest, situation: Situation, zone: ZoneInfo) -> dict[str, str]:
    """The values of the prompt's placeholders.

    A project's name is the only one that people write, and they may write the prompt too. What an execution
    said is never among them: `last_outcome` consists of wsq's own words.
    """
    slot = request.scheduled_for or request.now
    return {
        "project": one_line(situation.project.name) if situation.project else "no project",
        "scheduled_time": slot.astimezone(zone).isoformat(timespec="minutes"),
        "last_outcome": _in_a_word(situation.last),
        "today": request.now.astimezone(zone).date().isoformat(),
    }


def _in_a_word(last: Last | None) -> str:
    if last is None:
        return "none yet"
    word = (last.verdict or "completed") if last.status == "completed" else f"{last.status} ({last.reason})"
    return word.replace("_", " ")


def _documents(situation: Situation, mark: str) -> list[str]:
    shown = situation.documents[:DOCUMENTS]
    shares = fair_shares([min(document.length, ONE_DOCUMENT) for document in shown], ALL_DOCUMENTS)
    parts = [
        _fenced("document", mark, _excerpt(document, share)) for document, share in zip(shown, shares, strict=True)
    ]
    left = situation.documents_in_all - len(shown)
    return [*parts, *([f"{left} more documents are not shown; search_documents finds them."] if left > 0 else [])]


def _excerpt(document: DocumentText, share: int) -> dict[str, Any]:
    """A whole document, or its head and tail and how much lies between them."""
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
    """The share of each in `room`: all that it wants if that is little, else as much as the other large ones."""
    shares = [0] * len(wanted)
    waiting = sorted(range(len(wanted)), key=wanted.__getitem__)
    for number, place in enumerate(waiting):
        shares[place] = min(wanted[place], room // (len(waiting) - number))
        room -= shares[place]
    return shares


def _people(situation: Situation, mark: str) -> list[str]:
    if not situation.people:
        return []
    shown = situation.people[:PEOPLE]
    left = situation.people_in_all - len(shown)
    more = {"left_out": f"{left}; search_contacts finds them"} if left > 0 else {}
    return [_fenced("contacts", mark, {"contacts": shown} | more)]


def _board(situation: Situation, mark: str) -> list[str]:
    shown = situation.open_tasks[:OPEN_TASKS]
    left = situation.open_tasks_in_all - len(shown)
    board: dict[str, Any] = {}
    if situation.lanes is not None:
        board["tasks_by_lane"] = {lane: situation.lanes.get(lane, 0) for lane in LANES}
    board["open_tasks" if situation.project else "open_tasks_of_no_project"] = shown
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


def _execution(request: RunRequest, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "task": request.name,
        "description": request.description,
        "assignees": request.assignees,
        "trigger": request.trigger,
        "scheduled_for": _local(request.scheduled_for, zone),
        "now": _local(request.now, zone),
        "timezone": request.timezone,
    }


def _fenced(tag: str, mark: str, value: object) -> str:
    """A value as JSON inside a tag that it cannot close: `<` is escaped and the mark is unknown to its writer."""
    escaped = msgspec.json.encode(value).decode().replace("<", "\\u003c")
    return f"<{tag} mark={mark}>\n{escaped}\n</{tag} mark={mark}>"


def _local(instant: datetime | None, zone: ZoneInfo) -> str | None:
    return None if instant is None else instant.astimezone(zone).isoformat(timespec="seconds")
