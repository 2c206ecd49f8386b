"""The requests that a browser may send. Anything else is refused.

Lengths are bounded here only against floods; the commands check what a name may be.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import DecodeError, Meta, Struct, ValidationError
from msgspec.json import Decoder

from wsq.errors import InvalidInput
from wsq.vocabulary import Lane, MissedPolicy

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
Archivable = Literal["project", "document"]
Whole = Annotated[int, Meta(ge=0, le=2**31)]


class Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """A request; `ref` is the browser's number for it, which the answer repeats."""

    ref: Whole


class AboutRow(Message, frozen=True, kw_only=True):
    """A request about one row."""

    id: Id


class Sync(Message, frozen=True, kw_only=True, tag="sync"):
    """Send what the page has missed: it knows the board up to `rev`, 0 for nothing."""

    rev: Whole


class Run(AboutRow, frozen=True, kw_only=True, tag="run"):
    """Run a recurring task now."""


class Enable(AboutRow, frozen=True, kw_only=True, tag="enable"):
    """Enable a recurring task."""


class Disable(AboutRow, frozen=True, kw_only=True, tag="disable"):
    """Disable a recurring task."""


class RunLate(AboutRow, frozen=True, kw_only=True, tag="run_late"):
    """Run now what was missed, and run missed slots of this task late from now on."""


class Missed(AboutRow, frozen=True, kw_only=True, tag="missed"):
    """Set what happens to missed slots of a recurring task."""

    policy: MissedPolicy


class EnableMany(Message, frozen=True, kw_only=True, tag="enable_many"):
    """Enable recurring tasks of any stores, all or none."""

    ids: Many


class DisableMany(Message, frozen=True, kw_only=True, tag="disable_many"):
    """Disable recurring tasks of any stores, all or none."""

    ids: Many
    reason: Short | None


class Pause(Message, frozen=True, kw_only=True, tag="pause"):
    """Pause the store, or the `whole` workspace, until an instant or until it is resumed."""

    whole: bool
    until: Instant | None
    reason: Short | None


class Resume(Message, frozen=True, kw_only=True, tag="resume"):
    """Resume the store, or the `whole` workspace."""

    whole: bool


class Overview(Message, frozen=True, kw_only=True, tag="overview"):
    """Every recurring task of every store: what has changed since the table's `known` revision, 0 for all."""

    known: Whole


class Delete(AboutRow, frozen=True, kw_only=True, tag="delete"):
    """Delete a recurring task."""


class Open(Message, frozen=True, kw_only=True, tag="open"):
    """Open a form: for a new row without an `id`, for a copy of that row with `copied`."""

    form: Kind
    id: Id | None
    copied: bool = False


class Check(Message, frozen=True, kw_only=True, tag="check"):
    """Check a form as it is typed: its problems and remarks."""

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


class MoveTask(AboutRow, frozen=True, kw_only=True, tag="move_task"):
    """Move a task to a lane, at a 0-based place among its other cards; None is the end."""

    lane: Lane
    position: Whole | None


class ArchiveTask(AboutRow, frozen=True, kw_only=True, tag="archive_task"):
    """Archive a task."""


class ArchivedTasks(Message, frozen=True, kw_only=True, tag="archived_tasks"):
    """The store's archived tasks, the last archived first, that contain all words of a text."""

    text: Short


class RestoreTask(AboutRow, frozen=True, kw_only=True, tag="restore_task"):
    """Put an archived task back, at a 0-based place of its lane; None is the end."""

    position: Whole | None


class History(AboutRow, frozen=True, kw_only=True, tag="history"):
    """A page of a recurring task's executions, newest first; `before` an execution's id goes on from there."""

    before: Id | None


class Search(Message, frozen=True, kw_only=True, tag="search"):
    """The ids of the cards, or documents, that contain all words of a text."""

    text: Short


class Preview(Message, frozen=True, kw_only=True, tag="preview"):
    """Render a text in Markdown."""

    text: Annotated[str, Meta(max_length=1_000_000)]


class Library(Message, frozen=True, kw_only=True, tag="library"):
    """The projects, contacts and documents; `known` is the hash of the lists that the page has, empty for none."""

    archived: bool
    known: Annotated[str, Meta(max_length=64)]


class Archive(Message, frozen=True, kw_only=True, tag="archive"):
    """Archive a project or a document."""

    kind: Archivable
    id: Id


class Restore(Message, frozen=True, kw_only=True, tag="restore"):
    """Restore a project or a document; with a project, enable these of its recurring tasks."""

    kind: Archivable
    id: Id
    enable: Annotated[list[Id], Meta(max_length=1_000)] = []


class DeleteContact(AboutRow, frozen=True, kw_only=True, tag="delete_contact"):
    """Delete a contact."""


class OpenExecution(AboutRow, frozen=True, kw_only=True, tag="open_execution"):
    """Everything about an execution."""


class CancelExecution(AboutRow, frozen=True, kw_only=True, tag="cancel_execution"):
    """Cancel a running execution."""


class Alerts(Message, frozen=True, kw_only=True, tag="alerts"):
    """Everything that needs attention, in any store."""


class SinceThen(Message, frozen=True, kw_only=True, tag="since"):
    """What has happened in the store since an instant (inclusive)."""

    since: Instant


class Within(Message, frozen=True, kw_only=True, tag="within"):
    """A request about one store, from a page that shows several. The inner `ref` is ignored."""

    store: StoreId
    message: Run | RunLate | Missed | Pause | Resume | History | OpenExecution | CancelExecution


class Renew(Message, frozen=True, kw_only=True, tag="renew"):
    """Continue with the browser's current session: the user is active, or has logged in again."""

    ticket: Annotated[str, Meta(max_length=4_000)]


class Statistics(Message, frozen=True, kw_only=True, tag="statistics"):
    """Statistics of one store or of all, over the last days or from one date to another (both inclusive).

    `known` is the hash of the figures that the page has, `listed` that of its tables and choices; empty for none.
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


Request = (
    Sync
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
    | ArchivedTasks
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

_decoder: Decoder[Request] = Decoder(Request)


class Ref(Struct, frozen=True):
    """The number of a request alone."""

    ref: Whole = 0


_ref_decoder: Decoder[Ref] = Decoder(Ref)


def ref_of(raw: object) -> int:
    """The number of a request, also of an invalid one; 0 when it has none."""
    try:
        return _ref_decoder.decode(raw).ref if isinstance(raw, str) else 0
    except (ValidationError, DecodeError, UnicodeEncodeError, RecursionError):
        return 0


def parse(raw: object) -> Request:
    """Parse a request, a JSON text as the page's script sends it.

    Raises:
        InvalidInput: It is not a valid request.
    """
    if not isinstance(raw, str) or len(raw) > LONGEST:
        raise InvalidInput("The page sent something that is not a request.")
    try:
        return _decoder.decode(raw)
    except (ValidationError, DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidInput(f"The page sent an invalid request: {error}.") from error
