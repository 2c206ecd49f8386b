"""What services and gateways stream that speak the protocol loosely, and what is to become of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.agent.raw import (
    END,
    Raw,
    adds,
    answer,
    begins,
    called,
    ends,
    said,
    sse,
    start,
    stops,
    verdict,
)

NO_USAGE: dict[str, Any] = {}
LATER = answer(verdict())
"""The answer to what follows: the agent's verdict."""


@dataclass(frozen=True)
class Case:
    """What is streamed first (the verdict follows), and what comes of it."""

    first: Sequence[Any] | bytes | Raw
    made: tuple[str, ...] = ("Made",)
    status: str = "completed"
    reason: str | None = None
    attempts: int = 1
    requests: int = 2
    estimated: bool = False
    output_tokens: int | None = None
    error: str = ""
    verdict: str | None = "done"

    @property
    def raw(self) -> Raw:
        """The response."""
        if isinstance(self.first, Raw):
            return self.first
        return Raw(self.first if isinstance(self.first, bytes) else sse(self.first))


def failed(first: Any, reason: str, error: str, **given: Any) -> Case:
    """A case that fails at once, with nothing made."""
    return Case(first, (), "failed", reason, requests=1, error=error, verdict=None, **given)


CREATE = called(0)
ABOUT = "the answer ended with an unknown stop reason, "
SMILE = "\U0001f600"
HIGH, LOW = "\ud83d", "\ude00"

LABELS = {
    **{
        f"a call under {label}": Case(answer(CREATE, reason=label))
        for label in ("tool_use", "end_turn", "stop_sequence", "pause_turn")
    },
    **{
        f"finish under {label}": Case(answer(verdict(), reason=label), (), requests=1)
        for label in ("end_turn", "stop_sequence")
    },
    "a call and finish under end_turn": Case(answer(CREATE, verdict(1), reason="end_turn"), requests=1),
    "words and a call under end_turn": Case(answer(said(0), called(1), reason="end_turn")),
    "a call after finish": Case(answer(verdict(0), called(1)), (), requests=1),
    "a call after finish under end_turn": Case(answer(verdict(0), called(1), reason="end_turn"), (), requests=1),
    "five calls around finish": Case(
        answer(CREATE, called(1, id_="toolu_2"), verdict(2), called(3, id_="toolu_4"), called(4, id_="toolu_5")),
        ("Made", "Made"),
        requests=1,
    ),
    "a second finish": Case(answer(verdict(0), verdict(1, "could_not", id_="toolu_8")), (), requests=1),
    "words under tool_use": Case(answer(said(0)), (), requests=1, verdict=None),
    "nothing under tool_use": failed(answer(), "empty_answer", "was empty"),
    "blank words under end_turn": failed(answer(said(0, "\n "), reason="end_turn"), "empty_answer", "was empty"),
    "nothing but an unknown block under pause_turn": failed(
        answer([begins(0, type="mystery", x=1), stops(0)], reason="pause_turn"), "empty_answer", "was empty"
    ),
}
UNKNOWN = {
    **{
        f"the stop reason {given!r}": failed(answer(CREATE, reason=given), "provider", f"anthropic: {ABOUT}{named!r}.")
        for given, named in {
            "length": "length",
            "tool_calls": "tool_calls",
            "": "none",
            "a\0b": "a\ufffdb",
            7: "7",
            True: "True",
        }.items()
    },
    "a stop reason that is a list": failed(answer(CREATE, reason=["stop"]), "provider", ABOUT),
    "no stop reason before the end": failed([start(), *CREATE, END], "provider", f"{ABOUT}'none'.", estimated=True),
    "words under an unknown stop reason": failed(answer(said(0), reason="stop"), "provider", f"{ABOUT}'stop'."),
    "finish under an unknown stop reason": Case(answer(CREATE, verdict(1), reason="stop"), requests=1),
    "finish under no stop reason": Case([start(), *verdict(), END], (), requests=1, estimated=True),
}
CUT = {
    "max_tokens inside arguments": failed(
        answer(called(0, arguments='{"title": "Ma'), reason="max_tokens"), "truncated", "(max_tokens)", output_tokens=50
    ),
    "the context's end inside arguments": failed(
        answer(called(0, arguments='{"title": "Ma'), reason="model_context_window_exceeded"), "truncated", "(model_"
    ),
    "max_tokens inside arguments without a block's end": failed(
        [start(), *called(0, arguments='{"title')[:-1], ends("max_tokens"), END], "truncated", "", output_tokens=50
    ),
    "max_tokens inside an escape": failed(
        answer(called(0, arguments='{"title": "\\ud8'), reason="max_tokens"), "truncated", ""
    ),
    "max_tokens behind a whole call": failed(answer(CREATE, reason="max_tokens"), "truncated", ""),
    "max_tokens behind finish": failed(answer(verdict(), reason="max_tokens"), "truncated", ""),
    "max_tokens in words": failed(answer(said(0), reason="max_tokens"), "truncated", ""),
    "arguments cut under tool_use": Case(answer(called(0, arguments='{"title": "Ma')), ()),
    "arguments cut under end_turn": Case(answer(called(0, arguments='{"title": "Ma'), reason="end_turn"), ()),
    "finish cut under tool_use": Case(answer(called(0, "finish", '{"outcome": "done", "summary": "D')), ()),
    "arguments that are no JSON": Case(answer(called(0, arguments="{'title': 'Made'}")), ()),
    "arguments that are a list": Case(answer(called(0, arguments='["Made"]')), ()),
    "arguments nested 100,000 deep": Case(answer(called(0, arguments="[" * 100_000, pieces=50_000)), ()),
    "a number of 5,000 digits in arguments": Case(answer(called(0, arguments=f'{{"title": {"9" * 5000}}}')), ()),
}
ARGUMENTS = {
    "a call without input": Case([start(), begins(0, type="tool_use", id="t", name="list_tasks"), ends(), END], ()),
    **{
        f"the input {given!r} of a call without arguments": Case(
            [start(), begins(0, type="tool_use", id="t", name="list_tasks", input=given), stops(0), ends(), END], ()
        )
        for given in (None, "", " ", "{}")
    },
    "arguments in the start alone": Case(
        [
            start(),
            begins(0, type="tool_use", id="t", name="create_task", input={"title": "Made"}),
            stops(0),
            ends(),
            END,
        ]
    ),
    "arguments as text in the start": Case(
        [start(), begins(0, type="tool_use", id="t", name="create_task", input='{"title": "Made"}'), ends(), END]
    ),
    "arguments in the start and in the deltas": Case(
        answer([begins(0, type="tool_use", id="t", name="create_task", input={"title": "Made"}), *CREATE[1:]])
    ),
    "other arguments in the start than in the deltas": Case(
        answer([begins(0, type="tool_use", id="t", name="create_task", input={"title": "Old"}), *CREATE[1:]])
    ),
    "whole arguments in the start and cut ones in the deltas": Case(
        answer(
            [
                begins(0, type="tool_use", id="t", name="create_task", input={"title": "Made"}),
                adds(0, "input_json_delta", partial_json='{"ti'),
            ]
        )
    ),
    "arguments as an object in a delta": Case(
        answer([CREATE[0], adds(0, "input_json_delta", partial_json={"title": "Made"}), stops(0)])
    ),
    "a delta without arguments": Case(answer([*CREATE[:-1], adds(0, "input_json_delta", partial_json=None), stops(0)])),
    "a lone surrogate in arguments": Case(answer(called(0, arguments='{"title": "a\\ud83d"}')), ("a\ufffd",)),
    "a pair split within arguments, escaped": Case(
        answer(
            [CREATE[0], *(adds(0, "input_json_delta", partial_json=p) for p in ('{"title": "\\ud83d', '\\ude00"}'))]
        ),
        (SMILE,),
    ),
    "a pair split within arguments, as characters": Case(
        answer(
            [CREATE[0], *(adds(0, "input_json_delta", partial_json=p) for p in (f'{{"title": "{HIGH}', f'{LOW}"}}'))]
        ),
        (SMILE,),
    ),
    "NUL in arguments": Case(answer(called(0, arguments={"title": "a\0b"})), ()),
    "NaN and infinity in arguments": Case(answer(called(0, arguments='{"title": NaN, "description": 1e999}')), ()),
}
NAMES = {
    **{
        f"the id {given!r}": Case(answer(called(0, id_=given)))
        for given in (None, "", 5, "a\0b", "a\ud800b", "a b", "x" * 500, ["a"], "toolu_9")
    },
    "no id": Case([start(), begins(0, type="tool_use", name="create_task"), *CREATE[1:], ends(), END]),
    "no id in an answer as a whole": Case(
        [start(content=[{"type": "tool_use", "name": "create_task", "input": {"title": "Made"}}]), ends(), END]
    ),
    "two calls of one id": Case(answer(CREATE, called(1, arguments={"title": "More"})), ("Made", "More")),
    "a name with a space within": Case(answer(called(0, "create task"))),
    "a name with spaces around": Case(answer(called(0, " create_task\n"))),
    **{
        f"the name {given!r:.20}": Case(answer(called(0, given)), ())
        for given in ("create_task\0", "create\ud800", "n" * 500, "\0")
    },
    **{
        f"no name, but {given!r}": failed(answer(called(0, given)), "provider", "it called a tool without a name")
        for given in (None, "", " ", 5)
    },
}
SHAPES = {
    "no message_start": Case(answer(CREATE)[1:], estimated=True),
    "no usage in message_delta": Case(
        [start(), *CREATE, {k: v for k, v in ends().items() if k != "usage"}, END], estimated=True
    ),
    "usage null in message_delta": Case([start(), *CREATE, ends() | {"usage": None}, END], estimated=True),
    "no usage at all": Case([start(NO_USAGE), *CREATE, ends(usage=NO_USAGE), END], estimated=True),
    "no usage and no deltas of arguments": Case(
        [start(NO_USAGE), begins(0, type="tool_use", id="t", name="list_tasks"), ends(usage=NO_USAGE), END],
        (),
        estimated=True,
    ),
    "no message_stop": Case(answer(CREATE)[:-1]),
    "two message_deltas": Case([start(), *CREATE, ends(), ends(None), END]),
    "the stop reason in message_start": Case([start(stop_reason="tool_use"), *CREATE, ends(None), END]),
    "the whole answer in message_start": Case(
        [
            start(
                {"input_tokens": 900, "output_tokens": 50},
                stop_reason="tool_use",
                content=[{"type": "tool_use", "id": "t", "name": "create_task", "input": {"title": "Made"}}],
            ),
            END,
        ]
    ),
    "the answer in message_start and streamed": Case(
        [
            start(content=[{"type": "tool_use", "id": "t", "name": "create_task", "input": {"title": "Made"}}]),
            *CREATE,
            ends(),
            END,
        ]
    ),
    "message_start twice": Case([start(), *called(0), *answer(CREATE)]),
    "a block begun twice": Case(answer([*CREATE[:-1], *CREATE])),
    "no block's end": Case(answer(CREATE[:-1])),
    "a text that nobody began": Case(answer([adds(0, "text_delta", text="Hm.")], called(1))),
    "arguments that nobody began": failed(answer(CREATE[1:]), "provider", "it called a tool without a name"),
    "arguments at another index": Case(answer([CREATE[0], *called(3)[1:]])),
    "a gap in the indices": Case(
        answer(said(0), called(2), called(7, arguments={"title": "More"}, id_="toolu_7")), ("Made", "More")
    ),
    "indices that go down": Case(
        answer(called(2), called(1, arguments={"title": "More"}, id_="toolu_2")), ("Made", "More")
    ),
    "every index 0": Case(
        answer(said(0), CREATE, called(0, arguments={"title": "More"}, id_="toolu_2")), ("Made", "More")
    ),
    "indices as text": Case(json.loads(json.dumps(answer(said(0), called(1))).replace('"index": 1', '"index": "1"'))),
    "no indices": Case([{k: v for k, v in event.items() if k != "index"} for event in answer(said(0), called(1))]),
    "an index that is a list": Case(json.loads(json.dumps(answer(CREATE)).replace('"index": 0', '"index": [0]'))),
    "interleaved blocks": Case(
        answer([begins(0, type="text", text=""), called(1)[0], adds(0, "text_delta", text="A"), *called(1)[1:]])
    ),
    "an unknown event": Case([start(), {"type": "vendor_extension", "x": [1]}, *answer(CREATE)[1:]]),
    "an unknown block": Case(
        answer([begins(0, type="vendor_reasoning", text="Hm."), adds(0, "text_delta", text="Hm."), stops(0)], called(1))
    ),
    "an unknown delta": Case(answer([CREATE[0], adds(0, "vendor_delta", x=1), *CREATE[1:]])),
    "a block without a type": Case(answer([begins(0, id="t", name="create_task", input={}), *CREATE[1:]])),
    "a block that says nothing": Case(answer([begins(0, x=1), stops(0)], called(1))),
    "a block that is a list": Case(
        answer([{"type": "content_block_start", "index": 0, "content_block": []}], called(1))
    ),
    "a delta that is null": Case(answer([{"type": "content_block_delta", "index": 0, "delta": None}], CREATE)),
    "a text that is a number": Case(
        answer([begins(0, type="text", text=5), adds(0, "text_delta", text=7), stops(0)], called(1))
    ),
    "thinking without a signature": Case(answer([begins(0, type="thinking", thinking="Hm."), stops(0)], called(1))),
    "thinking with a signature": Case(
        answer(
            [
                begins(0, type="thinking", thinking="", signature=""),
                adds(0, "thinking_delta", thinking="Hm."),
                adds(0, "signature_delta", signature="s"),
                stops(0),
            ],
            called(1),
        )
    ),
    "a search of the service's own": Case(
        answer(
            [
                begins(0, type="server_tool_use", id="s", name="x", input={}),
                adds(0, "input_json_delta", partial_json="{}"),
            ],
            called(1),
        )
    ),
    "events that are no objects": Case(
        sse([start()]) + b"event: x\ndata: [1]\n\ndata: 5\n\ndata: null\n\n" + sse(answer(CREATE)[1:])
    ),
    "a pair split between two texts": Case(
        answer([begins(0, type="text", text=""), *(adds(0, "text_delta", text=t) for t in (HIGH, LOW, LOW))], called(1))
    ),
    "NUL in a text": Case(answer(said(0, "a\0b"), called(1))),
}
GOOD = sse(answer(said(0, f"Schön {SMILE}."), called(1)))
BYTES = {
    "no names of events": Case(sse(answer(CREATE), named=False)),
    "no types in the events": Case(sse(answer(CREATE), typed=False)),
    "lines that end with CRLF": Case(sse(answer(CREATE), end="\r\n")),
    "lines that end with CR": Case(sse(answer(CREATE), end="\r")),
    "one byte at a time": Case(Raw(GOOD, piece=1)),
    "seven bytes at a time, CRLF": Case(Raw(sse(answer(CREATE), end="\r\n"), piece=7)),
    "a byte order mark": Case(b"\xef\xbb\xbf" + GOOD),
    "comments and other fields": Case(b": hello\n\nid: 7\nretry: 10\n\n" + GOOD.replace(b"\n\n", b"\nid: 8\n\n")),
    "data on several lines": Case(GOOD.replace(b'"content_block_delta", ', b'"content_block_delta",\ndata: ')),
    "no space behind the colon": Case(GOOD.replace(b"data: ", b"data:").replace(b"event: ", b"event:")),
    "pings without sense": Case(b"event: ping\ndata: pong\n\n" + GOOD + b"event: ping\n\n"),
    "no blank line at the end": Case(sse(answer(CREATE)[:-1]).rstrip(b"\n")),
    "[DONE] at the end": Case(sse(answer(CREATE)[:-1], named=False) + b"data: [DONE]\n\n"),
    "nonsense behind the end": Case(GOOD + b"event: error\ndata: {\n\ndata: {{{\n\n" + sse(CREATE)),
    "a connection that stays open": Case(Raw(GOOD, lingers=3.0)),
    "bytes that are no UTF-8": Case(GOOD.replace("ö".encode(), b"\xf6")),
    "raw line separators in a text": Case(GOOD.replace("ö".encode(), "\u2028\x85".encode())),
    "an empty 200": Case(b"", (), attempts=2),
    "pings alone": Case(b"event: ping\ndata: {}\n\n", (), attempts=2),
    "an error without a name": failed(
        b'data: {"type": "error", "error": {"message": "No."}}\n\n', "provider", "error inside the stream: No."
    ),
    "an error that is text": failed(
        b"event: error\ndata: Out of cheese\n\n", "provider", "inside the stream: Out of cheese"
    ),
    "an error that is a list": failed(
        b'data: {"type": "error", "error": [1]}\n\n', "provider", "inside the stream: no reason was given"
    ),
    "an error that may pass": Case(
        b'data: {"type": "error", "error": {"type": "overloaded_error"}}\n\n', (), attempts=2
    ),
}
CASES = LABELS | UNKNOWN | CUT | ARGUMENTS | NAMES | SHAPES | BYTES
