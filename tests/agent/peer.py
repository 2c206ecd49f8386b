"""A Messages API of our own on loopback: a real HTTP server, strict, scripted, and broken where it is told to be."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.agent.strict import JsonObject, Memory, Refused, check

KEY = "sk-ant-a-secret-of-the-tests"
HEADERS = {"content-type": "application/json", "request-id": "req_1"}
VERSION = "2026-10-21"
TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 408: "timeout_error", 413: "invalid_request_error", 429: "rate_limit_error",
    500: "api_error", 503: "api_error", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip


@dataclass(frozen=True)
class Say:
    """An answer: content blocks, why it stops, and for how many seconds it is thought over."""

    content: Sequence[JsonObject]
    stop_reason: str = "end_turn"
    seconds: float = 0.0
    output_tokens: int = 50
    stop_details: JsonObject | None = None


@dataclass(frozen=True)
class Refusal:
    """An HTTP error in the service's shape; what `details` says of it, if anything."""

    status: int
    message: str = "No."
    headers: dict[str, str] = field(default_factory=dict)
    details: JsonObject | None = None
    cut: bool = False


@dataclass(frozen=True)
class Broken:
    """What no service means to send: ``cut``, ``silent``, ``ends``, ``garbage``, ``html``, ``error`` or ``json``.

    It comes after `chunks` events of the answer `of`.
    """

    how: str
    chunks: int = 4
    of: Say = Say([{"type": "text", "text": "Let me see what there is to be done here."}])


Line = Say | Refusal | Broken
Script = Callable[[JsonObject], Line]


def text(words: str) -> JsonObject:
    """A block of text."""
    return {"type": "text", "text": words}


def thinking(words: str) -> JsonObject:
    """A block of thinking; the peer signs it."""
    return {"type": "thinking", "thinking": words}


def calls(*wanted: tuple[str, JsonObject], before: Iterable[JsonObject] = (), seconds: float = 0.0) -> Say:
    """An answer that calls tools side by side, after some other blocks; the peer gives the ids."""
    blocks = [{"type": "tool_use", "name": name, "input": arguments} for name, arguments in wanted]
    return Say([*before, *blocks], "tool_use", seconds)


def finished(summary: str = "Done.", outcome: str = "done") -> Say:
    """An answer that ends the execution."""
    return calls(("finish", {"outcome": outcome, "summary": summary}))


def turn_of(body: JsonObject) -> int:
    """How many answers the conversation holds already."""
    return sum(message["role"] == "assistant" for message in body["messages"])


class Peer:
    """Serves until it is closed. `lines` are the answers by turn, the last one for all that follow.

    While one is thought over the peer pings every so many seconds, which is how it finds that nobody listens
    any more. They may be replaced by another `script`. What stands in `first` is answered before that. `requests` holds
    what was asked, `refusals` each rule that was broken, `answered` the turns that were paid for.
    """

    def __init__(self, lines: Sequence[Line] | Script, *, key: str = KEY, ping_every: float = 0.2) -> None:
        self.key = key
        self.ping_every = ping_every
        self.first: deque[Line] = deque()
        self.requests: list[JsonObject] = []
        self.refusals: list[str] = []
        self.answered: list[int] = []
        self.left = threading.Event()
        self.script = lines if callable(lines) else lambda body: lines[min(turn_of(body), len(lines) - 1)]
        self._memory = Memory()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop serving, also those who are still waiting."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, body: JsonObject) -> tuple[Line, JsonObject]:
        """What to send, and the message that it is."""
        with self._lock:
            self.requests.append(body)
            number = len(self.requests)
            try:
                check(body, self._memory)
            except Refused as refused:
                self.refusals.append(str(refused))
                return Refusal(400, str(refused)), {}
            line = self.first.popleft() if self.first else self.script(body)
            if isinstance(line, Refusal):
                return line, {}
            said = line.of if isinstance(line, Broken) else line
            content = self._memory.sign(body, [_with_id(block, number, n) for n, block in enumerate(said.content)])
            if isinstance(line, Say):
                self.answered.append(turn_of(body))
        message = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": body["model"]}
        return line, message | {"content": content, "prompt": len(json.dumps(body)) // 4}

    def waits(self, seconds: float) -> bool:
        """Sleep; False when the peer is closed meanwhile."""
        return not self._closing.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, _request: Any, _address: Any) -> None:
        """A client that goes away in the middle is what many tests are about."""


def _with_id(block: JsonObject, number: int, place: int) -> JsonObject:
    given = {"type": "tool_use", "id": f"toolu_{number:04d}_{place}"} if block["type"] == "tool_use" else {}
    return {**given, **block}


def _handler(peer: Peer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # each event is sent when it is there, as services do

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

        def do_POST(self) -> None:
            """One request for an answer."""
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.path != "/v1/messages":
                return self._refuse(Refusal(404, f"{self.path} is not served"))
            if self.headers["authorization"] != f"Bearer {peer.key}" or self.headers["anthropic-version"] != VERSION:
                return self._refuse(Refusal(401, "invalid x-api-key"))
            line, message = peer.answer(body)
            if isinstance(line, Refusal):
                return self._refuse(line)
            try:
                self._send(line, message)
            except (BrokenPipeError, ConnectionResetError):
                peer.left.set()
                self.close_connection = True
            return None

        def _send(self, line: Say | Broken, message: JsonObject) -> None:
            if isinstance(line, Say):
                self._begin("text/event-stream")
                if line.seconds:
                    self._event({"type": "ping"})
                    deadline = time.monotonic() + line.seconds
                    while (left := deadline - time.monotonic()) > 0:
                        if not peer.waits(min(left, peer.ping_every)):
                            return
                        if left > peer.ping_every:
                            self._event({"type": "ping"})
                for event in events(message, line):
                    self._event(event)
                self._end()
            elif line.how in ("html", "json"):
                kind = "text/html" if line.how == "html" else "application/json"
                page = b"<html><title>Down for maintenance</title></html>" if line.how == "html" else b'{"ok": true}'
                self._begin(kind)
                self._chunk(page)
                self._end()
            else:
                self._break(line, message)

        def _break(self, line: Broken, message: JsonObject) -> None:
            self._begin("text/event-stream")
            for event in list(events(message, line.of))[: line.chunks]:
                self._event(event)
            match line.how:
                case "cut":
                    self.close_connection = True
                    self.connection.close()
                case "silent":
                    while peer.waits(0.1):
                        self._chunk(b"")
                case "ends":
                    self._end()
                case "garbage":
                    self._chunk(b'event: content_block_delta\ndata: {"type": "content_bl\n\n')
                    self._end()
                case "error":
                    error = {"type": "overloaded_error", "message": "Overloaded"}
                    self._event({"type": "error", "error": error})
                    self._end()

        def _refuse(self, refusal: Refusal) -> None:
            error = {"type": TYPES[refusal.status], "message": refusal.message}
            if refusal.details:
                error["details"] = refusal.details
            body = json.dumps({"type": "error", "error": error, "request_id": "req_1"}).encode()
            self.send_response_only(refusal.status)
            for name, value in {**HEADERS, "date": self.date_time_string(), **refusal.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if refusal.cut else body)
            self.close_connection = self.close_connection or refusal.cut

        def _begin(self, kind: str) -> None:
            self.send_response(200)
            self.send_header("content-type", f"{kind}; charset=utf-8")
            self.send_header("request-id", "req_1")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()

        def _event(self, event: JsonObject) -> None:
            self._chunk(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())

        def _chunk(self, data: bytes) -> None:
            if data:
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                self.wfile.flush()

        def _end(self) -> None:
            self.wfile.write(b"0\r\n\r\n")

    return Handler


def events(message: JsonObject, said: Say) -> Iterator[JsonObject]:
    """The answer as it is streamed: in pieces, as a service cuts them."""
    content, prompt = message["content"], message["prompt"]
    start = {key: value for key, value in message.items() if key not in ("content", "prompt")}
    usage = {"input_tokens": prompt, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 10}
    first = start | {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage | {"output_tokens": 1}}
    yield {"type": "message_start", "message": first}
    yield {"type": "ping"}
    for index, block in enumerate(content):
        yield from _streamed(index, block)
    delta = {"stop_reason": said.stop_reason, "stop_sequence": None, "stop_details": said.stop_details}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": said.output_tokens}}
    yield {"type": "message_stop"}


def _streamed(index: int, block: JsonObject) -> Iterator[JsonObject]:
    empty: JsonObject = block
    deltas: list[JsonObject] = []
    match block:
        case {"type": "text", "text": words}:
            empty = {**block, "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(words)]
        case {"type": "thinking", "thinking": words, "signature": signature}:
            empty = {**block, "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in _pieces(words)]
            deltas.append({"type": "signature_delta", "signature": signature})
        case {"type": "tool_use", "input": arguments}:
            empty = {**block, "input": {}}
            pieces = _pieces(json.dumps(arguments, ensure_ascii=False)) if arguments else [""]
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    yield {"type": "content_block_start", "index": index, "content_block": empty}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _pieces(words: str) -> list[str]:
    return [words[start : start + 12] for start in range(0, len(words), 12)]
