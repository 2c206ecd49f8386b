"""Workspaces whose agent is asked through the real SDK, from the settings, of a peer on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import wsq
from tests.agent.peer import KEY, Line, Peer, Script


@pytest.fixture
def serve() -> Iterator[Callable[[list[Line] | Script], Peer]]:
    """Starts a strict peer with its lines; at the end it must have had nothing to refuse."""
    peers: list[Peer] = []

    def start(lines: list[Line] | Script, **given: str) -> Peer:
        peers.append(Peer(lines, **given))
        return peers[-1]

    yield start
    for peer in peers:
        peer.close()
    assert [refusal for peer in peers for refusal in peer.refusals] == []


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, open_workspace: Callable[..., wsq.Workspace]) -> Callable[..., wsq.Workspace]:
    """Opens the test's workspace with the settings that name a peer."""

    def opened(url: str, key: str | None = KEY) -> wsq.Workspace:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
        if key is not None:
            monkeypatch.setenv("ANTHROPIC_API_KEY", key)
        return open_workspace()

    return opened
