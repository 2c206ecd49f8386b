"""How facts are written into the log and read from it again."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import msgspec

from wsq.errors import UnreadableLog
from wsq.events import boards, recurring, stores
from wsq.events.base import Fact


def _kinds() -> Iterator[type[Fact]]:
    for room in (stores, boards, recurring):
        for kind in vars(room).values():
            if isinstance(kind, type) and issubclass(kind, Fact) and kind is not Fact:
                yield kind


FACTS: dict[tuple[str, int], type[Fact]] = {(k.stored_name, k.stored_version): k for k in _kinds()}
"""Every kind of fact by its stored name and version."""

UPCASTS: dict[tuple[str, int], Callable[[Any], Fact]] = {}
"""For a retired version, the pure function that turns it into the one that follows it."""

_encoder = msgspec.json.Encoder()


@cache
def reader(name: str, version: int) -> Callable[[str], Fact]:
    """What reads the fields of one kind of event; `UnreadableLog` when the kind is not known.

    Made when first needed: all of them take ten milliseconds, which a pass with nothing to do need not
    spend.
    """
    kind = FACTS.get((name, version))
    if kind is None:
        raise UnreadableLog(
            f"The log holds an event {name!r} of version {version}, which this wsq does not know; "
            "a newer wsq may have written it."
        )
    read: Callable[[str], Fact] = msgspec.json.Decoder(kind).decode
    upcast = UPCASTS.get((name, version))
    return read if upcast is None else lambda args: upcast(read(args))


def known_names() -> tuple[tuple[str, int], ...]:
    """The stored names and versions that this wsq can read, sorted."""
    return tuple(sorted(FACTS))


def encode(fact: Fact) -> str:
    """The fact's fields as JSON; instants with their offset, absent fields left out."""
    return _encoder.encode(fact).decode()


def decode(name: str, version: int, args: str) -> Fact:
    """The fact that was stored so; `UnreadableLog` when its kind or its fields are not known."""
    try:
        return reader(name, version)(args)
    except msgspec.MsgspecError as error:
        raise UnreadableLog(f"The log's event {name!r} cannot be read: {error}.") from error


def decode_all(name: str, version: int, many: Sequence[str]) -> list[Fact]:
    """Many facts of one kind, at once; `UnreadableLog` when one of them is not to be read."""
    facts: list[Fact] = _decoded(name, version, ",".join(many), len(many), placed=False)
    upcast = UPCASTS.get((name, version))
    return facts if upcast is None else [upcast(fact) for fact in facts]


def decode_placed(name: str, version: int, many: str, count: int) -> list[tuple[int, int, Fact]]:
    """Facts of one kind with two whole numbers each, from ``[1,2,{…}],[3,4,{…}]``: `count` of them.

    Raises:
        UnreadableLog: One of them is not to be read, or there are not so many.
    """
    found: list[tuple[int, int, Fact]] = _decoded(name, version, many, count, placed=True)
    upcast = UPCASTS.get((name, version))
    return found if upcast is None else [(first, second, upcast(fact)) for first, second, fact in found]


def _decoded(name: str, version: int, many: str, count: int, *, placed: bool) -> list[Any]:
    reader(name, version)
    try:
        found = _reader_of_many(name, version, placed)(f"[{many}]")
    except msgspec.MsgspecError as error:
        raise UnreadableLog(f"The log's events {name!r} cannot be read: {error}.") from error
    if len(found) != count:
        raise UnreadableLog(f"The log's events {name!r} cannot be read: they are not one object each.")
    return found


@cache
def _reader_of_many(name: str, version: int, placed: bool) -> Callable[[str], list[Any]]:  # noqa: FBT001 - private
    kind: Any = FACTS[name, version]
    each: Any = types.GenericAlias(tuple, (int, int, kind)) if placed else kind
    many: Any = types.GenericAlias(list, (each,))
    read: Callable[[str], list[Any]] = msgspec.json.Decoder(many).decode
    return read
