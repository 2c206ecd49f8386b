"""A service on loopback that sends the very bytes it is told to, and refuses requests that are not well formed."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.agent.strict import JsonObject, Memory, Refused, check

SSE = "text/event-stream; charset=utf-8"
_SCRIPT = re.compile(r"script (\d+)")


@dataclass(frozen=True)
class Raw:
    """A response: its bytes, in pieces of so many, and for how long the connection stays open behind them."""

    body: bytes
    status: int = 200
    kind: str = SSE
    headers: dict[str, str] = field(default_factory=dict)
    piece: int = 0
    lingers: float = 0.0


class AnySignature(Memory):
    """Takes any thinking back."""

    def check(self, body: JsonObject) -> None:
        """Say nothing against it."""


class RawService:
    """Answers each request with the next response of the script that its first message names, ``script 7``.

    The last response of a script is given ever after.
    """

    def __init__(self) -> None:
        self.scripts: dict[str, Sequence[Any]] = {}
        self.requests: dict[str, list[Any]] = {}
        self.paths: set[str] = set()
        self.refused: dict[str, list[str]] = {}
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop serving."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, path: str, body: JsonObject) -> Raw:
        """Remember a request and choose its response."""
        name = script_of(body["messages"][0])
        asked = self.requests.setdefault(name, [])
        asked.append(body)
        self.paths.add(path)
        try:
            check(body, AnySignature())
        except Refused as why:
            self.refused.setdefault(name, []).append(str(why))
        script: Sequence[Raw] = self.scripts[name]
        return script[min(len(asked), len(script)) - 1]

    def waits(self, seconds: float) -> None:
        """Sleep, unless it is closed meanwhile."""
        self._closing.wait(seconds)


def script_of(message: JsonObject) -> str:
    """The number of the script that an execution's first message names."""
    found = _SCRIPT.search(json.dumps(message))
    assert found is not None
    return found[1]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def _handler(service: RawService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

        def do_POST(self) -> None:
            """Send what is to be sent."""
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            raw = service.take(self.path, body)
            self.send_response(raw.status)
            for name, value in {"content-type": raw.kind, "transfer-encoding": "chunked", **raw.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            size = raw.piece or len(raw.body) or 1
            for start in range(0, len(raw.body), size):
                piece = raw.body[start : start + size]
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            if raw.lingers:
                self.wfile.flush()
                service.waits(raw.lingers)
            self.wfile.write(b"0\r\n\r\n")

    return Handler


# Streams


def sse(events: Iterable[JsonObject], *, named: bool = True, typed: bool = True, end: str = "\n") -> bytes:
    """Events as a server sends them: with their names, with their types in the JSON, with such line ends."""
    lines: list[str] = []
    for event in events:
        data = event if typed else {key: value for key, value in event.items() if key != "type"}
        lines += [f"event: {event['type']}"] * named + [f"data: {json.dumps(data)}", ""]
    return "".join(line + end for line in lines).encode()


def start(usage: Any = None, **more: Any) -> JsonObject:
    """The beginning of a message."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
    counted = {"usage": {"input_tokens": 900, "output_tokens": 1} if usage is None else usage}
    return {"type": "message_start", "message": {**message, **counted, **more}}


def begins(index: Any, **block: Any) -> JsonObject:
    """The beginning of a block."""
    return {"type": "content_block_start", "index": index, "content_block": block}


def adds(index: Any, kind: str, **delta: Any) -> JsonObject:
    """A piece of a block."""
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **delta}}


def stops(index: Any) -> JsonObject:
    """The end of a block."""
    return {"type": "content_block_stop", "index": index}


def ends(reason: Any = "tool_use", usage: Any = None, **more: Any) -> JsonObject:
    """Why the message ends."""
    counted = {"output_tokens": 50} if usage is None else usage
    return {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": counted, **more}


END: JsonObject = {"type": "message_stop"}


def called(
    index: int, name: Any = "create_task", arguments: Any = None, *, id_: Any = "toolu_1", pieces: int = 9
) -> list[JsonObject]:
    """A call of a tool as a service streams it."""
    given = {"title": "Made"} if arguments is None else arguments
    text = given if isinstance(given, str) else json.dumps(given)
    parts = [text[at : at + pieces] for at in range(0, len(text), pieces)]
    deltas = [adds(index, "input_json_delta", partial_json=part) for part in parts]
    return [begins(index, type="tool_use", id=id_, name=name, input={}), *deltas, stops(index)]


def said(index: int, words: str = "Let me see.") -> list[JsonObject]:
    """A text as a service streams it."""
    return [begins(index, type="text", text=""), adds(index, "text_delta", text=words), stops(index)]


def verdict(index: int = 0, outcome: str = "done", *, id_: str = "toolu_9") -> list[JsonObject]:
    """The call that ends an execution."""
    return called(index, "finish", {"outcome": outcome, "summary": f"It is {outcome}."}, id_=id_)


def answer(
    *blocks: list[JsonObject], reason: Any = "tool_use", usage: Any = None, last: Any = None
) -> list[JsonObject]:
    """A whole answer."""
    return [start(usage), *(event for block in blocks for event in block), ends(reason, last), END]
