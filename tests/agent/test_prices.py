"""What a call costs, held against an independent collection of prices."""

from __future__ import annotations

from datetime import UTC, date, datetime

import genai_prices
import pytest

from wsq.agent.prices import cost, most, price_list, price_of
from wsq.agent.providers import Usage

USED = Usage(input_tokens=1_000, output_tokens=2_000, cache_read_tokens=30_000, cache_write_tokens=4_000)
LONG = Usage(input_tokens=100_000, output_tokens=2_000, cache_read_tokens=130_000, cache_write_tokens=4_000)
OTHERS_LACK = {"claude-mythos-5", "claude-mythos-5-1"}
"""Models that the other collection does not know; their prices are those of Fable."""


def theirs(model: str, usage: Usage) -> float:
    """What the collection says; it counts the cached tokens among those of the input."""
    prompt = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    counted = genai_prices.Usage(
        input_tokens=prompt,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
    )
    found = genai_prices.calc_price(
        counted, model, provider_id="anthropic", genai_request_timestamp=datetime(2026, 11, 22, tzinfo=UTC)
    )
    return float(found.total_price)


@pytest.mark.parametrize("usage", [USED, LONG], ids=["short", "long"])
@pytest.mark.parametrize("model", sorted(set(price_list().models) - OTHERS_LACK))
def test_no_price_has_drifted_from_what_others_have_noted(model, usage):
    assert cost(model, usage) == pytest.approx(theirs(model, usage)), f"the price of {model} has changed"


@pytest.mark.parametrize("model", sorted(OTHERS_LACK))
def test_what_others_lack_they_still_lack(model):
    with pytest.raises(LookupError):
        theirs(model, USED)


def test_the_list_says_of_when_and_from_where_it_is():
    assert date.fromisoformat(price_list().as_of) >= date(2026, 11, 22)
    assert price_list().source.startswith("https://")


def test_a_dated_id_costs_what_its_model_costs():
    assert price_of("claude-haiku-4-5-20251001") == price_of("claude-haiku-4-5-latest") == price_of("claude-haiku-4-5")


@pytest.mark.parametrize("model", ["qwen3:8b", "claude-haiku-9", "", "claude-sonnet-5-5-fast"])
def test_an_unknown_model_is_unpriced_and_not_free(model):
    assert cost(model, USED) is None
    assert most(model, input_tokens=10, output_tokens=10) is None


def test_a_long_prompt_costs_more_for_every_token_its_output_included():
    short = Usage(input_tokens=100_000, output_tokens=1_000_000)
    long = Usage(input_tokens=99_999, cache_read_tokens=2, output_tokens=1_000_000)

    assert cost("claude-haiku-5-5", short) == pytest.approx(0.01 + 0.5)
    assert cost("claude-haiku-5-5", long) == pytest.approx(0.05 + 2.5, rel=1e-3)


@pytest.mark.parametrize("model", sorted(price_list().models))
@pytest.mark.parametrize("prompt", [1_000, 100_001, 250_000])
def test_nothing_comes_to_more_than_the_most(model, prompt):
    bound = most(model, input_tokens=prompt, output_tokens=500)

    for kind in ("input_tokens", "cache_read_tokens", "cache_write_tokens"):
        assert cost(model, Usage(**{kind: prompt, "output_tokens": 500})) <= bound
