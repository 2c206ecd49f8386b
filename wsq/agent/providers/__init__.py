"""Providers: what answers the agent's requests. Each is loaded when its name is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsq.agent.providers.base import Most, Progress, Provider, ProviderError, Request, Turn, Usage
    from wsq.agent.providers.offline import OfflineProvider
    from wsq.agent.providers.scripted import ScriptedProvider, call, finish, say

__all__ = [
    "Most", "OfflineProvider", "Progress", "Provider", "ProviderError", "Request", "ScriptedProvider", "Turn", "Usage",
    "call", "finish", "say",
]  # fmt: skip

_MODULES = {
    "OfflineProvider": "offline",
    **dict.fromkeys(("ScriptedProvider", "call", "finish", "say"), "scripted"),
    **dict.fromkeys(("Most", "Progress", "Provider", "ProviderError", "Request", "Turn", "Usage"), "base"),
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
