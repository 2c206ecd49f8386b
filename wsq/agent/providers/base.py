"""The port between the loop and whatever answers. Messages are in the Messages API's block format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from wsq.rules.budgets import Most

__all__ = [
    "Block",
    "Message",
    "Most",
    "Progress",
    "Provider",
    "ProviderError",
    "Request",
    "Turn",
    "Usage",
    "calls_of",
    "text_of",
]

Block = dict[str, Any]
Message = dict[str, Any]


class Progress(Protocol):
    """Receives what an execution is doing, for the pages; it is not logged, and never fails."""

    def __call__(self, text: str) -> None:
        """More text of the answer that is being given: what is new alone."""
        ...

    def asking(self, turn: int) -> None:
        """The model is called for a turn (0-based); text of an earlier attempt is void."""
        ...

    def calling(self, tool: str) -> None:
        """A tool is being called, or the answer has begun to say so."""
        ...


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens that one answer took; the cached ones are counted apart from `input_tokens`.

    0 is also what is not known: where a request or an answer has content, it is estimated from its bytes.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: the conversation so far, from its frozen beginning.

    `turn` is the 0-based number of the answer that is asked for, `seconds` how long may be taken.
    """

    execution_id: str
    model: str | None
    system: str
    tools: Sequence[dict[str, Any]]
    messages: Sequence[Message]
    turn: int
    seconds: float


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: content blocks (``text``, ``tool_use``, ``thinking``, …) and why it stopped.

    `stop_detail` is what the service says of the reason, such as the category of a refusal.
    `stop_reason` is ``end_turn``, ``stop_sequence``, ``tool_use``, ``pause_turn``, ``max_tokens``, ``refusal`` or
    ``model_context_window_exceeded``; `cost_usd` is None when the model has no known price. A provider of one's own
    may be loose in all of it: see `wsq.agent.answer`.
    """

    content: Sequence[Block]
    stop_reason: str
    stop_detail: str | None = None
    usage: Usage = Usage()
    request_id: str | None = None
    cost_usd: float | None = None


class ProviderError(Exception):
    """A call of the model failed; `retryable` says whether trying again may help.

    `retry_after` is the wait in seconds that the service asked for, if it did; `usage` and `cost_usd`
    are what it took all the same, as far as is known: an answer that breaks off is paid for too. If
    `estimated`, the service did not say all of it.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool,
        retry_after: float | None = None,
        usage: Usage | None = None,
        cost_usd: float | None = None,
        estimated: bool = False,
    ) -> None:
        super().__init__(message)
        self.estimated = estimated
        self.retryable = retryable
        self.retry_after = retry_after
        self.usage = usage
        self.cost_usd = cost_usd


class Provider(Protocol):
    """Answers requests. `kind` is ``offline``, ``scripted`` or the service's (``anthropic``).

    One that costs something also has ``most(request, *, unseen=0) -> Most``: before each call so much is
    reserved of the budgets, and without room for it the call is not made; `unseen` is how many bytes of
    results the request will have beyond what it has. One that holds connections has
    ``async aclose()``, which gives back those of the running event loop.
    """

    name: str
    kind: str

    async def turn(self, request: Request, progress: Progress) -> Turn:
        """The next answer; raises `ProviderError`. It is cancelled when nobody waits any more."""
        ...


def text_of(content: Sequence[Block]) -> str:
    """What the answer says in words, its text blocks joined."""
    return "".join(block.get("text", "") for block in content if block.get("type") == "text")


def calls_of(content: Sequence[Block]) -> list[Block]:
    """The tool calls of an answer, in order."""
    return [block for block in content if block.get("type") == "tool_use"]
