"""What every event has."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar

import msgspec

MOST = 2**53 - 1
"""The largest number in an event: every reader of JSON has it exactly, and sums of many fit into 64 bits."""

Count = Annotated[int, msgspec.Meta(ge=0, le=MOST)]
"""A whole number of something."""

Amount = Annotated[float, msgspec.Meta(ge=0)]
"""US dollars or seconds."""


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Something that has happened; each kind is a class of its own, named in the past tense."""

    stored_name: ClassVar[str] = ""
    stored_version: ClassVar[int] = 1


class Recorded(msgspec.Struct, frozen=True):
    """A fact in its place in the log."""

    store_id: str
    seq: int
    event_id: str
    actor: str
    cause: str | None
    recorded_at: datetime
    fact: Fact

    @property
    def name(self) -> str:
        """The stored name, such as ``task.create``."""
        return self.fact.stored_name
