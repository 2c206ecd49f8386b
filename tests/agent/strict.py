"""What the Messages API refuses: the rules that a conversation must keep, checked as a service does.

Written from the public reference of API version 2026-10-21; each rule that is broken comes back as one sentence.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from typing import Any

JsonObject = dict[str, Any]

TOP = {
    "model", "max_tokens", "messages", "system", "tools", "stream", "thinking", "output_config", "cache_control",
    "metadata", "stop_sequences", "tool_choice", "service_tier",
}  # fmt: skip
TOOL = {"name", "description", "input_schema", "strict", "cache_control", "type"}
BLOCKS = {
    "text": ({"type", "text"}, {"cache_control", "citations"}),
    "tool_use": ({"type", "id", "name", "input"}, {"cache_control", "caller"}),
    "tool_result": ({"type", "tool_use_id", "content"}, {"cache_control", "is_error"}),
    "thinking": ({"type", "thinking", "signature"}, set()),
    "redacted_thinking": ({"type", "data"}, set()),
}
SAID_BY = {"user": {"text", "tool_result"}, "assistant": {"text", "tool_use", "thinking", "redacted_thinking"}}
NOT_IN_STRICT = {
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems",
    "uniqueItems", "pattern", "not", "oneOf",
}  # fmt: skip
KEY = b"the service's own"


class Refused(Exception):
    """The request breaks a rule."""


def require(condition: object, sentence: str) -> None:
    """Refuse unless `condition` holds."""
    if not condition:
        raise Refused(sentence)


class Memory:
    """What a service knows of what it has said: its signatures, and what stood before them."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[str, JsonObject]] = {}

    def sign(self, body: JsonObject, content: list[JsonObject]) -> list[JsonObject]:
        """The answer with its thinking signed, which binds what stands before it."""
        prefix = prefix_of(body, len(body["messages"]))
        signed = [_signed(block, prefix) for block in content]
        for block in signed:
            if key := block.get("signature") or (block["type"] == "redacted_thinking" and block["data"]):
                self._said[key] = (prefix, {"role": "assistant", "content": signed})
        return signed

    def check(self, body: JsonObject) -> None:
        """Refuse thinking that was not said, or after which anything before it has changed by a byte."""
        for place, message in enumerate(body["messages"]):
            for number, block in enumerate(blocks_of(message)):
                key = block.get("signature") or (block["type"] == "redacted_thinking" and block["data"])
                if not key:
                    continue
                where = f"messages.{place}.content.{number}"
                require(key in self._said, f"{where}: Invalid `signature` in `{block['type']}` block")
                prefix, said = self._said[key]
                require(prefix == prefix_of(body, place), f"{where}: what precedes a thinking block was modified")
                same = json.dumps(uncached(message), sort_keys=True) == json.dumps(said, sort_keys=True)
                require(same, f"{where}: thinking blocks cannot be modified, nor what was said with them")


def _signed(block: JsonObject, prefix: str) -> JsonObject:
    if block["type"] != "thinking":
        return block
    mark = hmac.new(KEY, (prefix + block["thinking"]).encode(), hashlib.sha256)
    return {**block, "signature": mark.hexdigest()}


def check(body: JsonObject, memory: Memory) -> None:
    """Refuse what the service refuses."""
    _check_top(body)
    _check_thinking(body)
    _check_tools(body)
    _check_cache(body)
    _check_messages(body)
    memory.check(body)


def _check_top(body: JsonObject) -> None:
    for name in ("temperature", "top_p", "top_k"):
        require(name not in body, f"{name}: is not supported since 2026-10-21, not even at its default")
    for name in body:
        require(name in TOP, f"{name}: Extra inputs are not permitted")
    require(isinstance(body.get("model"), str) and body["model"], "model: Field required")
    most = body.get("max_tokens")
    require(isinstance(most, int) and 1 <= most <= 128_000, "max_tokens: must be between 1 and 128000")
    require(isinstance(body.get("messages"), list) and body["messages"], "messages: at least one message is required")
    system = body.get("system", "-")
    require(isinstance(system, str) or (isinstance(system, list) and system), "system: a text or blocks of text")
    for place, block in enumerate(system if isinstance(system, list) else []):
        _check_block(f"system.{place}", block, {"text"})


def _check_thinking(body: JsonObject) -> None:
    thinking = body.get("thinking")
    if thinking is None:
        return
    require(thinking.get("type") == "adaptive", "thinking.type: this model takes `adaptive`")
    require(set(thinking) <= {"type", "display"}, "thinking: Extra inputs are not permitted")
    require(thinking.get("display", "summarized") in ("summarized", "omitted"), "thinking.display: not known")
    choice = body.get("tool_choice", {"type": "auto"})
    require(choice["type"] in ("auto", "none"), "tool_choice: thinking may not be enabled when tool use is forced")


def _check_tools(body: JsonObject) -> None:
    tools = body.get("tools", [])
    names = [tool.get("name") for tool in tools]
    require(len(names) == len(set(names)), "tools: Tool names must be unique")
    require(sum(bool(tool.get("strict")) for tool in tools) <= 20, "tools: at most 20 may be strict")
    for place, tool in enumerate(tools):
        where = f"tools.{place}"
        require(set(tool) <= TOOL, f"{where}: Extra inputs are not permitted")
        require(re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", tool["name"]), f"{where}.name: does not match")
        require(tool["input_schema"].get("type") == "object", f"{where}.input_schema.type: Input should be 'object'")
        if tool.get("strict"):
            _check_strict(f"{where}.input_schema", tool["input_schema"])


def _check_strict(where: str, schema: Any) -> None:
    if isinstance(schema, list):
        for each in schema:
            _check_strict(where, each)
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object":
        require(schema.get("additionalProperties") is False, f"{where}: additionalProperties must be false")
    for name, value in schema.items():
        require(name not in NOT_IN_STRICT, f"{where}: {name} is not supported in a strict schema")
        for each in value.values() if name in ("properties", "$defs") else [value]:
            _check_strict(f"{where}.{name}", each)


def _check_cache(body: JsonObject) -> None:
    marks = [block["cache_control"] for block in _all_blocks(body) if block.get("cache_control")]
    require(len(marks) <= 4, f"A maximum of 4 blocks with cache_control may be provided. Found {len(marks)}.")
    require(all(mark.get("type") == "ephemeral" for mark in marks), "cache_control.type: not known")


def _all_blocks(body: JsonObject) -> Iterator[JsonObject]:
    yield from body.get("tools", [])
    if isinstance(body.get("system"), list):
        yield from body["system"]
    for message in body["messages"]:
        yield from blocks_of(message)


def _check_messages(body: JsonObject) -> None:
    open_calls: list[str] = []
    ever: set[str] = set()
    for place, message in enumerate(body["messages"]):
        where = f"messages.{place}"
        require(set(message) == {"role", "content"}, f"{where}: Extra inputs are not permitted")
        role = "user" if place % 2 == 0 else "assistant"
        require(message["role"] == role, f"{where}: roles must alternate, beginning with user")
        blocks = blocks_of(message)
        require(blocks, f"{where}: content must not be empty")
        for number, block in enumerate(blocks):
            _check_block(f"{where}.content.{number}", block, SAID_BY[role])
        if role == "user":
            _check_results(where, blocks, open_calls)
            open_calls = []
        else:
            open_calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
            require(not ever & set(open_calls), f"{where}: `tool_use` ids must be unique")
            require(len(set(open_calls)) == len(open_calls), f"{where}: `tool_use` ids must be unique")
            ever |= set(open_calls)
    require(not open_calls, f"`tool_use` ids were found without `tool_result` blocks: {', '.join(open_calls)}")


def _check_results(where: str, blocks: list[JsonObject], open_calls: list[str]) -> None:
    results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    first = [block["type"] for block in blocks[: len(results)]]
    require(set(first) <= {"tool_result"}, f"{where}: tool_result blocks must come first")
    lacking = [call for call in open_calls if call not in results]
    require(not lacking, f"{where}: `tool_use` ids were found without `tool_result` blocks: {', '.join(lacking)}")
    strange = [call for call in results if call not in open_calls]
    require(not strange, f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: {', '.join(strange)}")
    require(len(set(results)) == len(results), f"{where}: each tool_use must have a single result")


def _check_block(where: str, block: Any, kinds: set[str]) -> None:
    require(isinstance(block, dict) and block.get("type") in kinds, f"{where}.type: not known here")
    required, optional = BLOCKS[block["type"]]
    for name in required - set(block):
        raise Refused(f"{where}.{name}: Field required")
    for name in set(block) - required - optional:
        raise Refused(f"{where}.{name}: Extra inputs are not permitted")
    if block["type"] == "text":
        require(block["text"].strip(), f"{where}: text content blocks must contain non-whitespace text")
    if block["type"] == "tool_use":
        require(isinstance(block["input"], dict), f"{where}.input: Input should be an object")
        require(re.fullmatch(r"[a-zA-Z0-9_-]+", block["id"]), f"{where}.id: does not match")


def blocks_of(message: JsonObject) -> list[JsonObject]:
    """The content as blocks, however it was given."""
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def uncached(value: Any) -> Any:
    """The same without the marks for the cache, which may move."""
    if isinstance(value, list):
        return [uncached(each) for each in value]
    if isinstance(value, dict):
        return {name: uncached(each) for name, each in value.items() if name != "cache_control"}
    return value


def prefix_of(body: JsonObject, messages: int) -> str:
    """Everything that stands before a message, byte for byte but for the cache's marks."""
    return json.dumps([uncached(part) for part in (body.get("system"), body.get("tools"), body["messages"][:messages])])
