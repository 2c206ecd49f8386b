"""When nothing starts: a store or the whole workspace is paused, until an instant or until somebody resumes it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from wsq.clock import aware
from wsq.errors import InvalidInput
from wsq.rules import values
from wsq.rules.schedule import LATEST


class Pausable(Protocol):
    """What can be paused: since when, until when (exclusive; None: until it is resumed), and why."""

    @property
    def paused_at(self) -> datetime | None:
        """When the newest pause began, inclusive."""

    @property
    def paused_until(self) -> datetime | None:
        """When it ends, exclusive."""

    @property
    def paused_reason(self) -> str | None:
        """Why, in a person's words."""


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A pause that holds: of the whole `workspace` or of one store, from `since` (inclusive) to `until` (exclusive).

    `until` is None when it holds until somebody resumes.
    """

    workspace: bool
    since: datetime
    until: datetime | None
    reason: str | None

    def __str__(self) -> str:
        """In words, as a sentence's predicate: ``The workspace is paused: moving house``."""
        what = "The workspace" if self.workspace else "The store"
        return f"{what} is paused{f': {self.reason}' if self.reason else ''}"


def holds(paused: Pausable | None, at: datetime) -> bool:
    """Whether `at` lies in the newest pause that was begun; one that was resumed is forgotten."""
    if paused is None or paused.paused_at is None:
        return False
    return paused.paused_at <= at and (paused.paused_until is None or at < paused.paused_until)


def pause_of(workspace: Pausable | None, store: Pausable | None, at: datetime) -> Pause | None:
    """The pause that keeps a store still at an instant, the workspace's before its own; None when nothing does."""
    for whole, paused in ((True, workspace), (False, store)):
        if paused is not None and paused.paused_at is not None and holds(paused, at):
            return Pause(
                workspace=whole, since=paused.paused_at, until=paused.paused_until, reason=paused.paused_reason
            )
    return None


def ends(until: object, now: datetime) -> datetime | None:
    """The instant until which a pause is to hold, None for good; `InvalidInput` unless it is still to come."""
    if until is None:
        return None
    expected = "a datetime with its time zone"
    if not isinstance(until, datetime):
        raise values.refusal("until", until, expected)
    if until.year > LATEST.year:
        raise values.refusal("until", until, "an instant before 2200, or None for good")
    try:
        is_over = aware(until) <= now
    except InvalidInput as error:
        raise values.refusal("until", until, expected) from error
    if is_over:
        raise InvalidInput(f"until is {until.isoformat()}, which has passed already; expected an instant to come.")
    if until >= LATEST:
        raise InvalidInput(f"until is {until.isoformat()}, expected an instant before 2200, or None for good.")
    return until
