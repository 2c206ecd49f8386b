"""An agent that carries out scripts."""

from __future__ import annotations

import json

import pytest

from wsq.agent.providers import ScriptedProvider, call, finish


@pytest.fixture
def agent(open_workspace):
    """Runs one script after another in the store ``acme``, in a project or not; remembers what was asked and answered.

    It is a provider itself, so that all run in one workspace: to open another costs as much as to run a script.
    """

    class Agent:
        kind = name = "scripted"

        def __init__(self):
            self.provider = ScriptedProvider([finish()])
            self.store = open_workspace(provider=self).store("acme")

        async def turn(self, request, progress):
            return await self.provider.turn(request, progress)

        def carry_out(self, *lines, prompt="Look.", **given):
            self.provider = ScriptedProvider(lines)
            task = self.store.create_recurring_task("Triage", prompt, every="1 hour", **given)
            self.execution = self.store.run_now(task.id)
            return self.execution

        def call(self, tool, _project=None, **arguments):
            """The result of one call, and whether it was an error."""
            self.carry_out(call((tool, arguments)), finish(), project_id=_project)
            block = self.provider.requests[1].messages[-1]["content"][0]
            return json.loads(block["content"]), block.get("is_error", False)

    return Agent()
