"""The words in which the pages speak of intervals, outcomes and reasons."""

from __future__ import annotations

from datetime import timedelta

from wsq.rules.budgets import Spending

CENT = 0.01

LANES = {"todo": "To do", "doing": "Doing", "in_review": "In review", "done": "Done"}
"""The lanes of tasks, in the order in which they stand on the board."""

STATUSES = {
    "running": "Running",
    "completed": "Completed",
    "failed": "Failed",
    "skipped": "Skipped",
    "cancelled": "Cancelled",
}

TRIGGERS = {"automatic": "Automatic", "manual": "Manual"}

SPEAKERS = {"user": "Asked", "model": "Answered", "failure": "Failed attempt"}
"""Who speaks in a turn of a transcript."""

VERDICTS = {"done": "Done", "nothing_to_do": "Nothing to do", "could_not": "Could not do it"}

TOLD_ON = {"failed": "it failed", "could_not": "it could not do it", "done": "it is done"}
"""The ends of an execution of which somebody can be told."""

REASONS = {
    "timed_out": "It took longer than it may.",
    "turn_limit": "The model took more turns than it may.",
    "call_limit": "The model called more tools than it may.",
    "change_limit": "The model changed more than it may.",
    "token_limit": "The model used more tokens than it may.",
    "budget": "The day's budget was used up.",
    "truncated": "The model's answer was cut off.",
    "refused": "The model refused.",
    "empty_answer": "The model's answer was empty.",
    "stuck": "The model repeated the same call.",
    "provider": "The model's service could not be reached.",
    "provider_changed": "The model it began with cannot be had any more.",
    "abandoned": "Its worker was lost, and nobody could finish it.",
    "missed": "Nothing ran the scheduler when it was due.",
    "still_running": "The one before was still running.",
    "over_budget": "The day's budget was used up before it began.",
    "unchanged": "Nothing had changed since the last time.",
    "paused": "The store was paused.",
    "rescheduled": "Its schedule was changed before it ran.",
    "disabled": "It was disabled before it ran.",
    "deleted": "It was deleted before it ran.",
    "cancelled": "It was cancelled.",
}
"""What a reason's stable word means, for those who did not make it up."""


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
    """``Every 4 hours``; a daily one says when, if a wall time is set: ``Every day at 09:00``."""
    words = f"Every {unit.removesuffix('s')}" if value == 1 else f"Every {value} {unit}"
    wall_time = starting is not None and unit == "days" and "T" not in starting
    return f"{words} at {starting}" if wall_time else words


def verdict(status: str, word: str | None) -> str | None:
    """The agent's own verdict; unknown when it completed without one, None when it did not complete."""
    if status != "completed":
        return None
    return VERDICTS.get(word, word) if word else "Verdict unknown"


def reason(word: str | None) -> str | None:
    """A sentence for a reason; the word itself when it is a new one."""
    return REASONS.get(word, word) if word else None
