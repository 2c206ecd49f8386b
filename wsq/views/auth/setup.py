"""Set up login from the settings: users file, signing secret, OAuth provider."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from wsq import settings as configuration
from wsq.api import Workspace
from wsq.errors import InvalidInput, SettingError
from wsq.files import PRIVATE, Files
from wsq.settings import VARIABLES, Settings
from wsq.views.auth.authenticator import Authenticator, Provider, first_admin
from wsq.views.auth.names import new_user_name
from wsq.views.auth.users import User, UsersFile

FIRST_ADMIN = "admin"
"""The default name of the admin whose password is in the settings."""


def users_file(settings: Settings) -> UsersFile:
    """Return the users file of the settings, by default beside the workspace; it may not exist.

    Raises:
        SettingError: The workspace is on a database server, and this user has no home folder.
    """
    if settings.users is not None:
        return UsersFile(Path(settings.users), _files(settings))
    if not configuration.is_server(settings.database):
        return UsersFile(Path(f"{settings.database}.users.json"), _files(settings))
    own = configuration.config_file()
    if own is None:
        raise SettingError(f"{VARIABLES['users']} is not set, expected a path, since this user has no home folder.")
    return UsersFile(own.with_name("users.json"))


def _files(settings: Settings) -> Files:
    return Files(None if configuration.is_server(settings.database) else Path(settings.database))


def is_set_up(settings: Settings) -> bool:
    """Whether the settings or a users file configure a login."""
    asked = settings.users or settings.admin_password or settings.oauth_provider
    return bool(asked) or _users(settings).path.exists()


def authenticator_of(workspace: Workspace, settings: Settings) -> Authenticator | None:
    """Return the authenticator if the settings or a users file configure a login, else None.

    Raises:
        SettingError: A login is configured, but nobody could log in, or sessions could not be signed.
    """
    configuration.refuse_half_a_login(settings)
    users = _users(settings)
    if not is_set_up(settings):
        return None
    secret = settings.cookie_secret or _kept_secret(users.path, _files(settings))
    auth = Authenticator(
        workspace,
        users,
        secret,
        admin=_admin(settings, secret),
        provider=_provider(settings),
    )
    if not auth.has_users():
        raise SettingError(f"{users.path} has no users. Run `wsq user add` to add one.")
    return auth


def _admin(settings: Settings, secret: str) -> User | None:
    if not settings.admin_password:
        return None
    try:
        name = new_user_name(settings.admin or FIRST_ADMIN, ())
    except InvalidInput as refusal:
        raise SettingError(f"{VARIABLES['admin']} is not accepted. {refusal}") from refusal
    try:
        return first_admin(name, settings.admin_password, secret)
    except InvalidInput as refusal:
        raise SettingError(f"{VARIABLES['admin_password']} is not accepted. {refusal}") from refusal


def _users(settings: Settings) -> UsersFile:
    try:
        return users_file(settings)
    except SettingError:  # no place for a file: users must come from the settings
        return UsersFile(Path(os.devnull, "users.json"))


def _provider(settings: Settings) -> Provider | None:
    if settings.oauth_provider is None or settings.oauth_key is None or settings.oauth_secret is None:
        return None
    return Provider(
        name=settings.oauth_provider,
        client=settings.oauth_key,
        secret=settings.oauth_secret,
        redirect_uri=settings.oauth_redirect_uri,
        params=dict(settings.oauth_params),
    )


def _kept_secret(users: Path, files: Files) -> str:
    """Return the secret kept beside the users file, created if missing and readable only by its owner."""
    path = users.with_name(f"{users.name}.secret")
    try:
        files.folder(path.parent, PRIVATE, parents=True)
        try:
            descriptor = files.create(path, PRIVATE)
        except FileExistsError:
            kept = path.read_text("ascii").strip()
        else:
            kept = secrets.token_urlsafe(48)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(kept)
    except (OSError, UnicodeDecodeError) as problem:
        why = getattr(problem, "strerror", None) or "it is damaged"
        raise SettingError(
            f"{path}, which signs sessions, cannot be used: {why}. Set {VARIABLES['cookie_secret']} instead."
        ) from problem
    if len(kept) < 32:
        raise SettingError(f"{path}, which signs sessions, is damaged. Remove it; everybody must then log in again.")
    return kept
