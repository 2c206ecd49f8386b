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
from contextlib import contextmanager, suppress
from itertools import groupby, zip_longest
from pathlib import Path
from typing import IO, Any

import msgspec

from wsq.errors import BrokenArchive, InvalidInput, NewerWorkspace, UnreadableLog, WorkspaceError, shown
from wsq.events import decode
from wsq.rules import values
from wsq.rules.nesting import MOST_LEVELS, is_too_deep
from wsq.store.duckdb.faults import explained
from wsq.store.duckdb.snapshot import published
from wsq.store.engine import Cursor, Engine, LoadingCursor, ReadingCursor
from wsq.store.folding import fold, read_facts
from wsq.store.records import BodyRecord, DryRunRecord, End, EventRecord, Header, LeaseRecord, Line
from wsq.store.rows import LOG_TYPES, insert, sql_types, write_world
from wsq.store.schema import VERSION as SCHEMA
from wsq.version import VERSION

FORMAT = 1
"""Rises when older versions of wsq can no longer read the file."""

LONGEST = 1 << 28
"""Maximum bytes of a line: more than is ever written, and a limit on the memory that a hostile file can use."""

MOST_BYTES = 4_000_000_000
"""Maximum bytes of all lines, unless more is asked for: a hostile file of some megabytes can unpack to any size."""

AT_ONCE = 5_000
"""Number of events that are read or inserted at a time."""

BODIES_AT_ONCE = 200
"""The same for bodies, which are long."""

BYTES_AT_ONCE = 1 << 26
"""Bytes of texts from which on fewer are inserted at a time."""

WHOLE = "*"
"""The store id of what belongs to no store."""

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
    """Yield all records of a workspace, from one consistent view; see `read_records`."""
    with engine.snapshot() as cursor:
        yield from read_records(cursor)


def read_records(cursor: ReadingCursor) -> Iterator[Record]:
    """Yield events by store and seq, bodies by hash, leases and dry runs, read some thousands at a time."""
    log = f"SELECT {', '.join(LOG_TYPES)} FROM events ORDER BY store_id {_BYTES}, seq"  # noqa: S608 - wsq's names
    names = tuple(LOG_TYPES)
    for rows in cursor.batches(log, AT_ONCE):
        for row in rows:
            yield EventRecord(**dict(zip(names, row, strict=True)))
    bodies = f"SELECT hash, body FROM bodies ORDER BY hash {_BYTES}"  # noqa: S608
    for rows in cursor.batches(bodies, BODIES_AT_ONCE):
        yield from (_body(name, bytes(body)) for name, body in rows)
    for kind, columns in _BESIDE.items():
        key = next(iter(columns))
        for rows in cursor.batches(
            f"SELECT {', '.join(columns)} FROM {_TABLES[kind]} ORDER BY {key} {_BYTES}",  # noqa: S608
            AT_ONCE,
        ):
            yield from (kind(**dict(zip(columns, row, strict=True))) for row in rows)


def _body(name: str, stored: bytes) -> BodyRecord:
    content = stored
    try:
        content = zlib.decompress(stored)
        return BodyRecord(hash=name, text=content.decode())
    except (UnicodeDecodeError, zlib.error):  # what cannot be unpacked is found by its hash
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
        with _blaming_the_log():
            write_world(cursor, fold(read_facts(cursor)))
        return counts.end()


@contextmanager
def _blaming_the_log() -> Iterator[None]:
    """Refuse a log that makes no rows: each event can be read, and still they may not fit together."""
    try:
        yield
    except (UnreadableLog, WorkspaceError, MemoryError):
        raise
    except Exception as error:
        raise BrokenArchive(f"The events do not fit together: {str(error).rstrip('.')}.") from error


def validate(found: Iterable[Record]) -> End:
    """Check records as `restore` does, without inserting them. Raises as it does. Returns their counts."""
    counts, heads = _Counts(), dict[str, int]()
    for record in found:
        counts.add(type(record))
        _check(record, heads)
    return counts.end()


def _check(record: Record, heads: dict[str, int]) -> None:
    """Check a record by itself, and an event's place."""
    if isinstance(record, EventRecord):
        _check_event(record, heads)
        try:
            decode(record.name, record.version, record.args)
        except UnreadableLog as error:
            raise UnreadableLog(f"Store {record.store_id!r}, event {record.seq}: {error}") from error
    elif isinstance(record, BodyRecord):
        _checked(record)


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
        _check_event(event, heads)
    cursor.load("events", LOG_TYPES, [[getattr(event, column) for event in batch] for column in LOG_TYPES])


def _check_event(event: EventRecord, heads: dict[str, int]) -> None:
    if event.store_id not in heads and event.store_id != WHOLE:
        _check_store(event.store_id)
    expected = heads.get(event.store_id, 0) + 1
    if event.seq != expected:
        raise BrokenArchive(f"Store {event.store_id!r} has an event {event.seq} where {expected} was expected.")
    heads[event.store_id] = event.seq
    if is_too_deep(event.args.encode()):
        raise BrokenArchive(f"Store {event.store_id!r}, event {event.seq} {_TOO_DEEP}")


def _check_store(store_id: str) -> None:
    try:
        values.store_id(store_id)
    except InvalidInput as error:
        raise BrokenArchive(str(error)) from error


_TOO_DEEP = f"is nested deeper than {MOST_LEVELS} levels."


def _checked(body: BodyRecord) -> bytes:
    content = body.content()
    if hashlib.blake2b(content, digest_size=16).hexdigest() != body.hash:
        raise BrokenArchive(f"The content of body {body.hash!r} does not match its hash.")
    if is_too_deep(content):
        raise BrokenArchive(f"Body {body.hash!r} {_TOO_DEEP}")
    return content


def _batched(many: Iterable[Any], size: int) -> Iterator[list[Any]]:
    batch, length = list[Any](), 0
    for each in many:
        batch.append(each)
        length += len(each.args) if isinstance(each, EventRecord) else len(getattr(each, "text", None) or "")
        if len(batch) == size or length >= BYTES_AT_ONCE:
            yield batch
            batch, length = [], 0
    if batch:
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


def export(engine: Engine, into: Path | IO[bytes], *, anyway: bool = False) -> tuple[End, str]:
    """Write a workspace to a new file, atomically and readable by its owner only, or to a stream.

    Returns the counts and the SHA-256 of the last line, in hex digits. Keep that hash elsewhere to detect a file whose
    chain of hashes was computed again.

    Args:
        engine: The workspace, which is read at one moment.
        into: The file, or a stream, which is left incomplete by an error.
        anyway: Write also what could not be imported again, and mark it.

    Raises:
        InvalidInput: The file exists.
        BrokenArchive: It could not be imported again.
        WorkspaceError: It cannot be written.
    """
    with engine.snapshot() as cursor:
        flaw = _flaw(cursor) if anyway else None

        def write(stream: IO[bytes]) -> tuple[End, str]:
            with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=stream, mtime=0) as packed:
                return _write(packed, read_records(cursor), flaw=flaw, is_checked=not anyway)

        try:
            if not isinstance(into, Path):
                return write(into)
            files = engine.files
            with published(into, files) as part, os.fdopen(files.create(part, files.mode), "wb") as stream:
                written = write(stream)
                stream.flush()
                os.fsync(stream.fileno())
        except BrokenArchive as error:
            raise BrokenArchive(
                f"`wsq import` would refuse this export: {error} Use --anyway to write it all the same, marked."
            ) from error
        except OSError as error:
            raise explained(error, str(into)) from error
    return written


def _flaw(cursor: ReadingCursor) -> str | None:
    """Why an export could not be imported again; None if it could."""
    try:
        _write(None, read_records(cursor), flaw=None, is_checked=True)
    except BrokenArchive as error:
        return str(error)
    return None


def _write(
    into: gzip.GzipFile | None, found: Iterable[Record], *, flaw: str | None, is_checked: bool
) -> tuple[End, str]:
    counts, chain = _Counts(), _Writer(into, is_checked=is_checked)
    chain.add(Header(format=FORMAT, wsq=VERSION, schema=SCHEMA, flaw=flaw))
    for record in found:
        chain.add(record)
        counts.add(type(record))
    end = counts.end()
    chain.add(end)
    return end, chain.before


def restore_file(engine: Engine, path: Path, *, most: int = MOST_BYTES) -> End:
    """`restore` a file. Raises as `restore` and `read` do."""
    with _opened(path) as file:
        return restore(engine, read(file, str(path), most=most))


def validate_file(path: Path, *, most: int = MOST_BYTES) -> End:
    """`validate` a file. Raises as `read` does."""
    with _opened(path) as file:
        return validate(read(file, str(path), most=most))


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.") from error
    with file:
        try:
            yield file
        except (BrokenArchive, UnreadableLog) as error:
            if flaw_of(path) is None:
                raise
            raise BrokenArchive(f"{error} It is marked as exported with --anyway.") from error


def flaw_of(path: Path) -> str | None:
    """Why the file at `path` could not be imported when it was exported, as it is marked; None if it is not."""
    with suppress(OSError, BrokenArchive, InvalidInput, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        with path.open("rb") as file:
            flaw = _FIRST.decode(next(_lines(file, str(path), LONGEST), b"")).get("flaw")
        return flaw if isinstance(flaw, str) else None
    return None


_encode = msgspec.json.Encoder().encode


class _Writer:
    """Writes lines, if `into` is given; with `is_checked` it refuses those that `read` and `restore` would refuse."""

    def __init__(self, into: gzip.GzipFile | None, *, is_checked: bool) -> None:
        self._into = into
        self._is_checked = is_checked
        self._heads: dict[str, int] = {}
        self._room = MOST_BYTES
        self.before = hashlib.sha256().hexdigest()

    def add(self, line: Line) -> None:
        content = _opening(self.before) + _encode(line)[1:]
        if self._is_checked:
            self._check(line, content)
        self.before = hashlib.sha256(content).hexdigest()
        if self._into is not None:
            self._into.write(content + b"\n")

    def _check(self, line: Line, content: bytes) -> None:
        self._room -= len(content) + 1
        if self._room < 0:
            raise BrokenArchive(f"It would unpack to more than {MOST_BYTES / 1e9:g} GB; importing it needs --max-size.")
        try:
            if isinstance(line, Record):
                _check(line, self._heads)
            if not isinstance(line, EventRecord):  # an event's columns are typed, and its facts have just been read
                _decode(b"{" + content[len(_opening(self.before)) :])
        except UnreadableLog as error:
            raise BrokenArchive(str(error)) from error
        except (msgspec.MsgspecError, RecursionError) as error:
            raise BrokenArchive(f"{shown(line)} could not be read again: {error}.") from error
        if len(content) >= LONGEST:
            raise BrokenArchive(f"{shown(line)} takes more than {LONGEST:,} bytes.")


def _opening(before: str) -> bytes:
    return f'{{"before":"{before}",'.encode()


_Any = Header | EventRecord | BodyRecord | LeaseRecord | DryRunRecord | End
_decode = msgspec.json.Decoder(_Any).decode
_FIRST = msgspec.json.Decoder(dict[str, Any])


def read(out_of: IO[bytes], name: str, *, most: int = MOST_BYTES) -> Iterator[Record]:
    """Yield the records of a file, each after its check; `name` is for messages.

    The file is complete only if the iteration ends without an error.

    Raises:
        BrokenArchive: The file is not an archive, or was truncated, damaged or edited; the message names the line.
        InvalidInput: It unpacks to more than `most` bytes.
        NewerWorkspace: A newer wsq wrote it.
    """
    lines = _lines(out_of, name, most)
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


def _lines(out_of: IO[bytes], name: str, most: int) -> Iterator[bytes]:
    """Yield the lines without line breaks, `most` bytes in all; errors of the compression name the line."""
    number, room = 0, most
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
            room -= len(content)
            if room < 0:
                raise InvalidInput(
                    f"{name} unpacks to more than {most / 1e9:g} GB, which may be meant to fill this machine. "
                    "If you trust it, import it with a greater --max-size."
                )
            if not content.endswith(b"\n"):
                what = "is truncated in" if len(content) < LONGEST else f"has more than {LONGEST:,} bytes in"
                raise BrokenArchive(f"{name} {what} line {number}.")
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
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BrokenArchive(f"{name}, line {number} cannot be read: {error}.") from error
    return line


def _refuse_newer(content: bytes, name: str) -> None:
    """Raise if the header is of a newer format, whatever else it contains."""
    try:
        header = _FIRST.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BrokenArchive(f"{name} is not a file of `wsq export`.") from None
    for what, ours in (("format", FORMAT), ("schema", SCHEMA)):
        found = header.get(what)
        if isinstance(found, int) and found > ours:
            raise NewerWorkspace(
                f"{name} was written by a newer wsq (its {what} is {found}, this wsq supports {ours}): update wsq."
            )
