"""What services and providers say that an answer took, usable or not: what is recorded, charged and spent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import wsq
from tests.agent.crowd import MODEL, Crowd, Outcome, Own, crowd, crowd_of
from tests.agent.loose import LATER
from tests.agent.raw import END, Raw, RawService, answer, called, ends, said, sse, start
from wsq.agent import prices
from wsq.agent.providers import ProviderError, Turn, Usage
from wsq.agent.providers.anthropic import AnthropicProvider
from wsq.errors import NotRunnable

pytestmark = pytest.mark.file

VERDICT = Raw(sse(LATER))
NAN, INFINITY, MISSING = float("nan"), float("inf"), object()
VALUES = {
    "missing": MISSING,
    "null": None,
    "zero": 0,
    "a fraction": 7.5,
    "minus one": -1,
    "minus two millions": -2_000_000,
    "1e19": 1e19,
    "10**19": 10**19,
    "2**63": 2**63,
    "10**400": 10**400,
    "a billion and one": 10**9 + 1,
    "1e-9": 1e-9,
    "NaN": NAN,
    "Infinity": INFINITY,
    "-Infinity": -INFINITY,
    "text": "7",
    "no text": "",
    "true": True,
    "a list": [7],
    "an object": {"n": 7},
    "seven": 7,
    "7.0": 7.0,
    "7e0": 7e0,
    "a hundred thousand": 10**5,
}
"""Counts as they are sent; those that are whole numbers above zero are recorded as they are."""

FIVE: Any = "5"


def odd(**counts: Any) -> Usage:
    """Counts as a provider of one's own may give them: Python checks no type."""
    return Usage(**counts)


PLACES = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def usable(value: Any) -> bool:
    """Whether a figure says how many tokens there were."""
    return type(value) in (int, float) and 0 < value <= 10**9 and value == int(value)


def streamed(place: str, value: Any) -> Raw:
    """An answer whose usage has one odd figure."""
    first = {"input_tokens": 900, "output_tokens": 1}
    last = {"output_tokens": 50}
    odd = last if place == "output_tokens" else first
    odd[place] = value
    counts = [{name: n for name, n in each.items() if n is not MISSING} for each in (first, last)]
    return Raw(
        sse([start(counts[0]), *called(0, arguments={"title": "A title of some length"}), ends(usage=counts[1]), END])
    )


CASES = {f"{name} as {place}": (place, value) for place in PLACES for name, value in VALUES.items()}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Crowd, RawService]]:
    """A workspace and a service."""
    with crowd(tmp_path_factory.mktemp("figures")) as both:
        yield both


@pytest.fixture(scope="module")
def outcomes(opened: tuple[Crowd, RawService]) -> dict[str, Outcome]:
    """What became of all cases, and of an answer with good figures."""
    cases = {"good": ("input_tokens", 900)} | CASES
    scripts = [(streamed(*case), VERDICT) for case in cases.values()]
    return dict(zip(cases, opened[0].run(scripts), strict=True))


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize("name", CASES)
def test_a_figure_is_recorded_as_sent_or_unknown(outcomes: dict[str, Outcome], name: str) -> None:
    (place, value), row, request = CASES[name], outcomes[name].execution, outcomes[name].requests[0]
    first = {  # the verdict takes 900 and 50
        "input_tokens": row.input_tokens - 900,
        "output_tokens": row.output_tokens - 50,
        "cache_read_input_tokens": row.cache_read_tokens,
        "cache_creation_input_tokens": row.cache_write_tokens,
    }
    prompt = len(json.dumps([request["system"], request["tools"], request["messages"]]))

    assert (row.status, outcomes[name].made) == ("completed", ("A title of some length",))
    cached = place.startswith("cache")
    known = usable(value) or (cached and value in (MISSING, None, 0) and value is not True)
    assert row.cost_estimated is not known
    if usable(value):
        assert first[place] == int(value)
    elif place == "output_tokens":
        assert 20 < first[place] < 200
    elif not known:
        assert first[place] == (0 if cached else first[place])
        assert prompt / 6 < first["input_tokens"] < prompt
    else:
        assert first["input_tokens"] == 900
    assert row.cost_usd == pytest.approx(
        sum(
            prices.cost(MODEL, each) or 0
            for each in (
                Usage(
                    input_tokens=first["input_tokens"],
                    output_tokens=first["output_tokens"],
                    cache_read_tokens=row.cache_read_tokens,
                    cache_write_tokens=row.cache_write_tokens,
                ),
                Usage(input_tokens=900, output_tokens=50),
            )
        )
    )


def test_a_count_that_comes_twice_is_the_last_that_says_something(opened: tuple[Crowd, RawService]) -> None:
    # Given counts in the beginning and totals at the end, some of them zero or nonsense
    last = {"input_tokens": 0, "output_tokens": 50, "cache_read_input_tokens": -3, "cache_creation_input_tokens": 20}
    first = {"input_tokens": 700, "output_tokens": 3, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 10}

    (found,) = opened[0].run([[Raw(sse([start(first), *said(0), ends("end_turn", last), END]))]])

    row = found.execution
    assert (row.input_tokens, row.output_tokens, row.cache_read_tokens, row.cache_write_tokens) == (700, 50, 30, 20)
    assert row.cost_estimated is False


def test_an_answer_that_breaks_off_without_counts_is_charged_by_its_bytes(opened: tuple[Crowd, RawService]) -> None:
    # Given a gateway without counts, two streams of which end too soon
    cut = Raw(sse([start({}), *called(0, arguments={"title": "x" * 3000})[:-1]]))

    (found,) = opened[0].run([[cut, cut, VERDICT]])

    row = found.execution
    assert (row.status, row.attempts, row.cost_estimated) == ("completed", 3, True)
    assert 2 * 1000 <= row.output_tokens - 50 <= 2 * 1100
    assert row.input_tokens > 900 + 2 * len(json.dumps(found.requests[0]["tools"])) / 6


def runs_until_it_is_spent(store: wsq.Store, service: RawService, reply: Raw) -> int:
    """How many runs go through a budget of 30 cents."""
    service.scripts["0"] = [reply]
    task = store.create_recurring_task("Triage", "This is script 0.", every="1 day", budget_per_day=0.30)
    for runs in range(40):
        try:
            if store.run_now(task.id).reason == "budget":
                return runs
        except NotRunnable:
            return runs
    return 40


def test_a_service_without_counts_does_not_run_through_a_budget(
    opened: tuple[Crowd, RawService], open_workspace: Callable[..., wsq.Workspace]
) -> None:
    # Given a service, and a gateway before it that makes every count zero or drops them
    _, service = opened
    ws = open_workspace(provider=AnthropicProvider(api_key="k", base_url=service.url))
    ws.create_store("acme", model=MODEL)
    words = said(0, "All is well. " * 200)
    zero = {"input_tokens": 0, "output_tokens": 0}
    counted = answer(
        words, reason="end_turn", usage={"input_tokens": 3000, "output_tokens": 1}, last={"output_tokens": 700}
    )

    # Then a budget ends after about as many runs in each case
    with_counts = runs_until_it_is_spent(ws.store("acme"), service, Raw(sse(counted)))
    of_zero = runs_until_it_is_spent(
        ws.store("acme"), service, Raw(sse(answer(words, reason="end_turn", usage=zero, last=zero)))
    )
    without = runs_until_it_is_spent(
        ws.store("acme"), service, Raw(sse(answer(words, reason="end_turn", usage={}, last={})))
    )
    assert 1 < with_counts < 10
    assert 0 < of_zero == without <= 2 * with_counts


# Providers of one's own


def calls(**given: Any) -> Turn:
    """An answer of a provider of one's own that makes a task."""
    block = {"type": "tool_use", "id": "t", "name": "create_task", "input": {"title": "Made"}}
    good = {
        "content": [block],
        "stop_reason": "tool_use",
        "usage": Usage(input_tokens=10, output_tokens=5),
        "cost_usd": 0.25,
    }
    return Turn(**good | given)


FINISH = Turn(
    content=[{"type": "tool_use", "id": "t", "name": "finish", "input": {"outcome": "done", "summary": "Done."}}],
    stop_reason="tool_use",
    usage=Usage(input_tokens=10, output_tokens=5),
    cost_usd=0.0,
)
COSTS = {
    "0.25": (0.25, 0.25),
    "0": (0, 0.0),
    "NaN": (NAN, None),
    "infinity": (INFINITY, None),
    "true": (True, None),
    "-0.25": (-0.25, None),
    "text": ("0.25", None),
    "1e300": (1e300, None),
    "a list": ([0.25], None),
    "None": (None, None),
    "10**400": (10**400, None),
    "a decimal": (Decimal("0.25"), 0.25),
    "no decimal": (Decimal("NaN"), None),
    "a signalling NaN": (Decimal("sNaN"), None),
    "a fraction": (Fraction(1, 4), 0.25),
    "NumPy's": (np.float64(0.25), 0.25),
    "NumPy's single": (np.float32(0.25), 0.25),
    "an integer": (2, 2.0),
}
USAGES = {
    "whole": (Usage(input_tokens=7, output_tokens=5), 7, False),
    "a fraction": (odd(input_tokens=7.5, output_tokens=5), None, True),
    "negative": (Usage(input_tokens=-2_000_000, output_tokens=5), None, True),
    "text": (odd(input_tokens="7", output_tokens=5), None, True),
    "NumPy's": (odd(input_tokens=np.int64(7), output_tokens=5), 7, False),
    "a dict": ({"input_tokens": 7, "output_tokens": 5}, 7, False),
    "None": (None, None, True),
    "text alone": ("7", None, True),
    "zeros": (Usage(), None, True),
}
ODD = {
    "a stop reason that is None": ({"stop_reason": None}, "failed"),
    "a stop reason that is a number": ({"stop_reason": 7.5}, "failed"),
    "a request id that is a number": ({"request_id": 7}, "completed"),
    "a request id with NUL": ({"request_id": "a\0\ud800"}, "completed"),
    "a stop detail that is a list": ({"stop_detail": ["x"]}, "completed"),
    "content that is text": ({"content": "Hello"}, "failed"),
    "content that is None": ({"content": None}, "failed"),
    "content that is a tuple": ({"content": tuple(calls().content)}, "completed"),
    "a block that is an object": ({"content": [object()]}, "failed"),
    "an input that is an object": ({"content": [calls().content[0] | {"input": {"title": object()}}]}, "failed"),
    "an input that is text": ({"content": [calls().content[0] | {"input": '{"title": "Made"}'}]}, "completed"),
    "an input with bytes": ({"content": [calls().content[0] | {"input": {"title": b"\xff"}}]}, "completed"),
    "an input of infinity": ({"content": [calls().content[0] | {"input": {"title": INFINITY}}]}, "completed"),
    "a name with NUL and a lone surrogate": ({"content": [calls().content[0] | {"name": "a\0\ud800"}]}, "completed"),
    "an id with NUL and a lone surrogate": ({"content": [calls().content[0] | {"id": "a\0\ud800"}]}, "completed"),
    "a key with a lone surrogate": ({"content": [calls().content[0] | {"input": {"\ud800": 1}}]}, "completed"),
    "a text with lone surrogates and NUL": (
        {"content": [{"type": "text", "text": "a\0\ud800"}], "stop_reason": "end_turn"},
        "completed",
    ),
}
RAISED = {
    "a wait of NaN": ProviderError("busy", retryable=True, retry_after=NAN),
    "a wait of infinity": ProviderError("busy", retryable=True, retry_after=INFINITY),
    "a wait that is text": ProviderError("busy", retryable=True, retry_after=FIVE),
    "a negative wait": ProviderError("busy", retryable=True, retry_after=-5),
    "a wait of true": ProviderError("busy", retryable=True, retry_after=True),
    "an odd usage": ProviderError("busy", retryable=True, usage=odd(input_tokens=7.5), cost_usd=NAN),
    "a message with NUL": ProviderError("busy \0 \ud800", retryable=True),
}


@pytest.fixture(scope="module")
def of_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Outcome]]:
    """What becomes of all answers of a provider of one's own."""
    turns = {f"cost {name}": calls(cost_usd=cost) for name, (cost, _) in COSTS.items()}
    turns |= {f"usage {name}": calls(usage=usage) for name, (usage, _, _) in USAGES.items()}
    turns |= {name: calls(**given) for name, (given, _) in ODD.items()}
    scripts = [*((turn, FINISH) for turn in turns.values()), *((error, calls(), FINISH) for error in RAISED.values())]
    own = Own()
    with crowd_of(tmp_path_factory.mktemp("own"), own, own) as opened:
        yield dict(zip([*turns, *RAISED], opened.run(scripts), strict=True))


@pytest.mark.parametrize("name", COSTS)
def test_a_cost_of_ones_own_is_recorded_or_unknown(of_own: dict[str, Outcome], name: str) -> None:
    row, (_, expected) = of_own[f"cost {name}"].execution, COSTS[name]

    assert (row.status, row.cost_usd) == ("completed", expected or 0.0)
    assert row.cost_estimated is False


@pytest.mark.parametrize("name", USAGES)
def test_a_usage_of_ones_own_is_recorded_or_unknown(of_own: dict[str, Outcome], name: str) -> None:
    row, (_, expected, estimated) = of_own[f"usage {name}"].execution, USAGES[name]

    assert (row.status, row.cost_usd, row.cost_estimated) == ("completed", 0.25, estimated)
    assert row.input_tokens - 10 == expected if expected else row.input_tokens > 1000


@pytest.mark.parametrize("name", ODD)
def test_an_odd_answer_of_ones_own_ends_by_name(of_own: dict[str, Outcome], name: str) -> None:
    row, (_, status) = of_own[name].execution, ODD[name]

    assert (row.status, row.reason) == (status, "provider" if status == "failed" else None), row.error
    assert row.cost_usd == 0.25
    if status == "failed":
        assert str(row.error).startswith("my-own: ")
    assert "\0" not in row.output


@pytest.mark.parametrize("name", RAISED)
def test_an_odd_error_of_ones_own_is_tried_again(of_own: dict[str, Outcome], name: str) -> None:
    row = of_own[name].execution

    assert (row.status, row.attempts, of_own[name].made) == ("completed", 2, ("Made",))
    assert row.cost_estimated is (name == "an odd usage")
    assert (row.cost_usd or 0) > 0.25 if row.cost_estimated else row.cost_usd == 0.25
