"""How facts are written into the log and read from it again."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import msgspec

from wsq.errors import InvalidEvent, UnreadableLog
from wsq.events import boards, recurring, retired, stores
from wsq.events.base import Fact


def _kinds() -> Iterator[type[Fact]]:
    for room in (stores, boards, recurring):
        for kind in vars(room).values():
            if isinstance(kind, type) and issubclass(kind, Fact) and kind is not Fact:
                yield kind


FACTS: dict[tuple[str, int], type[Fact]] = {(k.stored_name, k.stored_version): k for k in _kinds()}
"""Every kind of fact by its stored name and version."""

_RETIRED: tuple[tuple[type[Any], Callable[[Any], Fact]], ...] = (
    (retired.ModelAnsweredV1, retired.answered),
    (retired.ModelChargedV1, retired.charged),
    (retired.ToolCalledV1, retired.called),
    (retired.AttemptFailedV1, retired.attempt_failed),
)

UPCASTS: dict[tuple[str, int], Callable[[Any], Fact]] = {
    (kind.stored_name, kind.stored_version): upcast for kind, upcast in _RETIRED
}
"""For a retired version, the pure function that turns it into the current one."""

LOOSE = tuple(UPCASTS)
"""The retired kinds of events whose figures are as a service sent them."""

_READABLE = FACTS | {(kind.stored_name, kind.stored_version): kind for kind, _ in _RETIRED}
"""Every kind of event that is read, the retired ones included."""

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""An escaped U+0000 in JSON: behind an even number of backslashes."""

_encoder = msgspec.json.Encoder()


@cache
def reader(name: str, version: int) -> Callable[[str], Fact]:
    """What reads the fields of one kind of event; `UnreadableLog` when the kind is not known.

    Made when first needed: all of them take ten milliseconds, which a pass with nothing to do need not
    spend.
    """
    kind = _READABLE.get((name, version))
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
    return tuple(sorted(_READABLE))


def has_unusable_figures(name: str, version: int, args: str) -> bool:
    """Whether an event of a kind in `LOOSE` holds a figure that is read as unknown."""
    return not retired.is_usable(msgspec.json.decode(args, type=_READABLE[name, version]))


def encode(fact: Fact) -> str:
    """The fact's fields as JSON; instants with their offset, absent fields left out."""
    return _encoder.encode(fact).decode()


def encode_readable(fact: Fact) -> str:
    """`encode`, if the same fact can be read again from every database.

    Raises:
        InvalidEvent: A field is not of its type, or holds a number or a character that is not stored as it is.
    """
    try:
        args = encode(fact)
        same = reader(fact.stored_name, fact.stored_version)(args) == fact
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _invalid(fact, str(error)) from error
    if not same:
        raise _invalid(fact, f"it would be read as {_differing(fact, args)}")
    if "\\u0000" in args and _NUL.search(args):
        raise _invalid(fact, "a text holds U+0000")
    return args


def _differing(fact: Fact, args: str) -> str:
    """The first field that would be read differently, and as what."""
    read = reader(fact.stored_name, fact.stored_version)(args)
    pairs = ((name, getattr(read, name), getattr(fact, name)) for name in fact.__struct_fields__)
    return next((f"{name}={mine!r} instead of {other!r}" for name, mine, other in pairs if mine != other), "another")


def _invalid(fact: Fact, why: str) -> InvalidEvent:
    return InvalidEvent(f"The event {fact.stored_name!r} is not written, since it could not be read again: {why}.")


def decode(name: str, version: int, args: str) -> Fact:
    """The fact that was stored so; `UnreadableLog` when its kind or its fields are not known."""
    try:
        return reader(name, version)(args)
    except (msgspec.MsgspecError, RecursionError) as error:
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
    except (msgspec.MsgspecError, RecursionError) as error:
        raise UnreadableLog(f"The log's events {name!r} cannot be read: {error}.") from error
    if len(found) != count:
        raise UnreadableLog(f"The log's events {name!r} cannot be read: they are not one object each.")
    return found


@cache
def _reader_of_many(name: str, version: int, placed: bool) -> Callable[[str], list[Any]]:  # noqa: FBT001 - private
    kind: Any = _READABLE[name, version]
    each: Any = types.GenericAlias(tuple, (int, int, kind)) if placed else kind
    many: Any = types.GenericAlias(list, (each,))
    read: Callable[[str], list[Any]] = msgspec.json.Decoder(many).decode
    return read
