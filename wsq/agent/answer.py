"""What a provider answers, made into what can be recorded: here loose answers become well typed, and nowhere else.

A service may leave figures out, send zeros or nonsense, repeat ids, or cut arguments. Behind this module counts are
whole numbers, texts can be stored in every database, a call's input is an object and its id unique in the
conversation. What a service does not say is never taken as free: it is estimated, and marked so.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from wsq.agent import prices
from wsq.agent.providers.base import Block, Message, Most, Provider, ProviderError, Request, Turn, Usage, calls_of
from wsq.agent.providers.loose import count, dollars, seconds, storable, whole
from wsq.agent.providers.stream import BYTES_PER_TOKEN
from wsq.agent.tools import UNPARSED
from wsq.commands.budgets import costs_nothing
from wsq.rules.nesting import MOST_LEVELS, is_too_deep

_COUNTS = Usage.__struct_fields__
_PROMPT = tuple(name for name in _COUNTS if name != "output_tokens")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_NOT_IN_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_WORD = 200


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a call took. `estimated` if the service did not say all of it; the cost is None if it has no known price."""

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_usd: float | None
    estimated: bool


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that can be recorded; `message` is its content as JSON."""

    content: list[Block]
    message: bytes
    stop_reason: str
    stop_detail: str | None
    request_id: str | None
    figures: Figures


def received(turn: object, request: Request, provider: Provider) -> Answer:
    """The answer to a request.

    Raises:
        ProviderError: It cannot be understood; what it took is in the error.
    """
    if not isinstance(turn, Turn):
        raise ProviderError(f"it answered with {type(turn).__name__}, not with a Turn", retryable=False)
    try:
        content = _content(turn.content, request)
        message = encoded(content)
        if is_too_deep(message):
            raise _Malformed(f"it answered with what is nested deeper than {MOST_LEVELS} levels")
        content = msgspec.json.decode(message)
    except (ValueError, TypeError, RecursionError, msgspec.MsgspecError) as error:
        said = str(error) if isinstance(error, _Malformed) else "it answered with what is no JSON"
        raise ProviderError(said, retryable=False, usage=turn.usage, cost_usd=turn.cost_usd) from error
    return Answer(
        content=content,
        message=message,
        stop_reason=_word(turn.stop_reason) or "none",
        stop_detail=_word(turn.stop_detail),
        request_id=_word(turn.request_id),
        figures=figures(turn.usage, turn.cost_usd, request, provider, said=len(message) if content else 0),
    )


class _Malformed(ValueError):
    """What is wrong with an answer, as a sentence without a subject of its own."""


# Figures


def figures(usage: object, cost_usd: object, request: Request, provider: Provider, *, said: int) -> Figures:
    """What a call took, from what its service says of it; `said` is how many bytes it answered.

    A count that is missing or zero where there must be something is estimated from bytes, its cost by the list of
    prices, else by what was reserved.
    """
    given = {name: usage.get(name) if isinstance(usage, dict) else getattr(usage, name, None) for name in _COUNTS}
    counts = {name: count(value) or 0 for name, value in given.items()}
    cost = dollars(cost_usd)
    if costs_nothing(provider.kind):
        return Figures(**counts, cost_usd=cost, estimated=False)
    wrong = {name for name, value in given.items() if value is not None and count(value) is None}
    prompt = sum(counts[name] for name in _PROMPT)
    estimated = bool(wrong)
    if not prompt or wrong.intersection(_PROMPT):
        lacking = _tokens(len(_asked(request))) - prompt
        counts["input_tokens"] += max(lacking, 0)
        estimated = True
    if said and (not counts["output_tokens"] or "output_tokens" in wrong):
        counts["output_tokens"] = max(counts["output_tokens"], _tokens(said))
        estimated = True
    if estimated and (not cost or any(count(value) for value in given.values())):
        priced = prices.cost(request.model, Usage(**counts)) if request.model else None
        most = reservation(provider, request) if priced is None and not cost else None
        reserved = None if most is None else most.cost_usd
        cost = max((each for each in (cost, priced, reserved) if each is not None), default=None)
    return Figures(**counts, cost_usd=cost, estimated=estimated)


def of_failure(error: BaseException | None, request: Request, provider: Provider) -> Figures | None:
    """What a failed call took; None if its service had not begun to answer, or nobody knows."""
    usage = getattr(error, "usage", None)
    if usage is None:
        return None
    found = figures(usage, getattr(error, "cost_usd", None), request, provider, said=0)
    estimated = found.estimated or getattr(error, "estimated", False) is True
    return msgspec.structs.replace(found, estimated=estimated)


def reservation(provider: Provider, request: Request, *, unseen: int = 0) -> Most | None:
    """The greatest cost of a request, by its provider; None if its calls are free."""
    estimate: Callable[..., Most] | None = getattr(provider, "most", None)
    if estimate is None:
        return None
    most = estimate(request, unseen=unseen)
    tokens = count(most.tokens)
    return Most(cost_usd=dollars(most.cost_usd), tokens=len(_asked(request)) + unseen if tokens is None else tokens)


def retry_after(error: object) -> float:
    """For how many seconds a failed call's service asks not to be called; 0 if it does not."""
    return seconds(getattr(error, "retry_after", None)) or 0.0


def _tokens(size: int) -> int:
    return -(-size // BYTES_PER_TOKEN)


def _asked(request: Request) -> bytes:
    return msgspec.json.encode((request.system, request.tools, request.messages))


# Content


def _content(blocks: object, request: Request) -> list[Block]:
    if isinstance(blocks, str | bytes | dict) or not isinstance(blocks, Sequence):
        raise _Malformed(f"it answered with {type(blocks).__name__} where blocks were expected")
    taken = {call["id"] for message in request.messages for call in _calls_in(message)}
    content: list[Block] = []
    for place, block in enumerate(blocks):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise _Malformed("it answered with a block that has no type")
        if block["type"] == "text" and not isinstance(block.get("text"), str):
            raise _Malformed("it answered with a text that is none")
        if block["type"] == "tool_use":
            content.append(_call(block, taken, f"call_{request.turn}_{place}"))
        elif block["type"] != "text" or block["text"].strip():
            content.append(block)
    return content


def _calls_in(message: Message) -> list[Block]:
    content = message["content"]
    return calls_of(content) if message["role"] == "assistant" and not isinstance(content, str) else []


def _call(block: Block, taken: set[str], otherwise: str) -> Block:
    """A call with a name and an id as the Messages API takes them, an id that no other has, and an object as input."""
    name, id_ = block.get("name"), block.get("id")
    if not isinstance(name, str) or not name.strip():
        raise _Malformed("it called a tool without a name")
    if "id" not in block:  # a provider's own mistake: what a service leaves out is None here
        raise _Malformed("it called a tool without an id")
    if not _NAME.fullmatch(name):
        name = _NOT_IN_NAME.sub("_", name.strip())[:128]
    if not isinstance(id_, str) or not _NAME.fullmatch(id_) or id_ in taken:
        id_ = otherwise
        while id_ in taken:
            id_ += "_"
    taken.add(id_)
    return {**block, "id": id_, "name": name, "input": _arguments(block.get("input"))}


def _arguments(given: object) -> dict[str, Any]:
    """A call's arguments; those that are no object, or were cut, stand as text in one that no tool takes."""
    if isinstance(given, dict):
        return given
    if given is None or (isinstance(given, str) and not given.strip()):
        return {}
    if isinstance(given, str):
        try:
            arguments = json.loads(given)
        except (ValueError, RecursionError):
            return {UNPARSED: given}
        return arguments if isinstance(arguments, dict) else {UNPARSED: given}
    return {UNPARSED: json.dumps(given)}


# Text and JSON


def encoded(content: Sequence[Block]) -> bytes:
    """Blocks as JSON that is read again as it is: only numbers and characters that cannot be are replaced."""
    blocks = [dict(block) for block in content]
    try:
        message = msgspec.json.encode(blocks)
        msgspec.json.decode(message)
    except (UnicodeEncodeError, OverflowError, msgspec.MsgspecError):
        return msgspec.json.encode(_readable(blocks))
    return message


def _readable(value: Any) -> Any:
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_readable(each) for each in value]
    if isinstance(value, dict):
        return {_readable(name): _readable(each) for name, each in value.items()}
    return value


def _word(value: object) -> str | None:
    """A word of a service as text, whatever it is; None if there is none."""
    if value is None or value == "":
        return None
    return storable(value if isinstance(value, str) else repr(value))[:_LONGEST_WORD]
