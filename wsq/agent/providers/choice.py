"""Which provider answers in a workspace: the given one, the settings' model service, or the offline provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsq.errors import MissingCredentials

if TYPE_CHECKING:
    from wsq.agent.providers.base import Provider
    from wsq.projections import WorkspaceRow
    from wsq.settings import Settings


def has_credentials(settings: Settings) -> bool:
    """Whether the settings name a model service: an API key or a base URL selects Anthropic's protocol."""
    return bool(settings.api_key or settings.base_url)


def check_credentials(settings: Settings, row: WorkspaceRow) -> None:
    """Refuse to serve a workspace in which a model was used by the offline provider.

    Raises:
        MissingCredentials: A model was used here, and the settings name no model service.
    """
    if not (row.demo or row.model_provider is None or has_credentials(settings)):
        raise MissingCredentials(
            f"This workspace has been used with {row.model_provider}, and neither ANTHROPIC_API_KEY nor "
            "ANTHROPIC_BASE_URL is set; nothing is settled without them."
        )


def kind_of(settings: Settings, row: WorkspaceRow) -> str:
    """The kind of the provider that `choose` returns, without loading it: ``anthropic`` or ``offline``."""
    return "anthropic" if has_credentials(settings) and not row.demo else "offline"


def choose(settings: Settings, row: WorkspaceRow) -> Provider:
    """The provider for a workspace. A demo is always offline.

    Raises:
        MissingCredentials: See `check_credentials`.
    """
    check_credentials(settings, row)
    if kind_of(settings, row) == "anthropic":
        from wsq.agent.providers.anthropic import AnthropicProvider

        return AnthropicProvider(api_key=settings.api_key, base_url=settings.base_url)
    from wsq.agent.providers import OfflineProvider

    return OfflineProvider()
