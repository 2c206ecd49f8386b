"""Providers: what answers the agent, and the interface that they share."""

from wsq.agent.providers.base import Most, Progress, Provider, ProviderError, Request, Turn, Usage
from wsq.agent.providers.offline import OfflineProvider
from wsq.agent.providers.scripted import ScriptedProvider, call, finish, say

__all__ = [
    "Most", "OfflineProvider", "Progress", "Provider", "ProviderError", "Request", "ScriptedProvider", "Turn", "Usage",
    "call", "finish", "say",
]  # fmt: skip
