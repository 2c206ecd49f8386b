"""A conversation with the model: as it starts, as its record has it, and as each answer and result extend it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from wsq.agent.providers.base import Block, Message, calls_of
from wsq.errors import LeaseLost
from wsq.projections import Execution
from wsq.queries import executions as queries
from wsq.store.engine import Cursor

SAME_CALLS = 4
"""As many identical calls in a row mean that the model is stuck."""

CALLS_TOGETHER = 4
"""Calls of one answer that share a transaction at the most: a bound on how long it takes."""


class Conversation(msgspec.Struct, kw_only=True):
    """What has been said so far, and which calls of the last answer are still pending."""

    system: str
    tools: list[dict[str, Any]]
    messages: list[Message]
    pending: list[Block]
    last_calls: list[tuple[str, bytes]]

    def add_answer(self, content: list[Block]) -> None:
        """Append an answer of the model; its calls are pending."""
        self.messages.append({"role": "assistant", "content": content})
        self.pending = calls_of(content)

    def add_result(self, call: Block, result: bytes, *, is_error: bool) -> None:
        """Append the result of the first pending call; all results of one answer stand in one message."""
        block: Block = {"type": "tool_result", "tool_use_id": call["id"], "content": result.decode()}
        if is_error:
            block["is_error"] = True
        if self.messages[-1]["role"] == "assistant":
            self.messages.append({"role": "user", "content": [block]})
        else:  # a new message, for a request that was made holds on to the old one
            self.messages[-1] = {"role": "user", "content": [*self.messages[-1]["content"], block]}
        self.pending = self.pending[1:]
        self.last_calls = [*self.last_calls, _signature(call)][-SAME_CALLS:]

    def is_stuck(self) -> bool:
        """Whether the last calls were all the same."""
        return _all_the_same(self.last_calls)

    def next_calls(self, pending: Sequence[Block], is_apart: Callable[[Block], bool]) -> list[Block]:
        """Of the pending calls those that may share a transaction.

        None after one too many of the same, and none from the first on that `is_apart`.
        """
        last, together = list(self.last_calls), []
        for call in pending[:CALLS_TOGETHER]:
            if _all_the_same(last) or is_apart(call):
                break
            last = [*last, _signature(call)][-SAME_CALLS:]
            together.append(call)
        return together


def opening(system: bytes, offered: bytes, first_message: bytes) -> Conversation:
    """A conversation in which nothing has been answered yet."""
    return Conversation(
        system=system.decode(),
        tools=_tools(offered),
        messages=[{"role": "user", "content": msgspec.json.decode(first_message)}],
        pending=[],
        last_calls=[],
    )


def recall(cursor: Cursor, row: Execution) -> Conversation:
    """The conversation as its record has it; `LeaseLost` if there is no record any more."""
    steps = queries.steps(cursor, row.id)
    wanted = [row.system, row.tools, row.first_message, *(step.body for step in steps)]
    bodies = queries.bodies(cursor, [name for name in wanted if name])
    try:
        conversation = opening(*(bodies[name or ""] for name in (row.system, row.tools, row.first_message)))
        for step in steps:
            if step.kind == "answer":
                conversation.add_answer(msgspec.json.decode(bodies[step.body or ""]))
            elif step.kind == "call":
                conversation.add_result(conversation.pending[0], bodies[step.body or ""], is_error=step.is_error)
    except KeyError as error:
        raise LeaseLost(f"Execution {row.id} has no conversation on record any more.") from error
    return conversation


@lru_cache(maxsize=8)
def _tools(offered: bytes) -> list[dict[str, Any]]:
    """The definitions, decoded once for all executions that were given the same; nobody changes them."""
    definitions: list[dict[str, Any]] = msgspec.json.decode(offered)
    return definitions


def _signature(call: Block) -> tuple[str, bytes]:
    """What two identical calls have in common."""
    return call["name"], msgspec.json.encode(call["input"], order="deterministic")


def _all_the_same(calls: Sequence[tuple[str, bytes]]) -> bool:
    return len(calls) == SAME_CALLS and len(set(calls)) == 1
