"""What a browser may ask for. Whatever is not exactly one of these is refused.

Lengths are bounded here only so that nobody can send a flood; the commands know what a name may be.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import DecodeError, Meta, Struct, ValidationError
from msgspec.json import Decoder

from wsq.errors import InvalidInput

LONGEST = 400_000
"""Characters of a message; the longest form with every character escaped stays below it."""

Id = Annotated[str, Meta(min_length=1, max_length=36)]
Short = Annotated[str, Meta(max_length=2_000)]
Long = Annotated[str, Meta(max_length=60_000)]
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


class Delete(Message, frozen=True, kw_only=True, tag="delete"):
    """Delete a recurring task."""

    id: Id


class OpenRecurring(Message, frozen=True, kw_only=True, tag="open_recurring"):
    """The full fields of a recurring task, for its form."""

    id: Id


class CreateRecurring(Message, frozen=True, kw_only=True, tag="create_recurring"):
    """Make a recurring task of what the form says; `every` is what was typed."""

    name: Short
    description: Long
    prompt: Long
    every: Annotated[str, Meta(max_length=20)]
    unit: Literal["minutes", "hours", "days"]
    project: Id | None


class UpdateRecurring(CreateRecurring, frozen=True, kw_only=True, tag="update_recurring"):
    """Change a recurring task to what the form says; `version` is the one that was opened."""

    id: Id
    version: Whole


class OpenTask(Message, frozen=True, kw_only=True, tag="open_task"):
    """The full fields of a task, for its form."""

    id: Id


class CreateTask(Message, frozen=True, kw_only=True, tag="create_task"):
    """Put a task at the end of a lane."""

    title: Short
    lane: Lane
    project: Id | None


class UpdateTask(Message, frozen=True, kw_only=True, tag="update_task"):
    """Change a task to what the form says; `version` is the one that was opened."""

    id: Id
    version: Whole
    title: Short
    description: Long
    assignees: Annotated[list[Short], Meta(max_length=100)]
    project: Id | None


class MoveTask(Message, frozen=True, kw_only=True, tag="move_task"):
    """Move a task to a lane, at a 0-based place among its other cards; None is the end."""

    id: Id
    lane: Lane
    position: Whole | None


class ArchiveTask(Message, frozen=True, kw_only=True, tag="archive_task"):
    """Take a task off the board."""

    id: Id


class OpenExecution(Message, frozen=True, kw_only=True, tag="open_execution"):
    """Everything about an execution."""

    id: Id


class CancelExecution(Message, frozen=True, kw_only=True, tag="cancel_execution"):
    """End an execution that is running."""

    id: Id


Known = (
    Hello
    | Run
    | Enable
    | Disable
    | Delete
    | OpenRecurring
    | CreateRecurring
    | UpdateRecurring
    | OpenTask
    | CreateTask
    | UpdateTask
    | MoveTask
    | ArchiveTask
    | OpenExecution
    | CancelExecution
)

_decoder: Decoder[Known] = Decoder(Known)


def understood(raw: object) -> Known:
    """The message that `raw` is, a JSON text as the page's script sends it.

    Raises:
        InvalidInput: It is none; nothing in it is to be trusted.
    """
    if not isinstance(raw, str) or len(raw) > LONGEST:
        raise InvalidInput("The page sent something that is no message.")
    try:
        return _decoder.decode(raw)
    except (ValidationError, DecodeError, UnicodeEncodeError) as error:
        raise InvalidInput(f"The page sent a message that cannot be understood: {error}.") from error
