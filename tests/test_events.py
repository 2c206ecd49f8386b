"""Every fact survives the codec, and every kind of fact is written down, spelled and projected."""

from __future__ import annotations

import json
import types
import typing
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, get_args, get_origin

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType

from tests.rings import count
from wsq.errors import InvalidEvent, UnreadableLog
from wsq.events import FACTS, Fact, Recorded, decode, encode, encode_readable
from wsq.events.base import Amount, Count
from wsq.events.recurring import AttemptFailed, ModelAnswered, ModelCharged, ToolCalled
from wsq.projections import TABLES, keys, reduce

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    Count: st.integers(0, 2**53 - 1),
    Amount: st.floats(0, 1e6),
    float: st.floats(-1e6, 1e6),
    bool: st.booleans(),
    datetime: st.datetimes(datetime(1970, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    type(None): st.none(),
    UnsetType: st.just(UNSET),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Whatever a field of this type may hold."""
    if isinstance(hint, types.UnionType) or get_origin(hint) is typing.Union:
        return st.one_of([values(arm) for arm in get_args(hint)])
    if get_origin(hint) is Annotated:
        return SIMPLE[hint]
    if get_origin(hint) is tuple:
        return st.lists(TEXT, max_size=3).map(tuple)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return structs(hint)
    return SIMPLE[hint]


@cache
def structs(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Any instance of a struct; put together once, which costs more than an example."""
    hints = typing.get_type_hints(kind, include_extras=True)
    few = {"steps": st.integers(0, 49)}  # each is a row of its own
    return st.builds(kind, **{name: few.get(name, values(hints[name])) for name in kind.__struct_fields__})


@pytest.mark.parametrize("kind", FACTS.values(), ids=lambda kind: kind.stored_name)
@settings(max_examples=count(10, 100))
@given(data=st.data())
def test_a_fact_comes_back_from_the_log_as_it_went_in(kind: type[Fact], data: st.DataObject) -> None:
    fact = data.draw(structs(kind))
    assert decode(kind.stored_name, kind.stored_version, encode(fact)) == fact


JUNK = st.one_of(
    st.sampled_from(
        [7.5, -1, -2_000_000, 1e19, 10**19, 2**53, True, None, float("nan"), float("inf"), "7", "NUL\0", "\ud800"]
    ),
    st.sampled_from([[], {}, ["a"], {"a": 1}, b"bytes", object(), datetime(2026, 1, 1, tzinfo=UTC)]),
)
"""What a service, or a provider of one's own, may put where something else belongs."""


@st.composite
def odd_facts(draw: st.DrawFn) -> Fact:
    """An event of any kind, of which one field holds anything."""
    fact = draw(structs(draw(st.sampled_from(sorted(FACTS.values(), key=lambda kind: kind.stored_name)))))
    if not fact.__struct_fields__:
        return fact
    field = draw(st.sampled_from(fact.__struct_fields__))
    return msgspec.structs.replace(fact, **{field: draw(JUNK)})


@settings(max_examples=count(500, 10_000))
@given(fact=odd_facts())
def test_an_event_is_written_as_it_would_be_read_or_not_at_all(fact: Fact) -> None:
    if is_readable(fact):
        assert decode(fact.stored_name, fact.stored_version, encode_readable(fact)) == fact
    else:
        with pytest.raises(InvalidEvent, match=f"The event '{fact.stored_name}' is not written, since it could not be"):
            encode_readable(fact)


def is_readable(fact: Fact) -> bool:
    """Whether an event comes back from JSON as it is, in text that every database can hold."""
    try:
        args = encode(fact)
        return decode(fact.stored_name, fact.stored_version, args) == fact and not holds_nul(json.loads(args))
    except (UnreadableLog, TypeError, ValueError, OverflowError):
        return False


def holds_nul(value: Any) -> bool:
    """Whether U+0000 is anywhere in a value of JSON."""
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return any(map(holds_nul, parts)) or (isinstance(value, str) and "\0" in value)


def test_a_backslash_before_u0000_is_no_such_character() -> None:
    title = "\\u0000 and \\\\u0000"
    fact = FACTS["project.create", 1](project_id="p", name=title, description="")
    assert decode("project.create", 1, encode_readable(fact)) == fact
    for text in ("\0", "\\\0", "\\\\\0"):
        with pytest.raises(InvalidEvent, match=r"U\+0000"):
            encode_readable(msgspec.structs.replace(fact, name=text))


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
        fact=data.draw(structs(kind)),
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


OF_AN_EXECUTION = {"execution_id": "x", "epoch": 1}
FIGURES = {
    7.5: 0, -2_000_000: 0, 1e19: 0, 10**19: 0, True: 0, None: 0, "7": 0, "NaN": 0, 12: 12, 0: 0, 2**53: 0, 7.0: 0,
}  # fmt: skip


@pytest.mark.parametrize(("stored", "read"), FIGURES.items(), ids=str)
def test_an_unusable_figure_of_an_old_log_is_read_as_unknown(stored: Any, read: int) -> None:
    # Given what an earlier wsq wrote of an answer and of a failed call, as the service had sent it
    counts = dict.fromkeys(("output_tokens", "cache_read_tokens", "cache_write_tokens"), 5)
    figures = {**OF_AN_EXECUTION, **counts, "input_tokens": stored, "cost_usd": 0.25}
    answer = {**figures, "step": 1, "body": "b", "stop_reason": "end_turn", "request_id": None}

    # When it is read, then a figure that cannot be used is unknown, and the others stand
    usable = stored == read and type(stored) is int
    answered = decode("task_execution.answer", 1, json.dumps(answer))
    charged = decode("task_execution.charge", 1, json.dumps(figures))
    assert isinstance(answered, ModelAnswered)
    assert isinstance(charged, ModelCharged)
    for each in (answered, charged):
        assert (each.input_tokens, each.output_tokens, each.cost_usd) == (read, 5, 0.25)
        assert each.estimated is not usable


@pytest.mark.parametrize(
    ("stored", "read"), [("1", None), (-0.5, None), (True, None), (None, None), (0, 0.0), (0.5, 0.5), ([], None)]
)
def test_an_unusable_cost_of_an_old_log_is_read_as_unknown(stored: Any, read: float | None) -> None:
    charged = decode("task_execution.charge", 1, json.dumps({**OF_AN_EXECUTION, "cost_usd": stored}))

    assert isinstance(charged, ModelCharged)
    assert charged.cost_usd == read
    assert charged.estimated is (read is None and stored is not None)


def test_an_old_stop_reason_wait_and_name_are_read_as_what_can_be_stored_everywhere() -> None:
    counts = dict.fromkeys(("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"), 5)
    answer = {**OF_AN_EXECUTION, **counts, "cost_usd": None, "step": 1, "body": "b", "request_id": 7}
    call = {
        **OF_AN_EXECUTION,
        "step": 2,
        "tool": "a\0b",
        "tool_use_id": "\0",
        "body": "b",
        "is_error": True,
        "changes": 0,
    }
    retry = {**OF_AN_EXECUTION, "step": 3, "attempt": 2, "error": "e", "wait": None}

    answered = decode("task_execution.answer", 1, json.dumps({**answer, "stop_reason": ["a\0"]}))
    called = decode("task_execution.call", 1, json.dumps(call))
    failed = decode("task_execution.retry", 1, json.dumps(retry))

    assert isinstance(answered, ModelAnswered)
    assert isinstance(called, ToolCalled)
    assert isinstance(failed, AttemptFailed)
    assert (answered.stop_reason, answered.request_id) == ('["a\\u0000"]', "7")
    assert (called.tool, called.tool_use_id, failed.wait) == ("a\ufffdb", "\ufffd", 0.0)


def test_every_fact_says_in_one_sentence_what_has_happened() -> None:
    for kind in FACTS.values():
        assert kind.__doc__, kind
        assert kind.__doc__.split("\n")[0].endswith("."), kind


def _with_a_real_interval(event: Recorded) -> Recorded:
    if event.fact.interval_unit is UNSET:  # type: ignore[attr-defined]  # only those that have one come here
        return event
    fact = msgspec.structs.replace(event.fact, interval_unit="hours")
    return msgspec.structs.replace(event, fact=fact)
