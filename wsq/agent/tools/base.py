"""What every tool consists of: a scope, arguments (a pydantic model), a result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict

from wsq.queries.situations import Part
from wsq.store.engine import ReadingCursor
from wsq.store.transaction import Transaction

T = TypeVar("T", bound=msgspec.Struct)

MOST_LISTED = 200
"""Rows that one call lists; the result says how many are left out and how to get them."""


UNPARSED = "unparsed_arguments"
"""The one argument of a call whose arguments are no JSON object: what they are, as text. No tool takes it."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What an execution may touch. `assignees` are given to what it creates unless it says otherwise."""

    store_id: str
    project_id: str | None
    execution_id: str
    assignees: tuple[str, ...] = ()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a call: the result as JSON, whether it is an error, and a verdict if it gave one."""

    result: bytes
    is_error: bool = False
    verdict: str | None = None
    summary: str | None = None


class Arguments(BaseModel):
    """A tool's arguments; unknown ones are rejected."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Nothing(Arguments):
    """No arguments."""


Read = Callable[[Callable[[ReadingCursor], Any]], Any]
"""Answers a question that scans all texts, outside of any transaction."""


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool: what the model reads of it, and the function that a call runs, which returns the result.

    `run` takes the transaction in which the call is recorded, so its cost has to be bounded. What grows with the texts
    of a store is a `search`: it runs before the transaction, on a view of its own. One with `only_looks` changes
    nothing on the board.
    """

    name: str
    description: str
    arguments: type[Arguments]
    run: Callable[[Transaction, Scope, Any], Any] | None = None
    search: Callable[[Read, Scope, Any], Any] | None = None
    only_looks: bool = False


def listed(name: str, part: Part[T], *, offset: int = 0, hint: str) -> dict[str, Any]:
    """The rows from `offset` on, under `name`; where some are left out, how many and how to get them."""
    result: dict[str, Any] = {name: part.rows}
    left = part.total - offset - len(part.rows)
    if left > 0:
        result |= {"left_out": left, "hint": hint}
    return result
