"""Each set of stored words, once: lanes, statuses, triggers, verdicts, reasons, with the labels that people read.

Validation, tool schemas, SQL, pages and command-line output are derived from these. Rows and events hold plain
strings, for a log may hold words of a newer wsq; such a word is shown as it is.
"""

from __future__ import annotations

from typing import Literal, get_args

Lane = Literal["todo", "doing", "in_review", "done"]
"""The status of a task, which is the lane in which it stands."""

LANES: tuple[Lane, ...] = get_args(Lane)
"""The lanes of tasks in the order of the board."""

LANE_LABELS: dict[str, str] = {"todo": "To do", "doing": "Doing", "in_review": "In review", "done": "Done"}

RECURRING_LANE = "recurring"

BOARD_LABELS: dict[str, str] = {RECURRING_LANE: "Recurring", **LANE_LABELS}
"""All lanes of the board in their order: recurring tasks first."""

Status = Literal["running", "completed", "failed", "cancelled", "skipped"]
"""The status of an execution; each but the first is final."""

STATUSES: tuple[Status, ...] = get_args(Status)

STATUS_LABELS: dict[str, str] = {status: status.capitalize() for status in STATUSES}

Trigger = Literal["automatic", "manual"]
"""What started an execution: its schedule, or a person."""

TRIGGERS: tuple[Trigger, ...] = get_args(Trigger)

TRIGGER_LABELS: dict[str, str] = {trigger: trigger.capitalize() for trigger in TRIGGERS}

Verdict = Literal["done", "nothing_to_do", "could_not"]
"""What the agent itself says it achieved."""

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

VERDICT_LABELS: dict[str, str] = {
    "done": "Done",
    "nothing_to_do": "Nothing to do",
    "could_not": "Could not do it",
}

FailureReason = Literal[
    "timed_out",
    "turn_limit",
    "call_limit",
    "change_limit",
    "token_limit",
    "budget",
    "truncated",
    "refused",
    "empty_answer",
    "stuck",
    "provider",
    "provider_changed",
    "abandoned",
]
"""Why an execution failed."""

SkipReason = Literal[
    "missed",
    "still_running",
    "over_budget",
    "unchanged",
    "paused",
    "rescheduled",
    "disabled",
    "deleted",
]
"""Why due slots were skipped."""

FAILURE_REASONS: tuple[FailureReason, ...] = get_args(FailureReason)
SKIP_REASONS: tuple[SkipReason, ...] = get_args(SkipReason)
REASONS: tuple[str, ...] = (*FAILURE_REASONS, *SKIP_REASONS, "cancelled")
"""Every word that the `reason` of an execution may be; None stands for a completed one."""

REASON_SENTENCES: dict[str, str] = {
    "timed_out": "It took longer than its time limit.",
    "turn_limit": "The model reached the limit of turns.",
    "call_limit": "The model reached the limit of tool calls.",
    "change_limit": "The model reached the limit of changes.",
    "token_limit": "The model reached the limit of tokens.",
    "budget": "The day's budget was used up.",
    "truncated": "The model's answer was cut off.",
    "refused": "The model refused.",
    "empty_answer": "The model's answer was empty.",
    "stuck": "The model repeated the same call.",
    "provider": "The model's service could not be reached, or its answer could not be understood.",
    "provider_changed": "The model that it started with is no longer available.",
    "abandoned": "Its worker was lost, and no other could finish it.",
    "missed": "No scheduler was running when it was due.",
    "still_running": "The previous run was still running.",
    "over_budget": "The day's budget was used up before it started.",
    "unchanged": "Nothing had changed since the last run.",
    "paused": "The store was paused.",
    "rescheduled": "Its schedule was changed before it ran.",
    "disabled": "It was disabled before it ran.",
    "deleted": "It was deleted before it ran.",
    "cancelled": "It was cancelled.",
}
"""What each reason means, as a sentence."""

UNWANTED_SKIPS: frozenset[SkipReason] = frozenset(("missed", "still_running", "over_budget", "paused"))
"""Reasons for a skip that somebody should look into; the others follow from what somebody did."""

MissedPolicy = Literal["skip", "run_once"]
"""What happens to missed runs."""

MISSED: tuple[MissedPolicy, ...] = get_args(MissedPolicy)

MISSED_LABELS: dict[str, str] = {"skip": "Skip them", "run_once": "Run once, late"}

NotifyOn = Literal["failed", "could_not", "done"]
"""The ends of an execution of which people can be notified."""

NOTIFY_ON: tuple[NotifyOn, ...] = get_args(NotifyOn)

NOTIFY_ON_LABELS: dict[str, str] = {"failed": "it failed", "could_not": "it could not do it", "done": "it is done"}
"""As they go on after “when …”."""

DEFAULT_NOTIFY_ON: tuple[NotifyOn, ...] = ("failed", "could_not")
"""The ends of which people are notified unless the task says otherwise."""

Unit = Literal["minutes", "hours", "days"]
"""What intervals are counted in."""

UNITS: tuple[Unit, ...] = get_args(Unit)

UNIT_MINUTES: dict[str, int] = {"minutes": 1, "hours": 60, "days": 24 * 60}
"""How many minutes a unit has; a day by the clock may have an hour more or less."""


def phrase(word: str) -> str:
    """A stored word within a sentence: ``turn limit`` for ``turn_limit``."""
    return word.replace("_", " ")
