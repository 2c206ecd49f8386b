"""An answer of the Messages API, folded from the events in which it is streamed.

The SDK's own accumulator drops or refuses what other services of the protocol send: events without a name, a
``message_delta`` without usage, gaps in indices; arguments that were cut it gives as an empty object. Here every event
is read for what it plainly means, and anything else in it is passed over; what the answer must be is judged in
`wsq.agent.answer`.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from wsq.agent.providers.base import Block, Progress, Turn, Usage
from wsq.agent.providers.loose import count, storable, whole

BYTES_PER_TOKEN = 3
"""What is estimated where a service does not say how much it used: texts are 3 to 4 bytes a token, JSON rather 3."""

_LINE_END = re.compile(rb"\r\n|\n|\r(?=[^\n])")
_USAGE = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_input_tokens",
    "cache_write_tokens": "cache_creation_input_tokens",
}
_EXTENDS = {
    "text_delta": "text",
    "citations_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "thinking",
    "input_json_delta": "tool_use",
}
"""The type of block that each kind of delta extends."""

_SIGNS = {"name": "tool_use", "text": "text", "thinking": "thinking"}
"""By what a block without a type is known."""

_KNOWN = frozenset(_EXTENDS.values())


async def server_sent(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[str | None, str]]:
    """The name and the data of each server-sent event; one that the stream's end cuts short is given, too."""
    rest, name, data = b"", None, list[str]()
    async for chunk in chunks:
        *lines, rest = _LINE_END.split(rest + chunk)
        for line in lines:
            if not line and data:
                yield name, "\n".join(data)
            if not line:
                name, data = None, []
                continue
            field, _, value = line.decode(errors="replace").removeprefix("\ufeff").partition(":")
            if field == "data":
                data.append(value.removeprefix(" "))
            elif field == "event":
                name = value.removeprefix(" ")
    if rest.startswith(b"data:"):
        data.append(rest.decode(errors="replace").removeprefix("data:").strip())
    if data:
        yield name, "\n".join(data)


class _Growing(msgspec.Struct):
    """A block while it comes in: as it began, and the pieces that were added to each of its texts."""

    block: Block
    pieces: dict[str, list[str]]

    @property
    def type(self) -> str:
        """Its type."""
        return str(self.block["type"])

    def finished(self) -> Block:
        """The whole block. Arguments are text here, unless they came as an object."""
        block = dict(self.block)
        if self.type == "tool_use":
            block.setdefault("id", None)
        for name in ("text", "thinking"):
            if name in self.pieces or self.type == name:
                begun = block.get(name)
                parts = [begun if isinstance(begun, str) else "", *self.pieces.get(name, ())]
                block[name] = whole("".join(parts))
        if self.type == "thinking" or "signature" in self.pieces:
            signature = [*self.pieces.get("signature", ()), block.get("signature")][0]
            block["signature"] = signature if isinstance(signature, str) else ""
        arguments = whole("".join(self.pieces.get("partial_json", ())))
        if arguments.strip() and not (block.get("input") and _parsed(arguments) is None):
            block["input"] = arguments if self.type == "tool_use" else _parsed(arguments)
        return block


class StreamedAnswer:
    """An answer as it comes in, with no field that the service did not send."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._blocks: list[_Growing] = []
        self._at: dict[str, _Growing] = {}
        self._given: list[Any] = []
        self._usage: dict[str, Any] = {}
        self._first_output: Any = None
        self._stop_details: Any = None
        self._heard = 0
        self._begun = False
        self.stop_reason: Any = None
        self.is_whole = False
        """Whether its end has come."""

    def hear(self, name: str | None, event: object) -> None:
        """Take in an event, as the JSON that its data is; `name` is its own if the JSON has none."""
        if not isinstance(event, dict):
            return
        index = event.get("index")
        match event.get("type", name), event:
            case "message_start", {"message": dict(message)}:
                self._start(message)
            case "content_block_start", {"content_block": dict(block)}:
                self._begin(index, block)
            case "content_block_delta", {"delta": dict(delta)}:
                self._extend(index, delta)
            case "message_delta", _:
                self._count(event.get("usage"))
                self._stop(event.get("delta"))
            case "message_stop", _:
                self.is_whole = True

    def turn(self) -> Turn:
        """The whole answer; its figures and its stop reason are as the service sent them."""
        given = [_Growing(block, {}) for block in self._given if isinstance(block, dict) and "type" in block]
        content = [block.finished() for block in self._blocks or given]
        details = self._stop_details
        return Turn(
            content=content,
            stop_reason=self.stop_reason,
            stop_detail=details.get("category") if isinstance(details, dict) else None,
            usage=self._used(final=bool(content)),
        )

    @property
    def is_unaccounted(self) -> bool:
        """Whether something came whose count did not."""
        return self.stop_reason is None and self._heard > 0

    def so_far(self) -> Usage | None:
        """What was used by an answer that broke off, at least a token for the bytes of one; None if none had begun."""
        if not self._begun:
            return None
        used, heard = self._used(final=False), -(-self._heard // BYTES_PER_TOKEN)
        if self.stop_reason is not None and count(used.output_tokens):
            return used
        return msgspec.structs.replace(used, output_tokens=max(count(used.output_tokens) or 0, heard))

    def _used(self, *, final: bool) -> Usage:
        """The counts; that of the answer's beginning is no count of a `final` answer's output."""
        found = {ours: self._usage.get(theirs, 0) for ours, theirs in _USAGE.items()}
        if not final and not found["output_tokens"]:
            found["output_tokens"] = self._first_output or 0
        return Usage(**found)

    def _start(self, message: dict[str, Any]) -> None:
        """Begin; a second beginning means that what came before is void."""
        self._begun = True
        self._blocks, self._at = [], {}
        content = message.get("content")
        self._given = content if isinstance(content, list) else []
        self._stop(message)
        self._count(message.get("usage"))
        if not self._given:
            self._first_output = self._usage.pop("output_tokens", None)

    def _stop(self, delta: object) -> None:
        if isinstance(delta, dict) and delta.get("stop_reason") is not None:
            self.stop_reason = delta["stop_reason"]
            self._stop_details = delta.get("stop_details")

    def _count(self, usage: object) -> None:
        """Counts are totals so far: the last one that says something stands."""
        for name in _USAGE.values():
            value = usage.get(name) if isinstance(usage, dict) else None
            if value is not None and (count(value) or not count(self._usage.get(name))):
                self._usage[name] = value

    def _begin(self, index: object, block: Block) -> None:
        kind = block.get("type")
        if not isinstance(kind, str):
            kind = next((kind for sign, kind in _SIGNS.items() if sign in block), None)
        if kind is None:
            return
        self._begun = True
        there = self._at.get(repr(index))
        if there is not None and block.get("id") and there.block.get("id") == block["id"]:
            self._blocks.remove(there)  # sent once more
        self._add(index, block | {"type": kind})
        name, text = block.get("name"), block.get("text")
        if kind == "tool_use" and isinstance(name, str):
            self._progress.calling(storable(name))
        elif kind == "text" and isinstance(text, str) and text:
            self._progress(storable(text))

    def _add(self, index: object, block: Block) -> _Growing:
        self._blocks.append(_Growing(block, {}))
        self._at[repr(index)] = self._blocks[-1]
        return self._blocks[-1]

    def _extend(self, index: object, delta: dict[str, Any]) -> None:
        kind = str(delta.get("type"))
        match delta:
            case {"type": "text_delta", "text": str(text)}:
                self._grow(index, kind, "text", text)
                self._progress(storable(text))
            case {"type": "thinking_delta", "thinking": str(text)}:
                self._grow(index, kind, "thinking", text)
            case {"type": "signature_delta", "signature": str(signature)}:
                self._target(index, kind).pieces["signature"] = [signature]
            case {"type": "input_json_delta", "partial_json": str(text)}:
                self._grow(index, kind, "partial_json", text)
            case {"type": "input_json_delta", "partial_json": dict(arguments)}:
                self._grow(index, kind, "partial_json", json.dumps(arguments))
            case {"type": "citations_delta", "citation": citation}:
                block = self._target(index, kind).block
                begun = block.get("citations")
                block["citations"] = [*(begun if isinstance(begun, list) else []), citation]

    def _grow(self, index: object, kind: str, name: str, text: str) -> None:
        self._begun = True
        self._heard += len(text.encode(errors="replace"))
        self._target(index, kind).pieces.setdefault(name, []).append(text)

    def _target(self, index: object, kind: str) -> _Growing:
        """The block that a delta extends: the one at its index, else the last of its type, else a new one."""
        wanted = _EXTENDS[kind]
        there = self._at.get(repr(index))
        if there is not None and (there.type == wanted or there.type not in _KNOWN):
            return there
        last = next((each for each in reversed(self._blocks) if each.type == wanted), None)
        return last or self._add(index, {"type": wanted})


def _parsed(arguments: str) -> dict[str, Any] | None:
    try:
        parsed = json.loads(arguments)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None
