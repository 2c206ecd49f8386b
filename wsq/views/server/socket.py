"""The websocket of a page: passes on to Bokeh what our pages send, and refuses everything else.

Bokeh would apply whatever a browser sends to the page's models, and log what it cannot with a traceback and the text.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from bokeh.core.serialization import DeserializationError
from bokeh.protocol.messages.patch_doc import patch_doc
from bokeh.protocol.messages.pull_doc_req import pull_doc_req
from bokeh.server.session import ServerSession
from bokeh.server.urls import per_app_patterns
from bokeh.util.token import check_token_signature, get_token_payload
from msgspec import DecodeError, Meta, Raw, Struct, ValidationError
from msgspec.json import Decoder
from panel.io.server import WSHandler

from wsq.clock import SystemClock

log = logging.getLogger(__name__)

LARGEST_MESSAGE = 10_000_000
"""Bytes of a message from a browser. A document of a million characters has up to four bytes per character, and more
with JSON escapes, twice; a larger message would end the session without an error."""

PARTS = 3
LONGEST_HEADER = 1_000
"""Parts of a message, and characters of each part before its content; so nothing large waits for the rest of one."""

REFUSED = 1008
"""The websocket's code for a message that violates a policy."""


class Malformed(Exception):
    """Not a message of our pages; the text says why, without anything of the message."""


class Header(Struct):
    """The first part of a message."""

    msgid: Annotated[str, Meta(min_length=1, max_length=100)]
    msgtype: Literal["PULL-DOC-REQ", "PATCH-DOC"]


class Ready(Struct, kw_only=True, forbid_unknown_fields=True):
    """The page was drawn."""

    type: Literal["event"]
    name: Literal["document_ready"]
    values: Any


class Ref(Struct):
    """A model of the page."""

    id: Annotated[str, Meta(min_length=1, max_length=100)]


class Pairs(Struct):
    """The model that sends a text, and the text."""

    type: Literal["map"]
    entries: tuple[tuple[Literal["model"], Ref], tuple[Literal["data"], str]]


class Sent(Struct, kw_only=True, forbid_unknown_fields=True):
    """The page's script has sent a text: one of `wsq.views.page.messages`."""

    type: Literal["event"]
    name: Literal["data_event"]
    values: Pairs


class Event(Struct):
    """A part of a patch."""

    kind: str
    msg_type: str = ""
    msg_data: Raw = Raw(b"{}")


class Name(Struct):
    """The name of an event."""

    name: str = ""


class Patch(Struct):
    """The content of a patch."""

    events: Annotated[list[Event], Meta(max_length=1_000)]


_header: Decoder[Header] = Decoder(Header)
_patch: Decoder[Patch] = Decoder(Patch)
_name: Decoder[Name] = Decoder(Name)
_ready: Decoder[Ready] = Decoder(Ready)
_sent: Decoder[Sent] = Decoder(Sent)


def header_of(part: str) -> Header:
    """Return the header of a message.

    Raises:
        Malformed: It is not one of our pages' messages.
    """
    try:
        return _header.decode(part)
    except (ValidationError, DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise Malformed("a message that is not one of our pages'") from error


def events_of(content: str) -> list[dict[str, Any]]:
    """Return the events of a patch that concern us, as Bokeh expects them.

    Others are left out, such as changes of a model's properties: nothing here depends on them.

    Raises:
        Malformed: It is not a patch, or has such an event in another form.
    """
    try:
        return list(_events(_patch.decode(content).events))
    except (ValidationError, DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise Malformed("a patch that is not valid") from error


def _events(events: list[Event]) -> Iterator[dict[str, Any]]:
    for event in events:
        is_sent = event.kind == "MessageSent" and event.msg_type == "bokeh_event"
        name = _name.decode(event.msg_data).name if is_sent else ""
        entries: list[list[Any]] = []
        if name == "data_event":
            (_, model), (_, text) = _sent.decode(event.msg_data).values.entries
            entries = [["model", {"id": model.id}], ["data", text]]
        elif name == "document_ready":
            _ready.decode(event.msg_data)
        else:
            continue
        values = {"type": "map", "entries": entries}
        data = {"type": "event", "name": name, "values": values}
        yield {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": data}


class PageSocket(WSHandler):  # type: ignore[misc]  # Panel is not typed
    """A page's websocket."""

    _header: Header
    _parts = 0
    _is_refused = False

    def open(self, *args: Any, **given: Any) -> None:
        """Begin a page, if its token is valid."""
        try:
            self._judge_token()
            super().open(*args, **given)
        except Malformed as error:
            self._refuse(str(error))
        except Exception:  # noqa: BLE001 - a forged token may cause any error
            self._refuse("a page that is not ours")

    def _judge_token(self) -> None:
        application, token = self.application, self._token
        if self.selected_subprotocol != "bokeh" or not check_token_signature(
            token, signed=application.sign_sessions, secret_key=application.secret_key
        ):
            raise Malformed("a page that is not ours")
        if get_token_payload(token)["session_expiry"] <= SystemClock().now().timestamp():
            raise Malformed("a page that has expired")

    async def _async_open(self, token: str) -> None:
        try:
            await super()._async_open(token)
        except Exception as error:  # noqa: BLE001 - a forged token may cause any error
            self._refuse(f"a page that cannot be opened ({type(error).__name__})")

    async def on_message(self, fragment: str | bytes) -> None:
        """Handle a part of a message. A message has three: header, metadata and content."""
        if self._is_refused:  # what comes until the browser has closed the connection
            return
        try:
            await self._handle_part(fragment)
        except Malformed as error:
            self._refuse(str(error))

    async def _handle_part(self, part: str | bytes) -> None:
        if self.connection is None:
            raise Malformed("a message before the page was ready")
        if not isinstance(part, str):
            raise Malformed("a message in bytes")
        if self._parts < 2 and len(part) > LONGEST_HEADER:
            raise Malformed("a message whose header is too long")
        if self._parts == 0:
            self._header = header_of(part)
        self._parts = (self._parts + 1) % PARTS
        if self._parts == 0:
            await self._handle_message(self._header, part)

    async def _handle_message(self, head: Header, content: str) -> None:
        about = {"msgid": head.msgid, "msgtype": head.msgtype}
        try:
            if head.msgtype == "PULL-DOC-REQ":
                answer = await ServerSession.pull(pull_doc_req(about, {}, {}), self.connection)
            else:
                patch = patch_doc(about, {}, {"events": events_of(content)})
                answer = await ServerSession.patch(patch, self.connection)
        except DeserializationError as error:
            raise Malformed("a message of a model that the page does not have") from error
        if answer is not None:  # the page was not closed meanwhile
            await self.send_message(answer)

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        """Log an unexpected error without Tornado's copy of the request, which has the page's token in it."""
        log.error("A page's message failed", exc_info=(kind, error, trace), extra={"action": "page.message"})

    def _refuse(self, what: str) -> None:
        visitor = getattr(self.request, "wsq_visitor", None)
        name = repr(visitor.session.name) if visitor is not None else "an unknown user"
        log.warning("Refused %s, of %s from %s", what, name, self.request.remote_ip, extra={"action": "page.refused"})
        self._is_refused = True
        self.close(REFUSED, f"Refused {what}.")


@contextmanager
def our_sockets() -> Iterator[None]:
    """Let pages that are built meanwhile have our websockets: Bokeh's list of handlers is global."""
    former = per_app_patterns[:]
    per_app_patterns[:] = [(path, PageSocket if path == "/ws" else handler) for path, handler in former]
    try:
        yield
    finally:
        per_app_patterns[:] = former
