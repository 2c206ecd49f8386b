"""A provider may answer with anything; what is no answer fails the execution as the provider's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import wsq
from wsq.agent.providers import Progress, Request, Turn


class Nonsense:
    """A provider that answers with whatever it was given."""

    name = "nonsense"
    kind = "scripted"

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def turn(self, request: Request, progress: Progress) -> Turn:
        """The answer, whatever it is."""
        return self.answer  # type: ignore[no-any-return]  # that is the point


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "words",
        Turn(content=["words"], stop_reason="end_turn"),  # type: ignore[list-item]  # that is the point
        Turn(content=[{"text": "words"}], stop_reason="end_turn"),
        Turn(content=[{"type": "tool_use", "name": "create_task", "input": {}}], stop_reason="tool_use"),
        Turn(content=[{"type": "tool_use", "id": "1", "input": {}}], stop_reason="tool_use"),
    ],
    ids=["nothing", "words", "a block of words", "a block without a type", "a call without id", "without name"],
)
def test_nonsense_fails_as_the_providers_and_leaves_nothing(
    open_workspace: Callable[..., wsq.Workspace], answer: Any
) -> None:
    # Given a provider that makes no sense
    acme = open_workspace(provider=Nonsense(answer)).store("acme")
    task = acme.create_recurring_task("Triage", "Do something", every="1 day")

    # When it is asked
    execution = acme.run_now(task.id)

    # Then the execution says whose fault it was, and no answer is on record
    assert (execution.status, execution.reason, execution.turns) == ("failed", "provider", 0)
    assert execution.error is not None
    assert execution.error.startswith("nonsense: it ")
    assert acme.tasks() == []


def test_arguments_that_are_none_are_an_error_that_the_model_hears_of(
    open_workspace: Callable[..., wsq.Workspace],
) -> None:
    # Given a provider that calls a tool without arguments, again and again
    call = Turn(content=[{"type": "tool_use", "id": "1", "name": "create_task", "input": None}], stop_reason="tool_use")
    acme = open_workspace(provider=Nonsense(call)).store("acme")
    task = acme.create_recurring_task("Triage", "Do something", every="1 day")

    # When it is asked, then each call is answered with an error until it is stuck
    execution = acme.run_now(task.id)
    assert (execution.status, execution.reason) == ("failed", "stuck")
    assert all(line.is_error for line in acme.transcript(execution.id) if line.role == "tool")
