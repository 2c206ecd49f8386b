"""Retired shapes of events: what earlier versions of wsq wrote, and what it is read as today.

Up to now a service's figures went into the log as they came. An unusable one is read as unknown: a count of 0, no
cost, a mark that the cost is an estimate. Nothing that is stored is changed.
"""

from __future__ import annotations

import json
import math
from typing import Any, ClassVar

from wsq.events import recurring as r
from wsq.events.base import MOST, Fact


class ModelAnsweredV1(Fact, frozen=True, kw_only=True):
    """The model gave an answer; its figures are what the service sent."""

    stored_name: ClassVar[str] = "task_execution.answer"
    execution_id: str
    epoch: int
    step: int
    body: str
    stop_reason: Any
    request_id: Any
    input_tokens: Any
    output_tokens: Any
    cache_read_tokens: Any
    cache_write_tokens: Any
    cost_usd: Any


class ModelChargedV1(Fact, frozen=True, kw_only=True):
    """A call of the model that gave no answer took something; its figures are what the service sent."""

    stored_name: ClassVar[str] = "task_execution.charge"
    execution_id: str
    epoch: int
    cost_usd: Any
    estimated: bool = False
    input_tokens: Any = 0
    output_tokens: Any = 0
    cache_read_tokens: Any = 0
    cache_write_tokens: Any = 0


class ToolCalledV1(Fact, frozen=True, kw_only=True):
    """A tool was called; its name and id are what the service sent."""

    stored_name: ClassVar[str] = "task_execution.call"
    execution_id: str
    epoch: int
    step: int
    tool: str
    tool_use_id: str
    body: str
    is_error: bool
    changes: int
    verdict: str | None = None
    summary: str | None = None


class AttemptFailedV1(Fact, frozen=True, kw_only=True):
    """A call of the model failed and is tried again; the wait is what the provider asked for."""

    stored_name: ClassVar[str] = "task_execution.retry"
    execution_id: str
    epoch: int
    step: int
    attempt: int
    error: str
    wait: Any


_COUNTS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


def answered(old: ModelAnsweredV1) -> r.ModelAnswered:
    """The answer with unusable figures read as unknown."""
    return r.ModelAnswered(
        execution_id=old.execution_id,
        epoch=old.epoch,
        step=old.step,
        body=old.body,
        stop_reason=_text(old.stop_reason),
        request_id=None if old.request_id is None else _text(old.request_id),
        estimated=not is_usable(old),
        **_figures(old),
    )


def charged(old: ModelChargedV1) -> r.ModelCharged:
    """The charge with unusable figures read as unknown."""
    return r.ModelCharged(
        execution_id=old.execution_id, epoch=old.epoch, estimated=old.estimated or not is_usable(old), **_figures(old)
    )


def called(old: ToolCalledV1) -> r.ToolCalled:
    """The call without characters that not every database can hold."""
    return r.ToolCalled(
        execution_id=old.execution_id,
        epoch=old.epoch,
        step=old.step,
        tool=_text(old.tool),
        tool_use_id=_text(old.tool_use_id),
        body=old.body,
        is_error=old.is_error,
        changes=old.changes,
        verdict=old.verdict,
        summary=old.summary,
    )


def attempt_failed(old: AttemptFailedV1) -> r.AttemptFailed:
    """The attempt; an unusable wait is none."""
    return r.AttemptFailed(
        execution_id=old.execution_id,
        epoch=old.epoch,
        step=old.step,
        attempt=old.attempt,
        error=old.error,
        wait=_amount(old.wait) or 0.0,
    )


def is_usable(old: Fact) -> bool:
    """Whether all figures of a retired event are usable as they are."""
    if isinstance(old, ModelAnsweredV1 | ModelChargedV1):
        counts = all(_count(getattr(old, name)) is not None for name in _COUNTS)
        return counts and (old.cost_usd is None or _amount(old.cost_usd) is not None)
    return not isinstance(old, AttemptFailedV1) or _amount(old.wait) is not None


def _figures(old: ModelAnsweredV1 | ModelChargedV1) -> dict[str, Any]:
    return {name: _count(getattr(old, name)) or 0 for name in _COUNTS} | {"cost_usd": _amount(old.cost_usd)}


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= MOST else None


def _amount(value: Any) -> float | None:
    usable = type(value) in (int, float) and 0 <= value <= MOST and math.isfinite(value)
    return float(value) if usable else None


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.replace("\0", "\ufffd")
