"""How far an execution is, published to every process while it runs; never the record."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from wsq.errors import WsqError
from wsq.rules.naming import can_be_an_id
from wsq.store.engine import Engine

if TYPE_CHECKING:
    import asyncio

log = logging.getLogger(__name__)

EVERY = 0.25
"""Least seconds between two notes of an execution; one that ends sooner writes none."""

SHARE = 0.1
"""The most of an event loop's time that notes take: with many executions or a slow disk, each writes fewer."""

LONGEST = 5.0
"""Most seconds between two notes of an execution that goes on."""

TAIL = 4000
"""Characters of the answer's end that a note keeps."""


class Doing(msgspec.Struct, frozen=True, kw_only=True):
    """What an execution does now: its 0-based turn, the end of the text so far, the tool that it calls."""

    turn: int = 0
    text: str = ""
    tool: str | None = None


_decoder = msgspec.json.Decoder(Doing)


def doing(engine: Engine, execution_ids: set[str]) -> dict[str, Doing]:
    """What these executions do now; those without a note are left out."""
    ids = [each for each in execution_ids if can_be_an_id(each) and "/" not in each]  # notes may be files
    return {name: _decoder.decode(note) for name, note in engine.progress(ids).items()}


class Pace:
    """How long notes wait, for all executions of an event loop."""

    def __init__(self) -> None:
        self.waiting = 0
        self._cost = 0.0

    def interval(self) -> float:
        """Return the seconds from what there is to note until the note, from `EVERY` to `LONGEST`."""
        return min(max(EVERY, self.waiting * self._cost / SHARE), LONGEST)

    def spent(self, seconds: float) -> None:
        """Take in what a note has cost; one that was held up for long, as by a server's restart, is no measure."""
        self._cost += (min(seconds, LONGEST * SHARE) - self._cost) / 2


class LiveProgress:
    """Publishes one execution's progress, from the thread of a running event loop."""

    def __init__(self, engine: Engine, execution_id: str, pace: Pace) -> None:
        self._engine = engine
        self._execution_id = execution_id
        self._pace = pace
        self._now = Doing()
        self._timer: asyncio.TimerHandle | None = None
        self._since = 0.0
        self._noted = self._closed = False

    def __call__(self, text: str) -> None:
        """Append to the answer's text."""
        if text:
            self._note(msgspec.structs.replace(self._now, text=(self._now.text + text)[-TAIL:], tool=None))

    def asking(self, turn: int) -> None:
        """The model is called for a turn's answer."""
        self._note(Doing(turn=turn))

    def calling(self, tool: str) -> None:
        """A tool is being called."""
        self._note(msgspec.structs.replace(self._now, tool=tool))

    def close(self) -> None:
        """Delete the note."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._pace.waiting -= 1
        if self._noted:
            self._publish(None)

    def _note(self, now: Doing) -> None:
        from asyncio import get_running_loop  # an idle pass asks what runs, and runs nothing

        self._now = now
        if self._timer is None and not self._closed:
            loop = get_running_loop()
            self._pace.waiting += 1
            self._since = loop.time()
            self._timer = loop.call_later(self._pace.interval(), self._write, loop)

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        due = self._since + self._pace.interval()
        if loop.time() < due - EVERY / 2:  # notes have become dearer since
            self._timer = loop.call_at(due, self._write, loop)
            return
        self._timer = None
        self._pace.waiting -= 1
        self._noted = True
        began = loop.time()
        self._publish(self._now)
        self._pace.spent(loop.time() - began)

    def _publish(self, now: Doing | None) -> None:
        try:
            self._engine.note_progress(self._execution_id, msgspec.json.encode(now) if now else None)
        except (WsqError, UnicodeEncodeError) as trouble:  # a full disk must not end an execution
            log.debug("Progress could not be published: %s", trouble, extra={"action": "progress"})
