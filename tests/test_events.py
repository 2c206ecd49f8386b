"""Every fact survives the codec, and every kind of fact is written down, spelled and projected."""

from __future__ import annotations

import types
import typing
from datetime import UTC, datetime
from functools import cache
from typing import Any, get_args, get_origin

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType

from tests.rings import count
from wsq.errors import UnreadableLog
from wsq.events import FACTS, Fact, Recorded, decode, encode
from wsq.projections import TABLES, keys, reduce

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(2**53), 2**53),
    float: st.floats(0, 1e6),
    bool: st.booleans(),
    datetime: st.datetimes(datetime(1970, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    type(None): st.none(),
    UnsetType: st.just(UNSET),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Whatever a field of this type may hold."""
    if isinstance(hint, types.UnionType) or get_origin(hint) is typing.Union:
        return st.one_of([values(arm) for arm in get_args(hint)])
    if get_origin(hint) is tuple:
        return st.lists(TEXT, max_size=3).map(tuple)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return structs(hint)
    return SIMPLE[hint]


@cache
def structs(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Any instance of a struct; put together once, which costs more than an example."""
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: values(hints[name]) for name in kind.__struct_fields__})


@pytest.mark.parametrize("kind", FACTS.values(), ids=lambda kind: kind.stored_name)
@settings(max_examples=count(10, 100))
@given(data=st.data())
def test_a_fact_comes_back_from_the_log_as_it_went_in(kind: type[Fact], data: st.DataObject) -> None:
    fact = data.draw(structs(kind))
    assert decode(kind.stored_name, kind.stored_version, encode(fact)) == fact


def test_stored_names_are_spelled_as_the_contract_has_them() -> None:
    names = {name for name, _ in FACTS}
    assert names >= {
        *(f"recurring_task.{verb}" for verb in ("create", "update", "delete", "enable", "disable", "execute")),
        *(f"task_execution.{verb}" for verb in ("start", "complete", "fail", "skip", "cancel", "resume")),
        "task.create", "project.create", "document.update",
    }  # fmt: skip


@pytest.mark.parametrize("kind", FACTS.values(), ids=lambda kind: kind.stored_name)
@settings(max_examples=count(10, 100))
@given(data=st.data())
def test_reducers_know_every_fact_and_are_pure(kind: type[Fact], data: st.DataObject) -> None:
    # Given any fact in its place in the log, on rows that are not there
    event = Recorded(
        store_id="acme",
        seq=1,
        event_id="e",
        actor="ada",
        cause=None,
        recorded_at=datetime(2026, 1, 1, tzinfo=UTC),
        fact=data.draw(structs(kind).filter(lambda fact: getattr(fact, "steps", 0) < 50)),
    )
    event = event if hasattr(event.fact, "interval_unit") is False else _with_a_real_interval(event)

    # When it is reduced twice, then it says the same of the same rows
    for table, key in keys(event):
        assert reduce(table, None, event) == reduce(table, None, event)
        assert len(key) == len(TABLES[table].key)


def test_an_unknown_event_is_named() -> None:
    with pytest.raises(UnreadableLog, match=r"'task\.teleport' of version 1, which this wsq does not know"):
        decode("task.teleport", 1, "{}")
    with pytest.raises(UnreadableLog, match=r"'task\.create' of version 9"):
        decode("task.create", 9, "{}")
    with pytest.raises(UnreadableLog, match="cannot be read"):
        decode("task.create", 1, '{"task_id": 5}')


def test_every_fact_says_in_one_sentence_what_has_happened() -> None:
    for kind in FACTS.values():
        assert kind.__doc__, kind
        assert kind.__doc__.split("\n")[0].endswith("."), kind


def _with_a_real_interval(event: Recorded) -> Recorded:
    if event.fact.interval_unit is UNSET:  # type: ignore[attr-defined]  # only those that have one come here
        return event
    fact = msgspec.structs.replace(event.fact, interval_unit="hours")
    return msgspec.structs.replace(event, fact=fact)
