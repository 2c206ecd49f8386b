"""Claude, or whatever else speaks the Messages API, through the Anthropic SDK.

The only module that imports the SDK, and imported only when a model is asked. The SDK's own retries are
off: the loop owns them. Nothing is read from the environment here; the settings were.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from weakref import WeakKeyDictionary

import anthropic
import httpx2
import msgspec

from wsq.agent import prices
from wsq.agent.providers.base import Block, Message, Most, Progress, ProviderError, Request, Turn, Usage
from wsq.agent.providers.loose import count
from wsq.agent.providers.stream import StreamedAnswer, server_sent

SERVICE = "https://api.anthropic.com"
"""Who is asked unless a base URL says otherwise."""

MAX_OUTPUT = 16_000
"""Tokens that one answer may take, its thinking included."""

OVERHEAD = 2_000
"""Tokens that the service may add to a prompt of its own, as for the use of tools."""

CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 60.0
"""Seconds to reach the service, and for which its stream may be silent (it sends pings meanwhile)."""

LOCAL_READ_TIMEOUT = 240.0
"""The same for a server of one's own, which may read a long prompt before it says anything."""

LINGER = 1.0
"""Seconds for which a stream may go on after its end, so that its connection can be used again."""

_RETRYABLE_TYPES = frozenset({"rate_limit_error", "overloaded_error", "api_error", "timeout_error", "conflict_error"})
_FINAL_TYPES = frozenset(
    {"invalid_request_error", "authentication_error", "billing_error", "permission_error", "not_found_error"}
)
_RETRYABLE_STATUSES = frozenset({408, 409, 429})
_NO_MONEY = re.compile(r"spend|billing|credit|usage limit", re.IGNORECASE)
_PATH = re.compile(r"(?:/v1(?:/messages)?)?/*$")
"""The end of a base URL that the SDK adds by itself."""

_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d+)(?:[-.](\d{1,2}))?(?!\d)")
_ADAPTIVE_SINCE = (4, 6)
_CACHE = {"type": "ephemeral"}
_TAKEN_BACK = frozenset({"text", "tool_use", "thinking", "redacted_thinking"})


class AnthropicProvider:
    """Asks the service at `base_url`, with `api_key` unless it needs none.

    Args:
        api_key: The key; None for a server that asks for none.
        base_url: Where the service is, with or without ``/v1``; None is Anthropic's own.
        read_timeout: Seconds for which a stream may be silent; None is a minute, or four where `base_url` is given.
    """

    name = "anthropic"
    kind = "anthropic"

    def __init__(self, *, api_key: str | None, base_url: str | None = None, read_timeout: float | None = None) -> None:
        self._api_key = api_key
        self._base_url = _PATH.sub("", base_url or SERVICE)
        self._read_timeout = read_timeout or (LOCAL_READ_TIMEOUT if base_url else READ_TIMEOUT)
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, anthropic.AsyncAnthropic] = WeakKeyDictionary()

    async def turn(self, request: Request, progress: Progress) -> Turn:
        """The next answer, streamed; raises `ProviderError`."""
        model = _model(request)
        answer = StreamedAnswer(progress)
        with _told_apart(model, answer):
            async with self._response(request) as response:
                _refuse_what_is_no_stream(response)
                await _read(response, answer)
                request_id = response.headers.get("request-id")
        turn = answer.turn()
        return msgspec.structs.replace(turn, request_id=request_id, cost_usd=_cost(model, turn.usage))

    @asynccontextmanager
    async def _response(self, request: Request) -> AsyncIterator[httpx2.Response]:
        timeout = anthropic.Timeout(self._read_timeout, connect=min(CONNECT_TIMEOUT, self._read_timeout))
        async with await self._client().messages.create(**_asked(request), stream=True, timeout=timeout) as stream:
            yield stream.response

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
    request = msgspec.structs.replace(request, messages=[*map(_sent_back, request.messages)])
    if not thinks(model):
        plain = {"system": request.system, "tools": request.tools, "messages": request.messages}
        return asked | (_cached(request) if model.startswith("claude-") else plain)
    return (
        asked
        | _cached(request, strict=True)
        | {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "medium"}}
    )


def _sent_back(message: Message) -> Message:
    """A message without what not every service takes back: blocks of other types, and thinking without a signature."""
    if message["role"] != "assistant":
        return message
    return message | {"content": [block for block in message["content"] if _is_taken_back(block)]}


def _is_taken_back(block: Block) -> bool:
    return block["type"] in _TAKEN_BACK and bool(block["type"] != "thinking" or block.get("signature"))


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


async def _read(response: httpx2.Response, answer: StreamedAnswer) -> None:
    """Read a stream to the answer's end: a stop reason, and the end of the message or of the stream.

    What follows is read and dropped. A stream that is left in its midst is closed by the garbage collector, at any
    time, and what it raises then goes to standard error.
    """
    events = server_sent(response.aiter_bytes())
    try:
        await _hear(events, response, answer)
    except Exception:
        await _drain(events)
        raise
    await _drain(events)
    if answer.stop_reason is None and not answer.is_whole:
        raise ProviderError("the answer ended before it was complete", retryable=True)


async def _hear(
    events: AsyncIterator[tuple[str | None, str]], response: httpx2.Response, answer: StreamedAnswer
) -> None:
    async for name, data in events:
        if name == "ping":
            continue
        if data.strip() == "[DONE]":
            return
        event = data if name == "error" and not data.startswith("{") else json.loads(data)
        if name == "error" or (isinstance(event, dict) and event.get("type") == "error"):
            raise _inside(event, response)
        answer.hear(name, event)
        if answer.is_whole:
            return


async def _drain(events: AsyncIterator[Any]) -> None:
    with suppress(Exception):
        async with asyncio.timeout(LINGER):
            async for _ in events:
                pass


def _cost(model: str, usage: Usage) -> float | None:
    """What the counts that are some come to."""
    return prices.cost(model, Usage(**{name: count(n) or 0 for name, n in msgspec.structs.asdict(usage).items()}))


# What goes wrong


@contextmanager
def _told_apart(model: str, answer: StreamedAnswer) -> Iterator[None]:
    """Turn whatever may go wrong into a `ProviderError` that says whether trying again may help.

    By no means all of it is the SDK's own: a stream that breaks, is silent or holds nonsense raises what
    the layers below raise.
    """

    def failed(message: str, *, retryable: bool, retry_after: float | None = None) -> ProviderError:
        usage = answer.so_far()
        return ProviderError(
            message,
            retryable=retryable,
            retry_after=retry_after,
            usage=usage,
            cost_usd=_cost(model, usage) if usage else None,
            estimated=answer.is_unaccounted,
        )

    try:
        yield
    except ProviderError as error:
        raise failed(str(error), retryable=error.retryable, retry_after=error.retry_after) from error
    except anthropic.APIStatusError as error:
        fault = _fault(error)
        raise failed(fault.words, retryable=fault.may_pass, retry_after=_retry_after(error.response)) from error
    except (anthropic.APITimeoutError, httpx2.TimeoutException) as error:
        silent = "the service said nothing for too long" if answer.so_far() else "the service did not answer in time"
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


class _Fault(msgspec.Struct, frozen=True, kw_only=True):
    """An error that a service reports: one inside a stream comes with status 200."""

    status: int
    kind: str | None
    message: str
    code: str | None = None
    request_id: str | None = None

    @property
    def may_pass(self) -> bool:
        """Whether trying again may help, by the kind of error first."""
        if self.status == httpx2.codes.TOO_MANY_REQUESTS and self._is_about_money:
            return False
        if self.kind in _RETRYABLE_TYPES:
            return True
        if self.kind in _FINAL_TYPES:
            return self.status in _RETRYABLE_STATUSES
        return self.status in _RETRYABLE_STATUSES or self.status >= httpx2.codes.INTERNAL_SERVER_ERROR

    @property
    def _is_about_money(self) -> bool:
        return self.kind == "billing_error" or bool(_NO_MONEY.search(self.code or self.message))

    @property
    def words(self) -> str:
        """What the service says."""
        kind = self.kind or "error"
        said = " ".join((self.message or "no reason was given").split())
        status = f"{self.status} {kind}" if self.status != httpx2.codes.OK else f"{kind} inside the stream"
        return f"{status}: {said[:500]}{f' (request {self.request_id})' if self.request_id else ''}"


def _fault(error: anthropic.APIStatusError) -> _Fault:
    return _Fault(
        status=error.status_code,
        kind=error.type,
        message=error.api_message or _plain(error.body),
        code=error.error_code,
        request_id=error.request_id,
    )


def _inside(event: object, response: httpx2.Response) -> ProviderError:
    """The error that an event reports, whatever its shape."""
    found = event.get("error", event) if isinstance(event, dict) else event
    kind, message = (found.get("type"), found.get("message")) if isinstance(found, dict) else (None, found)
    fault = _Fault(
        status=response.status_code,
        kind=kind if isinstance(kind, str) else None,
        message=message if isinstance(message, str) else "",
        request_id=response.headers.get("request-id"),
    )
    return ProviderError(fault.words, retryable=fault.may_pass, retry_after=_retry_after(response))


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
