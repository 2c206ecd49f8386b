"""The records of an export: each is one line of JSON, without the hash of the line before it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    """One line."""


class Header(Line, frozen=True, kw_only=True, omit_defaults=True, tag="header"):
    """The first line: the format, and the version of wsq that wrote the file.

    `flaw` is why that version could not import the file, which was written all the same.
    """

    format: Number
    wsq: str
    schema: Number
    flaw: str | None = None


class EventRecord(Line, frozen=True, kw_only=True, tag="event"):
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


class BodyRecord(Line, frozen=True, kw_only=True, omit_defaults=True, tag="body"):
    """A message body: as text, or in base64 if it is not UTF-8. Events refer to it by `hash`."""

    hash: str
    text: str | None = None
    base64: bytes | None = None

    def content(self) -> bytes:
        """Return the bytes."""
        return self.base64 if self.base64 is not None else (self.text or "").encode()


class LeaseRecord(Line, frozen=True, kw_only=True, tag="lease"):
    """The worker of a running execution, and until when its lease is valid."""

    execution_id: str
    store_id: str
    holder: str
    epoch: Number
    expires_at: Instant
    reserved_usd: float | None
    reserved_tokens: Number | None


class DryRunRecord(Line, frozen=True, kw_only=True, tag="dry_run"):
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


class End(Line, frozen=True, kw_only=True, tag="end"):
    """The last line: the number of records of each kind."""

    events: Number = 0
    bodies: Number = 0
    leases: Number = 0
    dry_runs: Number = 0
