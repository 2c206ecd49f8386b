"""What a browser may ask for. Whatever is not exactly one of these is refused.

Lengths are bounded here only so that nobody can send a flood; the commands know what a name may be.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import DecodeError, Meta, Struct, ValidationError
from msgspec.json import Decoder

from wsq.errors import InvalidInput

LONGEST = 3_000_000
"""Characters of a message: the longest document, with room for what JSON escapes."""

Id = Annotated[str, Meta(min_length=1, max_length=36)]
StoreId = Annotated[str, Meta(min_length=1, max_length=64)]
Short = Annotated[str, Meta(max_length=2_000)]
Instant = Annotated[datetime, Meta(tz=True)]
Many = Annotated[list[Id], Meta(max_length=100_000)]
Kind = Literal["recurring_task", "task", "project", "contact", "document"]
Typed = str | bool | None | Annotated[list[Short], Meta(max_length=1_000)]
Fields = Annotated[dict[Annotated[str, Meta(max_length=40)], Typed], Meta(max_length=40)]
Shelf = Literal["project", "document"]
Whole = Annotated[int, Meta(ge=0, le=2**31)]
Lane = Literal["todo", "doing", "in_review", "done"]


class Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="ask"):
    """A request; `ref` is the browser's number for it, and comes back with the answer."""

    ref: Whole


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """A page has opened, or has missed something: it knows the board up to `rev`."""

    rev: Whole


class Run(Message, frozen=True, kw_only=True, tag="run"):
    """Carry a recurring task out now."""

    id: Id


class Enable(Message, frozen=True, kw_only=True, tag="enable"):
    """Switch a recurring task on."""

    id: Id


class Disable(Message, frozen=True, kw_only=True, tag="disable"):
    """Switch a recurring task off."""

    id: Id


class RunLate(Message, frozen=True, kw_only=True, tag="run_late"):
    """Carry out now what was skipped because nobody came by, and from now on run such slots late instead."""

    id: Id


class Missed(Message, frozen=True, kw_only=True, tag="missed"):
    """What becomes of a recurring task's slots that nobody came by for."""

    id: Id
    policy: Literal["skip", "run_once"]


class EnableMany(Message, frozen=True, kw_only=True, tag="enable_many"):
    """Switch recurring tasks on, of whichever stores, all or none."""

    ids: Many


class DisableMany(Message, frozen=True, kw_only=True, tag="disable_many"):
    """Switch recurring tasks off, of whichever stores, all or none."""

    ids: Many
    reason: Short | None


class Pause(Message, frozen=True, kw_only=True, tag="pause"):
    """Let nothing start in the store, or in the `whole` workspace; until an instant, or for good."""

    whole: bool
    until: Instant | None
    reason: Short | None


class Resume(Message, frozen=True, kw_only=True, tag="resume"):
    """Let the store, or the `whole` workspace, go on."""

    whole: bool


class Overview(Message, frozen=True, kw_only=True, tag="overview"):
    """Every recurring task of every store, as news of what the page was told as the table's `known` state; 0: all."""

    known: Whole


class Delete(Message, frozen=True, kw_only=True, tag="delete"):
    """Delete a recurring task."""

    id: Id


class Open(Message, frozen=True, kw_only=True, tag="open"):
    """A form: for a new row without an `id`, for one like another with `copied`."""

    form: Kind
    id: Id | None
    copied: bool = False


class Check(Message, frozen=True, kw_only=True, tag="check"):
    """What is wrong with a form as it is typed now, and what there is to say of it."""

    form: Kind
    id: Id | None
    fields: Fields


class Submit(Message, frozen=True, kw_only=True, tag="submit"):
    """Save a form; `version` is the one that was opened, None for a new row."""

    form: Kind
    id: Id | None
    version: Whole | None
    fields: Fields


class CreateTask(Message, frozen=True, kw_only=True, tag="create_task"):
    """Put a task at the end of a lane."""

    title: Short
    lane: Lane
    project: Id | None


class MoveTask(Message, frozen=True, kw_only=True, tag="move_task"):
    """Move a task to a lane, at a 0-based place among its other cards; None is the end."""

    id: Id
    lane: Lane
    position: Whole | None


class ArchiveTask(Message, frozen=True, kw_only=True, tag="archive_task"):
    """Take a task off the board."""

    id: Id


class RestoreTask(Message, frozen=True, kw_only=True, tag="restore_task"):
    """Put an archived task back, at a 0-based place of its lane; None is the end."""

    id: Id
    position: Whole | None


class History(Message, frozen=True, kw_only=True, tag="history"):
    """A page of a recurring task's executions, newest first; `before` an execution's id goes on from there."""

    id: Id
    before: Id | None


class Search(Message, frozen=True, kw_only=True, tag="search"):
    """The cards that hold all words of a text, wherever in them."""

    text: Short


class Preview(Message, frozen=True, kw_only=True, tag="preview"):
    """How a text in Markdown will look."""

    text: Annotated[str, Meta(max_length=1_000_000)]


class Library(Message, frozen=True, kw_only=True, tag="library"):
    """The projects, contacts and documents; `known` is the mark of the lists that the page has, empty for none."""

    archived: bool
    known: Annotated[str, Meta(max_length=64)]


class Archive(Message, frozen=True, kw_only=True, tag="archive"):
    """Put a project or a document away."""

    kind: Shelf
    id: Id


class Restore(Message, frozen=True, kw_only=True, tag="restore"):
    """Take a project or a document out again; with a project, switch on these of its recurring tasks."""

    kind: Shelf
    id: Id
    enable: Annotated[list[Id], Meta(max_length=1_000)] = []


class DeleteContact(Message, frozen=True, kw_only=True, tag="delete_contact"):
    """Strike a person from the list."""

    id: Id


class OpenExecution(Message, frozen=True, kw_only=True, tag="open_execution"):
    """Everything about an execution."""

    id: Id


class CancelExecution(Message, frozen=True, kw_only=True, tag="cancel_execution"):
    """End an execution that is running."""

    id: Id


class Alerts(Message, frozen=True, kw_only=True, tag="alerts"):
    """What is not as it should be, in any store."""


class SinceThen(Message, frozen=True, kw_only=True, tag="since"):
    """What has happened in the store since an instant (inclusive)."""

    since: Instant


class Within(Message, frozen=True, kw_only=True, tag="within"):
    """One of these, about a store that is named: for a page that shows several. The inner number is not looked at."""

    store: StoreId
    message: Run | RunLate | Missed | Pause | Resume | History | OpenExecution | CancelExecution


class Renew(Message, frozen=True, kw_only=True, tag="renew"):
    """Go on with the session that the browser has now: somebody is there, or has logged in again."""

    ticket: Annotated[str, Meta(max_length=4_000)]


class Statistics(Message, frozen=True, kw_only=True, tag="statistics"):
    """What came of executions: of a store or of all, of the last days or from one date to another (both inclusive).

    `known` is the mark of what the page shows already, empty for nothing; `listed` that of its tables and choices.
    """

    store: Annotated[str, Meta(min_length=1, max_length=64)] | None
    project: Id | None
    task: Id | None
    model: Short | None
    days: Whole
    since: Short | None
    until: Short | None
    theme: Literal["light", "dark"]
    known: Annotated[str, Meta(max_length=64)]
    listed: Annotated[str, Meta(max_length=64)] = ""


Known = (
    Hello
    | Run
    | Enable
    | Disable
    | RunLate
    | Missed
    | EnableMany
    | DisableMany
    | Pause
    | Resume
    | Overview
    | Alerts
    | SinceThen
    | Within
    | Delete
    | Open
    | Check
    | Submit
    | CreateTask
    | MoveTask
    | ArchiveTask
    | RestoreTask
    | History
    | Search
    | Preview
    | Library
    | Archive
    | Restore
    | DeleteContact
    | OpenExecution
    | CancelExecution
    | Statistics
    | Renew
)

_decoder: Decoder[Known] = Decoder(Known)


class Numbered(Struct, frozen=True):
    """Of a message nothing but its number."""

    ref: Whole = 0


_numbered: Decoder[Numbered] = Decoder(Numbered)


def number_of(raw: object) -> int:
    """The browser's number for a message, also for one that is refused; 0 when it has none."""
    try:
        return _numbered.decode(raw).ref if isinstance(raw, str) else 0
    except (ValidationError, DecodeError, UnicodeEncodeError, RecursionError):
        return 0


def understood(raw: object) -> Known:
    """The message that `raw` is, a JSON text as the page's script sends it.

    Raises:
        InvalidInput: It is none; nothing in it is to be trusted.
    """
    if not isinstance(raw, str) or len(raw) > LONGEST:
        raise InvalidInput("The page sent something that is no message.")
    try:
        return _decoder.decode(raw)
    except (ValidationError, DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidInput(f"The page sent a message that cannot be understood: {error}.") from error
