"""What happens to a workspace and its stores."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import UNSET, UnsetType

from wsq.events.base import Amount, Count, Fact


class WorkspaceMarkedAsDemo(Fact, frozen=True, kw_only=True):
    """A workspace was made as an example, to be served by the offline provider alone."""

    stored_name: ClassVar[str] = "workspace.demo"


class ModelFirstUsed(Fact, frozen=True, kw_only=True):
    """A language model was used in the workspace for the first time."""

    stored_name: ClassVar[str] = "workspace.use_model"
    provider: str


class StoreCreated(Fact, frozen=True, kw_only=True):
    """A store was made."""

    stored_name: ClassVar[str] = "store.create"
    name: str
    timezone: str
    model: str | None = None
    budget_per_day: Amount | None = None


class StoreUpdated(Fact, frozen=True, kw_only=True):
    """A store's settings were changed."""

    stored_name: ClassVar[str] = "store.update"
    name: str | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    model: str | UnsetType | None = UNSET
    budget_per_day: Amount | UnsetType | None = UNSET


class StoreArchived(Fact, frozen=True, kw_only=True):
    """A store was put away; nothing in it runs any more."""

    stored_name: ClassVar[str] = "store.archive"


class StoreUnarchived(Fact, frozen=True, kw_only=True):
    """An archived store is used again; what fell due meanwhile was missed."""

    stored_name: ClassVar[str] = "store.unarchive"


class StorePaused(Fact, frozen=True, kw_only=True):
    """Nothing is to start in a store from `since` (inclusive) to `until` (exclusive; None: until it is resumed)."""

    stored_name: ClassVar[str] = "store.pause"
    since: datetime
    until: datetime | None = None
    reason: str | None = None


class StoreResumed(Fact, frozen=True, kw_only=True):
    """A paused store goes on."""

    stored_name: ClassVar[str] = "store.resume"


class WorkspacePaused(Fact, frozen=True, kw_only=True):
    """Nothing is to start in any store from `since` (inclusive) to `until` (exclusive; None: until it is resumed)."""

    stored_name: ClassVar[str] = "workspace.pause"
    since: datetime
    until: datetime | None = None
    reason: str | None = None


class WorkspaceResumed(Fact, frozen=True, kw_only=True):
    """A paused workspace goes on."""

    stored_name: ClassVar[str] = "workspace.resume"


class SessionEnded(Fact, frozen=True, kw_only=True):
    """Somebody logged out of the pages; `session` is the SHA-256 of the session's id, which lets nobody in."""

    stored_name: ClassVar[str] = "session.end"
    session: str


class WorkspaceRepaired(Fact, frozen=True, kw_only=True):
    """The projections were folded anew from the log, after a backup.

    `differences` is how many of their values had differed; `figures` is how many events of the whole log hold figures
    that are not usable, and are read as unknown.
    """

    stored_name: ClassVar[str] = "workspace.repair"
    differences: Count
    figures: Count
