"""What every tool consists of: a scope, arguments (a pydantic model), a result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict

from wsq.store.transaction import Transaction

T = TypeVar("T")

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


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool: what the model reads of it, and the function that a call runs.

    One with `only_looks` changes nothing on the board. `run` returns the result.
    """

    name: str
    description: str
    arguments: type[Arguments]
    run: Callable[[Transaction, Scope, Any], Any]
    only_looks: bool = False


def listed(name: str, rows: Sequence[T], show: Callable[[T], Any], *, offset: int = 0, hint: str) -> dict[str, Any]:
    """The first rows from `offset` on, under `name`; where some are left out, how many and how to get them."""
    shown = rows[offset : offset + MOST_LISTED]
    result: dict[str, Any] = {name: [show(row) for row in shown]}
    left = len(rows) - offset - len(shown)
    if left > 0:
        result |= {"left_out": left, "hint": hint}
    return result
