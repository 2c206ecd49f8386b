"""What a call of a model costs, from the dated list in ``prices.json``; what is not in it is unpriced, never free."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import msgspec

from wsq.agent.providers.base import Usage

MILLION = 1_000_000


class Rates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """US dollars for a million tokens of each kind."""

    input: float
    output: float
    cache_write: float
    cache_read: float

    def cost(self, usage: Usage) -> float:
        """What these tokens cost, in US dollars."""
        return (
            usage.input_tokens * self.input
            + usage.output_tokens * self.output
            + usage.cache_write_tokens * self.cache_write
            + usage.cache_read_tokens * self.cache_read
        ) / MILLION


class LongPrompt(Rates, frozen=True, kw_only=True):
    """The rates of all tokens, output included, when a prompt is longer than `tokens`, its cached ones included."""

    tokens: int


class Price(Rates, frozen=True, kw_only=True):
    """A model's rates, and those of its long prompts where they are others."""

    above: LongPrompt | None = None

    def rates(self, prompt_tokens: int) -> Rates:
        """What holds for a prompt of so many tokens."""
        return self.above if self.above is not None and prompt_tokens > self.above.tokens else self


class PriceList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The list: of which day (ISO 8601), from where, and each model's price by its id."""

    as_of: str
    source: str
    unit: str
    models: dict[str, Price]


@cache
def price_list() -> PriceList:
    """The list that comes with this version of wsq."""
    text = files("wsq.agent").joinpath("prices.json").read_bytes()
    return msgspec.json.decode(text, type=PriceList)


_DATED = re.compile(r"-(\d{8}|latest)$")


def models() -> list[str]:
    """The ids of the models that have a price, in alphabetical order."""
    return sorted(price_list().models)


def price_of(model: str) -> Price | None:
    """A model's price, by its id with or without a date; None for a model that is not in the list."""
    models = price_list().models
    return models.get(model) or models.get(_DATED.sub("", model))


def cost(model: str, usage: Usage) -> float | None:
    """What a call came to in US dollars; None when the model is unpriced."""
    price = price_of(model)
    if price is None:
        return None
    prompt = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    return price.rates(prompt).cost(usage)


def most(model: str, *, input_tokens: int, output_tokens: int) -> float | None:
    """The most in US dollars that a call with at most so many tokens can come to; None when unpriced."""
    price = price_of(model)
    if price is None:
        return None
    rates = [price] if price.above is None or input_tokens <= price.above.tokens else [price, price.above]
    return max(
        (input_tokens * max(each.input, each.cache_write, each.cache_read) + output_tokens * each.output) / MILLION
        for each in rates
    )
