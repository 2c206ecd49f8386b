"""Which kind of provider serves a workspace: a model's service, or the offline provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsq.errors import MissingCredentials

if TYPE_CHECKING:
    from wsq.projections import WorkspaceRow
    from wsq.settings import Settings


def has_credentials(settings: Settings) -> bool:
    """Whether the settings name a model's service: an API key or a base URL selects Anthropic's protocol."""
    return bool(settings.api_key or settings.base_url)


def check_credentials(settings: Settings, row: WorkspaceRow) -> None:
    """Refuse to serve a workspace in which a model was used by the offline provider. A demo is always offline.

    Raises:
        MissingCredentials: A model was used here, and the settings name no model's service.
    """
    if not (row.demo or row.model_provider is None or has_credentials(settings)):
        raise MissingCredentials(
            f"This workspace has been used with {row.model_provider}, and neither ANTHROPIC_API_KEY nor "
            "ANTHROPIC_BASE_URL is set; nothing is settled without them."
        )


def kind_of(settings: Settings, row: WorkspaceRow) -> str:
    """The provider's kind: ``anthropic`` or ``offline``."""
    return "anthropic" if has_credentials(settings) and not row.demo else "offline"
