"""Export and import: a workspace as lines of JSON.

A file is gzip over lines of JSON in UTF-8. Each line begins with ``"before"``, the SHA-256 of the bytes of the previous
line without its line break (of nothing, for the first), so that no line can be changed, removed or moved unnoticed. The
first line is the header; the last counts the lines between, which reveals truncated files. The same workspace always
gives the same bytes.
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
from typing import IO, Annotated, Any

import msgspec

from wsq.errors import BrokenArchive, InvalidInput, NewerWorkspace, WorkspaceError
from wsq.events import decode
from wsq.store.duckdb.faults import explained
from wsq.store.duckdb.snapshot import published
from wsq.store.engine import Cursor, Engine, LoadingCursor, ReadingCursor
from wsq.store.folding import fold, read_facts
from wsq.store.rows import LOG_TYPES, insert, sql_types, write_world
from wsq.store.schema import VERSION as SCHEMA
from wsq.version import VERSION

FORMAT = 1
"""Rises when older versions of wsq can no longer read the file."""

LONGEST = 1 << 28
"""Maximum bytes of a line: more than is ever written, and a limit on the memory that a hostile file can use."""

AT_ONCE = 5_000
"""Number of events that are read or inserted at a time."""

BODIES_AT_ONCE = 200
"""The same for bodies, which are long."""


Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class _Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    """One line, without the hash of the previous one."""


class Header(_Line, frozen=True, kw_only=True, tag="header"):
    """The first line: the format, and the version of wsq that wrote the file."""

    format: Number
    wsq: str
    schema: Number


class EventRecord(_Line, frozen=True, kw_only=True, tag="event"):
    """An event as in the log; `args` is its text, byte for byte."""

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
    """A message body: as text, or in base64 if it is not UTF-8. Events refer to it by `hash`."""

    hash: str
    text: str | None = None
    base64: bytes | None = None

    def content(self) -> bytes:
        """Return the bytes."""
        return self.base64 if self.base64 is not None else (self.text or "").encode()


class LeaseRecord(_Line, frozen=True, kw_only=True, tag="lease"):
    """The worker of a running execution, and until when its lease is valid."""

    execution_id: str
    store_id: str
    holder: str
    epoch: Number
    expires_at: Instant
    reserved_usd: float | None
    reserved_tokens: Number | None


class DryRunRecord(_Line, frozen=True, kw_only=True, tag="dry_run"):
    """The cost of a dry run: it is not in the log, and counts against the day's budget.

    Exports of earlier versions have no marks of estimates and no reservations.
    """

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
    cost_estimated: bool | None = False
    reserved_usd: float | None = 0.0
    reserved_until: Instant | None = None


class End(_Line, frozen=True, kw_only=True, tag="end"):
    """The last line: the number of records of each kind."""

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
"""The table of each kind of record."""

_BODY_TYPES = {"hash": "VARCHAR", "body": "BLOB"}

_BESIDE: dict[type[LeaseRecord | DryRunRecord], dict[str, str]] = {
    kind: sql_types(kind, kind.__struct_fields__) for kind in (LeaseRecord, DryRunRecord)
}
"""Columns of the records besides events and bodies. Claims and all other rows are folds of the log."""

_BYTES = 'COLLATE "C"'
"""Compares bytes: the same order in every database."""


# From an engine


def records(engine: Engine) -> Iterator[Record]:
    """Yield all records of a workspace: events by store and seq, bodies by hash, leases, dry runs.

    They come from one consistent view, some thousands at a time.
    """
    with engine.snapshot() as cursor:
        yield from read_records(cursor)


def read_records(cursor: ReadingCursor) -> Iterator[Record]:
    """Yield the records of one view."""
    log = f"SELECT {', '.join(LOG_TYPES)} FROM events ORDER BY store_id {_BYTES}, seq"  # noqa: S608 - wsq's names
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
    """Insert records into an empty workspace, all or none, and fold its projections.

    Returns the number of each kind. Events of a store come in their order.

    Raises:
        InvalidInput: The workspace is not empty.
        BrokenArchive: An event or a body is invalid; also what iterating `found` raises.
        UnreadableLog: An event is of a kind that this wsq does not know.
    """
    with engine.writing() as writing, writing.transaction() as cursor:
        _refuse_unless_empty(cursor, engine.place)
        counts, heads = _Counts(), dict[str, int]()
        for kind, many in groupby(found, type):
            for batch in _batched(many, BODIES_AT_ONCE if kind is BodyRecord else AT_ONCE):
                counts.add(kind, len(batch))
                if kind is EventRecord:
                    _bring_events(cursor, batch, heads)
                elif kind is BodyRecord:
                    rows = [(each.hash, zlib.compress(_checked(each), 6)) for each in batch]
                    insert(cursor, "bodies", _BODY_TYPES, rows)
                else:
                    columns = _BESIDE[kind]
                    insert(cursor, _TABLES[kind], columns, [[getattr(r, c) for c in columns] for r in batch])
        if heads:
            insert(cursor, "heads", {"store_id": "VARCHAR", "seq": "BIGINT"}, list(heads.items()))
        write_world(cursor, fold(read_facts(cursor)))
        return counts.end()


def validate(found: Iterable[Record]) -> End:
    """Check records as `restore` does, without inserting them. Raises as it does. Returns their counts."""
    counts, heads = _Counts(), dict[str, int]()
    for record in found:
        counts.add(type(record))
        if isinstance(record, EventRecord):
            _check_order(record, heads)
            decode(record.name, record.version, record.args)
        elif isinstance(record, BodyRecord):
            _checked(record)
    return counts.end()


def first_difference(one: Iterable[Record], other: Iterable[Record]) -> tuple[Record | None, Record | None] | None:
    """Return the first two differing records of two workspaces, None for a missing one; None if they are equal."""
    return next(((mine, theirs) for mine, theirs in zip_longest(one, other) if mine != theirs), None)


def copied(out_of: Engine, into: Engine) -> End:
    """Copy a workspace into an empty one, and compare them; see `wsq.Workspace.copy_to`."""
    with out_of.snapshot() as cursor:
        end = restore(into, read_records(cursor))
        difference = first_difference(read_records(cursor), records(into))
    if difference is not None:
        mine, theirs = difference
        raise WorkspaceError(f"{into.place} differs from {out_of.place}: it has {theirs} instead of {mine}.")
    return end


def _refuse_unless_empty(cursor: Cursor, place: str) -> None:
    for table in ("events", "bodies", "leases", "dry_runs"):
        if cursor.query(f"SELECT 1 FROM {table} LIMIT 1"):  # noqa: S608
            raise InvalidInput(f"{place} already holds a workspace and is not overwritten. Choose a new one.")


def _bring_events(cursor: LoadingCursor, batch: list[EventRecord], heads: dict[str, int]) -> None:
    for event in batch:
        _check_order(event, heads)
    cursor.load("events", LOG_TYPES, [[getattr(event, column) for event in batch] for column in LOG_TYPES])


def _check_order(event: EventRecord, heads: dict[str, int]) -> None:
    expected = heads.get(event.store_id, 0) + 1
    if event.seq != expected:
        raise BrokenArchive(f"Store {event.store_id!r} has an event {event.seq} where {expected} was expected.")
    heads[event.store_id] = event.seq


def _checked(body: BodyRecord) -> bytes:
    content = body.content()
    if hashlib.blake2b(content, digest_size=16).hexdigest() != body.hash:
        raise BrokenArchive(f"The content of body {body.hash!r} does not match its hash.")
    return content


def _batched(many: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(many)
    while batch := list(islice(rest, size)):
        yield batch


class _Counts:
    """The number of records of each kind."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(_TABLES.values(), 0)

    def add(self, kind: type, many: int = 1) -> None:
        self._counts[_TABLES[kind]] += many

    def end(self) -> End:
        return End(**self._counts)


# A file


def write(into: IO[bytes], found: Iterable[Record]) -> tuple[End, str]:
    """Write records as a file; returns their counts and the SHA-256 of the last line, in hex digits.

    Keep that hash elsewhere to detect a file whose chain of hashes was computed again.
    """
    counts = _Counts()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=into, mtime=0) as packed:
        chain = _Writer(packed)
        chain.add(Header(format=FORMAT, wsq=VERSION, schema=SCHEMA))
        for record in found:
            chain.add(record)
            counts.add(type(record))
        end = counts.end()
        chain.add(end)
    return end, chain.before


def write_file(target: Path, found: Iterable[Record]) -> tuple[End, str]:
    """`write` to a new file, atomically, readable by its owner only.

    Raises:
        InvalidInput: `target` exists.
        WorkspaceError: It cannot be written.
    """
    try:
        with published(target) as part, open(part, "xb", opener=_private) as into:
            written = write(into, found)
            into.flush()
            os.fsync(into.fileno())
    except OSError as error:
        raise explained(error, str(target)) from error
    return written


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def restore_file(engine: Engine, path: Path) -> End:
    """`restore` a file. Raises as `restore` and `read` do."""
    with path.open("rb") as file:
        return restore(engine, read(file, str(path)))


def validate_file(path: Path) -> End:
    """`validate` a file. Raises as `read` does."""
    with path.open("rb") as file:
        return validate(read(file, str(path)))


_encode = msgspec.json.Encoder().encode


class _Writer:
    def __init__(self, into: gzip.GzipFile) -> None:
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
    """Yield the records of a file, each after its check; `name` is for messages.

    The file is complete only if the iteration ends without an error.

    Raises:
        BrokenArchive: The file is not an archive, or was truncated, damaged or edited; the message names the line.
        NewerWorkspace: A newer wsq wrote it.
    """
    lines = _lines(out_of, name)
    number, before = 0, hashlib.sha256().hexdigest()
    counts, ended = _Counts(), False
    for number, content in enumerate(lines, 1):
        if ended:
            raise BrokenArchive(f"{name}, line {number}: there is data after the last line.")
        line = _parsed(content, before, name, number)
        before = hashlib.sha256(content).hexdigest()
        if isinstance(line, End):
            if _encode(line)[1:] != content[len(before) + len(_opening("")) :] or line != counts.end():
                raise BrokenArchive(f"{name}, line {number}: the counts do not match the file's content.")
            ended = True
        elif isinstance(line, Header) is not (number == 1):
            raise BrokenArchive(f"{name}, line {number}: the header must be the first line, and only that.")
        elif not isinstance(line, Header):
            counts.add(type(line))
            yield line
    if not number:
        raise _damaged(name, 1)
    if not ended:
        raise BrokenArchive(f"{name} is truncated: its end is missing after line {number}.")


def _lines(out_of: IO[bytes], name: str) -> Iterator[bytes]:
    """Yield the lines without line breaks; errors of the compression name the line."""
    number = 0
    with gzip.GzipFile(fileobj=out_of, mode="rb") as packed:
        while True:
            number += 1
            try:
                content = packed.readline(LONGEST)
            except EOFError:
                raise BrokenArchive(f"{name} is truncated in line {number}.") from None
            except (gzip.BadGzipFile, zlib.error):
                raise _damaged(name, number) from None
            if not content:
                return
            if not content.endswith(b"\n"):
                raise BrokenArchive(f"{name} is truncated in line {number}.")
            yield content[:-1]


def _damaged(name: str, number: int) -> BrokenArchive:
    if number == 1:
        return BrokenArchive(f"{name} is not a file of `wsq export`.")
    return BrokenArchive(f"{name}, line {number} is damaged.")


def _parsed(content: bytes, before: str, name: str, number: int) -> _Any:
    if number == 1:
        _refuse_newer(content, name)
    opening = _opening(before)
    if not content.startswith(opening):
        what = "not a file of `wsq export`" if number == 1 else "not as it was written"
        where = f"{name} is" if number == 1 else f"{name}, line {number - 1} or {number} is"
        raise BrokenArchive(f"{where} {what}: the chain of hashes breaks there.")
    try:
        line: _Any = _decode(b"{" + content[len(opening) :])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BrokenArchive(f"{name}, line {number} cannot be read: {error}.") from error
    return line


def _refuse_newer(content: bytes, name: str) -> None:
    """Raise if the header is of a newer format, whatever else it contains."""
    try:
        header = _FIRST.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BrokenArchive(f"{name} is not a file of `wsq export`.") from None
    for what, ours in (("format", FORMAT), ("schema", SCHEMA)):
        found = header.get(what)
        if isinstance(found, int) and found > ours:
            raise NewerWorkspace(
                f"{name} was written by a newer wsq (its {what} is {found}, this wsq supports {ours}): update wsq."
            )
