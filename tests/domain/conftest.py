"""An agent that carries out scripts."""

from __future__ import annotations

import json

import pytest

from wsq.agent.providers import ScriptedProvider, call, finish


@pytest.fixture
def agent(open_workspace):
    """Carries one script out in the store ``acme``, in a project or not; remembers what was asked and answered."""

    class Agent:
        def __init__(self):
            self.store = open_workspace(provider=ScriptedProvider([finish()])).store("acme")

        def carry_out(self, *lines, prompt="Look.", **given):
            self.provider = ScriptedProvider(lines)
            ws = open_workspace(provider=self.provider)
            task = ws.store("acme").create_recurring_task("Triage", prompt, every="1 hour", **given)
            self.execution = ws.store("acme").run_now(task.id)
            return self.execution

        def call(self, tool, _project=None, **arguments):
            """The result of one call, and whether it was an error."""
            self.carry_out(call((tool, arguments)), finish(), project_id=_project)
            block = self.provider.requests[1].messages[-1]["content"][0]
            return json.loads(block["content"]), block.get("is_error", False)

    return Agent()
