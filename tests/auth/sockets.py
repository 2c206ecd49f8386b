"""A page's websocket, as a browser's scripts use it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClosedError, websocket_connect

from tests.auth.conftest import session_of
from tests.auth.test_served import token_of

PULL = {"msgid": "1", "msgtype": "PULL-DOC-REQ"}
PATCH = {"msgid": "2", "msgtype": "PATCH-DOC"}
READY = {"type": "event", "name": "document_ready", "values": {"type": "map"}}


def sent(model, text):
    """The text that a page's script sends, as Bokeh has it."""
    entries = [["model", {"id": model}], ["data", text]]
    return {"type": "event", "name": "data_event", "values": {"type": "map", "entries": entries}}


def patch(*messages, **others):
    """The content of a patch."""
    return {
        "events": [{"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": each} for each in messages],
        **others,
    }


def changed(model, attribute, value):
    """A patch that changes a property of a model."""
    return {"events": [{"kind": "ModelChanged", "model": {"id": model}, "attr": attribute, "new": value}]}


def page_of(house, name):
    """The token of a page that somebody opens."""
    return token_of(house.ask("GET", "/board?store=acme", session=session_of(name)))


@asynccontextmanager
async def opened(house, name, token=None, protocol="bokeh"):
    """A websocket of somebody's page, of a new one without a token."""
    session, token = session_of(name), token or page_of(house, name)
    request = HTTPRequest(f"ws://{house.host}/board/ws", headers={"Cookie": f"wsq-session={session}"})
    line = await websocket_connect(request, subprotocols=[protocol, token])
    try:
        yield line
    finally:
        stream = line.protocol.stream
        line.close()
        stream.close()


async def say(line, parts):
    """Send the parts of a message, as far as they are wanted."""
    with suppress(WebSocketClosedError):
        for part in parts:
            is_written = isinstance(part, str | bytes)
            await line.write_message(part if is_written else json.dumps(part), binary=isinstance(part, bytes))


async def hear(line, kind):
    """The content of the next message of a kind, or of the next text for the page's script."""
    while True:
        header, _, content = [json.loads(await heard(line)) for _ in range(3)]
        if header["msgtype"] == kind:
            return content


async def heard(line):
    """The next part; the connection must not end."""
    part = await asyncio.wait_for(line.read_message(), 20)
    assert part is not None, (line.close_code, line.close_reason)
    return part


async def ended(line):
    """Whether it ends, whatever comes before."""
    while await asyncio.wait_for(line.read_message(), 20) is not None:
        pass
    return line.close_code, line.close_reason


async def drawn(line):
    """Do as a page does when it is opened; returns its model's id."""
    await hear(line, "ACK")
    await say(line, [PULL, {}, {}])
    [root] = (await hear(line, "PULL-DOC-REPLY"))["doc"]["roots"]
    await say(line, [PATCH, {}, patch(READY)])
    await hear(line, "OK")
    return root["id"]


async def answers(line, model, request):
    """The answers that come until the one to this request, which is sent."""
    await say(line, [PATCH, {}, patch(sent(model, json.dumps(request)))])
    ref = None
    while ref != request["ref"]:
        for event in (await hear(line, "PATCH-DOC"))["events"]:
            told = json.loads(dict(event["msg_data"]["values"]["entries"])["data"])
            if told["type"] == "answer":
                ref = told["ref"]
                yield told
