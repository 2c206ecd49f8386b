"""What the agent may do: few tools, described in full, validated strictly, bound to its scope.

What an execution may touch is fixed when it starts: its project, or the whole store when it has none.
It is checked here from the execution, never from the model's arguments; what lies outside is not found.
No tool reaches the network, sends anything, runs code or changes a recurring task.
"""

from wsq.agent.tools.base import Outcome, Scope
from wsq.agent.tools.catalogue import carry_out, ends, offered, only_looks

__all__ = ["Outcome", "Scope", "carry_out", "ends", "offered", "only_looks"]
