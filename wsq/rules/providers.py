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


def missing_credentials(settings: Settings, row: WorkspaceRow) -> str | None:
    """Return what is missing for anything to run with these settings; None if nothing is. A demo is always offline.

    The offline provider does not take over where a model was used before.
    """
    if row.demo or row.model_provider is None or has_credentials(settings):
        return None
    unset = "neither ANTHROPIC_API_KEY nor ANTHROPIC_BASE_URL is set"
    return f"This workspace uses a model of {row.model_provider}, but {unset}"


def nothing_runs(missing: str) -> str:
    """Return the sentence for what is missing."""
    return f"{missing}: nothing runs. Set one of them, and start wsq again."


def check_credentials(settings: Settings, row: WorkspaceRow) -> None:
    """Refuse to run anything without credentials.

    Raises:
        MissingCredentials: A model was used here, and the settings name no model's service.
    """
    if (missing := missing_credentials(settings, row)) is not None:
        raise MissingCredentials(nothing_runs(missing))


def kind_of(settings: Settings, row: WorkspaceRow) -> str:
    """The provider's kind: ``anthropic`` or ``offline``."""
    return "anthropic" if has_credentials(settings) and not row.demo else "offline"
