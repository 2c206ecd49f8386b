"""The provider for when there is no model: a few rules that read a few sentences.

It goes through the same loop and the same tools as a model. Everything that it makes says that no
language model was asked. It is chosen when neither a key nor a base URL is set, never as a fallback.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from wsq.agent.providers.base import Block, Message, Progress, Request, Turn
from wsq.vocabulary import LANE_LABELS, LANES, phrase

SIGNED = "No language model was asked: this is the offline provider."

_LANES = {label.lower(): lane for lane, label in LANE_LABELS.items()} | {
    "todo": "todo",
    "in progress": "doing",
    "review": "in_review",
}
_LANE = rf"(?P<lane>{'|'.join(_LANES)})"
_QUOTED = (
    r"""(?:'(?P<single>(?:[^'\n]|(?<=\w)'(?=\w))+)'|"(?P<double>[^"\n]+)"|“(?P<curly>[^”\n]+)”|‘(?P<curl>[^’\n]+)’)"""
)
_BARE = r"(?P<bare>[^\s'\"“‘.;,](?:[^.;,\n'\"]|(?<=\w)['.](?=\w))*?)"
_END = r"(?=\s*(?:\.(?!\w)|[;,:!?)\n]|$|\band\b|\bthen\b))"
_RULES = {
    "create": re.compile(
        rf"\b(?:create|add|make)\s+a\s+(?:new\s+)?task\s+(?:called|named)\s+(?:{_QUOTED}|{_BARE})"
        rf"(?:\s+in\s+(?:the\s+)?{_LANE})?{_END}",
        re.IGNORECASE,
    ),
    "move": re.compile(rf"\bmove\s+(?:the\s+task\s+)?(?:{_QUOTED}|{_BARE})\s+to\s+(?:the\s+)?{_LANE}\b", re.IGNORECASE),
    "archive": re.compile(rf"\barchive\s+(?:the\s+task\s+)?(?:{_QUOTED}|{_BARE}){_END}", re.IGNORECASE),
    "list": re.compile(r"\blist\s+(?:all\s+)?(?:the\s+)?tasks\b", re.IGNORECASE),
    "summarise": re.compile(r"\bsummari[sz]e\s+the\s+board\b", re.IGNORECASE),
}


class Instruction(msgspec.Struct, frozen=True):
    """One sentence that was understood."""

    kind: str
    title: str = ""
    status: str = "todo"


class OfflineProvider:
    """Understands a few sentences, alone or one after another; see `understand`."""

    name = "offline"
    kind = "offline"

    async def turn(self, request: Request, progress: Progress) -> Turn:
        """The next step towards what the prompt asks for."""
        instructions = understand(prompt_of(request.messages))
        answer = _next_step(instructions, _done_calls(request.messages))
        progress(SIGNED)
        blocks = [
            {"type": "tool_use", "id": f"offline_{request.turn}_{n}", "name": name, "input": arguments}
            for n, (name, arguments) in enumerate(answer)
        ]
        return Turn(content=blocks, stop_reason="tool_use")


def understand(prompt: str) -> list[Instruction]:
    """The instructions in a prompt, in order.

    Create a task called 'X' (also named; double quotes or none; optionally in a lane), Move 'X' to done,
    Archive 'X', List the tasks, Summarise the board. Anything else is passed over.
    """
    found: list[tuple[int, int, Instruction]] = []
    for kind, rule in _RULES.items():
        for match in rule.finditer(prompt):
            parts = match.groupdict()
            title = next((v for k in ("single", "double", "curly", "curl", "bare") if (v := parts.get(k))), "")
            status = _LANES[(parts.get("lane") or "to do").lower()]
            found.append((match.start(), match.end(), Instruction(kind, title.strip(), status)))
    instructions, reached = [], 0
    for start, end, instruction in sorted(found, key=lambda each: each[0]):
        if start >= reached:
            instructions.append(instruction)
            reached = end
    return instructions


def prompt_of(messages: Sequence[Message]) -> str:
    """The person's prompt: the last text of the first message."""
    content = messages[0]["content"]
    return content if isinstance(content, str) else str(content[-1].get("text", ""))


Call = tuple[str, dict[str, Any]]


def _next_step(instructions: list[Instruction], done: list[tuple[Call, Any]]) -> list[Call]:
    """What to call next, from what was called so far; nothing is remembered between turns."""
    if not instructions:
        return [_finish("nothing_to_do", "Nothing in the prompt is something that simple rules understand.")]
    reading = _Reading(done)
    for instruction in instructions:
        if not reading.follow(instruction):
            return reading.calls
    return reading.calls or [_finish("could_not" if reading.failed else "done", " ".join(reading.lines))]


class _Reading:
    """Reads the instructions in order, next to the calls made so far: the summary of each, and what to call next.

    `calls` collects the calls of one answer. `board` is the newest listing, less what was archived since; `fresh` says
    whether a new listing would be the same.
    """

    def __init__(self, done: list[tuple[Call, Any]]) -> None:
        self.calls: list[Call] = []
        self.lines: list[str] = []
        self.failed = False
        self._results = iter(done)
        self._board: list[dict[str, str]] = []
        self._fresh = False

    def follow(self, instruction: Instruction) -> bool:
        """Process one instruction; False if it needs the result of a call first."""
        if instruction.kind == "create":
            self._fresh = False
            self._call(_create(instruction), f"Created {instruction.title!r}.")
            return True
        if instruction.kind in ("list", "summarise"):
            if self._listed():
                self.lines.append(_listing(self._board) if instruction.kind == "list" else _summary(self._board))
                return True
            return False
        if self._find(instruction.title) is None and not self._listed():
            return False
        found = self._find(instruction.title)
        if found is None:
            self._missed(f"There is no task called {instruction.title!r}.")
        elif instruction.kind == "move":
            self._fresh = False
            move = ("move_task", {"task_id": found["id"], "status": instruction.status})
            self._call(move, f"Moved {instruction.title!r} to {instruction.status}.")
        else:
            self._board.remove(found)
            self._call(("archive_task", {"task_id": found["id"]}), f"Archived {instruction.title!r}.")
        return True

    def _call(self, call: Call, summary: str) -> None:
        """Take the call's result, or make the call."""
        result = None if self.calls else next(self._results, None)
        if result is None:
            self.calls.append(call)
        elif isinstance(result[1], dict) and "error" in result[1]:
            self._missed(f"It could not be done: {result[1]['error']}")
        else:
            self.lines.append(summary)

    def _listed(self) -> bool:
        """Whether the board is known; if not, a listing is added to the calls."""
        if self._fresh:
            return True
        result = None if self.calls else next(self._results, None)
        if result is None:
            self.calls.append(("list_tasks", {}))
            return False
        self._board = _tasks(result[1])
        self._fresh = True
        return True

    def _find(self, title: str) -> dict[str, str] | None:
        return next((task for task in self._board if task["title"].casefold() == title.casefold()), None)

    def _missed(self, summary: str) -> None:
        self.failed = True
        self.lines.append(summary)


def _create(instruction: Instruction) -> Call:
    return ("create_task", {"title": instruction.title, "status": instruction.status})


def _finish(outcome: str, summary: str) -> Call:
    return ("finish", {"outcome": outcome, "summary": f"{summary} {SIGNED}"})


def _tasks(result: Any) -> list[dict[str, str]]:
    return list(result.get("tasks", [])) if isinstance(result, dict) else []


def _listing(tasks: list[dict[str, str]]) -> str:
    if not tasks:
        return "There are no tasks."
    return "Tasks:\n" + "\n".join(f"- {task['title']} ({task['status']})" for task in tasks) + "\n"


def _summary(tasks: list[dict[str, str]]) -> str:
    counts = {status: sum(task["status"] == status for task in tasks) for status in LANES}
    lanes = ", ".join(f"{count} {phrase(status)}" for status, count in counts.items() if count)
    return f"The board has {len(tasks)} {'task' if len(tasks) == 1 else 'tasks'}{': ' + lanes if lanes else ''}."


def _done_calls(messages: Sequence[Message]) -> list[tuple[Call, Any]]:
    """The calls made so far with their results, in order."""
    calls: dict[str, Call] = {}
    done: list[tuple[Call, Any]] = []
    for message in messages[1:]:
        for block in message["content"]:
            if block.get("type") == "tool_use":
                calls[block["id"]] = (block["name"], block["input"])
            elif block.get("type") == "tool_result":
                done.append((calls[block["tool_use_id"]], _decoded(block)))
    return done


def _decoded(block: Block) -> Any:
    content = block.get("content", "")
    text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
    return msgspec.json.decode(text)
