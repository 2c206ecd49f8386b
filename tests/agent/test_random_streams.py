"""Random streams, any JSON in any place: the log stays readable, what was spent never falls, no effect is repeated."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.agent.crowd import Crowd, crowd
from tests.agent.loose import CASES
from tests.agent.raw import END, Raw, RawService, answer, called, ends, said, sse, start, verdict
from tests.rings import count
from wsq.events.recurring import ModelAnswered, ModelCharged, ToolCalled

pytestmark = pytest.mark.file

TOGETHER = 25
"""Streams that are run in one pass."""

KEYS = st.sampled_from(
    ["type", "index", "delta", "usage", "content_block", "input", "id", "name", "stop_reason", "text"]
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["\ud83d", "\ude00", "\0", "tool_use", "text", "create_task", "finish", "end_turn", "max_tokens"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | KEYS, inner, max_size=3),
    max_leaves=6,
)
SEEDS = st.sampled_from(
    [
        [start(), *called(0), ends(), END],
        answer(said(0), called(1), called(2, arguments={"title": "More"}, id_="toolu_2")),
        answer(called(0), verdict(1)),
        answer(said(0), reason="end_turn"),
        answer(called(0, "list_tasks", {}), verdict(1, "nothing_to_do")),
    ]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a value of JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*path, key)
        yield from places(each, (*path, key))


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """A good stream in which up to four things are replaced by anything, dropped, said twice or swapped."""
    events: list[Any] = copy.deepcopy(draw(SEEDS))
    chance = random.Random(draw(st.integers(0, 2**32)))
    for change in draw(
        st.lists(st.sampled_from(["replace", "replace", "drop", "twice", "swap"]), min_size=1, max_size=4)
    ):
        at = chance.choice([*places(events)])
        holder = events
        for step in at[:-1]:
            holder = holder[step]
        match change:
            case "replace":
                holder[at[-1]] = draw(ANYTHING)
            case "drop":
                del holder[at[-1]]
            case "twice" if events:
                events.insert(at[0], copy.deepcopy(events[at[0]]) if at[0] < len(events) else END)
            case "swap":
                chance.shuffle(events)
        if not events:
            events.append(END)
    lines = "".join(f"event: {_name(event)}\ndata: {json.dumps(event)}\n\n" for event in events).encode()
    return lines[: draw(st.integers(0, len(lines)))] if draw(st.integers(0, 9)) == 0 else lines


def _name(event: Any) -> str:
    kind = event.get("type") if isinstance(event, dict) else None
    return kind if isinstance(kind, str) and kind.isascii() and kind.isprintable() else "other"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Crowd, RawService]]:
    """A workspace and a service."""
    with crowd(tmp_path_factory.mktemp("random")) as both:
        yield both


@settings(max_examples=count(20, 400), suppress_health_check=list(HealthCheck))
@given(batch=st.lists(streams(), min_size=TOGETHER, max_size=TOGETHER))
def test_no_stream_makes_the_log_unreadable_lowers_what_was_spent_or_repeats_an_effect(
    opened: tuple[Crowd, RawService], batch: list[bytes]
) -> None:
    world, _ = opened
    seq = world.store.head()

    # When each is answered in turn, to as many requests as there are
    outcomes = world.run([(Raw(stream), Raw(stream), Raw(sse(answer(verdict())))) for stream in batch])

    # Then the log can be read, and the tables are what it says
    world.check()
    events = [event.fact for event in world.store.events(after=seq)]
    for fact in events:
        if isinstance(fact, ModelAnswered | ModelCharged):
            assert min(fact.input_tokens, fact.output_tokens, fact.cache_read_tokens, fact.cache_write_tokens) >= 0
            assert fact.cost_usd is None or fact.cost_usd >= 0

    # And every execution has one end, no answer was free, and each call has one effect
    calls = Counter((fact.execution_id, fact.tool_use_id) for fact in events if isinstance(fact, ToolCalled))
    assert set(calls.values()) <= {1}
    for found in outcomes:
        row = found.execution
        assert row.status in ("completed", "failed")
        assert row.reason != "abandoned", row.error
        assert found.refused == ()
        assert row.turns == 0 or (row.cost_usd or 0) > 0
        made = Counter(fact.execution_id for fact in events if isinstance(fact, ToolCalled) and fact.changes)
        assert len(found.made) == made[row.id]


def test_the_streams_that_are_known_are_cut_at_any_byte(opened: tuple[Crowd, RawService]) -> None:
    # Given a good stream cut at each fiftieth byte, and then said as a whole
    world, _ = opened
    good = CASES["words and a call under end_turn"].raw.body
    whole = good.index(b"event: message_delta")

    outcomes = world.run([(Raw(good[:cut]), Raw(good), Raw(sse(answer(verdict())))) for cut in range(0, whole, 50)])

    for found in outcomes:
        assert (found.execution.status, found.execution.attempts, found.made) == ("completed", 2, ("Made",))
