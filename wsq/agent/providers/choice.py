"""The provider that the settings choose for a workspace."""

from __future__ import annotations

from wsq.agent.providers.base import Provider
from wsq.projections import WorkspaceRow
from wsq.rules.providers import check_credentials, kind_of
from wsq.settings import Settings


def choose(settings: Settings, row: WorkspaceRow) -> Provider:
    """The model's service that the settings name, else the offline provider.

    Raises:
        MissingCredentials: A model was used here before, and the settings have no credentials for one.
    """
    check_credentials(settings, row)
    if kind_of(settings, row) == "anthropic":
        from wsq.agent.providers.anthropic import AnthropicProvider

        return AnthropicProvider(api_key=settings.api_key, base_url=settings.base_url)
    from wsq.agent.providers.offline import OfflineProvider

    return OfflineProvider()
