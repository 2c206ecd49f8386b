"""A workspace as lines: read out of one engine, written to a file, read again, brought into another engine.

A file is gzip over lines of JSON in UTF-8. A line begins with ``"before"``, the SHA-256 of the bytes of the line
before it without its line break (of nothing, for the first), so that none can be changed, left out or put elsewhere
unseen. The first is the header; the last counts what lies between, so that a file that was cut is told from a whole
one. The same workspace gives the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby, islice, zip_longest
from pathlib import Path
from typing import IO, Annotated, Any, Protocol

import msgspec

from wsq.errors import BrokenArchive, InvalidInput, NewerWorkspace, WorkspaceError
from wsq.events import decode
from wsq.store.duckdb.faults import explained
from wsq.store.duckdb.snapshot import not_overwritten, part_of, publish
from wsq.store.engine import Cursor, Engine, LoadingCursor, ReadingCursor
from wsq.store.folding import fold, read_facts
from wsq.store.rows import LOG_TYPES, insert, write_world
from wsq.store.schema import VERSION as SCHEMA
from wsq.version import VERSION

FORMAT = 1
"""Rises when a file can no longer be read by an older wsq."""

LONGEST = 1 << 28
"""Bytes of a line at the most: beyond any that is written, and a bound on what a hostile file can have us hold."""

AT_ONCE = 5_000
"""Events that are read or brought in at a time."""

BODIES_AT_ONCE = 200
"""The same for bodies, which are long."""


Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class _Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    """One line, without the hash of the one before."""


class Header(_Line, frozen=True, kw_only=True, tag="header"):
    """The first line: the format, and who wrote the file."""

    format: Number
    wsq: str
    schema: Number


class EventRecord(_Line, frozen=True, kw_only=True, tag="event"):
    """An event as the log has it; `args` is its text, byte for byte."""

    store_id: str
    seq: Number
    event_id: str
    name: str
    version: Number
    args: str
    actor: str
    cause: str | None
    recorded_at: Instant


class BodyRecord(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="body"):
    """What was told, said or returned: as text, or where it is no UTF-8, in base 64. `hash` is how events name it."""

    hash: str
    text: str | None = None
    base64: bytes | None = None

    def content(self) -> bytes:
        """The bytes themselves."""
        return self.base64 if self.base64 is not None else (self.text or "").encode()


class LeaseRecord(_Line, frozen=True, kw_only=True, tag="lease"):
    """Who carries a running execution out, and until when that is safe to believe."""

    execution_id: str
    store_id: str
    holder: str
    epoch: Number
    expires_at: Instant
    reserved_usd: float | None
    reserved_tokens: Number | None


class DryRunRecord(_Line, frozen=True, kw_only=True, tag="dry_run"):
    """What trying a prompt out has cost: it is in no log, and counts against the day's budget."""

    id: str
    store_id: str
    project_id: str | None
    model: str | None
    started_at: Instant
    cost_usd: float | None
    input_tokens: Number
    output_tokens: Number
    cache_read_tokens: Number
    cache_write_tokens: Number


class End(_Line, frozen=True, kw_only=True, tag="end"):
    """The last line: how many of each there were."""

    events: Number = 0
    bodies: Number = 0
    leases: Number = 0
    dry_runs: Number = 0


Record = EventRecord | BodyRecord | LeaseRecord | DryRunRecord

_TABLES: dict[type, str] = {
    EventRecord: "events",
    BodyRecord: "bodies",
    LeaseRecord: "leases",
    DryRunRecord: "dry_runs",
}
"""Where the records of each kind stand."""

_BODY_TYPES = {"hash": "VARCHAR", "body": "BLOB"}

_BESIDE: dict[type[LeaseRecord | DryRunRecord], dict[str, str]] = {
    LeaseRecord: {
        "execution_id": "VARCHAR",
        "store_id": "VARCHAR",
        "holder": "VARCHAR",
        "epoch": "BIGINT",
        "expires_at": "TIMESTAMPTZ",
        "reserved_usd": "DOUBLE PRECISION",
        "reserved_tokens": "BIGINT",
    },
    DryRunRecord: {
        "id": "VARCHAR",
        "store_id": "VARCHAR",
        "project_id": "VARCHAR",
        "model": "VARCHAR",
        "started_at": "TIMESTAMPTZ",
        "cost_usd": "DOUBLE PRECISION",
        "input_tokens": "BIGINT",
        "output_tokens": "BIGINT",
        "cache_read_tokens": "BIGINT",
        "cache_write_tokens": "BIGINT",
    },
}
"""What travels beside the log and its bodies. Claims and all other rows are folds of the log."""

_BYTES = 'COLLATE "C"'
"""By bytes: the order is the same in every database."""


# Out of an engine


def records(engine: Engine) -> Iterator[Record]:
    """All that a workspace is, in an order of its own: events by store and seq, bodies by hash, leases, dry runs.

    It is read from one consistent view, some thousands at a time.
    """
    with engine.study() as cursor:
        yield from read_records(cursor)


def read_records(cursor: ReadingCursor) -> Iterator[Record]:
    """The same, of one view."""
    log = f"SELECT {', '.join(LOG_TYPES)} FROM events ORDER BY store_id {_BYTES}, seq"  # noqa: S608 - our own names
    names = tuple(LOG_TYPES)
    for rows in cursor.batches(log, AT_ONCE):
        for row in rows:
            yield EventRecord(**dict(zip(names, row, strict=True)))
    bodies = f"SELECT hash, body FROM bodies ORDER BY hash {_BYTES}"  # noqa: S608
    for rows in cursor.batches(bodies, BODIES_AT_ONCE):
        yield from (_body(name, zlib.decompress(bytes(body))) for name, body in rows)
    for kind, columns in _BESIDE.items():
        key = next(iter(columns))
        for rows in cursor.batches(
            f"SELECT {', '.join(columns)} FROM {_TABLES[kind]} ORDER BY {key} {_BYTES}",  # noqa: S608
            AT_ONCE,
        ):
            yield from (kind(**dict(zip(columns, row, strict=True))) for row in rows)


def _body(name: str, content: bytes) -> BodyRecord:
    try:
        return BodyRecord(hash=name, text=content.decode())
    except UnicodeDecodeError:
        return BodyRecord(hash=name, base64=content)


# Into an engine


def restore(engine: Engine, found: Iterable[Record]) -> End:
    """Bring records into a workspace that holds nothing yet, all or none, and fold its projections.

    Returns how many of each there were. Events of one store come in their order.

    Raises:
        InvalidInput: The workspace holds something already.
        BrokenArchive: An event or a body is not what it says; also what `found` itself raises.
        UnreadableLog: An event is of a kind that this wsq does not know.
    """
    with engine.writing() as writing, writing.transaction() as cursor:
        _refuse_unless_empty(cursor, engine.place)
        tally, heads = _Tally(), dict[str, int]()
        for kind, many in groupby(found, type):
            for batch in _batched(many, BODIES_AT_ONCE if kind is BodyRecord else AT_ONCE):
                tally.add(kind, len(batch))
                if kind is EventRecord:
                    _bring_events(cursor, batch, heads)
                elif kind is BodyRecord:
                    rows = [(each.hash, zlib.compress(_proved(each), 6)) for each in batch]
                    insert(cursor, "bodies", _BODY_TYPES, rows)
                else:
                    columns = _BESIDE[kind]
                    insert(cursor, _TABLES[kind], columns, [[getattr(r, c) for c in columns] for r in batch])
        if heads:
            insert(cursor, "heads", {"store_id": "VARCHAR", "seq": "BIGINT"}, list(heads.items()))
        write_world(cursor, fold(read_facts(cursor)))
        return tally.end()


def prove(found: Iterable[Record]) -> End:
    """Go through records as `restore` would, and bring nothing anywhere; raises as it does. Returns their counts."""
    tally, heads = _Tally(), dict[str, int]()
    for record in found:
        tally.add(type(record))
        if isinstance(record, EventRecord):
            _in_turn(record, heads)
            decode(record.name, record.version, record.args)
        elif isinstance(record, BodyRecord):
            _proved(record)
    return tally.end()


def first_difference(one: Iterable[Record], other: Iterable[Record]) -> tuple[Record | None, Record | None] | None:
    """The first two records in which two workspaces differ, None for one that is missing; None when none do."""
    return next(((mine, theirs) for mine, theirs in zip_longest(one, other) if mine != theirs), None)


def copied(out_of: Engine, into: Engine) -> End:
    """Bring all of one workspace into another that holds nothing yet, and compare them; see `wsq.Workspace.copy_to`."""
    with out_of.study() as cursor:
        end = restore(into, read_records(cursor))
        difference = first_difference(read_records(cursor), records(into))
    if difference is not None:
        mine, theirs = difference
        raise WorkspaceError(f"{into.place} is no copy of {out_of.place}: {theirs} stands there for {mine}.")
    return end


def _refuse_unless_empty(cursor: Cursor, place: str) -> None:
    for table in ("events", "bodies", "leases", "dry_runs"):
        if cursor.query(f"SELECT 1 FROM {table} LIMIT 1"):  # noqa: S608
            raise InvalidInput(f"{place} holds a workspace already, and nothing is put over it: name a new one.")


def _bring_events(cursor: LoadingCursor, batch: list[EventRecord], heads: dict[str, int]) -> None:
    for event in batch:
        _in_turn(event, heads)
    cursor.load("events", LOG_TYPES, [[getattr(event, column) for event in batch] for column in LOG_TYPES])


def _in_turn(event: EventRecord, heads: dict[str, int]) -> None:
    expected = heads.get(event.store_id, 0) + 1
    if event.seq != expected:
        raise BrokenArchive(f"Store {event.store_id!r} has an event {event.seq} where {expected} was expected.")
    heads[event.store_id] = event.seq


def _proved(body: BodyRecord) -> bytes:
    content = body.content()
    if hashlib.blake2b(content, digest_size=16).hexdigest() != body.hash:
        raise BrokenArchive(f"The body {body.hash!r} is not what it was when it was named so.")
    return content


def _batched(many: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(many)
    while batch := list(islice(rest, size)):
        yield batch


class _Tally:
    """How many of each kind there have been."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(_TABLES.values(), 0)

    def add(self, kind: type, many: int = 1) -> None:
        self._counts[_TABLES[kind]] += many

    def end(self) -> End:
        return End(**self._counts)


# A file


class Sink(Protocol):
    """Where bytes go."""

    def write(self, content: bytes, /) -> Any:
        """Take them all."""
        ...


def write(into: IO[bytes], found: Iterable[Record]) -> tuple[End, str]:
    """Write records as a file; returns how many there were and the SHA-256 of the last line, in hex digits.

    Whoever keeps that elsewhere can tell that nobody has made another chain since.
    """
    tally = _Tally()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=into, mtime=0) as packed:
        chain = _Writer(packed)
        chain.add(Header(format=FORMAT, wsq=VERSION, schema=SCHEMA))
        for record in found:
            chain.add(record)
            tally.add(type(record))
        end = tally.end()
        chain.add(end)
    return end, chain.before


def write_file(target: Path, found: Iterable[Record]) -> tuple[End, str]:
    """`write` to a file that is there whole or not at all, and that only its owner may read.

    Raises:
        InvalidInput: There is something at `target` already.
        WorkspaceError: It cannot be written.
    """
    if target.exists() or target.is_symlink():
        raise not_overwritten(target)
    part = part_of(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "xb", opener=_for_its_owner) as into:
            written = write(into, found)
            into.flush()
            os.fsync(into.fileno())
        publish(part, target)
    except OSError as error:
        raise explained(error, str(target)) from error
    finally:
        part.unlink(missing_ok=True)
    return written


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def restore_file(engine: Engine, path: Path) -> End:
    """`restore` what stands in a file; raises as that and `read` do."""
    with path.open("rb") as file:
        return restore(engine, read(file, str(path)))


def prove_file(path: Path) -> End:
    """`prove` what stands in a file; raises as `read` does."""
    with path.open("rb") as file:
        return prove(read(file, str(path)))


_encode = msgspec.json.Encoder().encode


class _Writer:
    def __init__(self, into: Sink) -> None:
        self._into = into
        self.before = hashlib.sha256().hexdigest()

    def add(self, line: _Line) -> None:
        content = _opening(self.before) + _encode(line)[1:]
        self.before = hashlib.sha256(content).hexdigest()
        self._into.write(content + b"\n")


def _opening(before: str) -> bytes:
    return f'{{"before":"{before}",'.encode()


_Any = Header | EventRecord | BodyRecord | LeaseRecord | DryRunRecord | End
_decode = msgspec.json.Decoder(_Any).decode
_FIRST = msgspec.json.Decoder(dict[str, Any])


def read(out_of: IO[bytes], name: str) -> Iterator[Record]:
    """The records of a file, each once it has been proved to belong where it stands; `name` is for sentences.

    Only when it has ended without an error was the file whole.

    Raises:
        BrokenArchive: The file is none, or was cut, damaged or edited; the sentence names the line.
        NewerWorkspace: A newer wsq has written it.
    """
    lines = _lines(out_of, name)
    number, before = 0, hashlib.sha256().hexdigest()
    tally, ended = _Tally(), False
    for number, content in enumerate(lines, 1):
        if ended:
            raise BrokenArchive(f"{name}, line {number}: something follows the last line.")
        line = _parsed(content, before, name, number)
        before = hashlib.sha256(content).hexdigest()
        if isinstance(line, End):
            if _encode(line)[1:] != content[len(before) + len(_opening("")) :] or line != tally.end():
                raise BrokenArchive(f"{name}, line {number}: it counts other than what the file holds.")
            ended = True
        elif isinstance(line, Header) is not (number == 1):
            raise BrokenArchive(f"{name}, line {number}: a header belongs on the first line, and only there.")
        elif not isinstance(line, Header):
            tally.add(type(line))
            yield line
    if not number:
        raise _damaged(name, 1)
    if not ended:
        raise BrokenArchive(f"{name} was cut: it ends with line {number}, which is not its last.")


def _lines(out_of: IO[bytes], name: str) -> Iterator[bytes]:
    """The lines without their breaks; what is wrong with the packing is told by the line."""
    number = 0
    with gzip.GzipFile(fileobj=out_of, mode="rb") as packed:
        while True:
            number += 1
            try:
                content = packed.readline(LONGEST)
            except EOFError:
                raise BrokenArchive(f"{name} was cut in the midst of line {number}.") from None
            except (gzip.BadGzipFile, zlib.error):
                raise _damaged(name, number) from None
            if not content:
                return
            if not content.endswith(b"\n"):
                raise BrokenArchive(f"{name} was cut in the midst of line {number}.")
            yield content[:-1]


def _damaged(name: str, number: int) -> BrokenArchive:
    if number == 1:
        return BrokenArchive(f"{name} is no file of `wsq export`.")
    return BrokenArchive(f"{name}, line {number}: it is damaged.")


def _parsed(content: bytes, before: str, name: str, number: int) -> _Any:
    if number == 1:
        _refuse_newer(content, name)
    opening = _opening(before)
    if not content.startswith(opening):
        what = "no file of `wsq export`" if number == 1 else "not as it was written"
        where = f"{name} is" if number == 1 else f"{name}, line {number - 1} or {number} is"
        raise BrokenArchive(f"{where} {what}: the chain of hashes breaks there.")
    try:
        line: _Any = _decode(b"{" + content[len(opening) :])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BrokenArchive(f"{name}, line {number}: it cannot be read ({error}).") from error
    return line


def _refuse_newer(content: bytes, name: str) -> None:
    """Say so when the header is of a newer format, whatever else stands in it."""
    try:
        header = _FIRST.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BrokenArchive(f"{name} is no file of `wsq export`.") from None
    for what, ours in (("format", FORMAT), ("schema", SCHEMA)):
        found = header.get(what)
        if isinstance(found, int) and found > ours:
            raise NewerWorkspace(
                f"{name} was written by a newer wsq (its {what} is {found}, this one knows {ours}): update wsq here."
            )
