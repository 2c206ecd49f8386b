"""The conversation of an execution as its dialog shows it: turn by turn, each tool's call with its result."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from wsq.views.page import markdown, words
from wsq.views.page.cards import Card, instant, shortened

SHOWN = 20_000
"""How many characters of one text of a transcript are shown."""


def turns(lines: Iterable[Any]) -> list[Card]:
    """The turns in order: what was asked, each answer with the calls that it made, each attempt that failed.

    A call stands in the answer that made it; its `result` is None until it has one.
    """
    told: list[Card] = []
    calls: dict[str, Card] = {}
    for line in lines:
        if line.role == "tool":
            call = calls.get(line.tool_use_id) or _orphan(told, line)
            call |= {"result": shortened(_json(line.content), SHOWN), "is_error": line.is_error}
        elif line.role == "model":
            told.append(_answer(line, calls))
        elif line.role == "failure":
            told.append(_turn(line) | {"text": said(line.content), "wait": line.wait})
        else:
            told.append(_turn(line) | {"text": shortened(said(line.content), SHOWN)})
    return told


def _answer(line: Any, calls: dict[str, Card]) -> Card:
    made = []
    for block in blocks(line.content):
        if block.get("type") == "tool_use":
            call = _call(str(block.get("name")), _json(block.get("input")))
            calls[str(block.get("id"))] = call
            made.append(call)
    return _turn(line) | {
        "thinking": shortened(_joined(line.content, "thinking"), SHOWN),
        "tree": markdown.tree(shortened(_joined(line.content, "text"), SHOWN)),
        "calls": made,
    }


def _orphan(told: list[Card], line: Any) -> Card:
    """The call of a result whose answer is not there any more."""
    call = _call(line.tool or "tool", "")
    told.append(_turn(line) | {"who": "model", "thinking": "", "tree": [], "calls": [call]})
    return call


def _turn(line: Any) -> Card:
    return {"who": line.role, "word": words.SPEAKERS.get(line.role, line.role), "at": instant(line.at)}


def _call(tool: str, arguments: str) -> Card:
    return {"tool": tool, "arguments": shortened(arguments, SHOWN), "result": None, "is_error": False}


def blocks(content: Any) -> list[dict[str, Any]]:
    """The blocks of a message; a text alone is one of them."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def said(content: Any) -> str:
    """All that a message says in words; what is none of its own blocks, as JSON."""
    found = blocks(content)
    if not found:
        return "" if content is None else _json(content)
    return "\n".join(str(block["text"]) if "text" in block else _json(block) for block in found)


def _joined(content: Any, kind: str) -> str:
    return "\n\n".join(str(block.get(kind) or "…") for block in blocks(content) if block.get("type") == kind)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
