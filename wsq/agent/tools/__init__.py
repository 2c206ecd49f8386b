"""What the agent may do: few tools, fully described, strictly validated, bound to a scope.

The scope is fixed when an execution starts: its project, or the whole store if it has none. It comes from the
execution, never from the model's arguments; what lies outside is not found. No tool reaches the network, sends
anything, runs code or changes a recurring task.
"""

from wsq.agent.tools.base import UNPARSED, Outcome, Scope
from wsq.agent.tools.catalogue import ends, failed, offered, only_looks, run, search, searches

__all__ = ["UNPARSED", "Outcome", "Scope", "ends", "failed", "offered", "only_looks", "run", "search", "searches"]
