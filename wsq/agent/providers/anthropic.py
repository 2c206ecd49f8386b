"""Claude, or whatever else speaks the Messages API, through the Anthropic SDK.

The only module that imports the SDK, and imported only when a model is asked. The SDK's own retries are
off: the loop owns them. Nothing is read from the environment here; the settings were.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from weakref import WeakKeyDictionary

import anthropic
import httpx2
import msgspec

from wsq.agent import prices
from wsq.agent.providers.base import Block, Message, Most, Progress, ProviderError, Request, Turn, Usage

SERVICE = "https://api.anthropic.com"
"""Who is asked unless a base URL says otherwise."""

MAX_OUTPUT = 16_000
"""Tokens that one answer may take, its thinking included."""

OVERHEAD = 2_000
"""Tokens that the service may add to a prompt of its own, as for the use of tools."""

CONNECT, PATIENCE = 10.0, 60.0
"""Seconds to reach the service, and for which its stream may be silent (it sends pings meanwhile)."""

LOCAL_PATIENCE = 240.0
"""The same for a server of one's own, which may read a long prompt before it says anything."""

_RETRYABLE_TYPES = frozenset({"rate_limit_error", "overloaded_error", "api_error", "timeout_error", "conflict_error"})
_FINAL_TYPES = frozenset(
    {"invalid_request_error", "authentication_error", "billing_error", "permission_error", "not_found_error"}
)
_RETRYABLE_STATUSES = frozenset({408, 409, 429})
_NO_MONEY = re.compile(r"spend|billing|credit|usage limit", re.IGNORECASE)
_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d+)(?:[-.](\d{1,2}))?(?!\d)")
_ADAPTIVE_SINCE = (4, 6)
_CACHE = {"type": "ephemeral"}


class AnthropicProvider:
    """Asks the service at `base_url`, with `api_key` unless it needs none.

    Args:
        api_key: The key; None for a server that asks for none.
        base_url: Where the service is; None is Anthropic's own.
        patience: Seconds for which a stream may be silent; None is a minute, or four where `base_url` is given.
    """

    name = "anthropic"
    kind = "anthropic"

    def __init__(self, *, api_key: str | None, base_url: str | None = None, patience: float | None = None) -> None:
        self._api_key = api_key
        self._base_url = base_url or SERVICE
        self._patience = patience or (LOCAL_PATIENCE if base_url else PATIENCE)
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, anthropic.AsyncAnthropic] = WeakKeyDictionary()

    async def turn(self, request: Request, progress: Progress) -> Turn:
        """The next answer, streamed; raises `ProviderError`."""
        model = _model(request)
        answer = _Answer(progress)
        timeout = anthropic.Timeout(self._patience, connect=min(CONNECT, self._patience))
        with _told_apart(model, answer):
            async with self._client().messages.stream(**_asked(request), timeout=timeout) as stream:
                _refuse_what_is_no_stream(stream.response)
                answer.request_id = stream.response.headers.get("request-id")
                async for event in stream:
                    answer.hear(event)
            return answer.turn(model)

    def most(self, request: Request, *, unseen: int = 0) -> Most:
        """The most that the next answer can come to: no token of a prompt is shorter than a byte."""
        asked = (request.system, request.tools, request.messages)
        prompt = len(msgspec.json.encode(asked)) + unseen + OVERHEAD
        return Most(
            cost_usd=prices.most(_model(request), input_tokens=prompt, output_tokens=MAX_OUTPUT),
            tokens=prompt + MAX_OUTPUT,
        )

    async def aclose(self) -> None:
        """Give back the connections of the running event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    def _client(self) -> anthropic.AsyncAnthropic:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            # Without a key of its own the SDK would look for one in the environment and in files.
            self._clients[loop] = anthropic.AsyncAnthropic(
                api_key=self._api_key or "none",
                base_url=self._base_url,
                max_retries=0,
                # What stands between us and the service may still look for the key where it was before.
                default_headers={"X-Api-Key": self._api_key} if self._api_key else None,
            )
        return self._clients[loop]


# What is asked


def _model(request: Request) -> str:
    if request.model is None:
        raise ProviderError("no model is named", retryable=False)
    return request.model


def _asked(request: Request) -> dict[str, Any]:
    """The request's fields. What else but Claude speaks the protocol gets its plain core alone."""
    model = _model(request)
    asked: dict[str, Any] = {"model": model, "max_tokens": MAX_OUTPUT}
    if not thinks(model):
        plain = {"system": request.system, "tools": request.tools, "messages": request.messages}
        return asked | (_cached(request) if model.startswith("claude-") else plain)
    return (
        asked
        | _cached(request, strict=True)
        | {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "medium"}}
    )


def thinks(model: str) -> bool:
    """Whether a model takes adaptive thinking, an effort and strict tools: every Claude since 4.6."""
    if not model.startswith("claude-"):
        return False
    found = _VERSION.match(model)
    return found is None or (int(found[1]), int(found[2] or 0)) >= _ADAPTIVE_SINCE


def _cached(request: Request, *, strict: bool = False) -> dict[str, Any]:
    """The prompt with its three marks for the cache: after the system prompt, the first message and the last."""
    messages = list(request.messages)
    for place in {0, len(messages) - 1}:
        if messages[place]["role"] == "user":
            messages[place] = _marked(messages[place])
    return {
        "system": [{"type": "text", "text": request.system, "cache_control": _CACHE}],
        "tools": [tool | {"strict": True} for tool in request.tools] if strict else request.tools,
        "messages": messages,
    }


def _marked(message: Message) -> Message:
    *before, last = message["content"]
    return message | {"content": [*before, last | {"cache_control": _CACHE}]}


# What is answered


class _Answer:
    """An answer as it comes in, block by block, with no field that the service did not send."""

    def __init__(self, progress: Progress) -> None:
        self.request_id: str | None = None
        self._progress = progress
        self._blocks: dict[int, Block] = {}
        self._arguments: dict[int, str] = {}
        self._usage: dict[str, Any] = {}
        self._stop_reason: str | None = None
        self._stop_details: Any = None
        self._heard = 0

    def hear(self, event: Any) -> None:
        """Take an event of the stream in; the SDK's own, made from others, are passed over."""
        match event.type:
            case "message_start":
                self._count(event.message.usage)
            case "content_block_start":
                self._begin(event.index, event.content_block.to_dict(mode="json"))
            case "content_block_delta":
                self._extend(event.index, event.delta.to_dict(mode="json"))
            case "content_block_stop" if event.index in self._arguments:
                self._blocks[event.index]["input"] = json.loads(self._arguments[event.index] or "{}")
            case "message_delta":
                self._count(event.usage)
                self._stop_reason = event.delta.stop_reason
                self._stop_details = getattr(event.delta, "stop_details", None)

    def turn(self, model: str) -> Turn:
        """The whole answer; a stream that just ended is none."""
        if self._stop_reason is None:
            raise ProviderError("the answer ended before it was complete", retryable=True)
        usage = self.usage()
        return Turn(
            content=[block for _, block in sorted(self._blocks.items()) if not _is_blank(block)],
            stop_reason=self._stop_reason,
            stop_detail=getattr(self._stop_details, "category", None),
            usage=usage,
            request_id=self.request_id,
            cost_usd=prices.cost(model, usage),
        )

    def usage(self) -> Usage:
        """What was used so far: what the service said, and at least a token for four bytes that came."""
        counted = self._usage
        return Usage(
            input_tokens=counted.get("input_tokens") or 0,
            output_tokens=max(counted.get("output_tokens") or 0, 0 if self._stop_reason else -(-self._heard // 4)),
            cache_read_tokens=counted.get("cache_read_input_tokens") or 0,
            cache_write_tokens=counted.get("cache_creation_input_tokens") or 0,
        )

    @property
    def has_begun(self) -> bool:
        """Whether the service has begun to answer, which costs something."""
        return bool(self._usage)

    def _count(self, usage: Any) -> None:
        """Counts are totals so far; one that is left out stands."""
        self._usage |= {name: count for name, count in usage.to_dict().items() if count is not None}

    def _begin(self, index: int, block: Block) -> None:
        self._blocks[index] = block
        if isinstance(block.get("input"), dict):
            self._arguments[index] = json.dumps(block["input"]) if block["input"] else ""
        if block.get("type") == "tool_use":
            self._progress.calling(block["name"])
        elif block.get("type") == "text" and block.get("text"):
            self._progress(block["text"])

    def _extend(self, index: int, delta: dict[str, Any]) -> None:
        block = self._blocks[index]
        match delta:
            case {"type": "text_delta", "text": str(text)}:
                block["text"] = block.get("text", "") + text
                self._heard += len(text.encode(errors="replace"))
                self._progress(text)
            case {"type": "thinking_delta", "thinking": str(text)}:
                block["thinking"] = block.get("thinking", "") + text
                self._heard += len(text.encode(errors="replace"))
            case {"type": "signature_delta", "signature": str(signature)}:
                block["signature"] = signature
            case {"type": "input_json_delta", "partial_json": str(text)}:
                self._arguments[index] = self._arguments.get(index, "") + text
                self._heard += len(text.encode(errors="replace"))
            case {"type": "citations_delta", "citation": citation}:
                block["citations"] = [*(block.get("citations") or []), citation]


def _is_blank(block: Block) -> bool:
    """Whether it is a text without words, which the service sends and does not take back."""
    return block.get("type") == "text" and not str(block.get("text", "")).strip()


# What goes wrong


@contextmanager
def _told_apart(model: str, answer: _Answer) -> Iterator[None]:
    """Turn whatever may go wrong into a `ProviderError` that says whether trying again may help.

    By no means all of it is the SDK's own: a stream that breaks, is silent or holds nonsense raises what
    the layers below raise.
    """

    def failed(message: str, *, retryable: bool, retry_after: float | None = None) -> ProviderError:
        usage = answer.usage() if answer.has_begun else None
        return ProviderError(
            message,
            retryable=retryable,
            retry_after=retry_after,
            usage=usage,
            cost_usd=prices.cost(model, usage) if usage else None,
        )

    try:
        yield
    except ProviderError as error:
        raise failed(str(error), retryable=error.retryable) from error
    except anthropic.APIStatusError as error:
        raise failed(_words(error), retryable=_may_pass(error), retry_after=_retry_after(error.response)) from error
    except (anthropic.APITimeoutError, httpx2.TimeoutException) as error:
        silent = "the service said nothing for too long" if answer.has_begun else "the service did not answer in time"
        raise failed(silent, retryable=True) from error
    except anthropic.APIConnectionError as error:
        raise failed(f"the service cannot be reached: {_cause(error)}", retryable=True) from error
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        raise failed(f"the connection broke off: {_cause(error)}", retryable=True) from error
    except anthropic.AnthropicError as error:
        raise failed(f"the answer cannot be understood: {_cause(error)}", retryable=True) from error
    except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        raise failed(f"the answer cannot be understood: {_cause(error)}", retryable=True) from error


def _refuse_what_is_no_stream(response: httpx2.Response) -> None:
    kind = response.headers.get("content-type", "nothing").split(";")[0]
    if kind != "text/event-stream":
        raise ProviderError(
            f"{response.url.host} answered with {kind} where a stream of events was expected; is it the service?",
            retryable=True,
        )


def _may_pass(error: anthropic.APIStatusError) -> bool:
    """By the kind of error first: one inside a stream comes with status 200."""
    if error.status_code == httpx2.codes.TOO_MANY_REQUESTS and _is_about_money(error):
        return False
    if error.type in _RETRYABLE_TYPES:
        return True
    if error.type in _FINAL_TYPES:
        return error.status_code in _RETRYABLE_STATUSES
    return error.status_code in _RETRYABLE_STATUSES or error.status_code >= httpx2.codes.INTERNAL_SERVER_ERROR


def _is_about_money(error: anthropic.APIStatusError) -> bool:
    return error.type == "billing_error" or bool(_NO_MONEY.search(error.error_code or error.api_message or ""))


def _words(error: anthropic.APIStatusError) -> str:
    kind = error.type or "error"
    said = " ".join((error.api_message or _plain(error.body) or "no reason was given").split())
    status = f"{error.status_code} {kind}" if error.status_code != httpx2.codes.OK else f"{kind} inside the stream"
    request = f" (request {error.request_id})" if error.request_id else ""
    return f"{status}: {said[:500]}{request}"


def _plain(body: object) -> str:
    """A body that is no error of the service, without its markup."""
    return re.sub(r"<[^>]*>", " ", body) if isinstance(body, str) else ""


def _cause(error: BaseException) -> str:
    """What lies at the bottom of it, in one line."""
    while error.__cause__ is not None and not str(error.__cause__).isspace():
        error = error.__cause__
    return " ".join(str(error).split())[:300] or type(error).__name__


def _retry_after(response: httpx2.Response) -> float | None:
    """For how many seconds the service asks to be left alone."""
    given = response.headers
    readings: Sequence[tuple[str, Callable[[str], float]]] = (
        ("retry-after-ms", lambda value: float(value) / 1000),
        ("retry-after", float),
        ("retry-after", lambda value: (parsedate_to_datetime(value) - _date(given)).total_seconds()),
    )
    for header, reading in readings:
        try:
            seconds = reading(given[header])
        except (KeyError, ValueError, TypeError):
            continue
        return seconds if 0 <= seconds < float("inf") else None
    return None


def _date(headers: httpx2.Headers) -> datetime:
    """When the service says it answered: its dates are by its own clock."""
    said = parsedate_to_datetime(headers["date"])
    return said if said.tzinfo else said.replace(tzinfo=UTC)
