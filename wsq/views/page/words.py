"""How pages say amounts, intervals, verdicts and reasons."""

from __future__ import annotations

from datetime import timedelta

from wsq.projections import display
from wsq.rules.budgets import Spending
from wsq.vocabulary import REASON_SENTENCES, VERDICT_LABELS

CENT = 0.01

SPEAKERS = {"user": "Asked", "model": "Answered", "failure": "Failed attempt"}
"""Who speaks in a turn of a transcript."""


def spent(spending: Spending) -> str:
    """What a day has cost so far, as of a budget: ``$0.12 of $1.00 today``."""
    return f"{money(spending.spent)} of {money(spending.budget)} today"


def money(dollars: float) -> str:
    """An amount in US dollars and cents; what is less than a cent says so."""
    return "<$0.01" if 0 < dollars < CENT else f"${dollars:,.2f}"


def share(part: float) -> str:
    """A share from 0 to 1 in per cent; all of them alone are 100 %, and none of them alone 0 %."""
    return f"{part * 100:.0f} %" if part in (0, 1) else f"{min(99.9, max(0.1, part * 100)):.1f} %"


def length(span: timedelta) -> str:
    """A time limit as people write it: ``5 minutes``, ``90 seconds``, ``1 hour``."""
    seconds = span.total_seconds()
    for unit, size in (("hour", 3600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}{'s' if seconds > size else ''}"
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"


def interval(value: int, unit: str, starting: str | None = None) -> str:
    """``Every 4 hours from 09:00``, ``Every day at 09:00``; see `display.interval`."""
    return f"Every {display.interval(value, unit, starting).removeprefix('1 ')}"


def verdict(status: str, word: str | None) -> str | None:
    """The agent's own verdict; unknown when it completed without one, None when it did not complete."""
    if status != "completed":
        return None
    return VERDICT_LABELS.get(word, word) if word else "Verdict unknown"


def reason(word: str | None) -> str | None:
    """The sentence of a reason; the word itself when this wsq has none for it."""
    return REASON_SENTENCES.get(word, word) if word else None
