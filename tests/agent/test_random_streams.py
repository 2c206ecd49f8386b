"""Random streams, any JSON in any place: the log stays readable, what was spent never falls, no effect is repeated."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.agent.crowd import TOGETHER, Crowd, Own, crowd, crowd_of
from tests.agent.loose import CASES
from tests.agent.raw import END, Raw, answer, called, ends, said, sse, start, verdict
from tests.rings import count
from wsq.agent.providers import Request
from wsq.agent.providers.anthropic import AnthropicProvider
from wsq.events.recurring import ModelAnswered, ModelCharged, ToolCalled

pytestmark = pytest.mark.file

VERDICT = Raw(sse(answer(verdict(id_="toolu_1"))))
"""What follows each stream; its id is one that most of them have used."""

KEYS = st.sampled_from(
    ["type", "index", "delta", "usage", "content_block", "input", "id", "name", "stop_reason", "text"]
)
FIGURES = st.sampled_from([-1, -2_000_000, 7.5, 1e19, 10**19, True, None, "7", float("nan"), float("inf"), 0, []])
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
        st.lists(st.sampled_from(["replace", "replace", "figure", "drop", "twice", "swap"]), min_size=1, max_size=4)
    ):
        found = [*places(events)]
        figures = [place for place in found if str(place[-1]).endswith("tokens")]
        at = chance.choice(figures if change == "figure" and figures else found)
        holder = events
        for step in at[:-1]:
            holder = holder[step]
        match change:
            case "replace":
                holder[at[-1]] = draw(ANYTHING)
            case "figure":
                holder[at[-1]] = draw(FIGURES)
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


class WithoutNetwork(AnthropicProvider):
    """Takes its responses from scripts: what the SDK does between the request and the response's bytes is left out."""

    def __init__(self, service: Own) -> None:
        super().__init__(api_key="k")
        self._service = service

    @asynccontextmanager
    async def _response(self, request: Request) -> AsyncIterator[httpx2.Response]:
        raw = self._service.next_of(request)
        yield httpx2.Response(raw.status, headers={"content-type": raw.kind}, content=raw.body)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """A workspace whose agent asks a service on loopback."""
    with crowd(tmp_path_factory.mktemp("served")) as (world, _):
        yield world


@pytest.fixture(scope="module")
def unserved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """The same without a network, at half the cost."""
    own = Own()
    with crowd_of(tmp_path_factory.mktemp("unserved"), own, WithoutNetwork(own)) as world:
        yield world


def check(world: Crowd, batch: list[bytes]) -> None:
    """Run a batch of streams, each an answer that a verdict follows, and check what became of them."""
    seq = world.store.head()

    outcomes = world.run([(Raw(stream), VERDICT) for stream in batch])

    # The log can be read, and the tables are what it says
    assert world.ws.verify() == []
    events = [event.fact for event in world.store.events(after=seq)]
    for fact in events:
        if isinstance(fact, ModelAnswered | ModelCharged):
            assert min(fact.input_tokens, fact.output_tokens, fact.cache_read_tokens, fact.cache_write_tokens) >= 0
            assert fact.cost_usd is None or fact.cost_usd >= 0
    # Every execution has one end, no answer was free, and each call has one effect
    calls = Counter((fact.execution_id, fact.tool_use_id) for fact in events if isinstance(fact, ToolCalled))
    changes = Counter(fact.execution_id for fact in events if isinstance(fact, ToolCalled) and fact.changes)
    assert set(calls.values()) <= {1}
    for found in outcomes:
        row = found.execution
        assert row.status in ("completed", "failed")
        assert row.reason != "abandoned", row.error
        assert found.refused == ()
        assert row.turns == 0 or (row.cost_usd or 0) > 0
        assert len(found.made) == changes[row.id]


WITHOUT_SHRINKING: dict[str, Any] = {
    "suppress_health_check": list(HealthCheck),
    "phases": [Phase.reuse, Phase.generate],
}
"""To shrink a batch takes minutes, and the streams of one are told apart by their executions."""

BATCHES = st.lists(streams(), min_size=TOGETHER, max_size=TOGETHER)


@pytest.mark.timeout(count(300, 3_600))
@settings(max_examples=count(9, 180), **WITHOUT_SHRINKING)
@given(batch=BATCHES)
def test_no_stream_makes_the_log_unreadable_lowers_what_was_spent_or_repeats_an_effect(
    unserved: Crowd, batch: list[bytes]
) -> None:
    check(unserved, batch)


@pytest.mark.timeout(count(300, 3_600))
@settings(max_examples=count(1, 20), **WITHOUT_SHRINKING)
@given(batch=BATCHES)
def test_nor_does_a_stream_that_the_sdk_receives(served: Crowd, batch: list[bytes]) -> None:
    check(served, batch)


def test_a_good_stream_that_is_cut_at_any_byte_is_asked_for_again(unserved: Crowd) -> None:
    # Given a good stream cut at each fiftieth byte, and then said as a whole
    good = CASES["words and a call under end_turn"].raw.body
    whole = good.index(b"event: message_delta")

    outcomes = unserved.run([(Raw(good[:cut]), Raw(good), VERDICT) for cut in range(0, whole, 50)])

    for found in outcomes:
        assert (found.execution.status, found.execution.attempts, found.made) == ("completed", 2, ("Made",))
