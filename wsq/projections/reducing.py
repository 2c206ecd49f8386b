"""How reducers are written: which table and row a kind of event touches, and what becomes of the row."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

from msgspec import UNSET, structs
from msgspec.structs import force_setattr

from wsq.events.base import Fact, Recorded
from wsq.projections.rows import Contact, Document, Row

Key = tuple[Any, ...]
Address = tuple[str, Key]
"""A table's name and a row's key in it."""

Reducer = Callable[[Any, Any, Recorded], Row | None]
Locator = Callable[[Any, Recorded], Key]

R = TypeVar("R", bound=Row)

RULES: dict[type[Fact], list[tuple[str, Locator, Reducer]]] = {}
"""For each kind of event the tables that it touches, in order: how the row is found, and its reducer."""


def on(kind: type[Fact], table: str, locate: Locator) -> Callable[[Reducer], Reducer]:
    """Enter a reducer: it makes the `table`'s row that `locate` finds from the row and a `kind` of event."""

    def note(rule: Reducer) -> Reducer:
        RULES.setdefault(kind, []).append((table, locate, rule))
        return rule

    return note


def field(name: str) -> Locator:
    """The row whose key is a field of the event; none where that is None."""
    return lambda fact, _event: (getattr(fact, name),)


def store(_fact: Any, event: Recorded) -> Key:
    """The row whose key is the id of the event's store."""
    return (event.store_id,)


def changed(row: R | None, event: Recorded, **changes: Any) -> R | None:
    """The row with what is not UNSET replaced, one version on; None stays None."""
    if row is None:
        return None
    given = {name: value for name, value in changes.items() if value is not UNSET}
    version = row.version + 1  # type: ignore[attr-defined]  # every row that is edited has one
    return structs.replace(row, **given, updated_at=event.recorded_at, version=version)


def fields(fact: Fact, *without: str) -> dict[str, Any]:
    """The fact's fields by name, without those named."""
    names, values_of = _taking(type(fact), without)
    return dict(zip(names, values_of(fact), strict=True))


@cache
def _taking(kind: type[Fact], without: tuple[str, ...]) -> tuple[tuple[str, ...], Callable[[Fact], tuple[Any, ...]]]:
    """The names of a fact's fields, and what takes all of them at once."""
    names = _names(kind, without)
    return names, attrgetter(*names) if len(names) > 1 else lambda fact: tuple(getattr(fact, name) for name in names)


@cache
def _names(kind: type[Fact], without: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in kind.__struct_fields__ if name not in without)


def creates(kind: type[Fact], table: str, row_kind: type[Row], id_field: str, **renamed: str) -> None:
    """An event of which a row is made: its fields are the row's, but for those that `renamed` names otherwise."""

    @on(kind, table, field(id_field))
    def created(_row: None, fact: Fact, event: Recorded) -> Row:
        given = fields(fact, id_field, *renamed) | {name: getattr(fact, field) for field, name in renamed.items()}
        at = event.recorded_at
        return row_kind(id=getattr(fact, id_field), store_id=event.store_id, created_at=at, updated_at=at, **given)


def edits(kind: type[Fact], table: str, id_field: str) -> None:
    """An event whose set fields replace the row's.

    Most events are such: the copy is changed before anybody sees it, at three quarters of what
    `replace` costs.
    """
    names = _names(kind, (id_field,))

    @on(kind, table, field(id_field))
    def edited(row: Any, fact: Fact, event: Recorded) -> Row | None:
        if row is None:
            return None
        changed: Row = row.__copy__()
        force_setattr(changed, "updated_at", event.recorded_at)
        force_setattr(changed, "version", row.version + 1)
        for name in names:
            if (value := getattr(fact, name)) is not UNSET:
                force_setattr(changed, name, value)
        return changed


def changes(kind: type[Fact], table: str, locate: Locator, of: Callable[[Any, Recorded], dict[str, Any]]) -> None:
    """An event that changes a row's fields as `of` says, one version on."""

    @on(kind, table, locate)
    def changed_so(row: Row | None, fact: Fact, event: Recorded) -> Row | None:
        return changed(row, event, **of(fact, event))


def deletes(kind: type[Fact], table: str, id_field: str) -> None:
    """An event after which the row is gone."""

    @on(kind, table, field(id_field))
    def deleted(_row: Row | None, _fact: Fact, _event: Recorded) -> None:
        return None


def archives(kind: type[Fact], table: str, id_field: str, *, archived: bool) -> None:
    """An event that puts a row away or takes it out again (with a new rank where it brings one)."""

    def put(fact: Fact, event: Recorded) -> dict[str, Any]:
        return {"archived_at": event.recorded_at if archived else None, **fields(fact, id_field)}

    changes(kind, table, field(id_field), put)


def links(kind: type[Fact], table: str, id_field: str, *, linked: bool) -> None:
    """An event that ties a row to a project or unties it."""

    @on(kind, table, field(id_field))
    def tied(row: Contact | Document | None, fact: Any, event: Recorded) -> Row | None:
        if row is None:
            return None
        others = tuple(project for project in row.project_ids if project != fact.project_id)
        projects = (*others, fact.project_id) if linked else others
        return changed(row, event, project_ids=projects)
