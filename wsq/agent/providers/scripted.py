"""A provider with scripted answers, for tests, simulations and notebooks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from wsq.agent.providers.base import Progress, Request, Turn, Usage, text_of

Line = Turn | Exception | Callable[[Request], Turn | Awaitable[Turn]]


def say(text: str, *, stop_reason: str = "end_turn", usage: Usage | None = None) -> Turn:
    """An answer in words that ends the conversation."""
    return Turn(content=[{"type": "text", "text": text}], stop_reason=stop_reason, usage=usage or Usage())


def call(*calls: tuple[str, dict[str, Any]], usage: Usage | None = None) -> Turn:
    """An answer that calls tools: each a name and its arguments. Its ids come with the request."""
    blocks = [{"type": "tool_use", "id": "", "name": name, "input": arguments} for name, arguments in calls]
    return Turn(content=blocks, stop_reason="tool_use", usage=usage or Usage())


def finish(outcome: str = "done", summary: str = "It is done.") -> Turn:
    """An answer that ends with a verdict."""
    return call(("finish", {"outcome": outcome, "summary": summary}))


class ScriptedProvider:
    """Answers the n-th turn of every execution with the n-th line of its script.

    A line is an answer, an error to raise, or a function of the request (which may be async). A script
    that has come to its end goes on with its last line. `requests` keeps what was asked.
    """

    kind = "scripted"

    def __init__(self, lines: Sequence[Line], *, name: str = "scripted") -> None:
        self.name = name
        self._lines = tuple(lines)
        self.requests: list[Request] = []

    async def turn(self, request: Request, progress: Progress) -> Turn:
        """The script's line for this turn."""
        self.requests.append(request)
        line = self._lines[min(request.turn, len(self._lines) - 1)]
        if isinstance(line, Exception):
            raise line
        answer = line if isinstance(line, Turn) else line(request)
        if not isinstance(answer, Turn):
            answer = await answer
        progress(text_of(answer.content))
        return _with_ids(answer, request)


def _with_ids(answer: Turn, request: Request) -> Turn:
    """Give each call without an id one that is unique in its execution."""
    content = [
        {**block, "id": f"call_{request.turn}_{place}"} if block.get("id") == "" else block
        for place, block in enumerate(answer.content)
    ]
    return Turn(
        content=content,
        stop_reason=answer.stop_reason,
        usage=answer.usage,
        request_id=answer.request_id,
        cost_usd=answer.cost_usd,
    )
