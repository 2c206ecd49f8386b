#!/bin/sh
# Guess: what `messages.stream` of the anthropic SDK gives at a stream's end is what the service sent, or an error.
# What happens: arguments of a tool call that `max_tokens` cut off come back as an empty object, with nothing that says
# so; a tool whose arguments are all optional would run. Two calls that both have index 0, as some compatible services
# number them, leave the second without its arguments. A token count of 7.5 is taken as it is, against the
# declared type. A character outside the basic plane whose two \u escapes come in two pieces of the arguments, which is
# valid JSON once they are joined, ends in a UnicodeEncodeError.
# Why it matters: who stores or runs what the accumulator gives has to judge the events themselves.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q anthropic==2.14.0
"$folder/venv/bin/python" - <<'PYTHON'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import anthropic

USAGE = {"input_tokens": 7, "output_tokens": 1}


def start(usage=USAGE):
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    return {"type": "message_start", "message": message | {"stop_reason": None, "stop_sequence": None}}


def call(name, *pieces, index=0):
    block = {"type": "tool_use", "id": f"t_{name}", "name": name, "input": {}}
    yield {"type": "content_block_start", "index": index, "content_block": block}
    for piece in pieces:
        delta = {"type": "input_json_delta", "partial_json": piece}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def end(reason="tool_use"):
    delta = {"stop_reason": reason, "stop_sequence": None}
    return [{"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}}, {"type": "message_stop"}]


STREAMS = {
    "arguments cut by max_tokens": [start(), *call("a", '{"title": "Ma'), *end("max_tokens")],
    "two calls at index 0": [start(), *call("a", '{"n": 1}'), *call("b", '{"n": 2}'), *end()],
    "a count of 7.5": [start({"input_tokens": 7.5, "output_tokens": 1}), *call("a", "{}"), *end()],
    "a pair split in two pieces": [start(), *call("a", '{"t": "\ud83d', '\ude00"}'), *end()],
}
EXPECTED = {
    "arguments cut by max_tokens": "[{}] 7 7",
    "two calls at index 0": "[{'n': 1}, {}] 7 7",
    "a count of 7.5": "[{}] 7.5 7",
    "a pair split in two pieces": "UnicodeEncodeError",
}


class Service(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        events = STREAMS[asked["messages"][0]["content"]]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event in events:
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
client = anthropic.Anthropic(api_key="none", base_url=url, max_retries=0)
print(f"anthropic {anthropic.__version__}")
seen = {}
for name in STREAMS:
    try:
        with client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": name}]) as stream:
            message = stream.get_final_message()
        used = message.usage
        seen[name] = f"{[block.input for block in message.content]} {used.input_tokens!r} {used.output_tokens!r}"
    except Exception as error:
        seen[name] = type(error).__name__
    print(f"{name}: {seen[name]}")
sys.exit(0 if seen == EXPECTED else 1)
PYTHON
